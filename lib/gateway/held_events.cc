// Registration, second part: what is held. Before the socket is attached, since stock clients send
// their buffered messages before their `register`; and after that what comes too fast.
#include <string>
#include <utility>
#include <vector>

#include "chatrt/gateway/chat_json.h"
#include "registration.h"

namespace chatrt::gateway {

using socketio::JsonView;
using socketio::Socket;

namespace {

// on_tick() comes about this often; who is due before the next one is due now.
constexpr Duration kTickPeriod{1000};

}  // namespace

void Registration::hold(Socket& socket, const socketio::Event& event) {
  Session& session = session_of(socket);
  const ConnectionId connection = socket.connection();
  const bool unknown = session.state == Session::State::unknown;
  const bool attached = session.state == Session::State::attached;
  if (!session.held) session.held = std::make_unique<HeldEvents>();
  HeldEvents& held = *session.held;
  const std::size_t events_max = attached ? options_.held_events_max : options_.early_events_max;
  const std::size_t bytes_max = attached ? options_.held_bytes_max : options_.early_bytes_max;

  std::string args;
  event.args.append_to(args);
  if (held.events.size() >= events_max || held.bytes + args.size() > bytes_max) {
    answers_.refuse({connection, event.name, event.ack_id}, Errc::busy,
                    attached ? "too much is asked for at once"
                             : "too much came before this connection was registered");
    if (unknown && !std::exchange(held.overflow_told, true)) {
      tell_unregistered(connection, Errc::busy, "too much came before register");
    }
    return;
  }
  held.bytes += args.size();
  held.events.push_back({.args = std::move(args), .ack = event.ack_id});
  if (unknown) {
    deadlines_[Delivery::shard_of(connection)].try_emplace(
        connection, parts_.clock.monotonic() + options_.register_timeout);
  }
}

void Registration::take_up_held(Socket& socket) {
  socketio::Json json;
  while (socket.data() != nullptr) {
    Session& session = session_of(socket);
    if (!session.held || pace_.is_full(session)) return;
    HeldEvents& held = *session.held;
    if (held.events.empty()) return session.held.reset();
    const HeldEvents::Held next = std::move(held.events.front());
    held.events.pop_front();
    held.bytes -= next.args.size();
    // What append_to() wrote is JSON.
    if (json.parse(next.args) != socketio::Json::ParseStatus::ok) continue;
    const JsonView args = json.root();
    replay_(socket, {.name = args.at(0).as_string().value_or(std::string_view{}),
                     .args = args,
                     .attachments = {},
                     .ack_id = next.ack});
  }
}

void Registration::refuse_held(Socket& socket, Errc code) {
  const std::unique_ptr<HeldEvents> held = std::move(session_of(socket).held);
  if (!held) return;
  const ConnectionId connection = socket.connection();
  parts_.log.log(LogLevel::warning, "early_events_refused",
                 {{"connection", connection.value},
                  {"events", std::uint64_t{held->events.size()}},
                  {"code", error_name(code)}});
  std::string packet;
  for (const HeldEvents::Held& event : held->events) {
    if (!event.ack) continue;
    packet.clear();
    begin_ack(packet, *event.ack);
    append_failure(packet, code);
    end_ack(packet);
    send(connection, packet);
  }
}

void Registration::on_tick(unsigned shard, MonotonicTime now) {
  auto& deadlines = deadlines_[shard];
  std::vector<ConnectionId> due;
  for (const auto& [connection, deadline] : deadlines) {
    if (deadline - kTickPeriod < now) due.push_back(connection);
  }
  for (const ConnectionId connection : due) {
    deadlines.erase(connection);
    Socket* socket = delivery_.server(shard).find(connection, "/");
    if (socket == nullptr) continue;
    refuse_held(*socket, Errc::unauthenticated);
    tell_unregistered(connection, Errc::unauthenticated, "nobody has registered in time");
  }
}

}  // namespace chatrt::gateway
