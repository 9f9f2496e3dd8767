// Engine.IO payloads: what is read can be written again, byte for byte where it has no base64, of
// which there are several spellings; and what was written stays as it is.

#include "chatrt/engineio/packet.h"

#include <optional>
#include <string>

#include "input.h"

namespace {

using namespace chatrt::engineio;

struct Written {
  std::string body;
  bool has_binary = false;
};

// Reads `body` and writes it again; nothing if it is malformed.
std::optional<Written> write_again(std::string_view body) {
  PayloadReader reader(body);
  Written again;
  for (bool first = true;; first = false) {
    const auto packet = reader.next();
    if (!packet) {
      REQUIRE_THAT(reader.next() && !reader.next()->has_value());
      return std::nullopt;
    }
    if (!packet->has_value()) return again;
    if (!first) again.body.push_back(kRecordSeparator);
    std::string encoded;
    encode(**packet, encoded);
    encode_for_polling({(*packet)->binary, encoded}, again.body);
    again.has_binary |= (*packet)->binary;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  const auto once = write_again(body);
  if (!once) return 0;
  REQUIRE_THAT(once->has_binary || once->body == body);
  const auto twice = write_again(once->body);
  REQUIRE_THAT(twice && twice->body == once->body && twice->has_binary == once->has_binary);
  return 0;
}
