#include "chatrt/result.h"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <string>

namespace chatrt {

TEST_SUITE("Result") {
  TEST_CASE("is a value or an error") {
    const Result<int> value(3);
    const Result<int> error(Error{Errc::busy, "full"});

    REQUIRE(value);
    CHECK(*value == 3);
    REQUIRE_FALSE(error.has_value());
    CHECK(error.error().code == Errc::busy);
    CHECK(error.error().detail == "full");
  }

  TEST_CASE("gives its value away when it is an rvalue") {
    Result<std::unique_ptr<int>> result(std::make_unique<int>(4));

    const std::unique_ptr<int> taken = *std::move(result);

    CHECK(*taken == 4);
  }

  TEST_CASE("of nothing is done or an error") {
    CHECK(Status{});
    CHECK_FALSE(Status{Error{Errc::gone}});
  }
}

TEST_SUITE("error_name") {
  TEST_CASE("has a word of its own for every code") {
    std::set<std::string> words;
    const int last = static_cast<int>(Errc::token_revoked);
    for (int code = 1; code <= last; ++code) words.emplace(error_name(static_cast<Errc>(code)));

    CHECK(words.size() == static_cast<std::size_t>(last));
    CHECK(words.contains("invalid_argument"));
  }

  TEST_CASE("keeps the numbers and words that clients know") {
    CHECK(static_cast<int>(Errc::invalid_argument) == 1);
    CHECK(static_cast<int>(Errc::internal) == 15);
    CHECK(error_name(Errc::shutting_down) == "shutting_down");
  }
}

}  // namespace chatrt
