#include "chatrt/engineio/server.h"

#include <array>
#include <cassert>
#include <cstring>
#include <queue>
#include <unordered_set>
#include <utility>
#include <vector>

#include "chatrt/engineio/session.h"
#include "request.h"

namespace chatrt::engineio {
namespace {

constexpr std::string_view kText = "text/plain; charset=UTF-8";
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kHtml = "text/html";
constexpr std::string_view kSidAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kSidRandomBytes = 18;  // 144 bits, 24 characters
constexpr std::size_t kSidShardCharacters = 2;
constexpr std::uint32_t kNoSlot = 0xffffffff;

std::optional<unsigned> shard_of_sid(std::string_view sid) noexcept {
  if (sid.size() < kSidShardCharacters) return std::nullopt;
  const std::size_t high = kSidAlphabet.find(sid[0]);
  const std::size_t low = kSidAlphabet.find(sid[1]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  const auto shard = static_cast<unsigned>(high << 6 | low);
  return shard < 256 ? std::optional{shard} : std::nullopt;
}

}  // namespace

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

class Server::Impl {
 public:
  Impl(Options options, Transport& transport, Application& application, RandomSource random)
      : options_(std::move(options)),
        transport_(transport),
        application_(application),
        random_(std::move(random)) {
    assert(options_.shard < 256);
  }

  // ------------------------------------------------------------------------------- requests

  void on_request(Carrier exchange, const Request& request, MonotonicTime now) {
    const Turn turn(*this, now);
    const Query query = parse_query(request.query);
    expire(query.sid, now);
    const Checked checked = check(request, query, false);
    if (checked.error) return respond_error(exchange, *checked.error);
    if (checked.slot == kNoSlot) return open_polling(exchange, request, now);
    if (request.method != "GET") return respond_error(exchange, ErrorCode::bad_request);
    Session::Actions& actions = turn.actions();
    refuse_to_ = exchange;
    if (slots_[checked.slot]->session.on_poll(now, actions)) set_poll(checked.slot, exchange);
    perform(checked.slot, actions, now);
  }

  bool on_post_head(Carrier exchange, const Request& request, MonotonicTime now) {
    const Turn turn(*this, now);
    const Query query = parse_query(request.query);
    expire(query.sid, now);
    const Checked checked = check(request, query, false);
    if (checked.error || checked.slot == kNoSlot) {
      respond_error(exchange, checked.error.value_or(ErrorCode::bad_handshake_method));
      return false;
    }
    Entry& entry = *slots_[checked.slot];
    Session::Actions& actions = turn.actions();
    refuse_to_ = exchange;
    const bool accepted = entry.session.on_post_head(
        request.content_type.starts_with("application/octet-stream"), actions);
    if (accepted) {
      entry.post = exchange;
      set_carrier(exchange, checked.slot, Role::post);
    }
    perform(checked.slot, actions, now);
    return accepted;
  }

  void on_post_body(Carrier exchange, std::string_view body, MonotonicTime now) {
    const std::uint32_t slot = slot_of(exchange, Role::post);
    if (slot == kNoSlot) return;
    const Turn turn(*this, now);
    Session::Actions& actions = turn.actions();
    slots_[slot]->session.on_post_body(body, now, actions);
    perform(slot, actions, now);
  }

  void on_post_too_large(Carrier exchange, MonotonicTime now) {
    const std::uint32_t slot = slot_of(exchange, Role::post);
    if (slot == kNoSlot) return;
    const Turn turn(*this, now);
    Session::Actions& actions = turn.actions();
    slots_[slot]->session.on_post_too_large(actions);
    perform(slot, actions, now);
  }

  void on_request_aborted(Carrier exchange, MonotonicTime now) {
    const Ref ref = carrier(exchange);
    if (ref.slot == kNoSlot || ref.role == Role::websocket || ref.role == Role::probe) return;
    const Turn turn(*this, now);
    Session::Actions& actions = turn.actions();
    Entry& entry = *slots_[ref.slot];
    forget(exchange);
    if (ref.role == Role::poll) {
      entry.poll.reset();
      entry.session.on_poll_aborted(actions);
    } else {
      entry.post.reset();
      entry.session.on_post_aborted(actions);
    }
    perform(ref.slot, actions, now);
  }

