#include "transport/answer_box.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace chatd::transport {
namespace {

HttpResponse saying(const char* body) { return {.content_type = "text/plain", .body = body}; }

std::vector<std::string> take(AnswerBox& box) {
  std::vector<std::string> bodies;
  auto& answers = box.take();
  for (const auto& [exchange, response] : answers) {
    bodies.push_back(std::to_string(exchange) + " " + response.body);
  }
  answers.clear();
  return bodies;
}

}  // namespace

TEST_SUITE("AnswerBox") {
  TEST_CASE("what is held comes out when it is handed over, and wakes the shard once") {
    AnswerBox box;
    CHECK_FALSE(box.hand_over());
    box.hold(1, saying("a"));
    box.hold(2, saying("b"));
    CHECK(take(box).empty());
    CHECK(box.hand_over());
    CHECK_FALSE(box.hand_over());
    CHECK(take(box) == std::vector<std::string>{"1 a", "2 b"});
    CHECK(take(box).empty());
  }

  TEST_CASE("what is handed over comes behind what waits already, and wakes nobody again") {
    AnswerBox box;
    CHECK(box.put(7, saying("first")));
    CHECK_FALSE(box.put(8, saying("second")));
    box.hold(9, saying("third"));
    CHECK_FALSE(box.hand_over());
    CHECK(take(box) == std::vector<std::string>{"7 first", "8 second", "9 third"});
    box.hold(10, saying("next"));
    CHECK(box.hand_over());
    CHECK(take(box) == std::vector<std::string>{"10 next"});
  }
}

}  // namespace chatd::transport
