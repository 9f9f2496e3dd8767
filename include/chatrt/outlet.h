// The Outlet is the Hub's way out to connections: what a host implements to be told what to send.
//
// Threads: the Hub calls one member at a time, all from its commit lane, in the order the client is
// to see things. Members do not block and do not wait for the Hub; calling the Hub's own methods
// from here is fine. Ownership: the host owns the Outlet and outlives the Hub with it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "chatrt/export.h"
#include "chatrt/message.h"

namespace chatrt {

// To the receiver's connections: a message for them.
struct ReceiveMessage {
  const Message& message;
};
// To the sender's connections: this message is stored.
struct MessageSent {
  const Message& message;
};
// To all connections of both members.
struct MarkMoved {
  const MarkAdvanced& mark;
};
// Ephemeral: never stored, never replayed, the first to be dropped for a slow reader.
struct TypingNotice {
  const UserId& from;
  std::optional<ConversationId> conversation;  // none yet: they have not written to each other
  bool typing;
};

struct Presence {
  UserId user;
  bool online = false;
  std::optional<Timestamp> last_seen;  // when offline, and known
  friend bool operator==(const Presence&, const Presence&) = default;
};
// Ephemeral. Only to people who share a conversation with those named.
struct PresenceChanged {
  std::span<const Presence> users;
};

using Event = std::variant<ReceiveMessage, MessageSent, MarkMoved, TypingNotice, PresenceChanged>;

class CHATRT_EXPORT Outlet {
 public:
  Outlet() = default;
  Outlet(const Outlet&) = delete;
  Outlet& operator=(const Outlet&) = delete;
  virtual ~Outlet();

  // Sends `event` to each of `connections`. Views and references are valid during the call alone.
  // A connection that is gone is skipped. May hold things back until flush().
  virtual void send(std::span<const ConnectionId> connections, const Event& event) = 0;

  // A replay to `connection` has sent HubOptions::replay_bytes_max and waits. Calls `more` once the
  // connection can take as much again: now or later, from any thread, as long as the Hub lives. Not
  // called, the replay stays where it is until the connection is detached. The default calls at
  // once: for hosts whose connections take everything.
  virtual void replay_paused(ConnectionId connection, std::function<void()> more);

  // The Hub has done what it had to do in this turn, answers (`done`) included: hand over what was
  // held back.
  virtual void flush() = 0;
};

}  // namespace chatrt
