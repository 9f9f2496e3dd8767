#include "chatrt/utf8.h"

#include <doctest/doctest.h>

#include <string>

namespace chatrt {

TEST_SUITE("is_valid_utf8") {
  TEST_CASE("takes the first and last of every length") {
    for (const char* text :
         {"", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
          "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
      CHECK(is_valid_utf8(text));
    }
    CHECK(is_valid_utf8(std::string_view("a\0b", 3)));
  }

  TEST_CASE("refuses overlong forms, surrogates, what is too high or cut off, also behind ASCII") {
    for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF",
                            "\xED\xA0\x80", "\xE2\x82", "\xE2\x82\x41", "\xF0\x8F\xBF\xBF",
                            "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF0\x9F\x98", "\xFF"}) {
      for (std::size_t before = 0; before < 18; ++before) {
        const std::string text = std::string(before, 'x') + bad;
        CHECK_FALSE(is_valid_utf8(text));
        CHECK_FALSE(is_valid_utf8(text + std::string(9, 'y')));
      }
    }
  }
}

TEST_SUITE("has_control_characters") {
  TEST_CASE("finds C0, DEL and C1, and nothing beside them") {
    for (const char* text : {"\x01", "a\x1F", "\x7F", "\xC2\x80", "a\xC2\x9F"}) {
      CHECK(has_control_characters(text));
    }
    CHECK(has_control_characters(std::string_view("\0", 1)));
    for (const char* text : {"", " ~", "\xC2\xA0", "\xC3\x80", "\xE2\x80\x93"}) {
      CHECK_FALSE(has_control_characters(text));
    }
  }

  TEST_CASE("has_nul finds a NUL alone") {
    CHECK(has_nul(std::string_view("a\0", 2)));
    CHECK_FALSE(has_nul("\x01"));
  }
}

}  // namespace chatrt
