#include "chatrt/socketio/server.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>

#include "server_impl.h"

namespace chatrt::socketio {
namespace {

DisconnectReason reason_of(engineio::CloseReason reason) {
  switch (reason) {
    case engineio::CloseReason::transport_close: return DisconnectReason::transport_close;
    case engineio::CloseReason::transport_error: return DisconnectReason::transport_error;
    case engineio::CloseReason::ping_timeout: return DisconnectReason::ping_timeout;
    case engineio::CloseReason::parse_error: return DisconnectReason::parse_error;
    case engineio::CloseReason::forced_close: return DisconnectReason::forced_close;
    case engineio::CloseReason::slow_reader: return DisconnectReason::slow_reader;
  }
  return DisconnectReason::transport_error;
}

const Nsp* nsp_named(std::string_view name, const Server::Namespaces& namespaces) {
  const auto found = namespaces.find(name);
  return found == namespaces.end() ? nullptr : &*found;
}

}  // namespace

std::string_view disconnect_reason_name(DisconnectReason reason) noexcept {
  switch (reason) {
    case DisconnectReason::transport_close: return "transport close";
    case DisconnectReason::transport_error: return "transport error";
    case DisconnectReason::ping_timeout: return "ping timeout";
    case DisconnectReason::parse_error: return "parse error";
    case DisconnectReason::forced_close: return "forced close";
    case DisconnectReason::client_namespace_disconnect: return "client namespace disconnect";
    case DisconnectReason::server_namespace_disconnect: return "server namespace disconnect";
    case DisconnectReason::server_shutting_down: return "server shutting down";
    case DisconnectReason::slow_reader: return "slow reader";
  }
  return "transport error";
}

Server::Impl::Impl(Options options, Namespaces namespaces, std::vector<Middleware> middleware,
                   engineio::Transport& transport, engineio::RandomSource random, LogSink& log,
                   std::function<void()> wake)
    : options_(options),
      namespaces_(std::move(namespaces)),
      main_(nsp_named("/", namespaces_)),
      middleware_(std::move(middleware)),
      random_(random),
      log_(log),
      wake_(std::move(wake)),
      engine_(options.engine, transport, *this, std::move(random)) {}

// --------------------------------------------------------------------------- from the connection

Status Server::Impl::allow(const engineio::Request&) { return {}; }

void Server::Impl::on_open(ConnectionId session, const engineio::Request& handshake,
                           MonotonicTime now) {
  const Turn turn(*this);
  now_ = now;
  const auto slot = static_cast<std::uint32_t>(session.value);
  if (slot >= connections_.size()) connections_.resize(std::size_t{slot} + 1);
  auto connection = std::make_unique<Connection>();
  connection->id = session;
  connection->handshake = std::make_unique<Handshake>(
      Handshake{std::string{handshake.query}, std::string{handshake.authorization},
                std::string{handshake.address}});
  connections_[slot] = std::move(connection);
  deadlines_.push({now + options_.connect_timeout, session, Due::connect});
}

void Server::Impl::on_message(ConnectionId session, bool binary, std::string_view data,
                              MonotonicTime now) {
  const Turn turn(*this);
  now_ = now;
  Connection* connection = find(session);
  if (connection == nullptr) return;
  Session& protocol = connection->session;
  const Received received =
      binary ? protocol.on_binary(data, json_) : protocol.on_text(data, json_);
  if (!protocol.awaiting_attachments()) {
    connection->attachments_due = MonotonicTime::max();
  } else if (connection->attachments_due == MonotonicTime::max()) {
    connection->attachments_due = now + options_.attachment_timeout;
    if (!std::exchange(connection->attachments_watched, true)) {
      deadlines_.push({connection->attachments_due, session, Due::attachments});
    }
  }
  on_received(*connection, received);
  protocol.release();
}

void Server::Impl::on_received(Connection& connection, const Received& received) {
  if (const auto* event = std::get_if<EventReceived>(&received)) {
    on_event(connection, *event);
  } else if (const auto* ack = std::get_if<AckReceived>(&received)) {
    on_ack(connection, *ack);
  } else if (const auto* connect = std::get_if<ConnectReceived>(&received)) {
    on_connect(connection, *connect);
  } else if (const auto* left = std::get_if<DisconnectReceived>(&received)) {
    Socket::Impl* socket = socket_of(connection, left->nsp);
    if (socket != nullptr) end(*socket, DisconnectReason::client_namespace_disconnect);
  } else if (const auto* refused = std::get_if<EventRefused>(&received)) {
    on_refused(connection, *refused);
  } else if (const auto* violation = std::get_if<Violation>(&received)) {
    violate(connection, violation->what);
  }
}

void Server::Impl::on_connect(Connection& connection, const ConnectReceived& connect) {
  const Nsp* nsp = find_nsp(connect.nsp);
  if (nsp == nullptr) {
    log_.log(
        LogLevel::info, "refused",
        {{"reason", std::string_view{"Invalid namespace"}}, {"connection", connection.id.value}});
    return connect_error(connection.id, connect.nsp, "Invalid namespace", {});
  }
  if (socket_of(connection, nsp) != nullptr) {
    return violate(connection, "CONNECT while one is being answered");
  }
  for (const Middleware& middleware : middleware_) {
    const Status allowed = ask(middleware, connection, connect);
    if (allowed) continue;
    const std::string_view code = error_name(allowed.error().code);
    log_.log(LogLevel::info, "refused", {{"reason", code}, {"connection", connection.id.value}});
    return connect_error(connection.id, connect.nsp, allowed.error().detail,
                         "{\"code\":\"" + std::string{code} + "\"}");
  }
  Socket::Impl& socket = connection.sockets.emplace_front(*this, connection, *nsp);
  const bool handled =
      guarded(socket, "on_connect", [&] { socket.handler().on_connect(socket, connect.auth); });
  if (!handled && socket.state == Socket::Impl::State::connecting) {
    refuse(socket, "internal error", R"({"code":"internal"})");
  }
}

Status Server::Impl::ask(const Middleware& middleware, const Connection& connection,
                         const ConnectReceived& connect) noexcept {
  Status allowed = Error{Errc::internal, "internal error"};
  guarded(connection.id, "middleware",
          [&] { allowed = middleware(connect.nsp, *connection.handshake, connect.auth); });
  return allowed;
}

void Server::Impl::on_event(Connection& connection, const EventReceived& event) {
  Socket::Impl* socket = socket_of(connection, event.nsp);
  if (socket == nullptr) return;
  socket->answering = event.id;
  const bool handled = guarded(*socket, "on_event", [&] {
    socket->handler().on_event(*socket, {event.name(), event.args, event.attachments, event.id});
  });
  if (!handled && socket->answering) {
    socket->ack(
        *event.id,
        Arguments{}.json(R"({"ok":false,"error":{"code":"internal","message":"internal error"}})"));
  }
  socket->answering.reset();
}

void Server::Impl::on_refused(Connection& connection, const EventRefused& event) {
  Socket::Impl* socket = socket_of(connection, event.nsp);
  if (socket == nullptr) return;
  socket->answering = event.id;
  guarded(*socket, "on_refused_event",
          [&] { socket->handler().on_refused_event(*socket, event.id); });
  socket->answering.reset();
}

void Server::Impl::on_ack(Connection& connection, const AckReceived& ack) {
  Socket::Impl* socket = socket_of(connection, ack.nsp);
  if (socket == nullptr) return;
  auto& acks = socket->acks;
  for (auto it = acks.begin(); it != acks.end(); ++it) {
    if (it->id != ack.id) continue;
    const auto done = std::move(it->done);
    acks.erase(it);
    guarded(*socket, "ack", [&] { done(ack.args, ack.attachments); });
    return;
  }
}

void Server::Impl::on_pong(ConnectionId session, MonotonicTime now) {
  const Turn turn(*this);
  now_ = now;
  Connection* connection = find(session);
  if (connection == nullptr) return;
  for (Socket::Impl& socket : connection->sockets) {
    if (socket.state != Socket::Impl::State::joined) continue;
    guarded(socket, "on_pong", [&] { socket.handler().on_pong(socket); });
  }
}

void Server::Impl::on_close(ConnectionId session, engineio::CloseReason reason, MonotonicTime now) {
  const Turn turn(*this);
  now_ = now;
  if (find(session) == nullptr) return;
  const bool shutdown = closing_ && reason == engineio::CloseReason::forced_close;
  ended_.emplace_back(std::move(connections_[static_cast<std::uint32_t>(session.value)]),
                      shutdown ? DisconnectReason::server_shutting_down : reason_of(reason));
}

void Server::Impl::violate(Connection& connection, std::string_view what) {
  log_violation(connection, what);
  engine_.close(connection.id, now_);
}

void Server::Impl::log_violation(const Connection& connection, std::string_view what) {
  log_.log(LogLevel::info, "violation", {{"what", what}, {"connection", connection.id.value}});
}

// ----------------------------------------------------------------------------------- bookkeeping

Connection* Server::Impl::find(ConnectionId id) noexcept {
  const auto slot = static_cast<std::uint32_t>(id.value);
  if (slot >= connections_.size() || !connections_[slot]) return nullptr;
  return connections_[slot]->id == id ? connections_[slot].get() : nullptr;
}

const Nsp* Server::Impl::find_nsp(std::string_view name) const noexcept {
  return name == "/" ? main_ : nsp_named(name, namespaces_);
}

Socket::Impl* Server::Impl::socket_of(Connection& connection, const Nsp* nsp) noexcept {
  for (Socket::Impl& socket : connection.sockets) {
    if (socket.nsp == nsp && socket.state != Socket::Impl::State::gone) return &socket;
  }
  return nullptr;
}

Socket* Server::Impl::find(ConnectionId id, const Nsp* nsp) noexcept {
  Connection* connection = find(id);
  return connection == nullptr ? nullptr : socket_of(*connection, nsp);
}

void Server::Impl::end(Socket::Impl& socket, DisconnectReason reason) {
  if (socket.state == Socket::Impl::State::gone) return;
  const bool was_joined = socket.state == Socket::Impl::State::joined;
  socket.state = Socket::Impl::State::gone;
  with_gone_.push_back(socket.connection);
  for (const auto& ack : std::exchange(socket.acks, {})) {
    guarded(socket, "ack", [&] { ack.done(Error{Errc::gone, "disconnected"}, {}); });
  }
  if (!was_joined) return;
  log_.log(LogLevel::info, "disconnect",
           {{"connection", socket.connection->id.value},
            {"nsp", socket.name()},
            {"reason", disconnect_reason_name(reason)}});
  guarded(socket, "on_disconnect", [&] { socket.handler().on_disconnect(socket, reason); });
}

// Handlers, and data of the host in its destructor, may call back.
void Server::Impl::bury() {
  while (!ended_.empty() || !with_gone_.empty()) {
    const auto ended = std::exchange(ended_, {});
    for (const auto& [connection, reason] : ended) {
      for (Socket::Impl& socket : connection->sockets) end(socket, reason);
    }
    std::forward_list<Socket::Impl> gone;
    for (Connection* connection : std::exchange(with_gone_, {})) {
      auto& sockets = connection->sockets;
      for (auto before = sockets.before_begin(); std::next(before) != sockets.end();) {
        if (std::next(before)->state == Socket::Impl::State::gone) {
          gone.splice_after(gone.before_begin(), sockets, before);
        } else {
          ++before;
        }
      }
    }
  }
}

void Server::Impl::log_throw(ConnectionId connection, std::string_view what,
                             std::string_view error) {
  log_.log(LogLevel::error, "handler_threw",
           {{"what", what}, {"error", error}, {"connection", connection.value}});
}

Socket::Impl::Id Server::Impl::make_id() {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  Socket::Impl::Id id;
  std::array<std::byte, std::tuple_size_v<Socket::Impl::Id>> bytes;
  random_(bytes);
  std::ranges::transform(bytes, id.begin(), [&](std::byte b) {
    return kAlphabet[std::to_integer<std::size_t>(b) % kAlphabet.size()];
  });
  return id;
}

// ------------------------------------------------------------------------------------------ time

std::optional<MonotonicTime> Server::Impl::next_deadline() const {
  const std::optional<MonotonicTime> engine = engine_.next_deadline();
  if (deadlines_.empty()) return engine;
  return engine ? std::min(*engine, deadlines_.top().at) : deadlines_.top().at;
}

void Server::Impl::on_tick(MonotonicTime now) {
  const Turn turn(*this);
  now_ = now;
  engine_.on_tick(now);
  while (!deadlines_.empty() && deadlines_.top().at <= now) {
    const Deadline due = deadlines_.top();
    deadlines_.pop();
    Connection* connection = find(due.connection);
    if (connection == nullptr) continue;
    switch (due.what) {
      case Due::connect:
        // Whoever it is need not be waited for.
        if (!connection->was_joined) {
          log_violation(*connection, "no namespace joined in time");
          engine_.close_now(connection->id, now);
        }
        break;
      case Due::attachments: check_attachments(*connection); break;
      case Due::ack: expire_acks(*connection); break;
    }
  }
}

// The deadline that was watched is over; there may be a later one by now.
void Server::Impl::check_attachments(Connection& connection) {
  connection.attachments_watched = false;
  if (connection.attachments_due == MonotonicTime::max()) return;
  if (connection.attachments_due <= now_) return violate(connection, "attachments did not come");
  connection.attachments_watched = true;
  deadlines_.push({connection.attachments_due, connection.id, Due::attachments});
}

void Server::Impl::expire_acks(Connection& connection) {
  for (Socket::Impl& socket : connection.sockets) {
    std::vector<Socket::Impl::PendingAck> late;
    std::erase_if(socket.acks, [&](Socket::Impl::PendingAck& ack) {
      if (ack.due > now_) return false;
      late.push_back(std::move(ack));
      return true;
    });
    for (const auto& ack : late) {
      guarded(socket, "ack", [&] { ack.done(Error{Errc::busy, "no ack in time"}, {}); });
    }
  }
}

void Server::Impl::send(ConnectionId id, std::string_view encoded, bool ephemeral) {
  engine_.send(id, {false, encoded}, now_, ephemeral);
}

void Server::Impl::close_all(MonotonicTime now) {
  const Turn turn(*this);
  now_ = now;
  closing_ = true;
  engine_.close_all(now);
}

// ------------------------------------------------------------------------------- the public face

Server::Server(Options options, Namespaces namespaces, std::vector<Middleware> middleware,
               engineio::Transport& transport, engineio::RandomSource random, LogSink& log,
               std::function<void()> wake)
    : impl_(std::make_unique<Impl>(options, std::move(namespaces), std::move(middleware), transport,
                                   std::move(random), log, std::move(wake))) {}

Server::~Server() = default;

engineio::Server& Server::engine() noexcept { return impl_->engine(); }

std::optional<MonotonicTime> Server::next_deadline() const { return impl_->next_deadline(); }

void Server::on_tick(MonotonicTime now) { impl_->on_tick(now); }

void Server::deliver(Batch& batch) { impl_->deliver(batch); }

void Server::run_deliveries(MonotonicTime now) { impl_->run_deliveries(now); }

Socket* Server::find(ConnectionId connection, std::string_view nsp) noexcept {
  return impl_->find(connection, impl_->find_nsp(nsp));
}

void Server::send(ConnectionId connection, std::string_view encoded, bool ephemeral) {
  if (impl_->find(connection, impl_->nsp_of(encoded)) != nullptr) {
    impl_->send(connection, encoded, ephemeral);
  }
}

bool Server::ping(ConnectionId connection) { return impl_->ping(connection); }

void Server::close_connection(ConnectionId connection) { impl_->close_connection(connection); }

void Server::close_all(MonotonicTime now) { impl_->close_all(now); }

}  // namespace chatrt::socketio
