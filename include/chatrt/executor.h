// Executor: where work runs. The host decides on threads; the libraries start none of their own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "chatrt/export.h"

namespace chatrt {

class CHATRT_EXPORT Executor {
 public:
  using Task = std::function<void()>;

  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor();

  // Runs `task` once, now or later, on a thread of the executor's choice. May be called from any
  // thread, also from within a task. Tasks do not throw. Whether two tasks may overlap is a
  // property of the executor at hand; who takes one says which it needs.
  virtual void post(Task task) = 0;
};

// `threads` threads named `name` that run tasks in the order they came (one thread: one at a time,
// in order). The destructor runs what was posted before it and joins. REQUIRES: threads > 0
CHATRT_EXPORT std::unique_ptr<Executor> make_thread_executor(std::string name,
                                                             unsigned threads = 1);

}  // namespace chatrt
