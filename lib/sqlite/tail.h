// Tail: the heads of conversations, as each commit of a stretch of the log has left them.
//
// Threads: one at a time, or several that read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace chatrt::sqlite {

// What the log says of a conversation as a whole.
struct Head {
  std::int64_t last_sequence = 0;
  std::int64_t last_position = 0;  // of any change
  std::int64_t last_message = 0;   // position of the newest message
  std::int64_t sent_a = 0;         // messages by one of its members
  std::int64_t sent_b = 0;         // and by the other, if that is not the same
};

// Of a direct conversation.
struct Members {
  std::int64_t a = 0;
  std::int64_t b = 0;

  bool has(std::int64_t user) const noexcept { return user == a || user == b; }
};

class Tail {
 public:
  // The stretch begins behind this position.
  explicit Tail(std::int64_t after) : after_(after) {}

  std::int64_t after() const noexcept { return after_; }
  std::size_t size() const noexcept { return versions_.size(); }

  // The conversation's newest head.
  void add(std::int64_t conversation, Members members, const Head& head);
  // Takes back all but the first `size` that were added. Takes no memory.
  void truncate(std::size_t size) noexcept;

  // The newest head at or below a position, or nullptr.
  const Head* find(std::int64_t conversation, std::int64_t up_to) const noexcept;
  // Appends those of the user's that are here, with their newest head at or below a position.
  struct Found {
    std::int64_t conversation;
    Members members;
    Head head;
  };
  void find_of(std::int64_t user, std::int64_t up_to, std::vector<Found>& out) const;
  // All that are here, in order.
  std::vector<std::int64_t> conversations() const;

 private:
  static constexpr std::size_t kNone = SIZE_MAX;
  struct Version {
    Head head;
    std::int64_t conversation;
    std::size_t previous;  // of the same conversation
  };
  struct Chain {
    std::int64_t conversation;
    Members members;
    std::size_t newest;
  };
  const Head* find(const Chain& chain, std::int64_t up_to) const noexcept;
  void forget(std::int64_t conversation) noexcept;
  void forget(std::int64_t user, const Chain& chain) noexcept;

  const std::int64_t after_;
  std::vector<Version> versions_;
  std::unordered_map<std::int64_t, Chain> chains_;
  std::unordered_map<std::int64_t, std::vector<const Chain*>> by_user_;
};

}  // namespace chatrt::sqlite
