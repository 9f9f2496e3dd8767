// What POST /v1/revocations asks for.
#pragma once

#include "auth/revocations.h"
#include "chatrt/clock.h"
#include "chatrt/result.h"
#include "http_call.h"

namespace chatd {

// {tokenId, expiresAt?}, {userId, issuedBefore?} or {issuedBefore}; times are seconds, as in
// tokens. Of a user without a time: all that were issued up to now.
chatrt::Result<auth::Revocation> read_revocation(const Arguments& arguments, chatrt::Timestamp now);

}  // namespace chatd
