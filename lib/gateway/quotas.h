// Quotas: how many events connections, users and addresses may send, as token buckets; and how many
// connections a user may have.
//
// Threads: any. A user or an address is forgotten once its bucket is full again.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "chatrt/clock.h"
#include "chatrt/gateway/chat.h"
#include "chatrt/message.h"

namespace chatrt::gateway {

// What was taken and is not yet made up for by time.
struct Bucket {
  double owed = 0;
  MonotonicTime at{};

  // Takes one, or says how long to wait for it.
  std::optional<Duration> take(const Rate& rate, MonotonicTime now);
  bool is_full(const Rate& rate, MonotonicTime now) const;
};

class Quotas {
 public:
  explicit Quotas(const ChatOptions& options) : options_(options) {}

  // Nothing, or how long to wait. `user` may be empty.
  std::optional<Duration> take(const UserId& user, std::string_view address, MonotonicTime now);

  // One more connection of `user`; false: it is one too many, and leave() must not follow.
  bool enter(const UserId& user);
  void leave(const UserId& user);

 private:
  using Buckets = std::unordered_map<std::string, Bucket>;
  std::optional<Duration> take(Buckets& buckets, std::size_t& forget_at, const std::string& key,
                               const Rate& rate, MonotonicTime now);

  const ChatOptions& options_;
  std::mutex mutex_;
  // All guarded by mutex_.
  Buckets users_, addresses_;
  std::size_t forget_users_at_ = 1024, forget_addresses_at_ = 1024;
  std::unordered_map<std::string, std::size_t> connections_;
};

}  // namespace chatrt::gateway
