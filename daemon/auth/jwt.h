// JSON Web Tokens (RFC 7519, signed in compact form as RFC 7515 has it): is this one of ours, and
// whose?
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "chatrt/authorizer.h"
#include "chatrt/clock.h"
#include "chatrt/result.h"
#include "jwt_key.h"

namespace chatd::auth {

inline constexpr std::size_t kTokenBytesMax = 8192;
inline constexpr chatrt::Duration kLeeway{30000};  // between our clock and the issuer's

struct JwtPolicy {
  std::string issuer;    // what `iss` must be; empty: anything
  std::string audience;  // what `aud` must name; empty: anything
};

// Who the token names. It must have `sub` (a user id) and `exp`; `nbf` and `iat`, where they are,
// must not lie ahead; `jti`, where it is, is the token's id. The leeway goes for all times.
//
// Errors: token_malformed, with a detail for the log, for anything that is not one of ours - the
// client is not told which; token_expired only for what is one of ours but for its time.
chatrt::Result<chatrt::Identity> verify_jwt(std::string_view token, const JwtKeys& keys,
                                            const JwtPolicy& policy, chatrt::Timestamp now);

}  // namespace chatd::auth
