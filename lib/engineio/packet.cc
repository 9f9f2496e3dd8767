#include "chatrt/engineio/packet.h"

#include "base64.h"

namespace chatrt::engineio {
namespace {

// `text` is one packet as a WebSocket text frame or a segment of a polling body has it.
Result<Packet> decode_text(std::string_view text, std::string& scratch) {
  if (text.empty()) return Error{Errc::invalid_argument, "empty packet"};
  if (text[0] == 'b') {
    if (!decode_base64(text.substr(1), scratch)) {
      return Error{Errc::invalid_argument, "not base64"};
    }
    return Packet{PacketType::message, true, scratch};
  }
  if (text[0] < '0' || text[0] > '6') return Error{Errc::invalid_argument, "unknown packet type"};
  return Packet{static_cast<PacketType>(text[0]), false, text.substr(1)};
}

}  // namespace

void encode(const Packet& packet, std::string& out) {
  if (!packet.binary) out.push_back(static_cast<char>(packet.type));
  out.append(packet.data);
}

void encode_for_polling(Encoded packet, std::string& out) {
  if (!packet.binary) {
    out.append(packet.bytes);
    return;
  }
  out.push_back('b');
  append_base64(out, packet.bytes);
}

Result<Packet> decode(std::string_view text_frame, std::string& scratch) {
  return decode_text(text_frame, scratch);
}

Result<std::optional<Packet>> PayloadReader::next() {
  if (at_end_) return std::optional<Packet>{};
  const std::size_t separator = rest_.find(kRecordSeparator);
  Result<Packet> packet = decode_text(rest_.substr(0, separator), scratch_);
  if (!packet || separator == std::string_view::npos) {
    at_end_ = true;
  } else {
    rest_.remove_prefix(separator + 1);
  }
  if (!packet) return std::move(packet).error();
  return std::optional<Packet>{*packet};
}

}  // namespace chatrt::engineio
