#include "expiries.h"

#include <doctest/doctest.h>

#include <string>

namespace chatrt {
namespace {

MonotonicTime at(int ms) { return MonotonicTime{Duration{ms}}; }

}  // namespace

TEST_SUITE("Expiries") {
  TEST_CASE("gives entries out in the order of their deadlines, and not before them") {
    Expiries<std::string, int> entries;
    entries.set("b", 2, at(20));
    entries.set("a", 1, at(10));
    entries.set("c", 3, at(20));

    CHECK(entries.next() == at(10));
    CHECK_FALSE(entries.pop_due(at(9)));
    CHECK(entries.pop_due(at(10))->first == "a");
    CHECK_FALSE(entries.pop_due(at(19)));
    CHECK(entries.pop_due(at(99))->first == "b");
    CHECK(entries.pop_due(at(99))->first == "c");
    CHECK_FALSE(entries.next());
    CHECK(entries.size() == 0);
  }

  TEST_CASE("setting again changes value and deadline") {
    Expiries<std::string, int> entries;
    entries.set("a", 1, at(10));
    entries.set("a", 2, at(30));

    CHECK(entries.size() == 1);
    CHECK(*entries.find("a") == 2);
    CHECK_FALSE(entries.pop_due(at(29)));
    CHECK(entries.pop_due(at(30))->second == 2);
  }

  TEST_CASE("what is erased is not there") {
    Expiries<std::string, int> entries;
    entries.set("a", 1, at(10));

    CHECK(entries.erase("a"));
    CHECK_FALSE(entries.erase("a"));
    CHECK(entries.find("a") == nullptr);
    CHECK_FALSE(entries.next());
  }

  TEST_CASE("deadlines stay right when the table grows") {
    Expiries<int, int> entries;
    for (int i = 0; i < 1000; ++i) entries.set(i, i, at(1000 - i));
    for (int i = 999; i >= 0; --i) CHECK(entries.pop_due(at(5000))->first == i);
  }
}

}  // namespace chatrt
