// An Outlet that remembers what it was told to send.
#pragma once

#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "chatrt/outlet.h"

namespace chatrt::testing {

// What one connection was sent, as a value. `line` is for tests that compare at a
// glance: "receive hi", "sent hi", "delivered 3", "read 3", "typing ann", "typed ann", "online
// ann", "offline ann".
struct SentEvent {
  ConnectionId connection;
  std::string line;
  Position position;  // of a message or a mark; 0 for what is not in the log
  std::variant<std::monostate, Message, MarkAdvanced> change;
};

// Any thread may ask while the Hub sends.
class RecordingOutlet final : public Outlet {
 public:
  void send(std::span<const ConnectionId> connections, const Event& event) override {
    const std::lock_guard lock(mutex_);
    for (const ConnectionId connection : connections) {
      std::visit([&](const auto& e) { record(connection, e); }, event);
    }
  }
  void flush() override {
    const std::lock_guard lock(mutex_);
    ++flushes_;
  }

  std::vector<SentEvent> sent() const {
    const std::lock_guard lock(mutex_);
    return sent_;
  }
  // The lines of one connection, in order.
  std::vector<std::string> lines(ConnectionId connection) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> lines;
    for (const SentEvent& event : sent_) {
      if (event.connection == connection) lines.push_back(event.line);
    }
    return lines;
  }
  std::size_t flushes() const {
    const std::lock_guard lock(mutex_);
    return flushes_;
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    sent_.clear();
    flushes_ = 0;
  }

 private:
  void record(ConnectionId to, const ReceiveMessage& e) {
    sent_.push_back({to, "receive " + e.message.text, e.message.position, e.message});
  }
  void record(ConnectionId to, const MessageSent& e) {
    sent_.push_back({to, "sent " + e.message.text, e.message.position, e.message});
  }
  void record(ConnectionId to, const MarkMoved& e) {
    const char* kind = e.mark.kind == MarkKind::read ? "read " : "delivered ";
    sent_.push_back({to, kind + std::to_string(e.mark.sequence.value), e.mark.position, e.mark});
  }
  void record(ConnectionId to, const TypingNotice& e) {
    sent_.push_back({to, (e.typing ? "typing " : "typed ") + e.from.str(), {}, {}});
  }
  void record(ConnectionId to, const PresenceChanged& e) {
    for (const Presence& one : e.users) {
      sent_.push_back({to, (one.online ? "online " : "offline ") + one.user.str(), {}, {}});
    }
  }

  mutable std::mutex mutex_;
  std::vector<SentEvent> sent_;
  std::size_t flushes_ = 0;
};

}  // namespace chatrt::testing
