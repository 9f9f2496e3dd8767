// A Clock that stands still until it is told to go on.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "chatrt/clock.h"

namespace chatrt::testing {

// Both times start at fixed values and advance together. Any thread may read; one advances.
class ManualClock final : public Clock {
 public:
  Timestamp now() const override { return kStart + Duration{passed_.load() + jumped_.load()}; }
  MonotonicTime monotonic() const override {
    return MonotonicTime{} + Duration{1'000'000} + Duration{passed_.load()};
  }

  void advance(Duration time) { passed_ += time.count(); }
  // Changes the time of day alone, as whoever sets a clock does.
  void jump(Duration by) { jumped_ += by.count(); }

 private:
  static constexpr Timestamp kStart{std::chrono::milliseconds{1'795'464'900'123}};
  std::atomic<std::int64_t> passed_{0};
  std::atomic<std::int64_t> jumped_{0};
};

}  // namespace chatrt::testing
