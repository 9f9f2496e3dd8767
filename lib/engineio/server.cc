#include "chatrt/engineio/server.h"

#include <utility>

#include "server_impl.h"

namespace chatrt::engineio {

Transport::~Transport() = default;
Application::~Application() = default;

std::string_view reason_name(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::transport_close: return "transport close";
    case CloseReason::transport_error: return "transport error";
    case CloseReason::ping_timeout: return "ping timeout";
    case CloseReason::parse_error: return "parse error";
    case CloseReason::forced_close: return "forced close";
    case CloseReason::slow_reader: return "slow reader";
  }
  return "transport error";
}

Server::Server(Options options, Transport& transport, Application& application, RandomSource random)
    : impl_(std::make_unique<Impl>(options, transport, application, std::move(random))) {}

Server::~Server() = default;

std::optional<unsigned> Server::shard_of(std::string_view query) noexcept {
  return shard_of_sid(parse_query(query).sid);
}

// ------------------------------------------------------------------------------- requests

void Server::on_request(Carrier exchange, const Request& request, MonotonicTime now) {
  const Impl::Turn turn(*impl_, now);
  const Query query = parse_query(request.query);
  impl_->expire(query.sid, now);
  const Impl::Checked checked = impl_->check(request, query, false);
  if (checked.error) return impl_->respond_error(exchange, *checked.error);
  if (checked.slot == kNoSlot) return impl_->open_polling(exchange, request, now);
  if (request.method != "GET") return impl_->respond_error(exchange, ErrorCode::bad_request);
  Session::Actions& actions = turn.actions();
  impl_->refuse_to = exchange;
  if (impl_->table[checked.slot].session.on_poll(now, actions)) {
    impl_->set_poll(checked.slot, exchange);
  }
  impl_->perform(checked.slot, actions, now);
}

bool Server::on_post_head(Carrier exchange, const Request& request, MonotonicTime now) {
  const Impl::Turn turn(*impl_, now);
  const Query query = parse_query(request.query);
  impl_->expire(query.sid, now);
  const Impl::Checked checked = impl_->check(request, query, false);
  if (checked.error || checked.slot == kNoSlot) {
    impl_->respond_error(exchange, checked.error.value_or(ErrorCode::bad_handshake_method));
    return false;
  }
  SessionTable::Entry& entry = impl_->table[checked.slot];
  Session::Actions& actions = turn.actions();
  impl_->refuse_to = exchange;
  const bool accepted = entry.session.on_post_head(
      request.content_type.starts_with("application/octet-stream"), actions);
  if (accepted) {
    entry.post = exchange;
    impl_->table.set_carrier(exchange, checked.slot, Role::post);
  }
  impl_->perform(checked.slot, actions, now);
  return accepted;
}

void Server::on_post_body(Carrier exchange, std::string_view body, MonotonicTime now) {
  const Slot slot = impl_->table.find(exchange, Role::post);
  if (slot == kNoSlot) return;
  const Impl::Turn turn(*impl_, now);
  Session::Actions& actions = turn.actions();
  impl_->table[slot].session.on_post_body(body, now, actions);
  impl_->perform(slot, actions, now);
}

void Server::on_post_too_large(Carrier exchange, MonotonicTime now) {
  const Slot slot = impl_->table.find(exchange, Role::post);
  if (slot == kNoSlot) return;
  const Impl::Turn turn(*impl_, now);
  Session::Actions& actions = turn.actions();
  impl_->table[slot].session.on_post_too_large(actions);
  impl_->perform(slot, actions, now);
}

void Server::on_request_aborted(Carrier exchange, MonotonicTime now) {
  const SessionTable::Ref ref = impl_->table.find(exchange);
  if (ref.slot == kNoSlot || ref.role == Role::websocket || ref.role == Role::probe) return;
  const Impl::Turn turn(*impl_, now);
  Session::Actions& actions = turn.actions();
  SessionTable::Entry& entry = impl_->table[ref.slot];
  impl_->table.forget(exchange);
  if (ref.role == Role::poll) {
    entry.poll.reset();
    entry.session.on_poll_aborted(actions);
  } else {
    entry.post.reset();
    entry.session.on_post_aborted(actions);
  }
  impl_->perform(ref.slot, actions, now);
}

// ------------------------------------------------------------------------------ WebSocket

std::optional<Server::Refusal> Server::check_websocket(const Request& request) {
  const Query query = parse_query(request.query);
  const Impl::Checked checked = impl_->check(request, query, true);
  if (checked.error) {
    return Refusal{*checked.error == ErrorCode::forbidden ? 403 : 400,
                   std::string{error_message(*checked.error)}};
  }
  if (checked.slot != kNoSlot) return std::nullopt;
  if (const Status allowed = impl_->application.allow(request); !allowed) {
    return Refusal{403, allowed.error().detail.empty() ? "Forbidden" : allowed.error().detail};
  }
  if (impl_->full()) return Refusal{503, "Too many sessions"};
  return std::nullopt;
}

