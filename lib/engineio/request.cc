#include "request.h"

#include <string>

namespace chatrt::engineio {

Query parse_query(std::string_view query) noexcept {
  Query found;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    const std::size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    if (name == "EIO") found.eio = value;
    if (name == "transport") found.transport = value;
    if (name == "sid") found.sid = value;
  }
  return found;
}

std::string_view error_message(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::transport_unknown: return "Transport unknown";
    case ErrorCode::session_unknown: return "Session ID unknown";
    case ErrorCode::bad_handshake_method: return "Bad handshake method";
    case ErrorCode::bad_request: return "Bad request";
    case ErrorCode::forbidden: return "Forbidden";
    case ErrorCode::unsupported_version: return "Unsupported protocol version";
  }
  return "Bad request";
}

std::string error_body(ErrorCode code, std::string_view message) {
  std::string body = "{\"code\":" + std::to_string(static_cast<int>(code)) + ",\"message\":\"";
  for (const char c : message.empty() ? error_message(code) : message) {
    if (c == '"' || c == '\\') body.push_back('\\');
    body.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
  return body + "\"}";
}

}  // namespace chatrt::engineio
