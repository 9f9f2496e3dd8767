#include "chatrt/engineio/packet.h"

#include <doctest/doctest.h>

#include <string>

namespace chatrt::engineio {
namespace {

TEST_SUITE("PayloadReader") {
  TEST_CASE("is at its end for good after the last packet") {
    PayloadReader reader("4a");

    REQUIRE(*reader.next());

    CHECK_FALSE((*reader.next()).has_value());
    CHECK_FALSE((*reader.next()).has_value());
  }

  TEST_CASE("is at its end after a malformed segment, whatever follows it") {
    PayloadReader reader(
        "x\x1e"
        "4b");

    CHECK_FALSE(reader.next());

    const auto after = reader.next();
    REQUIRE(after);
    CHECK_FALSE(after->has_value());
  }

  TEST_CASE("keeps a packet valid until the next is read") {
    PayloadReader reader(
        "bAQI=\x1e"
        "4text");

    const auto first = reader.next();
    REQUIRE(first);
    CHECK((*first)->binary);
    CHECK((*first)->data == "\x01\x02");

    const auto second = reader.next();
    REQUIRE(second);
    CHECK_FALSE((*second)->binary);
    CHECK((*second)->data == "text");
  }

  TEST_CASE("reads a body of nothing but the smallest packets") {
    std::string body = "4";
    for (int i = 1; i < 10'000; ++i)
      body +=
          "\x1e"
          "4";
    PayloadReader reader(body);

    int packets = 0;
    for (auto packet = reader.next(); packet && packet->has_value(); packet = reader.next()) {
      ++packets;
    }

    CHECK(packets == 10'000);
  }
}

TEST_SUITE("decode") {
  TEST_CASE("the data points into the frame, that of base64 into the scratch buffer") {
    std::string scratch;
    const std::string text = "4hello";
    const std::string base64 = "bAQ==";

    CHECK(decode(text, scratch)->data.data() == text.data() + 1);
    CHECK(decode(base64, scratch)->data.data() == scratch.data());
  }
}

}  // namespace
}  // namespace chatrt::engineio