  // ------------------------------------------------------------------------------ WebSocket

  std::optional<Refusal> check_websocket(const Request& request) {
    const Query query = parse_query(request.query);
    const Checked checked = check(request, query, true);
    if (checked.error) {
      return Refusal{*checked.error == ErrorCode::forbidden ? 403 : 400,
                     std::string{error_message(*checked.error)}};
    }
    if (checked.slot != kNoSlot) return std::nullopt;
    if (const Status allowed = application_.allow(request); !allowed) {
      return Refusal{403, allowed.error().detail.empty() ? "Forbidden" : allowed.error().detail};
    }
    if (full()) return Refusal{503, "Too many sessions"};
    return std::nullopt;
  }

  void on_websocket_open(Carrier websocket, const Request& request, MonotonicTime now) {
    const Turn turn(*this, now);
    const Query query = parse_query(request.query);
    if (!query.sid.empty()) {
      const std::uint32_t slot = find_sid(query.sid);
      if (slot == kNoSlot || !slots_[slot]->session.on_probe_open(now)) {
        return transport_.close(websocket, 0);
      }
      slots_[slot]->probe = websocket;
      set_carrier(websocket, slot, Role::probe);
      return schedule(slot);
    }
    const std::uint32_t slot = add(true, now);
    slots_[slot]->websocket = websocket;
    set_carrier(websocket, slot, Role::websocket);
    ++websockets_;
    open(slot, request, now, turn.actions());
  }

  void on_websocket_message(Carrier websocket, bool binary, std::string_view data,
                            MonotonicTime now) {
    const Ref ref = carrier(websocket);
    if (ref.slot == kNoSlot) return;
    const Turn turn(*this, now);
    Session::Actions& actions = turn.actions();
    Session& session = slots_[ref.slot]->session;
    if (ref.role == Role::websocket) {
      session.on_websocket_message(binary, data, now, actions);
    } else if (ref.role == Role::probe) {
      session.on_probe_message(binary, data, now, actions);
    }
    perform(ref.slot, actions, now);
  }

  void on_websocket_closed(Carrier websocket, bool error, MonotonicTime now) {
    const Ref ref = carrier(websocket);
    if (ref.slot == kNoSlot) return;
    const Turn turn(*this, now);
    Session::Actions& actions = turn.actions();
    Entry& entry = *slots_[ref.slot];
    forget(websocket);
    if (ref.role == Role::probe) {
      entry.probe.reset();
      entry.session.on_probe_closed();
    } else if (ref.role == Role::websocket) {
      entry.websocket.reset();
      --websockets_;
      entry.session.on_websocket_closed(error, actions);
    }
    perform(ref.slot, actions, now);
  }

  // ----------------------------------------------------------------------------- from above

  void send(ConnectionId session, Encoded message, MonotonicTime now, bool ephemeral) {
    const std::uint32_t slot = slot_of(session);
    if (slot == kNoSlot) return;
    const Turn turn(*this, now);
    Entry& entry = *slots_[slot];
    Session::Actions& actions = turn.actions();
    const std::size_t behind = entry.websocket ? transport_.queued_bytes(*entry.websocket) : 0;
    entry.session.send(message, ephemeral, behind, actions);
    if (entry.poll) flush_later(slot);
    perform(slot, actions, now);
  }

  bool ping(ConnectionId session, MonotonicTime now) {
    const std::uint32_t slot = slot_of(session);
    if (slot == kNoSlot) return false;
    const Turn turn(*this, now);
    Session::Actions& actions = turn.actions();
    const bool sent = slots_[slot]->session.ping(now, actions);
    perform(slot, actions, now);
    return sent;
  }

