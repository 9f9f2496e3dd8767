// Fences: what has reached a client that acks nothing. An Engine.IO ping behind the messages of a
// connection is a fence: its pong proves that all before it was received. It advances the user's
// delivered marks, and lets a paused replay go on. At most one ping is in flight for a connection,
// and none is sent without cause.
//
// Threads: every member on the thread of the connection's shard.
#pragma once

#include <cstddef>
#include <functional>
#include <unordered_map>
#include <vector>

#include "chatrt/hub.h"
#include "chatrt/trace.h"
#include "delivery.h"
#include "recovery.h"

namespace chatrt::gateway {

class Fences {
 public:
  Fences(Delivery& delivery, Recovery& recovery, TraceSink* trace)
      : delivery_(delivery), recovery_(recovery), trace_(trace) {}
  void start(Hub& hub);

  // Calls `more` once all that was sent to the socket has reached the client.
  void call_behind(socketio::Socket& socket, std::function<void()> more);
  void on_pong(socketio::Socket& socket);
  void erase(ConnectionId connection);
  // About once a second: finds whom messages have gone out to since.
  void collect(unsigned shard, MonotonicTime now);
  // Sends the fences of some of them; whether there are more. Not of all at once: what is said
  // meanwhile would have to wait for the pings, their pongs and the marks that these bring about.
  bool send_some(unsigned shard);

 private:
  // What stands before a fence.
  struct Fenced {
    std::vector<Written> messages;  // the newest of each conversation, once tidy() was called
    std::function<void()> more;

    bool empty() const { return messages.empty() && !more; }
    void tidy();
    Position last() const;  // of the messages
  };
  struct Fence {
    Fenced next;
    Fenced flying;  // the ping is behind these
    std::size_t tidy_at = 64;
  };
  struct Shard {
    std::unordered_map<ConnectionId, Fence> fences;
    std::vector<ConnectionId> due;
    std::size_t at_once = 0;  // of those
  };

  void raise(ConnectionId connection, Fence& fence);
  void confirm(const socketio::Socket& socket, Fenced fenced);

  Delivery& delivery_;
  Recovery& recovery_;
  TraceSink* const trace_;
  Hub* hub_ = nullptr;
  std::vector<Shard> shards_;
};

}  // namespace chatrt::gateway
