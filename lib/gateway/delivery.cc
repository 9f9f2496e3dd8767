#include "delivery.h"

#include <utility>

namespace chatrt::gateway {

void Delivery::start(std::span<socketio::Server* const> shards) {
  count_ = shards.size();
  shards_ = std::make_unique<Shard[]>(count_);
  for (std::size_t i = 0; i < count_; ++i) shards_[i].server = shards[i];
}

void Delivery::enter(ConnectionId connection) noexcept {
  auto& thread = shards_[shard_of(connection)].thread;
  const std::thread::id self = std::this_thread::get_id();
  // Stored once: a shard does not change its thread. Another thread reads either nothing or the
  // shard's id, and neither is its own.
  if (thread.load(std::memory_order_relaxed) != self) {
    thread.store(self, std::memory_order_relaxed);
  }
}

void Delivery::send(ConnectionId connection, std::string_view packet) {
  Shard& shard = shards_[shard_of(connection)];
  if (shard.thread.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
    shard.server->send(connection, packet);
    return;
  }
  socketio::Batch batch;
  batch.target(connection, batch.packet(packet));
  shard.server->deliver(batch);
}

void Delivery::run(ConnectionId connection, std::function<void(socketio::Socket&)> task) {
  socketio::Batch batch;
  batch.task(connection, std::move(task));
  shards_[shard_of(connection)].server->deliver(batch);
}

void Delivery::flush() {
  for (std::size_t i = 0; i < count_; ++i) {
    Shard& shard = shards_[i];
    if (!shard.pending.empty()) shard.server->deliver(shard.pending);
    if (shard.pending_written.empty()) continue;
    const std::lock_guard lock(shard.mutex);
    shard.written.insert(shard.written.end(), shard.pending_written.begin(),
                         shard.pending_written.end());
    shard.pending_written.clear();
  }
}

void Delivery::note_written(const Written& message) {
  shards_[shard_of(message.connection)].pending_written.push_back(message);
}

void Delivery::take_written(std::size_t shard, std::vector<Written>& out) {
  const std::lock_guard lock(shards_[shard].mutex);
  std::swap(out, shards_[shard].written);
}

}  // namespace chatrt::gateway
