// Lost answers of the store, and catching up from the log.
#include <doctest/doctest.h>

#include "hub_fixture.h"

namespace chatrt {

TEST_SUITE("Hub: an answer of the store that was lost") {
  TEST_CASE_FIXTURE(HubFixture, "is an error, and what was stored reaches its readers") {
    attach(1, ann);
    attach(2, bob);
    settle();
    store.lose_next_answer(Errc::unavailable);
    const auto lost = post(ann, bob, "hi", "k");
    settle();

    CHECK(lost.error() == Errc::unavailable);
    CHECK(lines(1) == Lines{"sent hi"});
    CHECK(lines(2) == Lines{"receive hi"});
    CHECK(logged("hub_caught_up from=0 to=1"));

    const auto again = post(ann, bob, "hi", "k");
    settle();
    CHECK(again.value().position == Position{1});
    CHECK(lines(2) == Lines{"receive hi"});
  }

  TEST_CASE_FIXTURE(HubFixture, "waits for the store to be readable, and is tried every second") {
    attach(1, bob);
    sent(ann, bob, "1");
    store.lose_next_answer(Errc::unavailable);
    post(ann, bob, "2");
    store.fail_reads(Errc::unavailable);
    settle();
    CHECK(lines(1) == Lines{"receive 1"});
    CHECK(logged("hub_catch_up_failed code=unavailable"));
    REQUIRE(hub().next_deadline());

    store.heal();
    pass(Duration{999});
    CHECK(lines(1) == Lines{"receive 1"});
    pass(Duration{1});

    CHECK(lines(1) == Lines{"receive 1", "receive 2"});
    CHECK_FALSE(hub().next_deadline());
  }

  TEST_CASE_FIXTURE(HubFixture, "comes before what is stored after it") {
    options.page_max = 2;
    attach(1, bob);
    settle();
    store.lose_next_answer(Errc::unavailable);
    for (int i = 1; i <= 5; ++i) post(ann, bob, std::to_string(i));
    store.fail_reads(Errc::unavailable);
    settle();
    CHECK(lines(1).empty());
    const auto ok = post(ann, bob, "6");
    settle();
    CHECK(ok.ok());
    CHECK(lines(1).empty());

    store.heal();
    post(ann, bob, "7");
    settle();

    CHECK(lines(1) == Lines{"receive 1", "receive 2", "receive 3", "receive 4", "receive 5",
                            "receive 6", "receive 7"});
  }

  TEST_CASE_FIXTURE(HubFixture, "what failed for good is not sent") {
    attach(1, bob);
    store.fail_appends(Errc::unavailable);
    post(ann, bob, "no");
    settle();
    store.heal();
    sent(ann, bob, "yes");

    CHECK(lines(1) == Lines{"receive yes"});
  }

  TEST_CASE_FIXTURE(HubFixture,
                    "a store that cannot say where the log ends refuses those who attach") {
    store.fail_reads(Errc::unavailable);
    const auto early = attach(1, bob);
    settle();
    CHECK(early.error() == Errc::unavailable);
    CHECK(sent(ann, bob, "1").position == Position{1});

    store.heal();
    const auto later = attach(1, bob, 0);
    settle();
    CHECK(later.value().position == Position{1});
    CHECK(lines(1) == Lines{"receive 1"});
  }
}

}  // namespace chatrt
