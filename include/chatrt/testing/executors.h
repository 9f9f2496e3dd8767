// Executors without threads: one that runs tasks at once, and one that runs them when told.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <utility>

#include "chatrt/executor.h"

namespace chatrt::testing {

// Runs a task before post() returns, one at a time: a task that is posted from within a task, or
// while another thread runs one, is run after it by whoever is running. A Hub on it is synchronous.
class InlineExecutor final : public Executor {
 public:
  void post(Task task) override {
    std::unique_lock lock(mutex_);
    tasks_.push_back(std::move(task));
    if (running_) return;
    running_ = true;
    while (!tasks_.empty()) {
      Task next = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      next();
      next = nullptr;
      lock.lock();
    }
    running_ = false;
  }

 private:
  std::mutex mutex_;
  std::deque<Task> tasks_;
  bool running_ = false;
};

// Keeps tasks until run_one() or run_all(). Tasks may be posted from any thread; one thread runs
// them. What is left when it is destroyed is never run: run_all() before the Hub's stop(), which
// waits for it.
class ManualExecutor final : public Executor {
 public:
  void post(Task task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }

  // Runs the oldest task; false if there was none.
  bool run_one() { return run_at(0); }
  // Runs the task at `index`, for simulations that choose the order by a seed. False if there is
  // none.
  bool run_at(std::size_t index) {
    Task task;
    {
      const std::lock_guard lock(mutex_);
      if (index >= tasks_.size()) return false;
      const auto at = tasks_.begin() + static_cast<std::ptrdiff_t>(index);
      task = std::move(*at);
      tasks_.erase(at);
    }
    task();
    return true;
  }
  // Runs until there is none left, those posted meanwhile included, and returns how many it ran.
  std::size_t run_all() {
    std::size_t ran = 0;
    while (run_one()) ++ran;
    return ran;
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return tasks_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Task> tasks_;
};

}  // namespace chatrt::testing
