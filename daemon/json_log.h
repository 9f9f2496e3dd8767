// Log lines as JSON, one object a line, on a file descriptor.
#pragma once

#include <mutex>
#include <string>

#include "chatrt/clock.h"
#include "chatrt/log.h"

namespace chatd {

// {"time":"...","level":"info","event":"connect",...}. Strings are escaped, cut at 256 bytes, and
// what is not UTF-8 in them is replaced, so that every line parses whatever clients send.
class JsonLog final : public chatrt::LogSink {
 public:
  JsonLog(int fd, chatrt::LogLevel level, const chatrt::Clock& clock)
      : fd_(fd), level_(level), clock_(clock) {}

  bool enabled(chatrt::LogLevel level) const noexcept override { return level >= level_; }
  void write(chatrt::LogLevel level, std::string_view event,
             std::span<const chatrt::LogField> fields) noexcept override;

 private:
  const int fd_;
  const chatrt::LogLevel level_;
  const chatrt::Clock& clock_;
  std::mutex mutex_;
  std::string line_;  // guarded by mutex_
};

}  // namespace chatd
