#include "revoke_call.h"

#include <utility>

namespace chatd {
namespace {

using chatrt::Duration;
using chatrt::Errc;
using chatrt::Error;
using chatrt::Result;
using chatrt::Timestamp;

constexpr std::uint64_t kSecondsMax = 253402300799;  // the end of the year 9999

Result<std::optional<Timestamp>> time_of(const Arguments& arguments, std::string_view name) {
  const auto seconds = arguments.number(name);
  if (!seconds) return seconds.error();
  if (!*seconds) return std::optional<Timestamp>{};
  if (**seconds == 0 || **seconds > kSecondsMax) {
    return Error{Errc::invalid_argument, std::string{name} + " is no time in seconds"};
  }
  return std::optional{Timestamp{Duration{static_cast<Duration::rep>(**seconds * 1000)}}};
}

}  // namespace

Result<auth::Revocation> read_revocation(const Arguments& arguments, Timestamp now) {
  auto token = arguments.text("tokenId");
  if (!token) return std::move(token).error();
  auto user = arguments.user("userId");
  if (!user) return std::move(user).error();
  const auto before = time_of(arguments, "issuedBefore");
  if (!before) return before.error();
  const auto expires = time_of(arguments, "expiresAt");
  if (!expires) return expires.error();

  auth::Revocation revocation;
  if (*token) {
    if (*user || *before) {
      return Error{Errc::invalid_argument, "tokenId goes with neither userId nor issuedBefore"};
    }
    if ((*token)->empty()) return Error{Errc::invalid_argument, "tokenId is empty"};
    revocation.token_id = **std::move(token);
    revocation.expires_at = *expires;
    return revocation;
  }
  if (!*user && !*before) {
    return Error{Errc::invalid_argument, "tokenId, userId or issuedBefore is missing"};
  }
  revocation.user = *std::move(user);
  revocation.issued_until = *before ? **before - Duration{1} : now;
  return revocation;
}

}  // namespace chatd
