#include "posts.h"

#include <utility>

namespace chatrt::gateway {

void Posts::start(Hub& hub, std::size_t shards) {
  for (std::size_t i = 0; i < shards; ++i) batches_.push_back(std::make_unique<PostBatch>(hub));
}

void Posts::add(std::size_t shard, PostDraft&& draft, Callback<void(const Result<Message>&)> done) {
  PostBatch& batch = *batches_[shard];
  const bool is_first = batch.empty();
  batch.add(std::move(draft), std::move(done));
  if (turn_end_ == nullptr) return batch.hand_over();
  if (!is_first || batch.empty()) return;
  try {
    turn_end_->post([&batch] { batch.hand_over(); });
  } catch (...) {
    batch.hand_over();  // nobody else would
  }
}

}  // namespace chatrt::gateway