void Server::on_websocket_open(Carrier websocket, const Request& request, MonotonicTime now) {
  const Impl::Turn turn(*impl_, now);
  const Query query = parse_query(request.query);
  if (!query.sid.empty()) {
    const Slot slot = impl_->table.find(query.sid);
    if (slot == kNoSlot || !impl_->table[slot].session.on_probe_open(now)) {
      return impl_->transport.close(websocket, 0);
    }
    impl_->table[slot].probe = websocket;
    impl_->table.set_carrier(websocket, slot, Role::probe);
    return impl_->schedule(slot);
  }
  const Slot slot = impl_->add(true, now);
  impl_->table[slot].websocket = websocket;
  impl_->table.set_carrier(websocket, slot, Role::websocket);
  ++impl_->websockets;
  impl_->open(slot, request, now, turn.actions());
}

void Server::on_websocket_message(Carrier websocket, bool binary, std::string_view data,
                                  MonotonicTime now) {
  const SessionTable::Ref ref = impl_->table.find(websocket);
  if (ref.slot == kNoSlot) return;
  const Impl::Turn turn(*impl_, now);
  Session::Actions& actions = turn.actions();
  Session& session = impl_->table[ref.slot].session;
  if (ref.role == Role::websocket) {
    session.on_websocket_message(binary, data, now, actions);
  } else if (ref.role == Role::probe) {
    session.on_probe_message(binary, data, now, actions);
  }
  impl_->perform(ref.slot, actions, now);
}

void Server::on_websocket_closed(Carrier websocket, bool error, MonotonicTime now) {
  const SessionTable::Ref ref = impl_->table.find(websocket);
  if (ref.slot == kNoSlot) return;
  const Impl::Turn turn(*impl_, now);
  Session::Actions& actions = turn.actions();
  SessionTable::Entry& entry = impl_->table[ref.slot];
  impl_->table.forget(websocket);
  if (ref.role == Role::probe) {
    entry.probe.reset();
    entry.session.on_probe_closed();
  } else if (ref.role == Role::websocket) {
    entry.websocket.reset();
    --impl_->websockets;
    entry.session.on_websocket_closed(error, actions);
  }
  impl_->perform(ref.slot, actions, now);
}

// ----------------------------------------------------------------------------- from above

void Server::send(ConnectionId session, Encoded message, MonotonicTime now, bool ephemeral) {
  const Slot slot = impl_->table.find(session);
  if (slot == kNoSlot) return;
  const Impl::Turn turn(*impl_, now);
  SessionTable::Entry& entry = impl_->table[slot];
  Session::Actions& actions = turn.actions();
  const std::size_t behind = entry.websocket ? impl_->transport.queued_bytes(*entry.websocket) : 0;
  entry.session.send(message, ephemeral, behind, actions);
  if (entry.poll) impl_->flush_later(slot);
  impl_->perform(slot, actions, now);
}

bool Server::ping(ConnectionId session, MonotonicTime now) {
  const Slot slot = impl_->table.find(session);
  if (slot == kNoSlot) return false;
  const Impl::Turn turn(*impl_, now);
  Session::Actions& actions = turn.actions();
  const bool sent = impl_->table[slot].session.ping(now, actions);
  impl_->perform(slot, actions, now);
  return sent;
}

void Server::close(ConnectionId session, MonotonicTime now) {
  const Slot slot = impl_->table.find(session);
  if (slot == kNoSlot) return;
  const Impl::Turn turn(*impl_, now);
  Session::Actions& actions = turn.actions();
  impl_->table[slot].dismissed = true;
  impl_->table[slot].session.close(now, actions);
  impl_->perform(slot, actions, now);
}

void Server::close_now(ConnectionId session, MonotonicTime now) {
  const Slot slot = impl_->table.find(session);
  if (slot == kNoSlot) return;
  const Impl::Turn turn(*impl_, now);
  Session::Actions& actions = turn.actions();
  impl_->table[slot].session.close_now(actions);
  impl_->perform(slot, actions, now);
}

void Server::close_all(MonotonicTime now) {
  const Impl::Turn turn(*impl_, now);
  impl_->closing = true;
  for (Slot slot = 0; slot < impl_->table.slots_end(); ++slot) {
    if (!impl_->table.has(slot) || impl_->table[slot].session.is_closed()) continue;
    const Impl::Turn inner(*impl_, now);
    Session::Actions& actions = inner.actions();
    impl_->table[slot].session.close_now(actions);
    impl_->perform(slot, actions, now);
  }
}

// --------------------------------------------------------------------------------------- time

std::optional<MonotonicTime> Server::next_deadline() const { return impl_->next_deadline(); }

void Server::on_tick(MonotonicTime now) { impl_->on_tick(now); }

std::size_t Server::session_count() const noexcept { return impl_->table.size(); }

std::size_t Server::websocket_count() const noexcept { return impl_->websockets; }

}  // namespace chatrt::engineio
