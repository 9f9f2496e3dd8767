// The newest changes of the log, kept in memory for those who resume.
//
// Threads: on the commit lane alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "chatrt/message.h"

namespace chatrt {

class RecentChanges {
 public:
  // Keeps at most `changes_max` changes with `bytes_max` bytes of text; the oldest go first.
  RecentChanges(std::size_t changes_max, std::size_t bytes_max);

  // Forgets all: the next change comes after `head`.
  void reset(Position head);
  // Takes the change after head(), and leaves in `change` what is to be forgotten: memory to be
  // used again. The reference holds until the next push() or reset().
  const Change& push(Change&& change);

  // The position of the newest change.
  Position head() const { return head_; }
  // Whether all changes above `after` are here. REQUIRES: after <= head()
  bool covers(Position after) const { return after.value + count_ >= head_.value; }

  // Calls `take(const Change&)` for the user's changes above `after`, oldest first, as long as it
  // returns true; returns whether it always did. REQUIRES: covers(after)
  template <typename Take>
  bool for_user(const UserId& user, Position after, Take take) const {
    const std::uint64_t hash = hash_of(user);
    for (std::uint64_t n = head_.value - after.value; n > 0; --n) {
      const std::size_t slot = slot_of(count_ - n);
      if (members_[slot].first != hash && members_[slot].second != hash) continue;
      if (is_member(changes_[slot], user) && !take(changes_[slot])) return false;
    }
    return true;
  }

 private:
  // Of both members' ids: a look through all changes touches these alone.
  struct MemberHashes {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
  };

  static std::uint64_t hash_of(const UserId& user) { return std::hash<UserId>{}(user); }
  static bool is_member(const Change& change, const UserId& user);
  static MemberHashes hashes_of(const Change& change);

  // The slot of the `index`th oldest.
  std::size_t slot_of(std::size_t index) const { return (oldest_ + index) & (changes_.size() - 1); }
  void drop_oldest();
  void grow();

  const std::size_t changes_max_;
  const std::size_t bytes_max_;
  // A ring; its size is a power of two.
  std::vector<Change> changes_;
  std::vector<MemberHashes> members_;
  std::size_t oldest_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  Position head_;
};

}  // namespace chatrt
