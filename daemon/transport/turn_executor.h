// TurnExecutor: passes tasks on to another Executor, those of a shard's thread at the end of the
// shard's turn.
//
// A commit lane that is woken by the first message of a turn commits that one alone, while the
// others of the turn are still being read: one wake-up and one commit for each turn cost a
// fraction.
#pragma once

#include <utility>

#include "chatrt/executor.h"
#include "shard.h"

namespace chatd::transport {

class TurnExecutor final : public chatrt::Executor {
 public:
  // `executor` outlives this and the shards.
  explicit TurnExecutor(chatrt::Executor& executor) : executor_(executor) {}

  void post(Task task) override {
    if (Shard* shard = Shard::current()) {
      shard->at_turn_end(
          [this, task = std::move(task)]() mutable { executor_.post(std::move(task)); });
    } else {
      executor_.post(std::move(task));
    }
  }

 private:
  chatrt::Executor& executor_;
};

}  // namespace chatd::transport
