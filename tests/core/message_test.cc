#include "chatrt/message.h"

#include <doctest/doctest.h>

#include <string>

namespace chatrt {

TEST_SUITE("UserId::parse") {
  TEST_CASE("assign() is the same in place, and changes nothing where it fails") {
    UserId id = *UserId::parse("ann");
    CHECK(id.assign("bob"));
    CHECK(id.str() == "bob");
    CHECK(id.assign("").error().code == Errc::invalid_argument);
    CHECK(id.str() == "bob");
  }

  TEST_CASE("takes 1 to 128 bytes of UTF-8") {
    CHECK(UserId::parse("a"));
    CHECK(UserId::parse(std::string(128, 'x')));
    CHECK(UserId::parse("\xC3\xA4")->str() == "\xC3\xA4");
    CHECK_FALSE(UserId::parse(""));
    CHECK_FALSE(UserId::parse(std::string(129, 'x')));
    CHECK_FALSE(UserId::parse("\xC3"));
  }

  TEST_CASE("refuses control characters") {
    for (const std::string text : {"a\n", "\x7F", "\xC2\x85", "\x1F"}) {
      CHECK(UserId::parse(text).error().code == Errc::invalid_argument);
    }
    CHECK_FALSE(UserId::parse(std::string_view("a\0b", 3)));
  }

  TEST_CASE("compares byte for byte; a default one is empty") {
    CHECK(*UserId::parse("A") != *UserId::parse("a"));
    CHECK(UserId{}.empty());
  }
}

TEST_SUITE("message ids") {
  TEST_CASE("are 8 digits of seconds and 16 of the position") {
    const Timestamp time{std::chrono::milliseconds{0x65000000LL * 1000 + 999}};
    CHECK(format_message_id(time, Position{0xAB}) == "6500000000000000000000ab");
  }

  TEST_CASE("give their position back") {
    for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
      CHECK(parse_message_id(format_message_id(Timestamp{}, Position{n}))->value == n);
    }
  }

  TEST_CASE("of another form are refused") {
    for (const char* id : {"", "0", "6500000000000000000000AB", "650000000000000000000000",
                           "6500000000000000000000ab0", "g500000000000000000000ab"}) {
      CHECK_FALSE(parse_message_id(id));
    }
  }
}

TEST_SUITE("format_timestamp") {
  TEST_CASE("gives UTC with milliseconds") {
    using namespace std::chrono;
    CHECK(format_timestamp(Timestamp{}) == "1970-01-01T00:00:00.000Z");
    CHECK(format_timestamp(sys_days{2024y / 2 / 29} + 23h + 59min + 58s + milliseconds{7}) ==
          "2024-02-29T23:59:58.007Z");
    CHECK(format_timestamp(Timestamp{milliseconds{-1}}) == "1969-12-31T23:59:59.999Z");
  }

  TEST_CASE("keeps to four digits of year") {
    CHECK(format_timestamp(Timestamp::max()) == "9999-12-31T23:59:59.999Z");
    CHECK(format_timestamp(Timestamp::min()) == "0000-01-01T00:00:00.000Z");
  }
}

TEST_SUITE("Message::id") {
  TEST_CASE("comes from its time and position; position_of sees both kinds of change") {
    Message message;
    message.position = {7};
    CHECK(parse_message_id(message.id())->value == 7);
    CHECK(position_of(Change{message}).value == 7);
    MarkAdvanced mark;
    mark.position = {8};
    CHECK(position_of(Change{mark}).value == 8);
  }
}

}  // namespace chatrt
