#include "chatrt/log.h"

namespace chatrt {
namespace {

class NullLogSink final : public LogSink {
 public:
  bool enabled(LogLevel) const noexcept override { return false; }
  void write(LogLevel, std::string_view, std::span<const LogField>) noexcept override {}
};

}  // namespace

LogSink& null_log_sink() noexcept {
  static NullLogSink sink;  // Has no state, so that sharing it is no coupling.
  return sink;
}

}  // namespace chatrt
