// The client ids that no run has yet: hash -> positions, in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "client_id_runs.h"

namespace chatrt::sqlite {

class PendingIds {
 public:
  using Entry = ClientIdRuns::Entry;

  std::size_t size() const noexcept { return entries_.size(); }
  // In the order they came.
  std::span<const Entry> entries() const noexcept { return entries_; }

  void prefetch(std::uint64_t hash) const noexcept {
    if (!slots_.empty()) __builtin_prefetch(&slots_[slot_of(hash)]);
  }
  // Appends the positions of the entries with this hash.
  void find(std::uint64_t hash, std::vector<std::int64_t>& positions) const;
  // If it throws, for lack of memory, nothing has changed.
  void add(const Entry& entry);
  // Takes back what was added last. REQUIRES: size <= size()
  void truncate(std::size_t size) noexcept;

 private:
  std::size_t slot_of(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(hash) & (slots_.size() - 1);
  }
  std::size_t next(std::size_t slot) const noexcept { return (slot + 1) & (slots_.size() - 1); }
  void grow();
  void place(std::uint32_t number) noexcept;

  std::vector<Entry> entries_;
  // Open addressing: the number of an entry, from 1, or 0. They are a power of two, and twice the
  // entries at least. Where one lies depends on those before it alone, so the last can be taken
  // out.
  std::vector<std::uint32_t> slots_;
};

}  // namespace chatrt::sqlite
