// The Authorizer says who somebody is and what they may do.
//
// Threads: every member may be called from any thread and does not block. Ownership: the host owns
// it and outlives the Hub and the gateway with it.
#pragma once

#include <cstdint>
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
  // What check() may want to know again.
  std::string token_id = {};
  std::optional<Timestamp> issued_at = {};
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

  // An Error if the credentials do not hold: one of the token_... codes, or `permission_denied` if
  // they name another user than the one claimed. Without a token and a claimed user,
  // `unauthenticated` means that a claim may follow (the gateway then waits for `register`), and
  // `token_missing` that none would help.
  virtual Result<Identity> authenticate(const Credentials& credentials) const = 0;
  // The Hub asks for a PostAction before post() and typing(), and for a ReadAction before
  // history(). It does not ask before anything else: members of a conversation hear what is written
  // in it, and have it in sync(), conversations() and what they missed. So who may write to whom is
  // decided here; who is a member is not.
  virtual Status authorize(const UserId& user, const Action& action) const = 0;

  // Does what authenticate() gave still hold, apart from its time? Asked about once a second of the
  // connections that are there, but only after revision() has changed. The default: always, and it
  // never changes.
  virtual Status check(const Identity& identity) const;
  virtual std::uint64_t revision() const noexcept;
};

// Believes everybody and allows everything: for tests, `chatd --dev`, and hosts that have checked
// before.
CHATRT_EXPORT std::unique_ptr<Authorizer> make_open_authorizer();

}  // namespace chatrt
