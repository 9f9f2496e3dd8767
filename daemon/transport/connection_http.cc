// Connection, as HTTP requests one after another.
#include <utility>

#include "connection.h"
#include "shard.h"

namespace chatd::transport {
namespace {

using chatrt::engineio::Carrier;
using EngineRequest = chatrt::engineio::Request;

}  // namespace

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
  state_ = State::answering;
  if (head.method == "OPTIONS" && !origin.empty() &&
      !head.header("access-control-request-method").empty()) {
    if (head.has_body()) keep_alive_ = false;
    cors_ += OriginPolicy::preflight_headers(head.header("access-control-request-headers"));
    return write_response(204, {}, {}, {});
  }
  if (!origins.allows(origin, host)) {
    shard_.log().log(chatrt::LogLevel::warning, "refused",
                     {{"reason", std::string_view{"origin not allowed"}},
                      {"origin", origin},
                      {"host", host},
                      {"address", std::string_view{address_}}});
    shard_.options().doorman->count(TurnedAway::origin);
    if (head.has_body() || head.upgrades_to_websocket) keep_alive_ = false;
    return write_response(403, "application/json", R"({"code":4,"message":"Forbidden"})", {});
  }
  if (head.upgrades_to_websocket) return begin_websocket(head);
  if (engine) return begin_engine(head);
  begin_route(head);
}

void Connection::begin_engine(const HttpHead& head) {
  const std::string client = client_of(head);
  if (!admit(head, client)) return;
  const EngineRequest request = engine_request(head, client);
  chatrt::engineio::Server& engine = shard_.engine();
  if (head.method != "POST") {
    if (head.has_body()) keep_alive_ = false;  // a body that nobody reads
    return engine.on_request(Carrier{carrier}, request, shard_.now());
  }
  const bool keep_alive = std::exchange(keep_alive_, keep_alive_ && !head.has_body());
  if (!engine.on_post_head(Carrier{carrier}, request, shard_.now())) return;
  const std::size_t bytes_max = shard_.options().message_bytes_max;
  if (head.content_length > bytes_max) {
    return engine.on_post_too_large(Carrier{carrier}, shard_.now());
  }
  keep_alive_ = keep_alive;
  await_body(head, bytes_max);
}

std::string Connection::client_of(const HttpHead& head) const {
  return shard_.options().doorman->address_of(address_, head.all("x-forwarded-for"));
}

bool Connection::admit(const HttpHead& head, const std::string& client) {
  if (chatrt::engineio::Server::shard_of(head.query)) return true;  // a session that is there
  const auto answer = shard_.options().doorman->take_handshake(client, shard_.now());
  if (answer == Doorman::Handshake::welcome) return true;
  const bool too_many = answer == Doorman::Handshake::too_many;
  shard_.log_turned_away(too_many ? TurnedAway::handshakes : TurnedAway::unauthenticated, client);
  keep_alive_ = false;
  if (too_many) {
    write_response(429, "application/json", R"({"code":3,"message":"Too many handshakes"})",
                   "Retry-After: 1\r\n");
  } else {
    write_response(503, "application/json", R"({"code":3,"message":"Too many sessions"})",
                   "Retry-After: 5\r\n");
  }
  return false;
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
  const std::size_t bytes_max = shard_.http().body_bytes_max(request_->method, head.path);
  if (head.content_length > bytes_max) return fail(413);
  await_body(head, bytes_max);
}

void Connection::await_body(const HttpHead& head, std::size_t bytes_max) {
  body_bytes_ = head.content_length;
  if (head.chunked) chunks_ = std::make_unique<ChunkedBody>(bytes_max);
  if (head.expects_continue && head.has_body()) {
    out().append("HTTP/1.1 100 Continue\r\n\r\n");
    shard_.flush_later(*this);
  }
  state_ = State::body;
  deadline_ = shard_.now() + shard_.options().body_timeout;
}

std::optional<std::string> Connection::take_body() {
  if (!chunks_) {
    if (unread().size() < body_bytes_) return std::nullopt;
    std::string body{unread().substr(0, body_bytes_)};
    consume(body_bytes_);
    return body;
  }
  consume(chunks_->read(unread()));
  switch (chunks_->state()) {
    case ChunkedBody::State::whole: return std::exchange(chunks_, nullptr)->take();
    case ChunkedBody::State::more: break;
    case ChunkedBody::State::bad: fail_body(400); break;
    case ChunkedBody::State::too_large:
      is_engine_ ? shard_.engine().on_post_too_large(Carrier{carrier}, shard_.now())
                 : fail_body(413);
  }
  return std::nullopt;
}

bool Connection::process_body() {
  std::optional<std::string> body = take_body();
  if (!body) return false;
  state_ = State::answering;
  if (is_engine_) {
    shard_.engine().on_post_body(Carrier{carrier}, *body, shard_.now());
  } else {
    request_->body = *std::move(body);
    const std::unique_ptr<HttpRequest> request = std::move(request_);
    shard_.http().on_request(*request, Responder{shard_, carrier});
  }
  return state_ == State::head;
}

void Connection::fail_body(int status) {
  if (std::exchange(is_engine_, false)) {
    shard_.engine().on_request_aborted(Carrier{carrier}, shard_.now());
  }
  fail(status);
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

}  // namespace chatd::transport
