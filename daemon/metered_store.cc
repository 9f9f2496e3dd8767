#include "metered_store.h"

#include <algorithm>
#include <chrono>

namespace chatd {

using namespace chatrt;

namespace {

// 0 if nothing new was stored.
Position last_of(const std::vector<Result<Appended>>& results) {
  const auto last = std::find_if(results.rbegin(), results.rend(),
                                 [](const auto& result) { return result && !result->repeated; });
  return last == results.rend() ? Position{} : position_of((*last)->change);
}

}  // namespace

void Histogram::record(std::uint64_t us) noexcept {
  std::size_t i = 0;
  while (i < kBounds.size() && us > kBounds[i]) ++i;
  counts_[i] += 1;
  sum_ += us;
}

std::array<std::uint64_t, Histogram::kBounds.size() + 1> Histogram::cumulative() const noexcept {
  std::array<std::uint64_t, kBounds.size() + 1> sums{};
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = sum += counts_[i];
  return sums;
}

Result<std::vector<Result<Appended>>> MeteredStore::append(std::span<Draft> drafts, Timestamp now) {
  const auto begin = std::chrono::steady_clock::now();
  auto result = store_->append(drafts, now);
  const auto took = std::chrono::steady_clock::now() - begin;
  append_time_.record(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  if (end_ && result) {
    if (const Position last = last_of(*result); last != Position{}) end_->note(last);
  }
  return result;
}

Result<Position> MeteredStore::last_position() const { return store_->last_position(); }

Result<Page<Change>> MeteredStore::read_for_user(const UserId& user, Position after,
                                                 PageLimit limit) const {
  return store_->read_for_user(user, after, limit);
}

Result<Page<Message>> MeteredStore::read_undelivered(const UserId& user, Position after,
                                                     PageLimit limit) const {
  return store_->read_undelivered(user, after, limit);
}

Result<Page<Message>> MeteredStore::read_conversation(const UserId& reader, const Target& target,
                                                      SequenceRange range, PageLimit limit) const {
  return store_->read_conversation(reader, target, range, limit);
}

Result<Page<Conversation>> MeteredStore::conversations_of(const UserId& user,
                                                          std::optional<Position> before,
                                                          PageLimit limit) const {
  return store_->conversations_of(user, before, limit);
}

Result<std::vector<UserId>> MeteredStore::contacts_of(const UserId& user) const {
  return store_->contacts_of(user);
}

Result<std::vector<UserId>> MeteredStore::contacts_among(const UserId& user,
                                                         std::span<const UserId> users) const {
  return store_->contacts_among(user, users);
}

Result<Page<Change>> MeteredStore::read_log(Position after, PageLimit limit) const {
  return store_->read_log(after, limit);
}

}  // namespace chatd
