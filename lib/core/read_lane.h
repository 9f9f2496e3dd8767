// The ReadLane: reads of one user one after another. Whoever asks for much, or for what takes long,
// waits for themselves, and has one thread of the lane at most.
//
// Threads: any. The lock is never held while calling out.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "chatrt/executor.h"
#include "chatrt/message.h"

namespace chatrt {

class ReadLane {
 public:
  using Task = Executor::Task;

  // `lane` takes a task, or says that it could not.
  ReadLane(std::function<bool(Task)> lane, std::size_t waiting_max)
      : lane_(std::move(lane)), waiting_max_(waiting_max) {}

  // Runs `task` on the lane when the reads of `user` before it have left. False: too many wait.
  bool post(const UserId& user, Task task);
  // The same for what is bounded by something else.
  void post_always(const UserId& user, Task task);
  // A task has read: the user's next one may run.
  void leave(const UserId& user);

 private:
  bool enqueue(const UserId& user, Task& task, std::size_t waiting_max);

  const std::function<bool(Task)> lane_;
  const std::size_t waiting_max_;
  std::mutex mutex_;
  // Guarded by mutex_: what waits, of those who have a read on the lane.
  std::unordered_map<UserId, std::vector<Task>> waiting_;
};

}  // namespace chatrt
