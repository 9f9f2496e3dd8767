// LogSink: where the libraries report what they do, as events with fields. A line names ids, never
// message text, never tokens.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <variant>

#include "chatrt/export.h"

namespace chatrt {

enum class LogLevel { debug, info, warning, error };

struct LogField {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, std::uint64_t, bool> value;
};

class CHATRT_EXPORT LogSink {
 public:
  LogSink() = default;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  virtual ~LogSink();

  // Cheap; callers ask before they gather costly fields.
  virtual bool enabled(LogLevel level) const noexcept = 0;
  // Writes one line. May be called from any thread. Views are valid during the call alone. The
  // event and the keys are names in snake_case; values that are text may come from outside: the
  // sink escapes and shortens them.
  virtual void write(LogLevel level, std::string_view event,
                     std::span<const LogField> fields) noexcept = 0;

  void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {}) {
    if (enabled(level)) write(level, event, {fields.begin(), fields.size()});
  }
};

// Keeps nothing.
CHATRT_EXPORT LogSink& null_log_sink() noexcept;

}  // namespace chatrt
