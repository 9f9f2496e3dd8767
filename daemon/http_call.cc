#include "http_call.h"

#include <charconv>

#include "chatrt/gateway/chat_json.h"
#include "chatrt/socketio/server.h"
#include "chatrt/utf8.h"

namespace chatd {
namespace {

using chatrt::Errc;
using chatrt::Error;

int status_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument: return 400;
    case Errc::unauthenticated:
    case Errc::token_missing:
    case Errc::token_malformed:
    case Errc::token_expired:
    case Errc::token_revoked: return 401;
    case Errc::permission_denied: return 403;
    case Errc::not_found:
    case Errc::gone:
    case Errc::unknown_event: return 404;
    case Errc::conflict: return 409;
    case Errc::too_large: return 413;
    case Errc::rate_limited: return 429;
    case Errc::busy:
    case Errc::unavailable:
    case Errc::shutting_down: return 503;
    case Errc::storage_full: return 507;
    case Errc::corrupt:
    case Errc::internal: return 500;
  }
  return 500;
}

Error wrong(std::string_view name, std::string_view what) {
  return {Errc::invalid_argument, std::string{name} + " " + std::string{what}};
}

}  // namespace

transport::HttpResponse json_response(int status, std::string body) {
  return {status, "application/json; charset=utf-8", std::move(body)};
}

transport::HttpResponse problem(int status, std::string_view code, std::string_view title,
                                std::string_view detail) {
  std::string body = R"({"type":"about:blank","title":)";
  chatrt::socketio::append_json_string(body, title);
  body.append(R"(,"status":)").append(std::to_string(status)).append(R"(,"code":)");
  chatrt::socketio::append_json_string(body, code);
  if (!detail.empty()) {
    body.append(R"(,"detail":)");
    chatrt::socketio::append_json_string(body, detail);
  }
  body.push_back('}');
  return {status, "application/problem+json", std::move(body)};
}

transport::HttpResponse problem(Errc code, std::string_view detail) {
  const int status = status_of(code);
  // The detail of an error that is not the client's is for the log.
  const bool clients = status < 500;
  transport::HttpResponse response =
      problem(status, chatrt::error_name(code), transport::status_text(status),
              clients && chatrt::is_valid_utf8(detail) ? detail : std::string_view{});
  if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (const auto wait = chatrt::gateway::retry_after(code)) {
    const auto seconds = (wait->count() + 999) / 1000;
    response.headers.emplace_back("Retry-After", std::to_string(seconds));
  }
  return response;
}

chatrt::Result<Arguments> Arguments::of(const transport::HttpRequest& request) {
  Arguments arguments;
  arguments.query_ = request.query;
  if (request.method != "POST") return arguments;
  arguments.is_json_ = true;
  thread_local chatrt::socketio::Json json;  // its memory is used again
  using Status = chatrt::socketio::Json::ParseStatus;
  const Status parsed = json.parse(request.body);
  if (parsed == Status::refused) {
    return wrong("the body", "has a lone surrogate or a number out of range");
  }
  if (parsed != Status::ok) return wrong("the body", "is not JSON in UTF-8, or is nested too deep");
  if (!json.root().is_object()) return wrong("the body", "is not a JSON object");
  arguments.body_ = json.root();
  return arguments;
}

chatrt::Result<std::optional<std::string>> Arguments::text(std::string_view name) const {
  if (!is_json_) {
    auto value = chatrt::socketio::Handshake{query_, {}, {}}.query_value(name);
    if (value && !chatrt::is_valid_utf8(*value)) return wrong(name, "is not valid UTF-8");
    return value;
  }
  const chatrt::socketio::JsonView value = body_.find(name);
  if (!value.present() || value.is_null()) return std::optional<std::string>{};
  if (!value.is_string()) return wrong(name, "is not a string");
  return std::optional<std::string>{*value.as_string()};
}

chatrt::Result<std::optional<std::uint64_t>> Arguments::number(std::string_view name) const {
  if (is_json_) {
    const chatrt::socketio::JsonView value = body_.find(name);
    if (!value.present() || value.is_null()) return std::optional<std::uint64_t>{};
    if (const auto number = value.as_uint64()) return std::optional{*number};
    if (!value.is_string()) return wrong(name, "is not a whole number");
  }
  auto value = text(name);
  if (!value) return std::move(value).error();
  if (!value->has_value()) return std::optional<std::uint64_t>{};
  const std::string& digits = **value;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) {
    return wrong(name, "is not a whole number");
  }
  return std::optional{number};
}

chatrt::Result<std::optional<chatrt::UserId>> Arguments::user(std::string_view name) const {
  auto value = text(name);
  if (!value) return std::move(value).error();
  if (!value->has_value()) return std::optional<chatrt::UserId>{};
  auto user = chatrt::UserId::parse(**value);
  if (!user) return wrong(name, "is no user id");
  return std::optional{*std::move(user)};
}

chatrt::Result<std::optional<chatrt::ConversationId>> Arguments::conversation(
    std::string_view name) const {
  if (is_json_) {
    const auto number = body_.find(name).as_uint64();
    if (number && *number > 0) return std::optional{chatrt::ConversationId{*number}};
  }
  auto value = text(name);
  if (!value) return std::move(value).error();
  if (!value->has_value()) return std::optional<chatrt::ConversationId>{};
  const auto id = chatrt::gateway::parse_conversation_id(**value);
  if (!id) return wrong(name, "is no conversation id");
  return std::optional{*id};
}

}  // namespace chatd
