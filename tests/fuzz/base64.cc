// Base64: what is taken is the only spelling of its bytes.

#include "base64.h"

#include "input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chatrt::engineio;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string decoded;
  if (decode_base64(text, decoded)) {
    std::string again;
    append_base64(again, decoded);
    REQUIRE_THAT(again == text);
  }
  std::string encoded;
  append_base64(encoded, text);
  REQUIRE_THAT(decode_base64(encoded, decoded));
  REQUIRE_THAT(decoded == text);
  return 0;
}
