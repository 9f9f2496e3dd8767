// JwtAuthorizer: users are the subjects of signed tokens. Operators may call for any user: see
// OperatorKey.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "chatrt/authorizer.h"
#include "chatrt/clock.h"
#include "chatrt/log.h"
#include "jwt.h"
#include "jwt_key.h"
#include "revocations.h"

namespace chatd::auth {

class JwtAuthorizer final : public chatrt::Authorizer {
 public:
  JwtAuthorizer(JwtKeys keys, JwtPolicy policy, const Revocations& revocations,
                const chatrt::Clock& clock, chatrt::LogSink& log);

  // The keys from now on. Who is connected stays.
  void set_keys(JwtKeys keys);

  chatrt::Result<chatrt::Identity> authenticate(
      const chatrt::Credentials& credentials) const override;
  chatrt::Status authorize(const chatrt::UserId&, const chatrt::Action&) const override;
  chatrt::Status check(const chatrt::Identity& identity) const override;
  std::uint64_t revision() const noexcept override { return revocations_.revision(); }

 private:
  std::shared_ptr<const JwtKeys> keys() const;

  const JwtPolicy policy_;
  const Revocations& revocations_;
  const chatrt::Clock& clock_;
  chatrt::LogSink& log_;
  mutable std::mutex mutex_;
  std::shared_ptr<const JwtKeys> keys_;
};

}  // namespace chatd::auth
