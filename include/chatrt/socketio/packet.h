// Socket.IO v5 packets as values, and their encoding in Engine.IO messages.
//
// Source: Socket.IO protocol v5. A packet is one text message and, for binary ones, exactly
// `attachments` binary messages right after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "chatrt/export.h"
#include "chatrt/result.h"
#include "chatrt/socketio/json.h"

namespace chatrt::socketio {

enum class PacketType : char {
  connect = '0',
  disconnect = '1',
  event = '2',
  ack = '3',
  connect_error = '4',
  binary_event = '5',
  binary_ack = '6',
};

using AckId = std::uint64_t;
inline constexpr AckId kAckIdMax = (AckId{1} << 53) - 1;
inline constexpr std::size_t kAttachmentsMax = 10;  // in both directions: the stock client's limit

// The head of a packet; the JSON text is whatever follows it.
struct Header {
  PacketType type = PacketType::event;
  std::size_t attachments = 0;  // of binary types
  std::string_view nsp = "/";
  std::optional<AckId> id = std::nullopt;
};

// Splits `text` (an Engine.IO message without its '4') into head and JSON text. invalid_argument
// for what the grammar does not allow. Reads the head alone: the JSON is not looked at.
struct Split {
  Header header;
  std::string_view json;
};
CHATRT_EXPORT Result<Split> split(std::string_view text);

// Appends '4', the head of `header` and `json` to `out`: the text message of the packet, as
// Engine.IO sends it.
CHATRT_EXPORT void encode(const Header& header, std::string_view json, std::string& out);

// An array of arguments under construction: JSON text, with binary values cut out of it.
class CHATRT_EXPORT Arguments {
 public:
  Arguments& string(std::string_view text);
  Arguments& number(std::uint64_t value);
  Arguments& number(std::int64_t value);
  Arguments& boolean(bool value);
  Arguments& null();
  // JSON text as it is. REQUIRES: valid JSON
  Arguments& json(std::string_view text);
  // A placeholder, and the bytes as the next attachment. REQUIRES: fewer than kAttachmentsMax so
  // far
  Arguments& binary(std::string bytes);
  // A value that came in, with all attachments of its packet; those are added once, however many
  // values of that packet follow each other.
  Arguments& value(JsonView view, std::span<const std::string> attachments);

  std::string_view list() const noexcept { return list_; }  // comma-separated, without brackets
  std::span<const std::string> attachments() const noexcept { return attachments_; }

 private:
  void separate();
  std::string list_;
  std::vector<std::string> attachments_;
  const std::string* shared_ = nullptr;  // the packet whose attachments were added last
  std::size_t shared_first_ = 0;         // and where they begin
};

// Is `name` reserved by the protocol ("connect", "disconnect", ...)? Such events are refused both
// ways.
CHATRT_EXPORT bool is_reserved_event(std::string_view name) noexcept;

}  // namespace chatrt::socketio
