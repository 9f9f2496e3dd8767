// Engine.IO payloads: what is read can be written again, byte for byte.

#include "chatrt/engineio/packet.h"

#include "input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chatrt::engineio;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  PayloadReader reader(body);
  std::string again;
  for (bool first = true;; first = false) {
    const auto packet = reader.next();
    if (!packet) {
      REQUIRE_THAT(reader.next() && !reader.next()->has_value());
      return 0;
    }
    if (!packet->has_value()) break;
    if (!first) again.push_back(kRecordSeparator);
    std::string encoded;
    encode(**packet, encoded);
    encode_for_polling({(*packet)->binary, encoded}, again);
  }
  REQUIRE_THAT(again == body);
  return 0;
}
