// Heads: what the rows of `conversations` do not say yet.
//
// A message changes its conversation's row, and each such row may be on a page of its own. So the
// rows follow later, thousands at once and sorted (head_rows.h), and until then the heads of those
// conversations are here, as each commit has left them. A reader sees the file as one commit left
// it; a View gives it the heads as of the same commit.
//
// Threads: generation(), view() and what a View has are any thread's; the rest is the writer's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <vector>

#include "tail.h"

namespace chatrt::sqlite {

class Heads {
 public:
  // So many changes are a tail; the next one begins when the rows that the last one has are
  // written.
  explicit Heads(std::size_t tail_max) : tail_max_(static_cast<std::int64_t>(tail_max)) {}

  // --- for readers

  // Changes whenever one of the tails goes or comes.
  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }

  class View {
   public:
    // The conversation's head as of the view's position; `row` is what the file has of it.
    Head head(std::int64_t conversation, const Head& row) const;
    // Those of the user's conversations whose rows may be behind, by their ids, with their heads.
    std::vector<Tail::Found> heads_of(std::int64_t user) const;

   private:
    friend class Heads;
    const Heads* heads_ = nullptr;
    std::int64_t up_to_ = 0;
    std::shared_ptr<const Tail> closed_, current_;
  };
  // For a transaction that sees the log up to `up_to`: of use if generation() is what it was before
  // the transaction began, else a tail that it needs may be missing.
  View view(std::int64_t up_to) const;

  // --- for the writer

  // The log begins here, or all rows are complete up to here.
  void start(std::int64_t position);
  // The newest head; `row` is what the file has.
  Head newest(std::int64_t conversation, const Head& row) const;

  // A transaction begins.
  void begin() noexcept;
  void add(std::int64_t conversation, Members members, const Head& head);
  // Those whose rows are to be written in this transaction, which has made so many changes.
  struct Due {
    std::span<const std::int64_t> conversations;
    std::optional<std::int64_t> complete_to;  // with them, all rows are complete up to here
  };
  Due take_due(std::int64_t changes) noexcept;
  bool has_due() const noexcept { return closed_ != nullptr; }
  // It is committed, and the log ends at `last_position`. Or it has not come about; that takes no
  // memory: the lack of it may be why.
  void commit(std::int64_t last_position) noexcept;
  void roll_back() noexcept;

 private:
  void close_current(std::int64_t last_position);

  const std::int64_t tail_max_;
  mutable std::shared_mutex mutex_;
  std::atomic<std::uint64_t> generation_{0};
  // Both guarded by mutex_, but for the writer's own reads.
  std::shared_ptr<Tail> current_;
  std::shared_ptr<Tail> closed_;  // none: no rows are due
  // Of the closed one.
  std::vector<std::int64_t> due_;
  std::size_t taken_ = 0;
  // To take back the transaction.
  std::size_t size_before_ = 0;
  std::size_t taken_before_ = 0;
};

}  // namespace chatrt::sqlite
