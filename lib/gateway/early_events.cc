// Registration, second part: what comes in before the socket is attached. Stock clients send their
// buffered messages before their `register`.
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
  if (!session.early) session.early = std::make_unique<EarlyEvents>();
  EarlyEvents& early = *session.early;

  std::string args;
  event.args.append_to(args);
  if (early.events.size() >= options_.early_events_max ||
      args.size() > options_.early_bytes_max - early.bytes) {
    answers_.refuse({connection, event.name, event.ack_id}, Errc::busy,
                    "too much came before this connection was registered");
    if (unknown && !std::exchange(early.overflow_told, true)) {
      tell_unregistered(connection, Errc::busy, "too much came before register");
    }
    return;
  }
  early.bytes += args.size();
  early.events.push_back({.args = std::move(args), .ack = event.ack_id});
  if (unknown) {
    deadlines_[Delivery::shard_of(connection)].try_emplace(
        connection, parts_.clock.monotonic() + options_.register_timeout);
  }
}

void Registration::take_up_early(Socket& socket) {
  const std::unique_ptr<EarlyEvents> early = std::move(session_of(socket).early);
  if (!early) return;
  socketio::Json json;
  for (const EarlyEvents::Held& held : early->events) {
    // What append_to() wrote is JSON.
    if (json.parse(held.args) != socketio::Json::ParseStatus::ok) continue;
    const JsonView args = json.root();
    replay_(socket, {.name = args.at(0).as_string().value_or(std::string_view{}),
                     .args = args,
                     .attachments = {},
                     .ack_id = held.ack});
  }
}

void Registration::refuse_early(Socket& socket, Errc code) {
  const std::unique_ptr<EarlyEvents> early = std::move(session_of(socket).early);
  if (!early) return;
  const ConnectionId connection = socket.connection();
  parts_.log.log(LogLevel::warning, "early_events_refused",
                 {{"connection", connection.value},
                  {"events", std::uint64_t{early->events.size()}},
                  {"code", error_name(code)}});
  std::string packet;
  for (const EarlyEvents::Held& held : early->events) {
    if (!held.ack) continue;
    packet.clear();
    begin_ack(packet, *held.ack);
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
    refuse_early(*socket, Errc::unauthenticated);
    tell_unregistered(connection, Errc::unauthenticated, "nobody has registered in time");
  }
}

}  // namespace chatrt::gateway
