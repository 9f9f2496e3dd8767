#include "read_lane.h"

#include <cstdint>
#include <utility>

namespace chatrt {

bool ReadLane::post(const UserId& user, Task task) { return enqueue(user, task, waiting_max_); }

void ReadLane::post_always(const UserId& user, Task task) { enqueue(user, task, SIZE_MAX); }

bool ReadLane::enqueue(const UserId& user, Task& task, std::size_t waiting_max) {
  {
    const std::lock_guard lock(mutex_);
    const auto [at, first] = waiting_.try_emplace(user);
    if (!first) {
      if (at->second.size() >= waiting_max) return false;
      at->second.push_back(std::move(task));
      return true;
    }
  }
  if (!lane_(std::move(task))) leave(user);
  return true;
}

void ReadLane::leave(const UserId& user) {
  Task next;
  do {
    const std::lock_guard lock(mutex_);
    const auto at = waiting_.find(user);
    if (at->second.empty()) {
      waiting_.erase(at);
      return;
    }
    next = std::move(at->second.front());
    at->second.erase(at->second.begin());
  } while (!lane_(std::move(next)));
}

}  // namespace chatrt