  void close(ConnectionId session, MonotonicTime now) {
    const std::uint32_t slot = slot_of(session);
    if (slot == kNoSlot) return;
    const Turn turn(*this, now);
    Session::Actions& actions = turn.actions();
    slots_[slot]->session.close(now, actions);
    perform(slot, actions, now);
  }

  void close_all(MonotonicTime now) {
    const Turn turn(*this, now);
    closing_ = true;
    for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
      if (!slots_[slot] || slots_[slot]->session.is_closed()) continue;
      const Turn inner(*this, now);
      Session::Actions& actions = inner.actions();
      slots_[slot]->session.close_now(actions);
      perform(slot, actions, now);
    }
  }

  // ----------------------------------------------------------------------------------- time

  std::optional<MonotonicTime> next_deadline() const {
    if (deadlines_.empty()) return std::nullopt;
    return deadlines_.top().at;
  }

  void on_tick(MonotonicTime now) {
    const Turn turn(*this, now);
    while (!deadlines_.empty() && deadlines_.top().at <= now) {
      const Deadline due = deadlines_.top();
      deadlines_.pop();
      if (slot_of(due.session) == kNoSlot) continue;
      const std::uint32_t slot = slot_of(due.session);
      Entry& entry = *slots_[slot];
      if (entry.scheduled != due.at) continue;  // an earlier deadline took this one's place
      entry.scheduled = MonotonicTime::max();
      const Turn inner(*this, now);
      Session::Actions& actions = inner.actions();
      entry.session.on_tick(now, actions);
      perform(slot, actions, now);
    }
  }

  std::size_t session_count() const noexcept { return sessions_; }
  std::size_t websocket_count() const noexcept { return websockets_; }

 private:
  enum class Role : std::uint8_t { poll, post, websocket, probe };
  struct Ref {
    std::uint64_t carrier = 0;
    std::uint32_t slot = kNoSlot;
    Role role = Role::poll;
  };
  struct Entry {
    Entry(const Options& options, std::string sid, bool websocket_first, MonotonicTime now,
          ConnectionId connection)
        : session(options, std::move(sid), websocket_first, now), id(connection) {}
    Session session;
    ConnectionId id;
    std::optional<Carrier> poll, post, websocket, probe;
    MonotonicTime scheduled = MonotonicTime::max();  // its entry in deadlines_
    bool reported = false;                           // on_open() was called, on_close() not yet
    bool flush_queued = false;
  };
  struct Deadline {
    MonotonicTime at;
    ConnectionId session;
    friend bool operator<(const Deadline& a, const Deadline& b) { return a.at > b.at; }
  };

  // One call from outside, or one from a callback within it. The outermost answers polls and frees
  // what was closed, so that nothing disappears under a caller's feet.
  class Turn {
   public:
    Turn(Impl& server, MonotonicTime now) : server_(server), depth_(server.depth_++), now_(now) {
      if (server_.pool_.size() <= depth_) {
        server_.pool_.push_back(std::make_unique<Session::Actions>());
      }
    }
    ~Turn() {
      server_.pool_[depth_]->clear();
      if (depth_ == 0) server_.finish_turn(now_);
      --server_.depth_;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Session::Actions& actions() const { return *server_.pool_[depth_]; }

   private:
    Impl& server_;
    std::size_t depth_;
    MonotonicTime now_;
  };

  struct Checked {
    std::optional<ErrorCode> error;
    std::uint32_t slot = kNoSlot;
  };

