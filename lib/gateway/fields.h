// Fields: what a client sent with an event, read field by field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/message.h"
#include "chatrt/result.h"
#include "chatrt/socketio/json.h"

namespace chatrt::gateway {

// What a client goes on from.
struct Offset {
  Position position;
  // Of a message to oneself two events tell; only the first of them has arrived. Its offset begins
  // with a 0, which changes no number.
  bool first_only = false;
};

// Reads an object. What is missing or of the wrong type makes status() an invalid_argument whose
// detail names the field and may be shown to the client; the first such error stays, and the values
// read are then of no use. A field that is null counts as left out.
class Fields {
 public:
  explicit Fields(socketio::JsonView object);

  const Status& status() const noexcept { return status_; }

  std::optional<std::string_view> string(std::string_view name);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::uint64_t> number(std::string_view name);
  std::optional<UserId> user(std::string_view name);
  std::optional<ConversationId> conversation(std::string_view name);
  std::vector<UserId> users(std::string_view name);
  // See read_position().
  std::optional<Position> position(std::string_view name);
  // See read_offset().
  std::optional<Offset> offset(std::string_view name);
  // How many items are asked for; `otherwise` if nothing is said.
  std::size_t limit(std::size_t otherwise);
  // `conversationId`, or a user under one of `user_names`, and not both. The memory of `target` is
  // used again.
  void target(std::initializer_list<std::string_view> user_names, Target& target);

  // For a field that must be there: `fields.required(fields.string("text"), "text")`.
  template <typename T>
  T required(std::optional<T> value, std::string_view name) {
    if (!value) fail(name, "is missing");
    return value ? *value : T{};
  }

  // Makes status() an error about `name`, unless it is one already.
  void fail(std::string_view name, std::string_view what);

 private:
  socketio::JsonView find(std::string_view name) const noexcept;

  socketio::JsonView object_;
  Status status_;
};

// A position that no log reaches: resuming from it gives nothing, and the answer is incomplete.
inline constexpr Position kNoPosition{UINT64_MAX};
// The position that a client sends back: a number, or the digits of an event's offset. Another
// string (a poisoned offset) is kNoPosition. Nothing, if it is neither a number nor a string.
std::optional<Position> read_position(socketio::JsonView value) noexcept;

// The same as above, as an Offset.
std::optional<Offset> read_offset(socketio::JsonView value) noexcept;

}  // namespace chatrt::gateway
