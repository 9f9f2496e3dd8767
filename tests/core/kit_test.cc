// The kit itself: what the other tests rely on.
#include <doctest/doctest.h>

#include "hub_fixture.h"

namespace chatrt::testing {

TEST_SUITE("InlineExecutor") {
  TEST_CASE("runs at once, and what a task posts after that task") {
    InlineExecutor lane;
    std::string order;
    lane.post([&] {
      lane.post([&] { order += "b"; });
      order += "a";
    });
    CHECK(order == "ab");
  }
}

TEST_SUITE("ManualExecutor") {
  TEST_CASE("runs what it is told to") {
    ManualExecutor lane;
    std::string order;
    for (const char* name : {"a", "b", "c"}) lane.post([&order, name] { order += name; });

    CHECK(lane.run_at(1));
    CHECK_FALSE(lane.run_at(2));
    CHECK(lane.run_all() == 2);
    CHECK_FALSE(lane.run_one());
    CHECK(order == "bac");
  }
}

TEST_SUITE("ManualClock") {
  TEST_CASE("both times stand still and advance together") {
    ManualClock clock;
    const Timestamp now = clock.now();
    const MonotonicTime then = clock.monotonic();
    CHECK(clock.now() == now);
    clock.advance(Duration{1500});
    CHECK(clock.now() - now == Duration{1500});
    CHECK(clock.monotonic() - then == Duration{1500});
  }
}

TEST_SUITE("FaultyStore") {
  TEST_CASE("fails as it is told, and heals") {
    const auto memory = make_memory_store();
    FaultyStore store(*memory);
    const auto append = [&] {
      std::vector<Draft> drafts{PostDraft{user("ann"), user("bob"), "hi", {}}};
      return store.append(drafts, Timestamp{});
    };

    store.fail_next_append(Errc::storage_full);
    CHECK(append().error().code == Errc::storage_full);
    CHECK(memory->last_position()->value == 0);
    CHECK(append());
    store.lose_next_answer(Errc::unavailable);
    CHECK(append().error().code == Errc::unavailable);
    CHECK(memory->last_position()->value == 2);
    store.fail_appends(Errc::busy);
    CHECK_FALSE(append());
    CHECK_FALSE(append());
    store.fail_reads(Errc::corrupt);
    CHECK(store.last_position().error().code == Errc::corrupt);
    CHECK_FALSE(store.read_log({}, 1));
    store.heal();
    CHECK(append());
    CHECK(store.last_position()->value == 3);
  }
}

}  // namespace chatrt::testing
