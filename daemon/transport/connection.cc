#include "connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "shard.h"

namespace chatd::transport {
namespace {

using chatrt::Duration;
using chatrt::engineio::Carrier;
using EngineRequest = chatrt::engineio::Request;

// How long an orderly close waits for the peer's own, so that what was sent last is not cut off by
// a reset.
constexpr Duration kLinger{2000};
// And how much may come meanwhile: more than lies in the buffers between two machines is sent by
// one that will not end.
constexpr std::uint32_t kDroppedMax = 8U << 20;
// What a connection may have waiting also when too much waits in all.
constexpr std::size_t kFairShare = 64 * 1024;
// An input buffer larger than this is given back once it is empty.
constexpr std::size_t kBufferKept = 4096;

}  // namespace

Connection::Connection(Shard& shard, int fd, std::unique_ptr<TlsStream> tls, std::string address,
                       std::string bytes)
    : shard_(shard),
      fd_(fd),
      tls_(std::move(tls)),
      in_(std::move(bytes)),
      address_(std::move(address)) {
  deadline_ = shard_.now() + shard_.options().head_timeout;
}

Connection::~Connection() {
  out_.clear();
  account();
  tls_.reset();
  if (fd_ < 0) return;
  ::close(fd_);
  shard_.options().doorman->leave(address_);
}

int Connection::release() noexcept {
  state_ = State::over;
  return std::exchange(fd_, -1);
}

// ------------------------------------------------------------------------------------------- in

void Connection::read_tls(std::span<char> buffer) {
  const ssize_t got = tls_->read(buffer.data(), buffer.size());
  on_received(buffer.data(), got < 0 ? -errno : got);
}

void Connection::on_received(char* bytes, ssize_t result) {
  if (result < 0) {
    if (result != -EAGAIN && result != -EWOULDBLOCK && result != -EINTR) on_end(true);
    return;
  }
  if (result == 0) return on_end(false);
  const auto size = static_cast<std::size_t>(result);
  shard_.counters().bytes_in += size;
  if (state_ == State::lingering || state_ == State::finishing) {
    dropped_ += static_cast<std::uint32_t>(size);
    if (dropped_ > kDroppedMax) on_end(true);
    return;
  }
  if (state_ == State::websocket && unread().empty()) {
    return process_websocket(bytes, size);
  }
  const bool begins = state_ == State::head && unread().empty();
  // What has been read of it goes now: it may never be empty.
  in_.erase(0, std::exchange(in_begin_, 0));
  in_.append(bytes, size);
  if (begins) time_head();
  process();
  const std::size_t limit = shard_.options().message_bytes_max + 2 * kHeadBytesMax;
  if (unread().size() > limit) on_end(true);  // pipelining without an end
}

void Connection::process() {
  if (std::exchange(processing_, true)) return;
  for (bool more = true; more;) {
    // One answer waits at a time: a short request may have a long one.
    more = (state_ == State::head && out_.empty() && process_head()) ||
           (state_ == State::body && process_body());
  }
  processing_ = false;
  if (state_ == State::websocket && !unread().empty()) {
    std::string rest = std::exchange(in_, {}).substr(std::exchange(in_begin_, 0));
    process_websocket(rest.data(), rest.size());
  }
}

// The peer has gone, or `error`: what it did leaves nothing to answer.
void Connection::on_end(bool error) {
  const State before = std::exchange(state_, State::over);
  if (before == State::websocket) {
    shard_.counters().websockets -= 1;
    shard_.engine().on_websocket_closed(Carrier{carrier}, error, shard_.now());
  } else if ((before == State::answering || before == State::body) && is_engine_) {
    shard_.engine().on_request_aborted(Carrier{carrier}, shard_.now());
  }
}

void Connection::consume(std::size_t bytes) {
  in_begin_ += bytes;
  if (in_begin_ < in_.size()) return;
  in_begin_ = 0;
  if (in_.capacity() > kBufferKept) {
    in_ = {};
  } else {
    in_.clear();
  }
}

// ----------------------------------------------------------------------------------------- HTTP

bool Connection::process_head() {
  if (unread().empty()) return false;
  // A copy: what the head leads to may read further bytes.
  std::string& bytes = shard_.head_buffer();
  bytes.assign(unread().substr(0, kHeadBytesMax));
  const ParsedHead parsed = parse_head(bytes);
  if (parsed.kind == ParsedHead::Kind::incomplete) return false;
  if (parsed.kind == ParsedHead::Kind::bad) {
    fail(parsed.status);
    return false;
  }
  shard_.counters().requests += 1;
  on_head(parsed.head, parsed.bytes);
  return state_ == State::head || state_ == State::body;
}

void Connection::on_head(const HttpHead& head, std::size_t bytes) {
  const OriginPolicy& origins = shard_.options().origins;
  const std::string_view origin = head.header("origin");
  const std::string_view host = head.header("host");
  const bool engine = head.path.starts_with(shard_.options().engine_path) &&
                      (head.path.size() == shard_.options().engine_path.size() ||
                       head.query.find("transport=") != std::string_view::npos);
  if (engine) {
    const auto shard = chatrt::engineio::Server::shard_of(head.query);
    if (shard && shard_.move_to(*shard, *this, std::string{unread()}, address_)) return;
  }
  consume(bytes);
  keep_alive_ = head.keep_alive;
  is_head_ = head.method == "HEAD";
  is_engine_ = engine;
  cors_ = origins.headers(origin, host);
  body_bytes_ = head.content_length;
  state_ = State::answering;
  if (head.method == "OPTIONS" && !origin.empty() &&
      !head.header("access-control-request-method").empty()) {
    if (body_bytes_ > 0) keep_alive_ = false;
    cors_ += OriginPolicy::preflight_headers(head.header("access-control-request-headers"));
    return write_response(204, {}, {}, {});
  }
  if (!origins.allows(origin, host)) {
    shard_.log().log(chatrt::LogLevel::warning, "refused",
                     {{"reason", std::string_view{"origin not allowed"}},
                      {"origin", origin},
                      {"address", std::string_view{address_}}});
    shard_.options().doorman->count(TurnedAway::origin);
    if (body_bytes_ > 0 || head.upgrades_to_websocket) keep_alive_ = false;
    return write_response(403, "application/json", R"({"code":4,"message":"Forbidden"})", {});
  }
  if (head.upgrades_to_websocket) return begin_websocket(head);
  if (engine) return begin_engine(head);
  begin_route(head);
}

void Connection::begin_engine(const HttpHead& head) {
  if (!admit(head)) return;
  const std::string client = client_of(head);
  const EngineRequest request = engine_request(head, client);
  chatrt::engineio::Server& engine = shard_.engine();
  if (head.method != "POST") {
    if (body_bytes_ > 0) keep_alive_ = false;  // a body that nobody reads
    return engine.on_request(Carrier{carrier}, request, shard_.now());
  }
  const bool keep_alive = std::exchange(keep_alive_, keep_alive_ && body_bytes_ == 0);
  if (!engine.on_post_head(Carrier{carrier}, request, shard_.now())) return;
  if (body_bytes_ > shard_.options().message_bytes_max) {
    return engine.on_post_too_large(Carrier{carrier}, shard_.now());
  }
  keep_alive_ = keep_alive;
  if (head.expects_continue) out().append("HTTP/1.1 100 Continue\r\n\r\n");
  if (head.expects_continue) shard_.flush_later(*this);
  state_ = State::body;
  deadline_ = shard_.now() + shard_.options().body_timeout;
}

std::string Connection::client_of(const HttpHead& head) const {
  return shard_.options().doorman->address_of(address_, head.all("x-forwarded-for"));
}

bool Connection::admit(const HttpHead& head) {
  if (chatrt::engineio::Server::shard_of(head.query)) return true;  // a session that is there
  switch (shard_.options().doorman->take_handshake(client_of(head), shard_.now())) {
    case Doorman::Handshake::welcome: return true;
    case Doorman::Handshake::too_many:
      keep_alive_ = false;
      write_response(429, "application/json", R"({"code":3,"message":"Too many handshakes"})",
                     "Retry-After: 1\r\n");
      return false;
    case Doorman::Handshake::full:
      keep_alive_ = false;
      write_response(503, "application/json", R"({"code":3,"message":"Too many sessions"})",
                     "Retry-After: 5\r\n");
      return false;
  }
  return true;
}

void Connection::begin_route(const HttpHead& head) {
  request_ = std::make_unique<HttpRequest>(
      HttpRequest{.method = std::string{is_head_ ? std::string_view{"GET"} : head.method},
                  .path = std::string{head.path},
                  .query = std::string{head.query},
                  .content_type = std::string{head.header("content-type")},
                  .authorization = std::string{head.header("authorization")},
                  .idempotency_key = std::string{head.header("idempotency-key")},
                  .if_none_match = std::string{head.header("if-none-match")},
                  .accept_encoding = std::string{head.header("accept-encoding")},
                  .body = {},
                  .address = client_of(head)});
  if (body_bytes_ > shard_.http().body_bytes_max(request_->method, head.path)) return fail(413);
  if (head.expects_continue && body_bytes_ > 0) {
    out().append("HTTP/1.1 100 Continue\r\n\r\n");
    shard_.flush_later(*this);
  }
  state_ = State::body;
  deadline_ = shard_.now() + shard_.options().body_timeout;
}

bool Connection::process_body() {
  if (unread().size() < body_bytes_) return false;
  state_ = State::answering;
  if (is_engine_) {
    const std::string body{unread().substr(0, body_bytes_)};
    consume(body_bytes_);
    shard_.engine().on_post_body(Carrier{carrier}, body, shard_.now());
  } else {
    request_->body = unread().substr(0, body_bytes_);
    consume(body_bytes_);
    const std::unique_ptr<HttpRequest> request = std::move(request_);
    shard_.http().on_request(*request, Responder{shard_, carrier});
  }
  return state_ == State::head;
}

void Connection::respond(const chatrt::engineio::Response& response) {
  if (state_ != State::answering && state_ != State::body) return;
  // What is left of a body would be taken for the next request.
  if (state_ == State::body) keep_alive_ = false;
  write_response(response.status, response.content_type, response.body,
                 response.no_store ? "Cache-Control: no-store\r\n" : "");
}

void Connection::respond(const HttpResponse& response) {
  if (state_ != State::answering || is_engine_) return;
  std::string lines;
  for (const auto& [name, value] : response.headers) {
    lines.append(name).append(": ").append(value).append("\r\n");
  }
  write_response(response.status, response.content_type, response.body, lines);
}

void Connection::write_response(int status, std::string_view content_type, std::string_view body,
                                std::string_view header_lines) {
  std::string& out = this->out();
  out.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(status_text(status));
  out.append("\r\n");
  if (!content_type.empty()) out.append("Content-Type: ").append(content_type).append("\r\n");
  if (status != 204 && status != 304) {
    out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  out.append(header_lines).append(cors_);
  out.append(keep_alive_ ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
  if (!is_head_ && status != 204 && status != 304) out.append(body);
  shard_.flush_later(*this);
  if (keep_alive_) {
    await_head();
  } else {
    finish();
  }
}

void Connection::await_head() {
  state_ = State::head;
  time_head();
  is_engine_ = false;
  cors_.clear();
}

void Connection::time_head() {
  const ShardOptions& options = shard_.options();
  deadline_ = shard_.now() + (unread().empty() ? options.idle_timeout : options.head_timeout);
}

void Connection::fail(int status) {
  shard_.options().doorman->count(status == 408 ? TurnedAway::slow_request
                                                : TurnedAway::bad_request);
  keep_alive_ = false;
  is_head_ = false;
  write_response(status, {}, {}, {});
}

void Connection::abort() {
  if (state_ == State::answering || state_ == State::body) {
    out_.clear();
    finish();
  }
}

// ------------------------------------------------------------------------------------------ out

std::string& Connection::out() {
  if (out_.wants_buffer()) out_.give_buffer(shard_.take_buffer());
  return out_.tail();
}

void Connection::finish() {
  if (state_ == State::over || state_ == State::lingering) return;
  state_ = State::finishing;
  deadline_ = shard_.now() + shard_.options().write_timeout;
  shard_.flush_later(*this);
}

std::string_view Connection::sendable() const noexcept {
  return tls_ || out_.empty() || state_ == State::over ? std::string_view{} : out_.front();
}

void Connection::on_sent(std::size_t bytes) {
  out_.pop(bytes);
  shard_.counters().bytes_out += bytes;
  unwritable_since_ = {};
}

void Connection::flush(ssize_t failed) {
  if (tls_) failed = write_tls();
  if (failed < 0 && failed != -EINTR) {
    if (failed != -EAGAIN && failed != -EWOULDBLOCK) return on_end(true);
    if (unwritable_since_ == chatrt::MonotonicTime{}) unwritable_since_ = shard_.now();
    return account();
  }
  if (!out_.empty() && state_ != State::over) return shard_.flush_later(*this);
  shard_.give_buffer(out_.take_buffer());
  account();
  if (state_ == State::head) time_head();
  if (state_ != State::finishing) return;
  state_ = State::lingering;
  deadline_ = shard_.now() + kLinger;
  if (tls_) tls_->close();
  ::shutdown(fd_, SHUT_WR);
}

ssize_t Connection::write_tls() {
  while (!out_.empty() && state_ != State::over) {
    const std::string_view bytes = out_.front();
    const ssize_t sent = tls_->write(bytes.data(), bytes.size());
    if (sent >= 0) {
      on_sent(static_cast<std::size_t>(sent));
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return 0;
}

void Connection::account() {
  const std::size_t waiting = queued_bytes();
  if (waiting == accounted_) return;
  const std::size_t total = shard_.options().doorman->add_queued(waiting - accounted_);
  accounted_ = waiting;
  if (state_ == State::over) return;
  if (waiting > shard_.options().queued_bytes_max) return turn_away(TurnedAway::slow_reader);
  const std::size_t max = shard_.options().queued_bytes_total_max;
  if (max > 0 && total > max && waiting > kFairShare) turn_away(TurnedAway::memory);
}

void Connection::turn_away(TurnedAway reason) {
  shard_.options().doorman->count(reason);
  shard_.log().log(chatrt::LogLevel::info, "turned_away",
                   {{"reason", turned_away_name(reason)},
                    {"address", std::string_view{address_}},
                    {"queued_bytes", std::uint64_t{queued_bytes()}}});
  on_end(true);
}

void Connection::on_shutdown() {
  if (state_ == State::head) finish();
  keep_alive_ = false;
}

void Connection::on_sweep() {
  const chatrt::MonotonicTime now = shard_.now();
  if (queued_bytes() > 0 && unwritable_since_ != chatrt::MonotonicTime{} &&
      now - unwritable_since_ >= shard_.options().write_timeout) {
    return turn_away(TurnedAway::slow_reader);
  }
  if (now < deadline_) return;
  switch (state_) {
    case State::head:
      if (!out_.empty()) return;  // what waits has its own time
      return unread().empty() ? on_end(false) : fail(408);
    case State::body:
      if (is_engine_) shard_.engine().on_request_aborted(Carrier{carrier}, now);
      is_engine_ = false;
      return fail(408);
    case State::websocket: return on_slow_message();
    case State::finishing:
    case State::lingering: return on_end(false);
    case State::answering:
    case State::over: return;
  }
}

}  // namespace chatd::transport
