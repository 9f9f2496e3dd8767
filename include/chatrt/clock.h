// Clock: where all times come from. Nothing in the libraries reads the time of day by itself.
#pragma once

#include <chrono>
#include <memory>

#include "chatrt/export.h"

namespace chatrt {

// Wall-clock time in UTC, for what people read: when a message was sent. May jump.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;
// Time that only moves forward, for deadlines. Its zero means nothing.
using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;

// Every member may be called from any thread.
class CHATRT_EXPORT Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock();

  virtual Timestamp now() const = 0;
  virtual MonotonicTime monotonic() const = 0;
};

// The operating system's clocks.
CHATRT_EXPORT std::unique_ptr<Clock> make_system_clock();

}  // namespace chatrt
