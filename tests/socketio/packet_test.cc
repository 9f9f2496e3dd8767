#include "chatrt/socketio/packet.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "chatrt/socketio/server.h"

namespace chatrt::socketio {
namespace {

TEST_SUITE("split") {
  TEST_CASE("ack ids go up to 2^53-1") {
    const std::string text = "29007199254740991[\"m\"]";
    REQUIRE(split(text));
    CHECK(split(text)->header.id == kAckIdMax);
    CHECK_FALSE(split("29007199254740992[\"m\"]"));
    CHECK_FALSE(split("299999999999999999999999[\"m\"]"));
  }

  TEST_CASE("attachments are 1 to 10, and only with the binary types") {
    CHECK(split("51-[\"m\"]")->header.attachments == 1);
    CHECK(split("510-[\"m\"]")->header.attachments == 10);
    CHECK_FALSE(split("50-[\"m\"]"));
    CHECK_FALSE(split("511-[\"m\"]"));
    CHECK_FALSE(split("5-[\"m\"]"));
    CHECK_FALSE(split("51"));
    CHECK(split("21-[\"m\"]")->json == "-[\"m\"]");  // no JSON: the session refuses it
  }

  TEST_CASE("a namespace runs to the comma, or to the end") {
    CHECK(split("0/a,{}")->header.nsp == "/a");
    CHECK(split("0/a,{}")->json == "{}");
    CHECK(split("1/a")->header.nsp == "/a");
    CHECK(split("0/,{}")->header.nsp == "/");
    CHECK(split("0")->header.nsp == "/");
    CHECK(split("2/a,12[\"m\"]")->header.id == 12U);
  }

  TEST_CASE("a space is neither a digit nor the beginning of a payload") {
    CHECK_FALSE(split("2 [\"m\"]"));
    CHECK_FALSE(split("21\t[\"m\"]"));
    CHECK_FALSE(split("2/a, [\"m\"]"));
  }
}

TEST_SUITE("Arguments") {
  TEST_CASE("are joined by commas, each written as JSON") {
    Arguments arguments;
    arguments.string("a\"b").number(std::uint64_t{1}).number(std::int64_t{-2}).boolean(true).null();
    arguments.json("{\"x\":[]}");
    CHECK(arguments.list() == R"("a\"b",1,-2,true,null,{"x":[]})");
    CHECK(arguments.attachments().empty());
  }

  TEST_CASE("binary is cut out in order") {
    Arguments arguments;
    arguments.binary("one").string("x").binary("two");
    CHECK(arguments.list() == R"({"_placeholder":true,"num":0},"x",{"_placeholder":true,"num":1})");
    REQUIRE(arguments.attachments().size() == 2);
    CHECK(arguments.attachments()[1] == "two");
  }

  TEST_CASE("values of one packet share its attachments, behind those that are there") {
    Json json;
    REQUIRE(
        json.parse(R"([{"a":[{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":0}])") ==
        Json::ParseStatus::ok);
    const std::vector<std::string> attachments = {"zero", "one"};
    Arguments arguments;

    arguments.binary("mine");
    arguments.value(json.root().at(0), attachments).value(json.root().at(1), attachments);

    CHECK(arguments.list() == R"({"_placeholder":true,"num":0},)"
                              R"({"a":[{"_placeholder":true,"num":2}]},)"
                              R"({"_placeholder":true,"num":1})");
    CHECK(arguments.attachments().size() == 3);
  }

  TEST_CASE("without attachments a placeholder is plain data") {
    Json json;
    REQUIRE(json.parse(R"({"_placeholder":true,"num":7})") == Json::ParseStatus::ok);
    Arguments arguments;
    arguments.value(json.root(), {});
    CHECK(arguments.list() == R"({"_placeholder":true,"num":7})");
    CHECK(arguments.attachments().empty());
  }
}

TEST_SUITE("is_reserved_event") {
  TEST_CASE("knows the six, and no other") {
    for (const char* name : {"connect", "connect_error", "disconnect", "disconnecting",
                             "newListener", "removeListener"}) {
      CHECK(is_reserved_event(name));
    }
    for (const char* name : {"", "message", "error", "connection", "Connect", "connect "}) {
      CHECK_FALSE(is_reserved_event(name));
    }
  }
}

TEST_SUITE("Handshake::query_value") {
  TEST_CASE("decodes names and values; the last of several counts") {
    const Handshake handshake{"a=1&b=x%20y+z&%63=%C3%A9&a=2&d&e=%4", {}, {}};
    CHECK(handshake.query_value("a") == "2");
    CHECK(handshake.query_value("b") == "x y z");
    CHECK(handshake.query_value("c") == "\xc3\xa9");
    CHECK(handshake.query_value("d") == "");
    CHECK(handshake.query_value("e") == "%4");
    CHECK_FALSE(handshake.query_value("f"));
  }
}

}  // namespace
}  // namespace chatrt::socketio
