#include "server_impl.h"

#include <cassert>
#include <utility>

namespace chatrt::engineio {
namespace {

constexpr std::string_view kText = "text/plain; charset=UTF-8";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kHtml = "text/html";

}  // namespace

Server::Impl::Turn::Turn(Impl& server, MonotonicTime now)
    : server_(server), depth_(server.depth_++), now_(now) {
  if (server_.pool_.size() <= depth_) {
    server_.pool_.push_back(std::make_unique<Session::Actions>());
  }
}

Server::Impl::Turn::~Turn() {
  server_.pool_[depth_]->clear();
  if (depth_ == 0) server_.finish_turn(now_);
  --server_.depth_;
}

Server::Impl::Impl(Options configured, Transport& out, Application& above, RandomSource random)
    : options(configured),
      transport(out),
      application(above),
      table(configured.shard, std::move(random)) {
  assert(options.shard < 256);
}

// The order of the checks decides which error is told; it is the reference's.
Server::Impl::Checked Server::Impl::check(const Request& request, const Query& query,
                                          bool websocket_request) const {
  const bool polling = query.transport == "polling" && options.polling;
  const bool websocket = query.transport == "websocket" && options.websocket;
  if (!polling && !websocket) return {ErrorCode::transport_unknown};
  if (!query.sid.empty()) {
    const Slot slot = table.find(query.sid);
    if (slot == kNoSlot) return {ErrorCode::session_unknown};
    const Session& session = table[slot].session;
    if (websocket_request ? !websocket : (!polling || session.is_websocket())) {
      return {ErrorCode::bad_request, slot};
    }
    if (query.eio != "4") return {ErrorCode::bad_request, slot};
    return {std::nullopt, slot};
  }
  if (request.method != "GET") return {ErrorCode::bad_handshake_method};
  if (websocket != websocket_request) return {ErrorCode::bad_request};
  if (query.eio != "4") return {ErrorCode::unsupported_version};
  return {};
}

void Server::Impl::respond_error(Carrier exchange, ErrorCode code) {
  const std::string body = error_body(code);
  transport.respond(exchange, {400, kJson, body});
}

// ------------------------------------------------------------------------------------ opening

Slot Server::Impl::add(bool websocket, MonotonicTime now) {
  const Slot slot = table.add(options, websocket, now);
  schedule(slot);
  return slot;
}

void Server::Impl::open(Slot slot, const Request& request, MonotonicTime now,
                        Session::Actions& actions) {
  table[slot].session.open(actions);
  perform(slot, actions, now);
  table[slot].reported = true;
  application.on_open(table[slot].id, request, now);
}

void Server::Impl::open_polling(Carrier exchange, const Request& request, MonotonicTime now) {
  if (const Status allowed = application.allow(request); !allowed) {
    const std::string body = error_body(ErrorCode::forbidden, allowed.error().detail);
    return transport.respond(exchange, {403, kJson, body});
  }
  if (full()) {
    const std::string body = error_body(ErrorCode::bad_request, "Too many sessions");
    return transport.respond(exchange, {503, kJson, body});
  }
  const Slot slot = add(false, now);
  set_poll(slot, exchange);
  const Turn turn(*this, now);
  open(slot, request, now, turn.actions());
}

void Server::Impl::set_poll(Slot slot, Carrier exchange) {
  table[slot].poll = exchange;
  table.set_carrier(exchange, slot, Role::poll);
}

// ------------------------------------------------------------------------------------ actions

void Server::Impl::perform(Slot slot, Session::Actions& actions, MonotonicTime now) {
  for (std::size_t i = 0; i < actions.size(); ++i) perform_one(slot, actions[i], now);
  schedule(slot);
}

void Server::Impl::perform_one(Slot slot, const Action& action, MonotonicTime now) {
  SessionTable::Entry& entry = table[slot];
  switch (action.kind) {
    case Action::Kind::message:
      // Also those behind it in the same body, which were taken before it was dismissed.
      if (entry.reported && !entry.dismissed) {
        application.on_message(entry.id, action.binary, action.data(), now);
      }
      break;
    case Action::Kind::pong:
      if (entry.reported) application.on_pong(entry.id, now);
      break;
    case Action::Kind::answer_poll:
      if (entry.poll) transport.respond(table.take(entry.poll), {200, kText, action.body, true});
      break;
    case Action::Kind::answer_post:
      if (entry.post) answer_post(table.take(entry.post), action.status);
      break;
    case Action::Kind::abort_post:
      if (entry.post) transport.abort(table.take(entry.post));
      break;
    case Action::Kind::refuse: transport.respond(refuse_to, {action.status, {}, {}}); break;
    case Action::Kind::send:
      if (entry.websocket) transport.send(*entry.websocket, {action.binary, action.data()});
      break;
    case Action::Kind::close_websocket:
      if (entry.websocket) {
        --websockets;
        transport.close(table.take(entry.websocket), 0);
      }
      break;
    case Action::Kind::send_probe:
      if (entry.probe) transport.send(*entry.probe, {false, action.data()});
      break;
    case Action::Kind::close_probe:
      if (entry.probe) transport.close(table.take(entry.probe), 0);
      break;
    case Action::Kind::adopt_probe:
      entry.websocket = std::exchange(entry.probe, std::nullopt);
      table.set_carrier(*entry.websocket, slot, Role::websocket);
      ++websockets;
      break;
    case Action::Kind::closed: on_closed(slot, action.reason, now); break;
  }
}

void Server::Impl::answer_post(Carrier exchange, int status) {
  if (status == 200) return transport.respond(exchange, {200, kHtml, "ok", true});
  transport.respond(exchange, {status, {}, {}});
}

void Server::Impl::on_closed(Slot slot, CloseReason reason, MonotonicTime now) {
  SessionTable::Entry& entry = table[slot];
  table.close(slot);
  closed_.push_back(slot);
  if (std::exchange(entry.reported, false)) application.on_close(entry.id, reason, now);
}

void Server::Impl::flush_later(Slot slot) {
  if (std::exchange(table[slot].flush_queued, true)) return;
  to_flush_.push_back(slot);
}

void Server::Impl::finish_turn(MonotonicTime now) {
  for (std::size_t i = 0; i < to_flush_.size(); ++i) {
    const Slot slot = to_flush_[i];
    if (!table.has(slot)) continue;
    table[slot].flush_queued = false;
    Session::Actions& actions = *pool_[0];
    table[slot].session.flush(actions);
    perform(slot, actions, now);
    actions.clear();
  }
  to_flush_.clear();
  for (const Slot slot : closed_) table.release(slot);
  closed_.clear();
}

// --------------------------------------------------------------------------------------- time

void Server::Impl::schedule(Slot slot) {
  SessionTable::Entry& entry = table[slot];
  const MonotonicTime next = entry.session.next_deadline();
  // A later deadline keeps the entry it has, and is looked at again when that comes up.
  if (next >= entry.scheduled) return;
  entry.scheduled = next;
  deadlines_.push({next, entry.id});
}

void Server::Impl::expire(std::string_view sid, MonotonicTime now) {
  const Slot slot = sid.empty() ? kNoSlot : table.find(sid);
  if (slot == kNoSlot || table[slot].session.next_deadline() > now) return;
  const Turn inner(*this, now);
  table[slot].session.on_tick(now, inner.actions());
  perform(slot, inner.actions(), now);
}

std::optional<MonotonicTime> Server::Impl::next_deadline() const {
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.top().at;
}

void Server::Impl::on_tick(MonotonicTime now) {
  const Turn turn(*this, now);
  while (!deadlines_.empty() && deadlines_.top().at <= now) {
    const Deadline due = deadlines_.top();
    deadlines_.pop();
    const Slot slot = table.find(due.session);
    if (slot == kNoSlot) continue;
    SessionTable::Entry& entry = table[slot];
    if (entry.scheduled != due.at) continue;  // an earlier deadline took this one's place
    entry.scheduled = MonotonicTime::max();
    const Turn inner(*this, now);
    Session::Actions& actions = inner.actions();
    entry.session.on_tick(now, actions);
    perform(slot, actions, now);
  }
}

}  // namespace chatrt::engineio
