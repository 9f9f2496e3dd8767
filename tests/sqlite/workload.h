// Seeded traffic for a store on a disk that fails, and the check of what it must still have.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "chatrt/message_store.h"
#include "chatrt/sqlite_store.h"

namespace chatrt::testing {

class Workload {
 public:
  explicit Workload(std::uint64_t seed) : random_(seed) {}

  // Appends one batch of posts and marks and remembers what was acknowledged. The batch's error, if
  // it was refused.
  std::optional<Error> append(MessageStore& store);
  // The same, by another way to its append().
  using Append = std::function<Result<std::vector<Result<Appended>>>(std::span<Draft>, Timestamp)>;
  std::optional<Error> append_by(const Append& append);

  // What of that is not in the store, and whatever else in it cannot be: one line each.
  std::vector<std::string> check(const MessageStore& store) const;
  // Sends everything acknowledged again: those that are stored a second time, one line each.
  std::vector<std::string> check_repeats(MessageStore& store) const;

  const std::vector<Change>& acknowledged() const { return acknowledged_; }

 private:
  Draft draft();

  std::mt19937_64 random_;
  std::uint64_t drafts_ = 0;
  std::vector<Change> acknowledged_;
  ConversationId some_conversation_{1};
};

}  // namespace chatrt::testing
