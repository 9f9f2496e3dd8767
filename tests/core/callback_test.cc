#include "chatrt/callback.h"

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace chatrt {

TEST_SUITE("Callback") {
  TEST_CASE("is empty until it has a function") {
    Callback<void()> none;
    CHECK_FALSE(none);
    CHECK_FALSE(Callback<void()>{nullptr});
    CHECK_FALSE(Callback<void()>{std::function<void()>{}});

    int calls = 0;
    none = [&calls] { ++calls; };
    REQUIRE(none);
    none();
    CHECK(calls == 1);
    none = {};
    CHECK_FALSE(none);
  }

  TEST_CASE("passes what it is called with, by value and by reference") {
    std::string got;
    const Callback<void(std::unique_ptr<int>, const std::string&)> callback =
        [&got](std::unique_ptr<int> number, const std::string& text) {
          got = text + std::to_string(*number);
        };
    callback(std::make_unique<int>(7), "n=");
    CHECK(got == "n=7");
  }

  // Small ones lie inside, large ones outside: both are moved along and end once.
  template <std::size_t kBytes>
  void check_ownership() {
    const auto owned = std::make_shared<int>(1);
    int calls = 0;
    {
      Callback<void()> first = [owned, &calls, filler = std::array<char, kBytes>{}] {
        calls += *owned + filler[0];
      };
      CHECK(owned.use_count() == 2);
      Callback<void()> second = std::move(first);
      CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move)
      CHECK(owned.use_count() == 2);
      second();
      Callback<void()> third = [] {};
      third = std::move(second);
      third();
      Callback<void()>& itself = third;
      third = std::move(itself);
      third();
      CHECK(owned.use_count() == 2);
    }
    CHECK(calls == 3);
    CHECK(owned.use_count() == 1);
  }

  TEST_CASE("owns what its function captures") {
    SUBCASE("inside") { check_ownership<8>(); }
    SUBCASE("outside") { check_ownership<200>(); }
  }

  TEST_CASE("a function that may throw when moved lies outside, so that moving never throws") {
    struct Throwing {
      Throwing() = default;
      Throwing(Throwing&&) {}  // NOLINT: throws, as far as anybody knows
      void operator()() const {}
    };
    Callback<void()> callback{Throwing{}};
    static_assert(std::is_nothrow_move_constructible_v<Callback<void()>>);
    const Callback<void()> moved = std::move(callback);
    moved();
  }
}

}  // namespace chatrt
