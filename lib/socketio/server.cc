#include "chatrt/socketio/server.h"

#include <array>
#include <exception>

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
    Socket* socket = socket_of(connection, left->nsp);
    if (socket != nullptr) end(*socket, DisconnectReason::client_namespace_disconnect);
  } else if (const auto* refused = std::get_if<EventRefused>(&received)) {
    on_refused(connection, *refused);
  } else if (const auto* violation = std::get_if<Violation>(&received)) {
    violate(connection, violation->what);
  }
}

void Server::Impl::on_connect(Connection& connection, const ConnectReceived& connect) {
  if (socket_of(connection, connect.nsp) != nullptr) {
    return violate(connection, "CONNECT while one is being answered");
  }
  const auto found = namespaces_.find(connect.nsp);
  if (found == namespaces_.end()) {
    log_.log(
        LogLevel::info, "refused",
        {{"reason", std::string_view{"Invalid namespace"}}, {"connection", connection.id.value}});
    return connect_error(connection.id, connect.nsp, "Invalid namespace", {});
  }
  for (const Middleware& middleware : middleware_) {
    const Status allowed = ask(middleware, connection, connect);
    if (allowed) continue;
    const std::string_view code = error_name(allowed.error().code);
    log_.log(LogLevel::info, "refused", {{"reason", code}, {"connection", connection.id.value}});
    return connect_error(connection.id, connect.nsp, allowed.error().detail,
                         "{\"code\":\"" + std::string{code} + "\"}");
  }
  auto impl = std::make_unique<Socket::Impl>();
  impl->server = this;
  impl->connection = &connection;
  impl->handler = found->second;
  impl->nsp = found->first;
  connection.sockets.emplace_back(new Socket(std::move(impl)));
  Socket& socket = *connection.sockets.back();
  const bool handled = guarded(socket, "on_connect",
                               [&] { socket.impl_->handler->on_connect(socket, connect.auth); });
  if (!handled && socket.impl_->state == Socket::Impl::State::connecting) {
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
  Socket* socket = socket_of(connection, event.nsp);
  if (socket == nullptr) return;
  socket->impl_->answering = event.id;
  const bool handled = guarded(*socket, "on_event", [&] {
    socket->impl_->handler->on_event(*socket,
                                     {event.name(), event.args, event.attachments, event.id});
  });
  if (!handled && socket->impl_->answering) {
    socket->ack(
        *event.id,
        Arguments{}.json(R"({"ok":false,"error":{"code":"internal","message":"internal error"}})"));
  }
  socket->impl_->answering.reset();
}

void Server::Impl::on_refused(Connection& connection, const EventRefused& event) {
  Socket* socket = socket_of(connection, event.nsp);
  if (socket == nullptr) return;
  socket->impl_->answering = event.id;
  guarded(*socket, "on_refused_event",
          [&] { socket->impl_->handler->on_refused_event(*socket, event.id); });
  socket->impl_->answering.reset();
}

void Server::Impl::on_ack(Connection& connection, const AckReceived& ack) {
  Socket* socket = socket_of(connection, ack.nsp);
  if (socket == nullptr) return;
  auto& acks = socket->impl_->acks;
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
  for (std::size_t i = 0; i < connection->sockets.size();) {
    Socket& socket = *connection->sockets[i];
    if (socket.impl_->state == Socket::Impl::State::joined) {
      guarded(socket, "on_pong", [&] { socket.impl_->handler->on_pong(socket); });
    }
    // Its handler may have ended it, and then another stands in its place.
    if (i < connection->sockets.size() && connection->sockets[i].get() == &socket) ++i;
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

Socket* Server::Impl::socket_of(Connection& connection, std::string_view nsp) noexcept {
  for (const auto& socket : connection.sockets) {
    if (socket->impl_->nsp == nsp) return socket.get();
  }
  return nullptr;
}

bool Server::Impl::concerns(ConnectionId connection, std::string_view encoded) noexcept {
  if (encoded.empty()) return false;
  const Result<Split> packet = split(encoded.substr(1));
  return packet && find(connection, packet->header.nsp) != nullptr;
}

Socket* Server::Impl::find(ConnectionId id, std::string_view nsp) noexcept {
  Connection* connection = find(id);
  return connection == nullptr ? nullptr : socket_of(*connection, nsp);
}

void Server::Impl::end(Socket& socket, DisconnectReason reason) {
  Socket::Impl& s = *socket.impl_;
  if (s.state == Socket::Impl::State::gone) return;
  const bool was_joined = s.state == Socket::Impl::State::joined;
  s.state = Socket::Impl::State::gone;
  auto& sockets = s.connection->sockets;
  for (auto it = sockets.begin(); it != sockets.end(); ++it) {
    if (it->get() != &socket) continue;
    dead_sockets_.push_back(std::move(*it));
    sockets.erase(it);
    break;
  }
  for (const auto& ack : std::exchange(s.acks, {})) {
    guarded(socket, "ack", [&] { ack.done(Error{Errc::gone, "disconnected"}, {}); });
  }
  if (!was_joined) return;
  log_.log(LogLevel::info, "disconnect",
           {{"connection", s.connection->id.value},
            {"nsp", std::string_view{s.nsp}},
            {"reason", disconnect_reason_name(reason)}});
  guarded(socket, "on_disconnect", [&] { s.handler->on_disconnect(socket, reason); });
}

void Server::Impl::bury() {
  // Handlers, and data of the host in its destructor, may call back.
  while (!ended_.empty() || !dead_sockets_.empty() || !dead_connections_.empty()) {
    for (auto& [connection, reason] : std::exchange(ended_, {})) {
      while (!connection->sockets.empty()) end(*connection->sockets.back(), reason);
      dead_connections_.push_back(std::move(connection));
    }
    std::exchange(dead_sockets_, {}).clear();
    std::exchange(dead_connections_, {}).clear();
  }
}

template <typename F>
bool Server::Impl::guarded(ConnectionId connection, std::string_view what, F&& call) noexcept {
  std::string error;
  try {
    call();
    return true;
  } catch (const std::exception& e) {
    error = e.what();
  } catch (...) {
    error = "unknown exception";
  }
  log_.log(LogLevel::error, "handler_threw",
           {{"what", what}, {"error", std::string_view{error}}, {"connection", connection.value}});
  return false;
}

std::string Server::Impl::make_id() {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<std::byte, 20> bytes;
  random_(bytes);
  std::string id;
  for (const std::byte b : bytes) id.push_back(kAlphabet[std::to_integer<std::size_t>(b) & 63]);
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
  for (std::size_t i = 0; i < connection.sockets.size(); ++i) {
    Socket& socket = *connection.sockets[i];
    std::vector<Socket::Impl::PendingAck> late;
    std::erase_if(socket.impl_->acks, [&](Socket::Impl::PendingAck& ack) {
      if (ack.due > now_) return false;
      late.push_back(std::move(ack));
      return true;
    });
    for (const auto& ack : late) {
      guarded(socket, "ack", [&] { ack.done(Error{Errc::busy, "no ack in time"}, {}); });
    }
  }
}

// -------------------------------------------------------------------------------------- mailbox

void Server::Impl::deliver(Batch& batch) {
  if (batch.empty()) return;
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = mailbox_.empty();
    if (was_empty) {
      std::swap(mailbox_, batch);
    } else {
      mailbox_.append(batch);
    }
  }
  batch.clear();
  if (was_empty) wake_();
}

void Server::Impl::run_deliveries(MonotonicTime now) {
  const Turn turn(*this);
  now_ = now;
  {
    const std::lock_guard lock(mutex_);
    std::swap(mailbox_, running_);
  }
  for (const Batch::Operation& operation : running_.operations_) {
    if (operation.is_task) {
      Socket* socket = find(operation.connection, "/");
      if (socket == nullptr) continue;
      guarded(*socket, "task", [&] { running_.tasks_[operation.index](*socket); });
    } else {
      const Batch::Slice slice = running_.packets_[operation.index];
      const auto packet = std::string_view{running_.bytes_}.substr(slice.offset, slice.size);
      if (!concerns(operation.connection, packet)) continue;
      send(operation.connection, packet, operation.ephemeral);
    }
  }
  running_.clear();
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
  return impl_->find(connection, nsp);
}

void Server::send(ConnectionId connection, std::string_view encoded, bool ephemeral) {
  if (impl_->concerns(connection, encoded)) impl_->send(connection, encoded, ephemeral);
}

bool Server::ping(ConnectionId connection) { return impl_->ping(connection); }

void Server::close_connection(ConnectionId connection) { impl_->close_connection(connection); }

void Server::close_all(MonotonicTime now) { impl_->close_all(now); }

}  // namespace chatrt::socketio
