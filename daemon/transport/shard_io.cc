// What a shard reads from its connections and sends to them, many at once.
#include <algorithm>
#include <array>
#include <utility>

#include "connection.h"
#include "shard.h"

namespace chatd::transport {
namespace {

constexpr std::size_t kPipelinedPerTurn = 256;

}  // namespace

// All is received before anything is called that might end one of them. What has no room in a
// connection's part of the buffer comes in the next turn.
void Shard::read(std::span<const std::uint64_t> carriers) {
  std::array<SocketBatch::Receive, kEventsPerTurn> receives;
  const std::size_t part = read_buffer_.size() / carriers.size();
  for (std::size_t i = 0; i < carriers.size(); ++i) {
    const Connection* connection = find(carriers[i]);
    receives[i] = {.fd = connection == nullptr ? -1 : connection->fd(),
                   .buffer = std::span(read_buffer_).subspan(i * part, part)};
  }
  batch_.receive(std::span(receives).first(carriers.size()));
  for (std::size_t i = 0; i < carriers.size(); ++i) {
    Connection* connection = find(carriers[i]);
    if (connection == nullptr) continue;
    connection->on_received(receives[i].buffer.data(), receives[i].result);
    if (connection->is_over()) destroy(*connection);
  }
}

void Shard::read_adopted() {
  for (std::size_t i = 0; i < adopted_.size(); i += kEventsPerTurn) {
    read(std::span(adopted_).subspan(i, std::min(kEventsPerTurn, adopted_.size() - i)));
  }
  adopted_.clear();
}

// What is pipelined behind an answer adds connections meanwhile, also one that is here already.
// Some of these have to wait for the next turn, or one client would keep all others waiting.
void Shard::flush() {
  const std::size_t most = to_flush_.size() + kPipelinedPerTurn;
  std::size_t next = 0;
  while (next < std::min(to_flush_.size(), most)) {
    std::array<std::uint64_t, SocketBatch::kMax> carriers;
    const std::size_t count = std::min({carriers.size(), to_flush_.size() - next, most - next});
    std::copy_n(to_flush_.begin() + static_cast<std::ptrdiff_t>(next), count, carriers.begin());
    next += count;
    flush(std::span(carriers).first(count));
  }
  to_flush_.erase(to_flush_.begin(), to_flush_.begin() + static_cast<std::ptrdiff_t>(next));
  if (to_flush_.empty() || std::exchange(flush_posted_, true)) return;
  post([this] { flush_posted_ = false; });
}

void Shard::flush(std::span<const std::uint64_t> carriers) {
  std::array<ssize_t, SocketBatch::kMax> failed{};
  send(carriers, failed);
  for (std::size_t i = 0; i < carriers.size(); ++i) {
    Connection* connection = find(carriers[i]);
    if (connection == nullptr) continue;
    connection->flush_queued = false;
    connection->flush(failed[i]);
    connection->process();  // what was pipelined behind the request just answered
    if (connection->is_over()) {
      destroy(*connection);
    } else if (!connection->flush_queued) {
      update_interest(*connection);
    }
  }
}

// All answers are taken before anything is called that might change a queue.
void Shard::send(std::span<const std::uint64_t> carriers, std::span<ssize_t> failed) {
  std::array<SocketBatch::Send, SocketBatch::kMax> sends;
  std::array<std::size_t, SocketBatch::kMax> whose;
  std::size_t count = 0;
  for (std::size_t i = 0; i < carriers.size(); ++i) {
    const Connection* connection = find(carriers[i]);
    if (connection == nullptr || connection->sendable().empty()) continue;
    sends[count] = {.fd = connection->fd(), .bytes = connection->sendable()};
    whose[count++] = i;
  }
  batch_.send(std::span(sends).first(count));
  for (std::size_t n = 0; n < count; ++n) {
    if (sends[n].result > 0) {
      find(carriers[whose[n]])->on_sent(static_cast<std::size_t>(sends[n].result));
    } else {
      failed[whose[n]] = sends[n].result;
    }
  }
}

}  // namespace chatd::transport
