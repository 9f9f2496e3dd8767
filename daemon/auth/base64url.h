// base64url without padding (RFC 7515), read strictly.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chatd::auth {

// Nothing for padding, other characters, an impossible length or bits left over: each text has one
// form alone.
std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace chatd::auth
