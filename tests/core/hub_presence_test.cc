#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "hub_fixture.h"

namespace chatrt {
namespace {

struct PresenceFixture : HubFixture {
  PresenceFixture() {
    sent(ann, bob, "we know each other");
    attach(1, ann);
    settle();
    outlet.clear();
  }
  std::vector<Presence> ask(const UserId& asker, std::vector<UserId> users) {
    Answer<std::vector<Presence>> answer;
    hub().presence(asker, std::move(users), answer.done());
    settle();
    return answer.value();
  }
};

// Calls out once contacts have been read, as if on another thread.
struct AfterContacts final : testing::FaultyStore {
  using FaultyStore::FaultyStore;
  Result<std::vector<UserId>> contacts_of(const UserId& user) const override {
    auto contacts = FaultyStore::contacts_of(user);
    if (const auto once = std::exchange(call, nullptr)) once();
    return contacts;
  }
  mutable std::function<void()> call;
};

}  // namespace

TEST_SUITE("Hub: presence") {
  TEST_CASE_FIXTURE(PresenceFixture,
                    "is told with the first connection and after the last and a grace") {
    attach(2, bob);
    attach(3, bob);
    settle();
    CHECK(lines(1) == Lines{"online bob"});

    hub().detach({2});
    settle();
    pass(Duration{10000});
    CHECK(lines(1) == Lines{"online bob"});

    hub().detach({3});
    settle();
    pass(Duration{4999});
    CHECK(lines(1) == Lines{"online bob"});
    pass(Duration{1});
    CHECK(lines(1) == Lines{"online bob", "offline bob"});
  }

  TEST_CASE_FIXTURE(PresenceFixture, "somebody who is back within the grace was never away") {
    attach(2, bob);
    settle();
    hub().detach({2});
    settle();
    pass(Duration{4000});
    attach(3, bob);
    settle();
    pass(Duration{60000});

    CHECK(lines(1) == Lines{"online bob"});
    CHECK_FALSE(hub().next_deadline());
  }

  TEST_CASE_FIXTURE(PresenceFixture, "is told to nobody without a conversation") {
    attach(5, eve);
    attach(2, bob);
    settle();

    CHECK(lines(5).empty());
    CHECK(lines(1) == Lines{"online bob"});
    CHECK(ask(eve, {ann, bob, eve}).size() == 1);
  }

  TEST_CASE_FIXTURE(PresenceFixture, "of several who changed comes in one event") {
    struct Counting final : Outlet {
      void send(std::span<const ConnectionId>, const Event& event) override {
        if (const auto* e = std::get_if<PresenceChanged>(&event)) sizes.push_back(e->users.size());
      }
      void flush() override {}
      std::vector<std::size_t> sizes;
    } counting;
    const auto registry2 = make_memory_registry();
    Hub other(parts_with(*registry2, store, counting));
    sent(ann, eve, "hello");
    other.attach({1}, {.user = ann}, nullptr);
    settle();
    other.attach({2}, {.user = bob}, nullptr);
    other.attach({3}, {.user = eve}, nullptr);
    settle();

    // bob and eve to ann, and nobody else changed after ann came.
    CHECK(counting.sizes == std::vector<std::size_t>{2});
  }

  TEST_CASE_FIXTURE(PresenceFixture, "says when somebody was last seen") {
    attach(2, bob);
    settle();
    hub().detach({2});
    settle();
    const Timestamp left = clock.now();
    auto found = ask(ann, {bob, ann});
    REQUIRE(found.size() == 2);
    CHECK(found[0].online);
    CHECK(found[1].online);

    pass(Duration{6000});
    found = ask(ann, {bob});
    CHECK_FALSE(found[0].online);
    CHECK(found[0].last_seen == left);
  }

  TEST_CASE_FIXTURE(PresenceFixture, "forgets the oldest last seen above last_seen_max") {
    // The options are the Hub's from its start on: another Hub, without grace.
    const auto registry2 = make_memory_registry();
    HubOptions few;
    few.last_seen_max = 1;
    few.presence_grace = Duration{0};
    sent(ann, eve, "hello");
    Hub other(parts_with(*registry2, store, outlet), few);
    for (const UserId& who : {bob, eve}) {
      other.attach({7}, {.user = who}, nullptr);
      other.detach({7});
      settle();
      clock.advance(Duration{10});
    }
    Answer<std::vector<Presence>> answer;
    other.presence(ann, {bob, eve}, answer.done());
    settle();

    CHECK_FALSE(answer.value()[0].last_seen);
    CHECK(answer.value()[1].last_seen);
  }

  TEST_CASE_FIXTURE(PresenceFixture, "of more users than page_max is too_large") {
    Answer<std::vector<Presence>> answer;
    hub().presence(ann, std::vector<UserId>(501, bob), answer.done());

    CHECK(answer.error() == Errc::too_large);
  }

  TEST_CASE_FIXTURE(PresenceFixture,
                    "takes no read of its own beside that of what is undelivered") {
    hub().attach({2}, {.user = bob, .undelivered = true}, nullptr);
    lane.run_one();
    reads.run_one();
    lane.run_one();

    CHECK(lines(1) == Lines{"online bob"});
    CHECK_FALSE(reads.run_one());
  }

  TEST_CASE_FIXTURE(PresenceFixture, "is told to who begins a conversation meanwhile") {
    AfterContacts after(*memory);
    const auto registry2 = make_memory_registry();
    Hub other(parts_with(*registry2, after, outlet));
    other.attach({5}, {.user = eve}, nullptr);
    settle();
    outlet.clear();
    const auto begin = [&] { other.post({eve, bob, "hello", {}}, nullptr); };
    other.attach({2}, {.user = bob, .undelivered = true}, nullptr);
    lane.run_one();
    SUBCASE("in the turn in which they join, behind them") {
      reads.run_one();
      begin();
    }
    SUBCASE("in a turn before, when the contacts are read") {
      after.call = [&] {
        begin();
        lane.run_one();
      };
    }
    settle();

    CHECK(lines(5) == Lines{"sent hello", "online bob"});
  }

  TEST_CASE_FIXTURE(PresenceFixture, "is not told, and logged, when the store cannot say to whom") {
    store.fail_reads(Errc::unavailable);
    attach(2, bob);
    settle();
    CHECK(lines(1).empty());
    CHECK(logged("hub_presence_not_told code=unavailable"));

    store.heal();
    hub().detach({2});
    settle();
    pass(Duration{6000});
    CHECK(lines(1) == Lines{"offline bob"});
  }
}

}  // namespace chatrt
