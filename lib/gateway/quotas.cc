#include "quotas.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace chatrt::gateway {
namespace {

std::int64_t ns_of(MonotonicTime time) {
  return std::chrono::nanoseconds{time.time_since_epoch()}.count();
}

}  // namespace

std::optional<Duration> Bucket::take(const Rate& rate, MonotonicTime now) {
  constexpr double kSecond = 1e9;
  constexpr double kDays = 1e15;  // 11 of them: whatever is asked for, the sums fit
  const double time_of_one = std::min(std::ceil(kSecond / rate.per_second), kDays);
  const auto each = static_cast<std::int64_t>(time_of_one);
  const auto all = static_cast<std::int64_t>(std::min(rate.burst * time_of_one, 1000 * kDays));
  const std::int64_t at = ns_of(now);
  std::int64_t full_at = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t next = std::max(full_at, at) + each;
    if (const std::int64_t early = next - at - all; early > 0) {
      return std::chrono::ceil<Duration>(std::chrono::nanoseconds{early});
    }
    if (full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) {
      return std::nullopt;
    }
  }
}

bool Bucket::is_full(MonotonicTime now) const {
  return full_at_.load(std::memory_order_relaxed) <= ns_of(now);
}

std::shared_ptr<Bucket> Quotas::find(Buckets& buckets, std::string key, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  auto& by_key = buckets.by_key;
  if (by_key.size() >= buckets.forget_at) {
    std::erase_if(by_key, [now](const auto& entry) {
      return entry.second.use_count() == 1 && entry.second->is_full(now);
    });
    buckets.forget_at = std::max<std::size_t>(1024, 2 * by_key.size());
  }
  std::shared_ptr<Bucket>& bucket = by_key[std::move(key)];
  if (!bucket) bucket = std::make_shared<Bucket>();
  return bucket;
}

std::shared_ptr<Bucket> Quotas::of_user(const UserId& user, MonotonicTime now) {
  return find(users_, user.str(), now);
}

std::shared_ptr<Bucket> Quotas::of_address(std::string_view address, MonotonicTime now) {
  return find(addresses_, std::string(address), now);
}

std::optional<Duration> Quotas::take(const UserId& user, std::string_view address,
                                     MonotonicTime now) {
  Kept none;
  return take(none, user, address, now);
}

std::optional<Duration> Quotas::take(Kept& kept, const UserId& user, std::string_view address,
                                     MonotonicTime now) {
  const Rate& of_users = options_.user_rate;
  if (of_users.per_second > 0 && !user.empty()) {
    if (!kept.user) kept.user = of_user(user, now);
    if (const auto wait = kept.user->take(of_users, now)) return wait;
  }
  const Rate& of_addresses = options_.address_rate;
  if (of_addresses.per_second <= 0 || address.empty()) return std::nullopt;
  if (!kept.address) kept.address = of_address(address, now);
  return kept.address->take(of_addresses, now);
}

bool Quotas::enter(const UserId& user, bool takes_a_place) {
  if (options_.connections_per_user == 0) return true;
  const std::lock_guard lock(mutex_);
  std::size_t& count = connections_[user.str()];
  if (!takes_a_place && count >= options_.connections_per_user) return false;
  ++count;
  return true;
}

void Quotas::leave(const UserId& user) {
  if (options_.connections_per_user == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(user.str());
  if (found != connections_.end() && --found->second == 0) connections_.erase(found);
}

}  // namespace chatrt::gateway
