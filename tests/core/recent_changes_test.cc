#include "recent_changes.h"

#include <doctest/doctest.h>

#include <string>

namespace chatrt {
namespace {

const UserId kAnn = *UserId::parse("ann");
const UserId kBob = *UserId::parse("bob");
const UserId kEve = *UserId::parse("eve");

Change message(std::uint64_t position, const UserId& from, const UserId& to,
               std::string text = "x") {
  Message m;
  m.position = {position};
  m.author = from;
  m.receiver = to;
  m.text = std::move(text);
  return m;
}

std::vector<std::uint64_t> found(const RecentChanges& recent, const UserId& user,
                                 std::uint64_t after) {
  std::vector<std::uint64_t> positions;
  recent.for_user(user, Position{after}, [&](const Change& change) {
    positions.push_back(position_of(change).value);
    return true;
  });
  return positions;
}

}  // namespace

TEST_SUITE("RecentChanges") {
  TEST_CASE("gives a user's changes above a position, oldest first") {
    RecentChanges recent(100, 1000);
    recent.reset(Position{10});
    recent.push(message(11, kAnn, kBob));
    recent.push(message(12, kEve, kBob));
    MarkAdvanced mark;
    mark.position = {13};
    mark.user = kBob;
    mark.peer = kAnn;
    recent.push(mark);

    CHECK(recent.head().value == 13);
    CHECK(found(recent, kAnn, 10) == std::vector<std::uint64_t>{11, 13});
    CHECK(found(recent, kBob, 11) == std::vector<std::uint64_t>{12, 13});
    CHECK(found(recent, kEve, 12).empty());
    CHECK(found(recent, kBob, 13).empty());
  }

  TEST_CASE("covers what it has, and nothing older") {
    RecentChanges recent(2, 1000);
    recent.reset(Position{10});
    CHECK(recent.covers(Position{10}));
    CHECK_FALSE(recent.covers(Position{9}));

    for (std::uint64_t n = 11; n <= 15; ++n) recent.push(message(n, kAnn, kBob));

    CHECK(recent.covers(Position{13}));
    CHECK_FALSE(recent.covers(Position{12}));
    CHECK(found(recent, kAnn, 13) == std::vector<std::uint64_t>{14, 15});
  }

  TEST_CASE("the oldest go when the text is too much; the newest stays, however long") {
    RecentChanges recent(100, 10);
    recent.push(message(1, kAnn, kBob, "12345"));
    recent.push(message(2, kAnn, kBob, "12345"));
    CHECK(recent.covers(Position{0}));
    recent.push(message(3, kAnn, kBob, "1"));
    CHECK_FALSE(recent.covers(Position{0}));
    CHECK(recent.covers(Position{1}));

    recent.push(message(4, kAnn, kBob, std::string(50, 'x')));

    CHECK(recent.covers(Position{3}));
    CHECK_FALSE(recent.covers(Position{2}));
  }

  TEST_CASE("gives what it forgets for what it takes, but for large texts") {
    RecentChanges recent(16, 100000);
    const auto forgotten_for = [&](std::uint64_t position, std::string text) {
      Change change = message(position, kAnn, kBob, std::move(text));
      recent.push(std::move(change));
      return std::get<Message>(change).text;  // NOLINT: it is what was forgotten
    };
    CHECK(forgotten_for(1, std::string(200, 'a')).empty());
    CHECK(forgotten_for(2, std::string(2000, 'b')).empty());
    for (std::uint64_t n = 3; n <= 16; ++n) CHECK(forgotten_for(n, "c").empty());

    CHECK(forgotten_for(17, "d") == std::string(200, 'a'));
    CHECK(forgotten_for(18, "e").empty());
    CHECK(forgotten_for(19, "f") == "c");
  }

  TEST_CASE("keeps its order while it grows and turns") {
    RecentChanges recent(50, 100000);
    for (std::uint64_t n = 1; n <= 500; ++n) {
      recent.push(message(n, n % 2 == 0 ? kAnn : kEve, kBob));
      const std::uint64_t from = n > 50 ? n - 50 : 0;
      REQUIRE(recent.covers(Position{from}));
      REQUIRE(found(recent, kBob, from).size() == n - from);
      REQUIRE(found(recent, kBob, from).front() == from + 1);
    }
  }

  TEST_CASE("reset forgets all") {
    RecentChanges recent(50, 1000);
    recent.push(message(1, kAnn, kBob));
    recent.reset(Position{7});

    CHECK(recent.head().value == 7);
    CHECK_FALSE(recent.covers(Position{6}));
    CHECK(found(recent, kAnn, 7).empty());
  }
}

}  // namespace chatrt
