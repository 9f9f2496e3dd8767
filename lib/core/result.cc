#include "chatrt/result.h"

namespace chatrt {

std::string_view error_name(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::unauthenticated: return "unauthenticated";
    case Errc::permission_denied: return "permission_denied";
    case Errc::not_found: return "not_found";
    case Errc::conflict: return "conflict";
    case Errc::too_large: return "too_large";
    case Errc::rate_limited: return "rate_limited";
    case Errc::busy: return "busy";
    case Errc::storage_full: return "storage_full";
    case Errc::unavailable: return "unavailable";
    case Errc::corrupt: return "corrupt";
    case Errc::gone: return "gone";
    case Errc::shutting_down: return "shutting_down";
    case Errc::unknown_event: return "unknown_event";
    case Errc::internal: return "internal";
    case Errc::token_missing: return "token_missing";
    case Errc::token_malformed: return "token_malformed";
    case Errc::token_expired: return "token_expired";
    case Errc::token_revoked: return "token_revoked";
  }
  return "internal";
}

}  // namespace chatrt
