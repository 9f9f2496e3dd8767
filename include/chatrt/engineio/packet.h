// Engine.IO v4 packets as values, and their three encodings.
//
// Source: Engine.IO protocol v4, "Packet encoding". On a WebSocket a text packet is one text frame,
// type digit first, and a binary message one binary frame without a type. In a polling body packets
// are joined by 0x1e, and a binary message is 'b' and standard base64.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "chatrt/export.h"
#include "chatrt/result.h"

namespace chatrt::engineio {

enum class PacketType : char {
  open = '0',
  close = '1',
  ping = '2',
  pong = '3',
  message = '4',
  upgrade = '5',
  noop = '6',
};

// A packet that was read. `data` has no type digit and no base64; it points into what was decoded,
// or into the scratch buffer given to the decoder. Binary packets are always messages.
struct Packet {
  PacketType type = PacketType::message;
  bool binary = false;
  std::string_view data;
};

// A packet to be sent, in its WebSocket encoding, ready to be framed: text starts with the type
// digit ("42[...]"), binary is the bytes themselves.
struct Encoded {
  bool binary = false;
  std::string_view bytes;
};

inline constexpr char kRecordSeparator = '\x1e';

// Appends the WebSocket encoding of `packet` to `out`.
CHATRT_EXPORT void encode(const Packet& packet, std::string& out);
// Appends `packet` as it stands in a polling body, without a separator.
CHATRT_EXPORT void encode_for_polling(Encoded packet, std::string& out);

// Reads a WebSocket text frame. One that begins with 'b' is base64 binary, decoded into `scratch`.
// Base64 may be in the alphabet for URLs, without padding, and with white space. invalid_argument
// if it is none, or the frame is empty or has no known type.
CHATRT_EXPORT Result<Packet> decode(std::string_view text_frame, std::string& scratch);

// Reads the packets of a polling body one by one, so that a long body can be taken in slices.
class CHATRT_EXPORT PayloadReader {
 public:
  // `body` outlives the reader. An empty body is malformed.
  explicit PayloadReader(std::string_view body) : rest_(body) {}

  // The next packet, valid until the following call; nothing after the last one; invalid_argument
  // at the first malformed or empty segment, after which the reader is at its end.
  Result<std::optional<Packet>> next();

 private:
  std::string_view rest_;
  bool at_end_ = false;
  std::string scratch_;
};

}  // namespace chatrt::engineio
