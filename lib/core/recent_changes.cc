#include "recent_changes.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "reuse.h"

namespace chatrt {

RecentChanges::RecentChanges(std::size_t changes_max, std::size_t bytes_max)
    : changes_max_(std::max<std::size_t>(changes_max, 1)), bytes_max_(bytes_max) {}

void RecentChanges::reset(Position head) {
  while (count_ > 0) drop_oldest();
  head_ = head;
}

const Change& RecentChanges::push(Change&& change) {
  assert(position_of(change).value == head_.value + 1);
  const std::size_t bytes = text_bytes(change);
  while (count_ > 0 && (count_ == changes_max_ || bytes_ + bytes > bytes_max_)) drop_oldest();
  if (count_ == changes_.size()) grow();

  const std::size_t slot = slot_of(count_);
  members_[slot] = hashes_of(change);
  std::swap(changes_[slot], change);
  ++count_;
  bytes_ += bytes;
  ++head_.value;
  return changes_[slot];
}

bool RecentChanges::is_member(const Change& change, const UserId& user) {
  if (const auto* message = std::get_if<Message>(&change)) {
    return message->author == user || message->receiver == user;
  }
  const auto& mark = std::get<MarkAdvanced>(change);
  return mark.user == user || mark.peer == user;
}

RecentChanges::MemberHashes RecentChanges::hashes_of(const Change& change) {
  if (const auto* message = std::get_if<Message>(&change)) {
    return {hash_of(message->author), hash_of(message->receiver)};
  }
  const auto& mark = std::get<MarkAdvanced>(change);
  return {hash_of(mark.user), hash_of(mark.peer)};
}

void RecentChanges::drop_oldest() {
  Change& oldest = changes_[oldest_];
  bytes_ -= text_bytes(oldest);
  if (!is_reusable(oldest)) oldest = Change{};
  oldest_ = slot_of(1);
  --count_;
}

void RecentChanges::grow() {
  std::vector<Change> changes(std::max<std::size_t>(changes_.size() * 2, 16));
  std::vector<MemberHashes> members(changes.size());
  for (std::size_t i = 0; i < count_; ++i) {
    changes[i] = std::move(changes_[slot_of(i)]);
    members[i] = members_[slot_of(i)];
  }
  changes_ = std::move(changes);
  members_ = std::move(members);
  oldest_ = 0;
}

}  // namespace chatrt
