// Standard base64 with padding (RFC 4648 section 4), strict: nothing else is taken.
#pragma once

#include <string>
#include <string_view>

namespace chatrt::engineio {

void append_base64(std::string& out, std::string_view bytes);
// False if `text` is not base64; `out` is then unspecified.
bool decode_base64(std::string_view text, std::string& out);

}  // namespace chatrt::engineio
