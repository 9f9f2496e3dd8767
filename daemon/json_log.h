// Log lines as JSON, one object a line, on a file descriptor.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
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
// gathered; nothing else does. What a pipe, a socket or a terminal has no room for within a tenth
// of a second is left out, and all further lines until it has: nobody waits for whoever does not
// read it. A line says how many there were.
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
  bool has_room() noexcept;
  void run();

  const int fd_;
  const bool may_wait_;  // a write() to it
  const chatrt::LogLevel level_;
  const chatrt::Clock& clock_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::string lines_;
  bool stuck_ = false;          // nobody reads it
  std::uint64_t left_out_ = 0;  // lines
  Clock::time_point flushed_at_{};
  bool stopping_ = false;
  std::thread flusher_;
};

}  // namespace chatd
