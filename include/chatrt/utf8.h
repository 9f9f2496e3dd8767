// Checks of text that comes from outside. Pure functions; any thread.
#pragma once

#include <string_view>

#include "chatrt/export.h"

namespace chatrt {

// Whether `text` is well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above
// U+10FFFF, nothing cut off. NUL is well-formed; who does not want it asks has_nul(). ASCII is
// checked eight bytes at a time.
CHATRT_EXPORT bool is_valid_utf8(std::string_view text) noexcept;

inline bool has_nul(std::string_view text) noexcept {
  return text.find('\0') != std::string_view::npos;
}

// Whether there is a control character in `text`: C0 (NUL included), DEL or C1. REQUIRES:
// is_valid_utf8(text)
CHATRT_EXPORT bool has_control_characters(std::string_view text) noexcept;

}  // namespace chatrt
