// Log lines as JSON, one object a line, on a file descriptor.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "chatrt/clock.h"
#include "chatrt/log.h"

namespace chatd {

// {"time":"...","level":"info","event":"connect",...}. Strings are escaped, cut at 256 bytes, and
// what is not UTF-8 in them is replaced, so that every line parses whatever clients send.
//
// A write() for each line would cost more than the message it tells of, so under load lines are
// gathered: one that comes within 50 ms of the last write leaves with the next, at most 50 ms
// later. Warnings and errors leave at once, with all before them. A killed process loses what was
// gathered; nothing else does.
class JsonLog final : public chatrt::LogSink {
 public:
  JsonLog(int fd, chatrt::LogLevel level, const chatrt::Clock& clock);
  ~JsonLog() override;

  bool enabled(chatrt::LogLevel level) const noexcept override { return level >= level_; }
  void write(chatrt::LogLevel level, std::string_view event,
             std::span<const chatrt::LogField> fields) noexcept override;

 private:
  using Clock = std::chrono::steady_clock;

  // All with mutex_ held.
  void append(chatrt::LogLevel level, std::string_view event,
              std::span<const chatrt::LogField> fields);
  void flush() noexcept;
  void run();

  const int fd_;
  const chatrt::LogLevel level_;
  const chatrt::Clock& clock_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::string lines_;
  Clock::time_point flushed_at_{};
  bool stopping_ = false;
  std::thread flusher_;
};

}  // namespace chatd
