// A LogSink that remembers its lines.
#pragma once

#include <mutex>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "chatrt/log.h"

namespace chatrt::testing {

class RecordingLog final : public LogSink {
 public:
  bool enabled(LogLevel) const noexcept override { return true; }
  void write(LogLevel level, std::string_view event,
             std::span<const LogField> fields) noexcept override {
    std::string line = word(level);
    line.append(" ").append(event);
    for (const LogField& field : fields) {
      line.append(" ").append(field.key).append("=").append(text(field));
    }
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }

  // "warning commit_failed code=unavailable drafts=2", oldest first.
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  static const char* word(LogLevel level) {
    switch (level) {
      case LogLevel::debug: return "debug";
      case LogLevel::info: return "info";
      case LogLevel::warning: return "warning";
      case LogLevel::error: return "error";
    }
    return "error";
  }
  static std::string text(const LogField& field) {
    return std::visit(
        [](const auto& value) -> std::string {
          using Value = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<Value, std::string_view>) {
            return std::string(value);
          } else if constexpr (std::is_same_v<Value, bool>) {
            return value ? "true" : "false";
          } else {
            return std::to_string(value);
          }
        },
        field.value);
  }

  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace chatrt::testing
