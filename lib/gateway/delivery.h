// Delivery: the way to the sockets of all shards, whichever thread one is on.
//
// Threads: enter() and server() belong to the shard's thread, pending() and flush() to the Hub's
// commit lane; send() and run() may be called from any.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "chatrt/message.h"
#include "chatrt/socketio/server.h"

namespace chatrt::gateway {

// A message that was written to a connection of its receiver's.
struct Written {
  ConnectionId connection;
  ConversationId conversation;
  Sequence sequence;
  Position position;
};

class Delivery {
 public:
  // Called once, before anything else.
  void start(std::span<socketio::Server* const> shards);

  std::size_t size() const noexcept { return count_; }
  static std::size_t shard_of(ConnectionId connection) noexcept {
    return engineio::Server::shard_of(connection);
  }

  // Remembers the calling thread as that of the connection's shard.
  void enter(ConnectionId connection) noexcept;

  // The Server of a shard; used on the shard's thread alone.
  socketio::Server& server(std::size_t shard) noexcept { return *shards_[shard].server; }

  // Sends a packet now, from any thread: at once on the connection's own thread, through the
  // mailbox from another. For answers that no event of the commit lane must wait for.
  void send(ConnectionId connection, std::string_view packet);
  // Has `task` run on the connection's thread, later, from any thread.
  void run(ConnectionId connection, std::function<void(socketio::Socket&)> task);

  // Commit lane: what goes to a shard in this turn, in order, until flush().
  socketio::Batch& pending(std::size_t shard) noexcept { return shards_[shard].pending; }
  // Commit lane: for take_written(), after flush().
  void note_written(const Written& message);
  void flush();

  // On the shard's thread: what was written since the last call. Its packets are in the mailbox of
  // the shard's Server, or have left it.
  void take_written(std::size_t shard, std::vector<Written>& out);

 private:
  struct Shard {
    socketio::Server* server = nullptr;
    std::atomic<std::thread::id> thread;
    socketio::Batch pending;
    std::vector<Written> pending_written;
    std::mutex mutex;
    std::vector<Written> written;  // guarded by mutex
  };
  std::unique_ptr<Shard[]> shards_;
  std::size_t count_ = 0;
};

}  // namespace chatrt::gateway
