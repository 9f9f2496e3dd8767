#include "jwt_authorizer.h"

#include <utility>

namespace chatd::auth {

using chatrt::Credentials;
using chatrt::Errc;
using chatrt::Error;
using chatrt::Identity;
using chatrt::Result;
using chatrt::Status;

JwtAuthorizer::JwtAuthorizer(JwtKeys keys, JwtPolicy policy, const Revocations& revocations,
                             const chatrt::Clock& clock, chatrt::LogSink& log)
    : policy_(std::move(policy)), revocations_(revocations), clock_(clock), log_(log) {
  set_keys(std::move(keys));
}

void JwtAuthorizer::set_keys(JwtKeys keys) {
  auto fresh = std::make_shared<const JwtKeys>(std::move(keys));
  const std::lock_guard lock(mutex_);
  keys_.swap(fresh);
}

std::shared_ptr<const JwtKeys> JwtAuthorizer::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

// The client is told the same of all that is not one of ours: what was wrong with it would help
// those who make one up. The log has it.
Result<Identity> JwtAuthorizer::authenticate(const Credentials& credentials) const {
  if (credentials.token.empty()) return Error{Errc::token_missing, "a token is needed"};
  auto identity = verify_jwt(credentials.token, *keys(), policy_, clock_.now());
  if (!identity && identity.error().code == Errc::token_expired) {
    return Error{Errc::token_expired, "the token has expired"};
  }
  if (!identity) {
    log_.log(chatrt::LogLevel::info, "token_refused",
             {{"why", std::string_view{identity.error().detail}}});
    return Error{Errc::token_malformed, "the token is not valid"};
  }
  if (const Status held = check(*identity); !held) return held.error();
  if (credentials.claimed_user && *credentials.claimed_user != identity->user) {
    return Error{Errc::permission_denied, "the token is another user's"};
  }
  return identity;
}

Status JwtAuthorizer::authorize(const chatrt::UserId&, const chatrt::Action&) const { return {}; }

Status JwtAuthorizer::check(const Identity& identity) const {
  if (!revocations_.covers(identity)) return {};
  return Error{Errc::token_revoked, "the token was taken back"};
}

}  // namespace chatd::auth
