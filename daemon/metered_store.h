// A MessageStore that measures another one's appends, and notes how far its log has got.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "chatrt/clock.h"
#include "chatrt/message_store.h"
#include "log_end.h"

namespace chatd {

// A histogram with fixed bounds, in microseconds. Any thread.
class Histogram {
 public:
  static constexpr std::array<std::uint64_t, 12> kBounds = {
      100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 500000, 2500000};
  void record(std::uint64_t us) noexcept;
  // Of the values at or below kBounds[i]; the last one is of all values.
  std::array<std::uint64_t, kBounds.size() + 1> cumulative() const noexcept;
  std::uint64_t sum_us() const noexcept { return sum_; }

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> counts_{};
  std::atomic<std::uint64_t> sum_{0};
};

class MeteredStore final : public chatrt::MessageStore {
 public:
  // `end`: nothing where it is not noted.
  explicit MeteredStore(std::unique_ptr<chatrt::MessageStore> store,
                        std::unique_ptr<LogEnd> end = nullptr)
      : store_(std::move(store)), end_(std::move(end)) {}

  const Histogram& append_time() const noexcept { return append_time_; }

  chatrt::Result<std::vector<chatrt::Result<chatrt::Appended>>> append(
      std::span<chatrt::Draft> drafts, chatrt::Timestamp now) override;
  chatrt::Result<chatrt::Position> last_position() const override;
  chatrt::Result<chatrt::Page<chatrt::Change>> read_for_user(
      const chatrt::UserId& user, chatrt::Position after, chatrt::PageLimit limit) const override;
  chatrt::Result<chatrt::Page<chatrt::Message>> read_undelivered(
      const chatrt::UserId& user, chatrt::Position after, chatrt::PageLimit limit) const override;
  chatrt::Result<chatrt::Page<chatrt::Message>> read_conversation(
      const chatrt::UserId& reader, const chatrt::Target& target, chatrt::SequenceRange range,
      chatrt::PageLimit limit) const override;
  chatrt::Result<chatrt::Page<chatrt::Conversation>> conversations_of(
      const chatrt::UserId& user, std::optional<chatrt::Position> before,
      chatrt::PageLimit limit) const override;
  chatrt::Result<std::vector<chatrt::UserId>> contacts_of(
      const chatrt::UserId& user) const override;
  chatrt::Result<std::vector<chatrt::UserId>> contacts_among(
      const chatrt::UserId& user, std::span<const chatrt::UserId> users) const override;
  chatrt::Result<chatrt::Page<chatrt::Change>> read_log(chatrt::Position after,
                                                        chatrt::PageLimit limit) const override;

 private:
  std::unique_ptr<chatrt::MessageStore> store_;
  std::unique_ptr<LogEnd> end_;
  Histogram append_time_;
};

}  // namespace chatd
