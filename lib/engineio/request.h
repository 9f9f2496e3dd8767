// What a request asks for, and the error answers of Engine.IO.
#pragma once

#include <optional>
#include <string_view>

#include "chatrt/engineio/server.h"

namespace chatrt::engineio {

// The parameters of a query that Engine.IO reads; of duplicates the last one counts.
struct Query {
  std::string_view eio;
  std::string_view transport;
  std::string_view sid;
};
Query parse_query(std::string_view query) noexcept;

enum class ErrorCode {
  transport_unknown = 0,
  session_unknown = 1,
  bad_handshake_method = 2,
  bad_request = 3,
  forbidden = 4,
  unsupported_version = 5,
};
// "Transport unknown", ...
std::string_view error_message(ErrorCode code) noexcept;
// {"code":0,"message":"Transport unknown"}, as JSON; `message` in place of the fixed one if given.
std::string error_body(ErrorCode code, std::string_view message = {});

}  // namespace chatrt::engineio
