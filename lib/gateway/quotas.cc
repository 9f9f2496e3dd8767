#include "quotas.h"

#include <algorithm>
#include <cmath>

namespace chatrt::gateway {
namespace {

double owed_now(const Bucket& bucket, const Rate& rate, MonotonicTime now) {
  const auto passed = static_cast<double>((now - bucket.at).count()) / 1000;
  return std::max(0.0, bucket.owed - passed * rate.per_second);
}

}  // namespace

std::optional<Duration> Bucket::take(const Rate& rate, MonotonicTime now) {
  owed = owed_now(*this, rate, now);
  at = now;
  const double over = owed + 1 - rate.burst;
  if (over > 0) {
    return Duration{static_cast<Duration::rep>(std::ceil(over / rate.per_second * 1000))};
  }
  owed += 1;
  return std::nullopt;
}

bool Bucket::is_full(const Rate& rate, MonotonicTime now) const {
  return owed_now(*this, rate, now) <= 0;
}

std::optional<Duration> Quotas::take(Buckets& buckets, std::size_t& forget_at,
                                     const std::string& key, const Rate& rate, MonotonicTime now) {
  if (rate.per_second <= 0 || key.empty()) return std::nullopt;
  if (buckets.size() >= forget_at) {
    std::erase_if(buckets, [&](const auto& entry) { return entry.second.is_full(rate, now); });
    forget_at = std::max<std::size_t>(1024, 2 * buckets.size());
  }
  return buckets[key].take(rate, now);
}

std::optional<Duration> Quotas::take(const UserId& user, std::string_view address,
                                     MonotonicTime now) {
  if (options_.user_rate.per_second <= 0 && options_.address_rate.per_second <= 0) {
    return std::nullopt;
  }
  const std::lock_guard lock(mutex_);
  if (auto wait = take(users_, forget_users_at_, user.str(), options_.user_rate, now)) return wait;
  return take(addresses_, forget_addresses_at_, std::string(address), options_.address_rate, now);
}

bool Quotas::enter(const UserId& user) {
  if (options_.connections_per_user == 0) return true;
  const std::lock_guard lock(mutex_);
  std::size_t& count = connections_[user.str()];
  if (count >= options_.connections_per_user) return false;
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
