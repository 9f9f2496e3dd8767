// Posts: messages on their way from the shards to the Hub, which gets those of a shard's turn at
// once.
//
// Threads: those of a shard on its thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "chatrt/executor.h"
#include "chatrt/hub.h"

namespace chatrt::gateway {

class Posts {
 public:
  // `turn_end`: see ChatParts.
  explicit Posts(Executor* turn_end) : turn_end_(turn_end) {}
  void start(Hub& hub, std::size_t shards);

  // Hub::post(), at the end of the turn.
  void add(std::size_t shard, PostDraft&& draft, Callback<void(const Result<Message>&)> done);
  // Now: for what is to come behind them.
  void hand_over(std::size_t shard) { batches_[shard]->hand_over(); }

 private:
  Executor* const turn_end_;
  std::vector<std::unique_ptr<PostBatch>> batches_;  // by shard
};

}  // namespace chatrt::gateway
