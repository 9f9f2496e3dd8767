// A Registry knows which user is on which connections of this process.
//
// Threads: every member may be called from any thread and does not block. Ownership: the host owns
// it and outlives the Hub with it; the Hub is the only one to change it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "chatrt/export.h"
#include "chatrt/message.h"

namespace chatrt {

class CHATRT_EXPORT Registry {
 public:
  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  virtual ~Registry();

  // Puts `connection` under `user` and returns how many connections the user has now. A connection
  // that is there already under the same user stays; under another user it moves.
  virtual std::size_t add(const UserId& user, ConnectionId connection) = 0;

  struct Removed {
    UserId user;
    std::size_t remaining;  // connections the user still has
  };
  // Nothing if the connection was not there.
  virtual std::optional<Removed> remove(ConnectionId connection) = 0;

  // Appends the user's connections to `out`, in the order they came.
  virtual void connections_of(const UserId& user, std::vector<ConnectionId>& out) const = 0;
  virtual std::optional<UserId> user_of(ConnectionId connection) const = 0;
  virtual std::size_t connection_count(const UserId& user) const = 0;
  virtual std::size_t connection_count() const = 0;
  virtual std::size_t user_count() const = 0;
};

CHATRT_EXPORT std::unique_ptr<Registry> make_memory_registry();

}  // namespace chatrt
