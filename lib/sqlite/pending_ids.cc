#include "pending_ids.h"

#include <algorithm>
#include <utility>

namespace chatrt::sqlite {
namespace {

constexpr std::size_t kSlotsMin = 64;

}  // namespace

void PendingIds::find(std::uint64_t hash, std::vector<std::int64_t>& positions) const {
  if (entries_.empty()) return;
  for (std::size_t slot = slot_of(hash); slots_[slot] != 0; slot = next(slot)) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash) positions.push_back(entry.position);
  }
}

void PendingIds::add(const Entry& entry) {
  if (2 * (entries_.size() + 1) > slots_.size()) grow();
  entries_.push_back(entry);
  place(static_cast<std::uint32_t>(entries_.size()));
}

void PendingIds::truncate(std::size_t size) noexcept {
  for (; entries_.size() > size; entries_.pop_back()) {
    std::size_t slot = slot_of(entries_.back().hash);
    while (slots_[slot] != entries_.size()) slot = next(slot);
    slots_[slot] = 0;
  }
}

void PendingIds::grow() {
  std::vector<std::uint32_t> slots(std::max(kSlotsMin, 2 * slots_.size()));
  slots_ = std::move(slots);
  for (std::uint32_t number = 1; number <= entries_.size(); ++number) place(number);
}

void PendingIds::place(std::uint32_t number) noexcept {
  std::size_t slot = slot_of(entries_[number - 1].hash);
  while (slots_[slot] != 0) slot = next(slot);
  slots_[slot] = number;
}

}  // namespace chatrt::sqlite