  // The order of the checks decides which error is told; it is the reference's.
  Checked check(const Request& request, const Query& query, bool websocket_request) const {
    const bool polling = query.transport == "polling" && options_.polling;
    const bool websocket = query.transport == "websocket" && options_.websocket;
    if (!polling && !websocket) return {ErrorCode::transport_unknown};
    if (!query.sid.empty()) {
      const std::uint32_t slot = find_sid(query.sid);
      if (slot == kNoSlot) return {ErrorCode::session_unknown};
      const Session& session = slots_[slot]->session;
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

  // Deadlines are compared when a request arrives too: a timer may be late.
  void expire(std::string_view sid, MonotonicTime now) {
    const std::uint32_t slot = sid.empty() ? kNoSlot : find_sid(sid);
    if (slot == kNoSlot || slots_[slot]->session.next_deadline() > now) return;
    const Turn inner(*this, now);
    slots_[slot]->session.on_tick(now, inner.actions());
    perform(slot, inner.actions(), now);
  }

  bool full() const { return closing_ || sessions_ >= options_.sessions_max; }

  void open_polling(Carrier exchange, const Request& request, MonotonicTime now) {
    if (const Status allowed = application_.allow(request); !allowed) {
      const std::string body = error_body(ErrorCode::forbidden, allowed.error().detail);
      return transport_.respond(exchange, {403, kJson, body});
    }
    if (full()) {
      const std::string body = error_body(ErrorCode::bad_request, "Too many sessions");
      return transport_.respond(exchange, {503, kJson, body});
    }
    const std::uint32_t slot = add(false, now);
    set_poll(slot, exchange);
    const Turn turn(*this, now);
    open(slot, request, now, turn.actions());
  }

  void open(std::uint32_t slot, const Request& request, MonotonicTime now,
            Session::Actions& actions) {
    slots_[slot]->session.open(actions);
    perform(slot, actions, now);
    slots_[slot]->reported = true;
    application_.on_open(slots_[slot]->id, request, now);
  }

  std::uint32_t add(bool websocket, MonotonicTime now) {
    std::uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
      generations_.push_back(0);
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    // 8 bits of shard, 24 of generation, 32 of slot.
    generations_[slot] = (generations_[slot] + 1) & 0xffffff;
    const ConnectionId id{std::uint64_t{options_.shard} << 56 |
                          std::uint64_t{generations_[slot]} << 32 | slot};
    slots_[slot] = std::make_unique<Entry>(options_, make_sid(), websocket, now, id);
    by_sid_.insert(slot);
    ++sessions_;
    schedule(slot);
    return slot;
  }

  std::string make_sid() {
    std::string sid;
    do {
      std::array<std::byte, kSidRandomBytes> bytes;
      random_(bytes);
      sid = {kSidAlphabet[options_.shard >> 6], kSidAlphabet[options_.shard & 63]};
      for (std::size_t i = 0; i < kSidRandomBytes; i += 3) {
        const auto group = std::to_integer<std::uint32_t>(bytes[i]) << 16 |
                           std::to_integer<std::uint32_t>(bytes[i + 1]) << 8 |
                           std::to_integer<std::uint32_t>(bytes[i + 2]);
        for (int shift = 18; shift >= 0; shift -= 6) {
          sid.push_back(kSidAlphabet[group >> shift & 63]);
        }
      }
    } while (find_sid(sid) != kNoSlot);
    return sid;
  }

  // Carries out what the session wants done.
  void perform(std::uint32_t slot, Session::Actions& actions, MonotonicTime now) {
    Entry& entry = *slots_[slot];
    for (std::size_t i = 0; i < actions.size(); ++i) {
      const Action& action = actions[i];
      switch (action.kind) {
        case Action::Kind::message:
          if (entry.reported) {
            application_.on_message(entry.id, action.binary, action.data(), now);
          }
          break;
        case Action::Kind::pong:
          if (entry.reported) application_.on_pong(entry.id, now);
          break;
        case Action::Kind::answer_poll:
          if (entry.poll) transport_.respond(take(entry.poll), {200, kText, action.body, true});
          break;
        case Action::Kind::answer_post:
          if (entry.post) answer_post(take(entry.post), action.status);
          break;
        case Action::Kind::abort_post:
          if (entry.post) transport_.abort(take(entry.post));
          break;
        case Action::Kind::refuse: transport_.respond(refuse_to_, {action.status, {}, {}}); break;
        case Action::Kind::send:
          if (entry.websocket) transport_.send(*entry.websocket, {action.binary, action.data()});
          break;
        case Action::Kind::close_websocket:
          if (entry.websocket) {
            --websockets_;
            transport_.close(take(entry.websocket), 0);
          }
          break;
        case Action::Kind::send_probe:
          if (entry.probe) transport_.send(*entry.probe, {false, action.data()});
          break;
        case Action::Kind::close_probe:
          if (entry.probe) transport_.close(take(entry.probe), 0);
          break;
        case Action::Kind::adopt_probe:
          entry.websocket = std::exchange(entry.probe, std::nullopt);
          set_carrier(*entry.websocket, slot, Role::websocket);
          ++websockets_;
          break;
        case Action::Kind::closed: on_closed(slot, action.reason, now); break;
      }
    }
    schedule(slot);
  }

  void answer_post(Carrier exchange, int status) {
    if (status == 200) return transport_.respond(exchange, {200, kHtml, "ok", true});
    transport_.respond(exchange, {status, {}, {}});
  }

  void on_closed(std::uint32_t slot, CloseReason reason, MonotonicTime now) {
    Entry& entry = *slots_[slot];
    by_sid_.erase(slot);
    --sessions_;
    closed_.push_back(slot);
    if (std::exchange(entry.reported, false)) application_.on_close(entry.id, reason, now);
  }

  void finish_turn(MonotonicTime now) {
    for (std::size_t i = 0; i < to_flush_.size(); ++i) {
      const std::uint32_t slot = to_flush_[i];
      if (!slots_[slot]) continue;
      slots_[slot]->flush_queued = false;
      Session::Actions& actions = *pool_[0];
      slots_[slot]->session.flush(actions);
      perform(slot, actions, now);
      actions.clear();
    }
    to_flush_.clear();
    for (const std::uint32_t slot : closed_) {
      slots_[slot].reset();
      free_.push_back(slot);
    }
    closed_.clear();
  }

  void flush_later(std::uint32_t slot) {
    if (std::exchange(slots_[slot]->flush_queued, true)) return;
    to_flush_.push_back(slot);
  }

  // ------------------------------------------------------------------------------ carriers

  Ref carrier(Carrier c) const {
    const auto index = static_cast<std::uint32_t>(c.value);
    if (index >= carriers_.size() || carriers_[index].carrier != c.value) return {};
    return carriers_[index];
  }
  std::uint32_t slot_of(Carrier c, Role role) const {
    const Ref ref = carrier(c);
    return ref.role == role ? ref.slot : kNoSlot;
  }
  std::uint32_t slot_of(ConnectionId session) const {
    const auto slot = static_cast<std::uint32_t>(session.value);
    if (slot >= slots_.size() || !slots_[slot] || slots_[slot]->id != session) return kNoSlot;
    return slots_[slot]->session.is_closed() ? kNoSlot : slot;
  }
  void set_carrier(Carrier c, std::uint32_t slot, Role role) {
    const auto index = static_cast<std::uint32_t>(c.value);
    if (index >= carriers_.size()) carriers_.resize(std::size_t{index} + 1);
    carriers_[index] = {c.value, slot, role};
  }
  void set_poll(std::uint32_t slot, Carrier exchange) {
    slots_[slot]->poll = exchange;
    set_carrier(exchange, slot, Role::poll);
  }
  void forget(Carrier c) {
    if (carrier(c).slot != kNoSlot) carriers_[static_cast<std::uint32_t>(c.value)] = {};
  }
  Carrier take(std::optional<Carrier>& c) {
    const Carrier taken = *c;
    c.reset();
    forget(taken);
    return taken;
  }

  void respond_error(Carrier exchange, ErrorCode code) {
    const std::string body = error_body(code);
    transport_.respond(exchange, {400, kJson, body});
  }

  void schedule(std::uint32_t slot) {
    Entry& entry = *slots_[slot];
    const std::optional<MonotonicTime> next = entry.session.next_deadline();
    // A later deadline keeps the entry it has, and is looked at again when that comes up.
    if (!next || *next >= entry.scheduled) return;
    entry.scheduled = *next;
    deadlines_.push({*next, entry.id});
  }

  struct SidHash {
    using is_transparent = void;
    const Impl* server;
    std::size_t operator()(std::string_view sid) const {
      return std::hash<std::string_view>{}(sid);
    }
    std::size_t operator()(std::uint32_t slot) const {
      return (*this)(server->slots_[slot]->session.sid());
    }
  };
  struct SidEqual {
    using is_transparent = void;
    const Impl* server;
    bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
    bool operator()(std::string_view sid, std::uint32_t slot) const {
      return server->slots_[slot]->session.sid() == sid;
    }
    bool operator()(std::uint32_t slot, std::string_view sid) const { return (*this)(sid, slot); }
  };

  std::uint32_t find_sid(std::string_view sid) const {
    const auto found = by_sid_.find(sid);
    return found == by_sid_.end() ? kNoSlot : *found;
  }

  const Options options_;
  Transport& transport_;
  Application& application_;
  RandomSource random_;
  std::vector<std::unique_ptr<Entry>> slots_;
  std::vector<std::uint32_t> generations_;
  std::vector<std::uint32_t> free_;
  std::unordered_set<std::uint32_t, SidHash, SidEqual> by_sid_{0, SidHash{this}, SidEqual{this}};
  std::vector<Ref> carriers_;
  std::priority_queue<Deadline> deadlines_;
  std::size_t sessions_ = 0;
  std::size_t websockets_ = 0;
  bool closing_ = false;
  // Of the turn that is running.
  std::size_t depth_ = 0;
  std::vector<std::unique_ptr<Session::Actions>> pool_;
  std::vector<std::uint32_t> to_flush_;
  std::vector<std::uint32_t> closed_;
  Carrier refuse_to_;
};

// ------------------------------------------------------------------------------ the public face

Server::Server(Options options, Transport& transport, Application& application, RandomSource random)
    : impl_(std::make_unique<Impl>(std::move(options), transport, application, std::move(random))) {
}

Server::~Server() = default;

std::optional<unsigned> Server::shard_of(std::string_view query) noexcept {
  return shard_of_sid(parse_query(query).sid);
}

void Server::on_request(Carrier exchange, const Request& request, MonotonicTime now) {
  impl_->on_request(exchange, request, now);
}

bool Server::on_post_head(Carrier exchange, const Request& request, MonotonicTime now) {
  return impl_->on_post_head(exchange, request, now);
}

void Server::on_post_body(Carrier exchange, std::string_view body, MonotonicTime now) {
  impl_->on_post_body(exchange, body, now);
}

void Server::on_post_too_large(Carrier exchange, MonotonicTime now) {
  impl_->on_post_too_large(exchange, now);
}

void Server::on_request_aborted(Carrier exchange, MonotonicTime now) {
  impl_->on_request_aborted(exchange, now);
}

std::optional<Server::Refusal> Server::check_websocket(const Request& request) {
  return impl_->check_websocket(request);
}

void Server::on_websocket_open(Carrier websocket, const Request& request, MonotonicTime now) {
  impl_->on_websocket_open(websocket, request, now);
}

void Server::on_websocket_message(Carrier websocket, bool binary, std::string_view data,
                                  MonotonicTime now) {
  impl_->on_websocket_message(websocket, binary, data, now);
}

void Server::on_websocket_closed(Carrier websocket, bool error, MonotonicTime now) {
  impl_->on_websocket_closed(websocket, error, now);
}

void Server::send(ConnectionId session, Encoded message, MonotonicTime now, bool ephemeral) {
  impl_->send(session, message, now, ephemeral);
}

bool Server::ping(ConnectionId session, MonotonicTime now) { return impl_->ping(session, now); }

void Server::close(ConnectionId session, MonotonicTime now) { impl_->close(session, now); }

void Server::close_all(MonotonicTime now) { impl_->close_all(now); }

std::optional<MonotonicTime> Server::next_deadline() const { return impl_->next_deadline(); }

void Server::on_tick(MonotonicTime now) { impl_->on_tick(now); }

std::size_t Server::session_count() const noexcept { return impl_->session_count(); }

std::size_t Server::websocket_count() const noexcept { return impl_->websocket_count(); }

}  // namespace chatrt::engineio
