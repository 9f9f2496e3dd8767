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

  TEST_CASE("takes the spellings of other encoders") {
    std::string out;
    const auto decoded = [&out](std::string_view text) {
      return decode_base64(text, out) ? out : "not base64";
    };
    CHECK(decoded("Zg==\n") == "f");  // of Android's Base64.DEFAULT
    CHECK(decoded("Zm9v\r\nYmFy\r\n") == "foobar");
    CHECK(decoded(" Zm\t9v ") == "foo");
    CHECK(decoded("Zg") == "f");
    CHECK(decoded("Zg=") == "f");
    CHECK(decoded("Zm8") == "fo");
    CHECK(decoded("-_-_") == decoded("+/+/"));
    CHECK(decoded("Zh==") == "f");  // bits that make no byte
    CHECK(decoded("\n").empty());
    CHECK(decoded("").empty());
  }

  TEST_CASE("takes nothing that is not base64") {
    std::string out;
    for (const char* text :
         {"Z", "Zg===", "====", "=", "==", "Z===", "Z==", "Zg==Zg==", "Zm=v",
          "Zm9v=", "Zm8==", "Zm9.", "Zm,v", "Zm\xc3\xa9", "Z=g=", "Zm9v\v", "Zm9vZ"}) {
      CAPTURE(text);
      CHECK_FALSE(decode_base64(text, out));
    }
    CHECK_FALSE(decode_base64(std::string_view("Zm9v\0", 5), out));
  }
}

}  // namespace
}  // namespace chatrt::engineio
