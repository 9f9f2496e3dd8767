#include "base64.h"

#include <doctest/doctest.h>

#include <string>

namespace chatrt::engineio {
namespace {

std::string encoded(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

TEST_SUITE("append_base64") {
  TEST_CASE("the examples of RFC 4648") {
    CHECK(encoded("").empty());
    CHECK(encoded("f") == "Zg==");
    CHECK(encoded("fo") == "Zm8=");
    CHECK(encoded("foo") == "Zm9v");
    CHECK(encoded("foob") == "Zm9vYg==");
    CHECK(encoded("fooba") == "Zm9vYmE=");
    CHECK(encoded("foobar") == "Zm9vYmFy");
  }

  TEST_CASE("appends to what is there") {
    std::string out = "b";

    append_base64(out, "\xff");

    CHECK(out == "b/w==");
  }
}

TEST_SUITE("decode_base64") {
  TEST_CASE("gives back what was encoded, for every byte and every length modulo 3") {
    std::string bytes;
    for (int i = 0; i < 259; ++i) {
      std::string decoded = "left over";

      REQUIRE(decode_base64(encoded(bytes), decoded));

      CHECK(decoded == bytes);
      bytes.push_back(static_cast<char>(i));
    }
  }

  TEST_CASE("takes nothing that is not base64 with its padding") {
    std::string out;
    for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "====", "=", "Z===", "Zg==Zg==", "Zm=v",
                             "Zm9_", "Zm9-", "Zm 9", "Zm9v\n", "Zm\xc3\xa9", "Z=g="}) {
      CAPTURE(text);
      CHECK_FALSE(decode_base64(text, out));
    }
  }

  TEST_CASE("takes no second spelling: bits that belong to no byte are zero") {
    std::string out;
    CHECK(decode_base64("Zg==", out));
    CHECK_FALSE(decode_base64("Zh==", out));
    CHECK(decode_base64("Zm8=", out));
    CHECK_FALSE(decode_base64("Zm9=", out));
  }
}

}  // namespace
}  // namespace chatrt::engineio
