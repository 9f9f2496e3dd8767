// LogEnd: how far the log has got, in a file beside the database.
//
// A database that was put back from a copy ends before that; nothing in it says so. Written and not
// synced: it outlives a kill of the process, and after a power cut it may be behind, which is as if
// that had not been noted.
#pragma once

#include <memory>
#include <string>

#include "chatrt/message.h"
#include "chatrt/result.h"

namespace chatd {

class LogEnd {
 public:
  // Made if absent. An Error names the file and what to do.
  static chatrt::Result<std::unique_ptr<LogEnd>> open(const std::string& file);
  ~LogEnd();
  LogEnd(const LogEnd&) = delete;
  LogEnd& operator=(const LogEnd&) = delete;

  // As it was noted before it was opened; 0 if it was not.
  chatrt::Position before() const noexcept { return before_; }
  // One thread at a time. Where it cannot be written it stays as it was.
  void note(chatrt::Position position) noexcept;

 private:
  explicit LogEnd(int fd) : fd_(fd) {}

  const int fd_;
  chatrt::Position before_;
};

}  // namespace chatd
