// The Authorizer says who somebody is and what they may do.
//
// Threads: every member may be called from any thread and does not block. Ownership: the host owns
// it and outlives the Hub and the gateway with it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "chatrt/clock.h"
#include "chatrt/export.h"
#include "chatrt/message.h"
#include "chatrt/result.h"

namespace chatrt {

// What somebody shows to say who they are.
struct Credentials {
  std::string token;                        // empty: none
  std::optional<UserId> claimed_user = {};  // as in `register` or `senderId`
};

struct Identity {
  UserId user;
  std::optional<Timestamp> expires_at = {};  // none: holds as long as the connection
};

// What somebody is about to do. Membership is not asked here: the store checks it with the data.
struct PostAction {
  const Target& target;
};
struct ReadAction {
  const Target& target;
};
using Action = std::variant<PostAction, ReadAction>;

class CHATRT_EXPORT Authorizer {
 public:
  Authorizer() = default;
  Authorizer(const Authorizer&) = delete;
  Authorizer& operator=(const Authorizer&) = delete;
  virtual ~Authorizer();

  // `unauthenticated` if the credentials do not hold, `permission_denied` if they name another user
  // than the one claimed.
  virtual Result<Identity> authenticate(const Credentials& credentials) const = 0;
  virtual Status authorize(const UserId& user, const Action& action) const = 0;
};

// Believes everybody and allows everything: for tests, `chatd --dev`, and hosts that have checked
// before.
CHATRT_EXPORT std::unique_ptr<Authorizer> make_open_authorizer();

}  // namespace chatrt
