// The values of the domain: ids, Draft (what somebody wants), Change (what the log says happened).
//
// Values only: copy them freely, no locks, any thread.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "chatrt/clock.h"
#include "chatrt/export.h"
#include "chatrt/result.h"

namespace chatrt {

// Place of a change in the store's log: 1, 2, 3, ... without gaps, in commit order, of the same
// meaning before and after a restart. 0 is before the first. What a client resumes from.
struct Position {
  std::uint64_t value = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

// Place of a message in its conversation: 1, 2, 3, ... without gaps. Marks take a Position but no
// Sequence. 0 is before the first.
struct Sequence {
  std::uint64_t value = 0;
  friend auto operator<=>(const Sequence&, const Sequence&) = default;
};

// Given by the store when a conversation comes into being. Never 0, never used again.
struct ConversationId {
  std::uint64_t value = 0;
  friend auto operator<=>(const ConversationId&, const ConversationId&) = default;
};

// Given by the host to each of its connections; unique as long as the process lives.
struct ConnectionId {
  std::uint64_t value = 0;
  friend auto operator<=>(const ConnectionId&, const ConnectionId&) = default;
};

// The host's name for a user: 1 to 128 bytes of valid UTF-8 without control characters (C0, DEL,
// C1), compared byte for byte. Only parse() makes one, so every UserId holds to that, but for a
// default-constructed one, which is empty and names nobody.
class CHATRT_EXPORT UserId {
 public:
  static constexpr std::size_t kBytesMax = 128;

  UserId() = default;
  // invalid_argument for anything else than the above.
  static Result<UserId> parse(std::string_view text);
  // The same into this one, whose memory is used again; after an error it is as it was.
  Status assign(std::string_view text);

  const std::string& str() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }
  friend auto operator<=>(const UserId&, const UserId&) = default;

 private:
  std::string text_;
};

// Whom a message, a typing notice or a history request is meant for: the direct conversation with a
// user, which need not exist yet, or a conversation that does.
using Target = std::variant<UserId, ConversationId>;

// Message ids: 24 hexadecimal characters, 4 bytes of seconds since 1970 and 8 bytes of Position.
// They sort by time and then by position, and are found again without an index.
CHATRT_EXPORT std::string format_message_id(Timestamp created_at, Position position);
CHATRT_EXPORT void append_message_id(std::string& out, Timestamp created_at, Position position);
// The position inside; invalid_argument if `id` has another form.
CHATRT_EXPORT Result<Position> parse_message_id(std::string_view id);
// "2026-11-23T20:15:00.123Z"
CHATRT_EXPORT std::string format_timestamp(Timestamp time);
CHATRT_EXPORT void append_timestamp(std::string& out, Timestamp time);

// A message as the store keeps it.
struct Message {
  Position position;
  ConversationId conversation;
  Sequence sequence;
  UserId author;
  UserId receiver;   // the other member of a direct conversation; the author in one with oneself
  std::string text;  // valid UTF-8 without NUL
  std::string client_id;  // the client's own id of the message; empty: none was given
  Timestamp created_at;

  std::string id() const { return format_message_id(created_at, position); }
  friend bool operator==(const Message&, const Message&) = default;
};

enum class MarkKind : std::uint8_t { delivered = 1, read = 2 };

// A user's mark in a conversation moved up: everything up to `sequence` is delivered or read. Marks
// only ever rise; read implies delivered.
struct MarkAdvanced {
  Position position;
  ConversationId conversation;
  MarkKind kind = MarkKind::delivered;
  Sequence sequence;
  UserId user;  // whose mark
  UserId peer;  // the other member
  Timestamp at;

  friend bool operator==(const MarkAdvanced&, const MarkAdvanced&) = default;
};

// One entry of the log. Alternatives are only ever appended.
using Change = std::variant<Message, MarkAdvanced>;

inline Position position_of(const Change& change) {
  return std::visit([](const auto& c) { return c.position; }, change);
}

// How much text there is: what bounds of memory and of pages count.
inline std::size_t text_bytes(const Message& message) noexcept { return message.text.size(); }
inline std::size_t text_bytes(const Change& change) noexcept {
  const auto* message = std::get_if<Message>(&change);
  return message != nullptr ? text_bytes(*message) : 0;
}

// A message somebody wants to send.
struct PostDraft {
  UserId author;
  Target target;
  std::string text;
  std::string client_id = {};  // unique per author for as long as the message lives; empty: none
};

// A mark somebody wants to advance.
struct MarkDraft {
  UserId user;
  ConversationId conversation;
  MarkKind kind = MarkKind::delivered;
  Sequence sequence;
};

using Draft = std::variant<PostDraft, MarkDraft>;

}  // namespace chatrt

// Not noexcept: libstdc++'s containers keep the hash of each element then, and need not look at
// names to find the end of a bucket.
template <>
struct std::hash<chatrt::UserId> {
  std::size_t operator()(const chatrt::UserId& id) const {
    return std::hash<std::string>{}(id.str());
  }
};

template <>
struct std::hash<chatrt::ConnectionId> {
  std::size_t operator()(const chatrt::ConnectionId& id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};

template <>
struct std::hash<chatrt::ConversationId> {
  std::size_t operator()(const chatrt::ConversationId& id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
