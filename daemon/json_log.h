// Log lines as JSON, one object a line, on a file descriptor.
#pragma once

#include <atomic>
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
// Lines are written by a thread of the log's own: nobody waits for a disk or for whoever reads it,
// if anybody does. They are gathered: one that comes within 50 ms of the last write leaves with the
// next, at most 50 ms later; warnings and errors leave at once, with all before them. A killed
// process loses what was gathered. Where 1 MiB waits, or the disk takes no more, lines are left out
// whole, and one that says how many comes with the next that has room, or at the end. The
// destructor gives a reader half a second for the rest.
class JsonLog final : public chatrt::LogSink {
 public:
  JsonLog(int fd, chatrt::LogLevel level, const chatrt::Clock& clock);
  ~JsonLog() override;

  bool enabled(chatrt::LogLevel level) const noexcept override { return level >= level_; }
  void write(chatrt::LogLevel level, std::string_view event,
             std::span<const chatrt::LogField> fields) noexcept override;

 private:
  using Clock = std::chrono::steady_clock;

  void append(std::string& out, chatrt::LogLevel level, std::string_view event,
              std::span<const chatrt::LogField> fields) const;

  // On the writer's thread.
  void run();
  // How many of them are left out.
  std::uint64_t put(std::string_view lines) noexcept;
  // The same, behind a line that says how many were left out before; if that is, too, with those.
  std::uint64_t put_noted(std::string_view lines, std::uint64_t left_out) noexcept;
  bool put_piece(std::string_view& piece) noexcept;
  bool wait_for_room() noexcept;

  const int fd_;
  const bool may_wait_;  // a write() to it
  const chatrt::LogLevel level_;
  const chatrt::Clock& clock_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::string lines_;
  bool urgent_ = false;         // some of them
  std::uint64_t left_out_ = 0;  // lines
  Clock::time_point put_at_{};

  std::atomic<bool> stopping_{false};
  Clock::time_point give_up_at_{};  // set before stopping_
  bool torn_ = false;               // the writer's: a line has begun and not ended
  std::thread writer_;
};

}  // namespace chatd
