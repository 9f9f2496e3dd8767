// WebSocket frames: the same messages whether the bytes come at once or one by one, none above the
// limit, and text that is UTF-8.

#include <string>
#include <utility>
#include <vector>

#include "chatrt/utf8.h"
#include "input.h"
#include "transport/websocket_codec.h"

namespace {

using namespace chatd::transport;

constexpr std::size_t kMessageBytesMax = 1000;
using Messages = std::vector<std::pair<Opcode, std::string>>;

struct Read {
  Messages messages;
  std::uint16_t error = 0;
};

Read read(std::string bytes, std::size_t step) {
  WebSocketReader reader(kMessageBytesMax);
  Read result;
  for (std::size_t at = 0; at < bytes.size() && reader.error_code() == 0; at += step) {
    char* begin = bytes.data() + at;
    std::size_t size = std::min(step, bytes.size() - at);
    WebSocketReader::Message message{};
    while (reader.read(begin, size, message)) {
      REQUIRE_THAT(message.payload.size() <= kMessageBytesMax);
      if (message.opcode == Opcode::text) REQUIRE_THAT(chatrt::is_valid_utf8(message.payload));
      result.messages.emplace_back(message.opcode, message.payload);
    }
    REQUIRE_THAT(size == 0 || reader.error_code() != 0);
  }
  result.error = reader.error_code();
  return result;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const Read whole = read(bytes, bytes.size());
  const Read slow = read(bytes, 1);
  REQUIRE_THAT(whole.messages == slow.messages);
  REQUIRE_THAT(whole.error == slow.error);
  return 0;
}
