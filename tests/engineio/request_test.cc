#include "request.h"

#include <doctest/doctest.h>

#include <string>

namespace chatrt::engineio {
namespace {

TEST_SUITE("parse_query") {
  TEST_CASE("finds the three parameters among others, in any order") {
    const Query query = parse_query("t=abc&sid=S1&userId=ann&transport=polling&EIO=4");

    CHECK(query.eio == "4");
    CHECK(query.transport == "polling");
    CHECK(query.sid == "S1");
  }

  TEST_CASE("of duplicates the last one counts") {
    CHECK(parse_query("EIO=3&EIO=4").eio == "4");
    CHECK(parse_query("EIO=4&EIO=3").eio == "3");
    CHECK(parse_query("sid=a&sid=").sid.empty());
  }

  TEST_CASE("takes a parameter without a value for an empty one, and stray signs for nothing") {
    const Query query = parse_query("&&EIO&=x&transport==polling&&sid");

    CHECK(query.eio.empty());
    CHECK(query.transport == "=polling");
    CHECK(query.sid.empty());
  }

  TEST_CASE("does not take a longer name for a known one") {
    CHECK(parse_query("xEIO=4&EIOx=4&eio=4").eio.empty());
  }
}

TEST_SUITE("error_body") {
  TEST_CASE("is the code and its message") {
    CHECK(error_body(ErrorCode::transport_unknown) ==
          R"({"code":0,"message":"Transport unknown"})");
    CHECK(error_body(ErrorCode::session_unknown) == R"({"code":1,"message":"Session ID unknown"})");
    CHECK(error_body(ErrorCode::bad_handshake_method) ==
          R"({"code":2,"message":"Bad handshake method"})");
    CHECK(error_body(ErrorCode::bad_request) == R"({"code":3,"message":"Bad request"})");
    CHECK(error_body(ErrorCode::forbidden) == R"({"code":4,"message":"Forbidden"})");
    CHECK(error_body(ErrorCode::unsupported_version) ==
          R"({"code":5,"message":"Unsupported protocol version"})");
  }

  TEST_CASE("stays JSON whatever the host's message is") {
    CHECK(error_body(ErrorCode::forbidden, "\"no\\\n\"") == R"({"code":4,"message":"\"no\\ \""})");
  }
}

}  // namespace
}  // namespace chatrt::engineio
