// Base64: what is taken is a spelling of its bytes, and what is encoded gives them back.

#include "base64.h"

#include "input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chatrt::engineio;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string decoded;
  if (decode_base64(text, decoded)) {
    REQUIRE_THAT(decoded.size() <= size / 4 * 3 + 2);
    std::string again;
    append_base64(again, decoded);
    std::string same;
    REQUIRE_THAT(decode_base64(again, same) && same == decoded);
  }
  std::string encoded;
  append_base64(encoded, text);
  REQUIRE_THAT(decode_base64(encoded, decoded));
  REQUIRE_THAT(decoded == text);
  return 0;
}
