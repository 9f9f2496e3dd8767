// Typings: who is typing in which conversation, told to the other member. Ephemeral through and
// through: nothing of it is stored, and what does not fit is dropped.
//
// Threads: on the commit lane alone.
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "expiries.h"
#include "lanes.h"

namespace chatrt {

class Typings {
 public:
  using Done = std::function<void(Status)>;

  explicit Typings(Lanes& lanes) : lanes_(lanes) {}

  void request(const UserId& from, const Target& target, bool typing, Done done);
  // A message says by itself that its author has stopped typing.
  void ended_by(const Message& message);

  void tick(MonotonicTime now);
  std::optional<MonotonicTime> next_deadline() const { return typing_.next(); }

 private:
  // Somebody's word for a conversation, as it comes with the request.
  struct Aim {
    UserId from;
    Target target;
    friend bool operator==(const Aim&, const Aim&) = default;
  };
  struct AimHash {
    std::size_t operator()(const Aim& aim) const noexcept;
  };
  // What it turned out to be. Holds for good: nobody leaves a direct conversation.
  struct Known {
    ConversationId conversation;
    UserId peer;
  };
  struct Key {
    ConversationId conversation;
    UserId from;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  struct Typing {
    UserId peer;
    bool active = false;  // false: kept until it may be told anew
    MonotonicTime told_at;
  };
  struct Waiting {
    bool typing;
    Done done;
  };

  void look_up(const Aim& aim);
  void found(const Aim& aim, const Result<Page<Message>>& newest);
  void apply(const Known& known, const UserId& from, bool typing);
  void start(const Known& known, const Key& key, Typing* current);
  void stop(const Key& key, Typing& current);
  void tell(const Key& key, const UserId& peer, bool typing);

  Lanes& lanes_;
  std::unordered_map<Aim, Known, AimHash> known_;
  std::unordered_map<Aim, std::vector<Waiting>, AimHash> looking_up_;
  std::size_t waiting_ = 0;  // in all of looking_up_
  Expiries<Key, Typing, KeyHash> typing_;
};

}  // namespace chatrt
