// Quotas: how many events connections, users and addresses may send, as token buckets; and how many
// connections a user may have.
//
// Threads: any. Those who take from a bucket again and again keep it, so that only who comes new
// waits for a lock. A user or an address is forgotten once its bucket is full again and nobody has
// it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "chatrt/clock.h"
#include "chatrt/gateway/chat.h"
#include "chatrt/message.h"

namespace chatrt::gateway {

// A token bucket by the time at which it is full again: the generic cell rate algorithm (ITU-T
// I.371), of which all that must be kept is one number.
class Bucket {
 public:
  // Takes one, or says how long to wait for it. REQUIRES: rate.per_second > 0
  std::optional<Duration> take(const Rate& rate, MonotonicTime now);
  bool is_full(MonotonicTime now) const;

 private:
  std::atomic<std::int64_t> full_at_{0};  // in ns
};

class Quotas {
 public:
  explicit Quotas(const ChatOptions& options) : options_(options) {}

  // What all events of one user or one address are taken from, by their rate.
  std::shared_ptr<Bucket> of_user(const UserId& user, MonotonicTime now);
  std::shared_ptr<Bucket> of_address(std::string_view address, MonotonicTime now);
  // Those that somebody keeps, once they have been asked for.
  struct Kept {
    std::shared_ptr<Bucket> user;
    std::shared_ptr<Bucket> address;
  };
  // Takes one of both, where there are limits: nothing, or how long to wait. Either may be empty.
  std::optional<Duration> take(const UserId& user, std::string_view address, MonotonicTime now);
  // The same for who has `kept` of them, which it fills.
  std::optional<Duration> take(Kept& kept, const UserId& user, std::string_view address,
                               MonotonicTime now);

  // One more connection of `user`; false: it is one too many, and leave() must not follow. What
  // takes the place of another is none too many: that one leaves soon.
  bool enter(const UserId& user, bool takes_a_place = false);
  void leave(const UserId& user);

 private:
  struct Buckets {
    std::unordered_map<std::string, std::shared_ptr<Bucket>> by_key;
    std::size_t forget_at = 1024;
  };
  std::shared_ptr<Bucket> find(Buckets& buckets, std::string key, MonotonicTime now);

  const ChatOptions& options_;
  std::mutex mutex_;
  // All guarded by mutex_.
  Buckets users_, addresses_;
  std::unordered_map<std::string, std::size_t> connections_;
};

}  // namespace chatrt::gateway
