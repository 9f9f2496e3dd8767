// Base64 (RFC 4648 section 4). What is taken may also be in the alphabet for URLs, with spaces and
// line ends, and without its padding: the reference takes that, and the Java client ends it in a
// line feed.
#pragma once

#include <string>
#include <string_view>

namespace chatrt::engineio {

void append_base64(std::string& out, std::string_view bytes);
// False if `text` is not base64; `out` is then unspecified.
bool decode_base64(std::string_view text, std::string& out);

}  // namespace chatrt::engineio
