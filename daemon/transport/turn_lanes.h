// TurnLanes: where the Hub of a daemon works. What waits for a disk has threads of its own. What
// waits for nothing runs on the thread that brings it about - a shard's at the end of its turn, one
// that has read at the end of the read - since waking another thread costs several times what most
// of it takes.
//
// Threads: any may post. The shards' threads end before this does, and reads() before the shards
// go, as what it runs may answer to them.
#pragma once

#include <memory>

#include "chatrt/executor.h"

namespace chatd::transport {

class TurnLanes {
 public:
  // REQUIRES: readers > 0
  explicit TurnLanes(unsigned readers);
  ~TurnLanes();

  // For a store that waits for its disk: one task at a time, in order. Those of a shard's thread
  // are passed on at the end of its turn: a lane that is woken by the first message of a turn would
  // commit that one alone, while the others are still being read.
  chatrt::Executor& commits() noexcept;
  // For what waits for nothing, one task at a time if there is never more than one.
  chatrt::Executor& quick() noexcept;
  // On the thread of a shard, at the end of its turn; on others at once.
  chatrt::Executor& turn_end() noexcept;
  // For what reads: several tasks at once.
  chatrt::Executor& reads() noexcept;
  // Runs what was posted to reads() and ends its threads. Nobody posts there from now on.
  void end_reads();

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace chatd::transport
