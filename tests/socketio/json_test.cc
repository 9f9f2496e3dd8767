#include "chatrt/socketio/json.h"

#include <doctest/doctest.h>

#include <string>

namespace chatrt::socketio {
namespace {

using ParseStatus = Json::ParseStatus;

ParseStatus parse(std::string_view text) {
  Json json;
  const ParseStatus status = json.parse(text);
  CHECK(json.root().present() == (status == ParseStatus::ok));
  return status;
}

// `text` parsed and written again; empty if it is refused.
std::string again(std::string_view text) {
  Json json;
  std::string out;
  if (json.parse(text) == ParseStatus::ok) json.root().append_to(out);
  return out;
}

TEST_SUITE("Json::parse") {
  TEST_CASE("takes a value of each type, with space around it") {
    for (const char* text : {"null", "true", "false", "0", "-1.5e3", "\"\"", "[]", "{}",
                             " \t\r\n[ 1 , {\"a\" : null} ] "}) {
      CAPTURE(text);
      CHECK(parse(text) == ParseStatus::ok);
    }
  }

  TEST_CASE("takes nothing that is not JSON") {
    for (const char* text :
         {"",        " ",        "nul",     "tru",        "01",     "1.",       ".5",
          "+1",      "-",        "1e",      "0x1",        "NaN",    "Infinity", "'a'",
          "\"a",     "\"\n\"",   "\"\\x\"", "\"\\u12\"",  "[1,]",   "[,1]",     "[1 2]",
          "{\"a\"}", "{\"a\":}", "{a:1}",   "{\"a\":1,}", "{1:2}",  "[",        "{",
          "]",       "1 2",      "[]x",     "// c\n1",    "[1]/**/"}) {
      CAPTURE(text);
      CHECK(parse(text) == ParseStatus::not_json);
    }
    CHECK(parse(std::string_view{"[1]\0", 4}) == ParseStatus::not_json);
    CHECK(parse(std::string_view{"\"a\0b\"", 5}) == ParseStatus::not_json);
  }

  TEST_CASE("takes 64 levels of nesting and not one more") {
    const auto nested = [](std::size_t depth) {
      return std::string(depth, '[') + std::string(depth, ']');
    };
    CHECK(parse(nested(64)) == ParseStatus::ok);
    CHECK(again(nested(64)) == nested(64));
    CHECK(parse(nested(65)) == ParseStatus::not_json);
    CHECK(parse(std::string(200'000, '[')) == ParseStatus::not_json);
    std::string objects;
    for (int i = 0; i < 65; ++i) objects += "{\"a\":";
    CHECK(parse(objects + "1" + std::string(65, '}')) == ParseStatus::not_json);
  }

  TEST_CASE("refuses invalid UTF-8") {
    for (const char* text :
         {"\"\x80\"", "\"\xff\"", "\"\xc3\"", "\"\xc0\xaf\"", "\"\xe0\x80\xaf\"",
          "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xf0\x9f\x98\"", "{\"\xff\":1}"}) {
      CAPTURE(text);
      CHECK(parse(text) == ParseStatus::not_json);
    }
    CHECK(parse("\"\xf0\x9f\x98\x80\xe2\x82\xac\"") == ParseStatus::ok);
  }

  TEST_CASE("tells a lone surrogate, high or low, from what is no JSON") {
    for (const char* text : {R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")", R"("\ud800x")",
                             R"("\udfff\ud800")", R"(["a",{"\udbff":1}])", R"("\ud800\n")"}) {
      CAPTURE(text);
      CHECK(parse(text) == ParseStatus::refused);
    }
    Json json;
    REQUIRE(json.parse(R"("\ud83d\ude00")") == ParseStatus::ok);
    CHECK(json.root().as_string() == "\xf0\x9f\x98\x80");
  }

  TEST_CASE("refuses a number beyond a double, and takes one below it for zero") {
    for (const char* text : {"1e309", "-1e400", "[1e99999999999999999999]", "123e400"}) {
      CAPTURE(text);
      CHECK(parse(text) == ParseStatus::refused);
    }
    CHECK(parse("1" + std::string(400, '0')) == ParseStatus::refused);
    CHECK(parse("1" + std::string(400, '0') + "e-5") == ParseStatus::refused);
    CHECK(again("1.7976931348623157e308") == "1.7976931348623157e+308");
    CHECK(again("5e-324") == "5e-324");
    CHECK(again("1e-400") == "0");
    CHECK(again("-1e-99999999999999999999") == "0");
    CHECK(again("0." + std::string(400, '0') + "1") == "0");
    CHECK(again("0." + std::string(400, '0') + "1e401") == "1");
  }

  TEST_CASE("may be used again and again, whatever came before") {
    Json json;
    CHECK(json.parse("[1,2,3]") == ParseStatus::ok);
    CHECK(json.parse("[1,") == ParseStatus::not_json);
    CHECK_FALSE(json.root().present());
    CHECK(json.parse("1e999") == ParseStatus::refused);
    CHECK(json.parse("[4]") == ParseStatus::ok);
    CHECK(json.root().at(0).as_int64() == 4);
  }
}

TEST_SUITE("JsonView") {
  TEST_CASE("of equal keys the last one counts, as in JavaScript") {
    Json json;
    REQUIRE(json.parse(R"({"a":1,"b":2,"a":3})") == ParseStatus::ok);
    CHECK(json.root().find("a").as_int64() == 3);
    CHECK(json.root().size() == 3);
    CHECK(json.root().member(0).first == "a");
    CHECK(json.root().member(2).second.as_int64() == 3);
  }

  TEST_CASE("gives nothing where the type is another or the index is out of range") {
    Json json;
    REQUIRE(json.parse(R"({"s":"x","n":1,"a":[]})") == ParseStatus::ok);
    const JsonView root = json.root();
    CHECK_FALSE(root.find("s").as_int64());
    CHECK_FALSE(root.find("n").as_string());
    CHECK_FALSE(root.find("n").as_bool());
    CHECK_FALSE(root.find("a").at(0).present());
    CHECK_FALSE(root.find("none").present());
    CHECK_FALSE(root.member(3).second.present());
    CHECK_FALSE(root.at(0).present());
    CHECK(root.find("n").size() == 0);
    CHECK_FALSE(JsonView{}.find("x").at(1).member(2).second.as_double());
  }

  TEST_CASE("integers are exact in their whole range") {
    Json json;
    REQUIRE(json.parse("[9223372036854775807,-9223372036854775808,18446744073709551615,"
                       "9223372036854775808,1.0,1e3,-1,1.5,1e19,2e19,-0]") == ParseStatus::ok);
    const JsonView root = json.root();
    CHECK(root.at(0).as_int64() == INT64_MAX);
    CHECK(root.at(1).as_int64() == INT64_MIN);
    CHECK_FALSE(root.at(1).as_uint64());
    CHECK(root.at(2).as_uint64() == UINT64_MAX);
    CHECK_FALSE(root.at(2).as_int64());
    CHECK_FALSE(root.at(3).as_int64());
    CHECK(root.at(4).as_int64() == 1);
    CHECK(root.at(5).as_uint64() == 1000);
    CHECK_FALSE(root.at(6).as_uint64());
    CHECK_FALSE(root.at(7).as_int64());
    CHECK_FALSE(root.at(7).as_uint64());
    CHECK(root.at(8).as_uint64() == 10'000'000'000'000'000'000U);
    CHECK_FALSE(root.at(9).as_uint64());
    CHECK(root.at(10).as_int64() == 0);
  }
}

TEST_SUITE("JsonView::append_to") {
  TEST_CASE("writes numbers as JSON.stringify does") {
    const std::pair<const char*, const char*> kNumbers[] = {
        {"1", "1"},
        {"1.0", "1"},
        {"-0", "0"},
        {"-0.0", "0"},
        {"0.1", "0.1"},
        {"1e3", "1000"},
        {"123456789012345680000", "123456789012345680000"},
        {"1e21", "1e+21"},
        {"1.5e21", "1.5e+21"},
        {"1e20", "100000000000000000000"},
        {"0.000001", "0.000001"},
        {"0.0000001", "1e-7"},
        {"1.25e-7", "1.25e-7"},
        {"-2.50", "-2.5"},
        {"9007199254740993", "9007199254740992"},
        {"9007199254740991", "9007199254740991"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"5E-5", "0.00005"},
        {"1.2345678901234567890", "1.2345678901234567"}};
    for (const auto& number : kNumbers) {
      CAPTURE(number.first);
      CHECK(again(number.first) == number.second);
    }
  }

  TEST_CASE("writes strings as JSON.stringify does") {
    CHECK(again(R"("\u0000\u001f\b\f\n\r\t\"\\\/")") == R"("\u0000\u001f\b\f\n\r\t\"\\/")");
    CHECK(again("\"\xe2\x80\xa8\x7f\"") == "\"\xe2\x80\xa8\x7f\"");
    CHECK(again(R"("\u20ac")") == "\"\xe2\x82\xac\"");
  }

  TEST_CASE("keeps the order of keys and drops space") {
    CHECK(again(R"( { "b" : [ 1 , true , null ] , "a" : { } } )") ==
          R"({"b":[1,true,null],"a":{}})");
  }
}

TEST_SUITE("json_string_size") {
  TEST_CASE("is what append_json_string appends") {
    std::string text;
    for (int c = 0; c < 128; ++c) {
      text.push_back(static_cast<char>(c));
      for (const std::string& one : {text, std::string(1, text.back()), text + "\xc3\xa4" + text}) {
        std::string appended;
        append_json_string(appended, one);
        CHECK(json_string_size(one) == appended.size());
      }
    }
    CHECK(json_string_size("") == 2);
  }
}

}  // namespace
}  // namespace chatrt::socketio
