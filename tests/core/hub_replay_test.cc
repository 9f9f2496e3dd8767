// Connections that come, go and resume.
#include <doctest/doctest.h>

#include "hub_fixture.h"

namespace chatrt {
namespace {

struct ReplayFixture : HubFixture {
  ReplayFixture() {
    options.recent_changes_max = 1;
    options.page_max = 2;
  }
  void fill(int first, int last) {
    for (int i = first; i <= last; ++i) sent(ann, bob, std::to_string(i));
  }
  static Lines received(int first, int last) {
    Lines lines;
    for (int i = first; i <= last; ++i) lines.push_back("receive " + std::to_string(i));
    return lines;
  }
};

}  // namespace

TEST_SUITE("Hub::attach") {
  TEST_CASE_FIXTURE(HubFixture, "without `since` gives what comes, from `done` on") {
    sent(ann, bob, "old");
    const auto attached = attach(1, bob);
    settle();
    sent(ann, bob, "new");

    CHECK(attached.value().position == Position{1});
    CHECK(attached.value().complete);
    CHECK(lines(1) == Lines{"receive new"});
  }

  TEST_CASE_FIXTURE(HubFixture, "between two posts of one batch sees the second") {
    post(ann, bob, "1");
    const auto attached = attach(1, bob);
    post(ann, bob, "2");
    settle();

    CHECK(attached.value().position == Position{1});
    CHECK(lines(1) == Lines{"receive 2"});
  }

  TEST_CASE_FIXTURE(HubFixture,
                    "with `since` replays from memory what is the user's, before `done`") {
    attach(9, ann);
    const Message first = sent(ann, bob, "1");
    sent(ann, eve, "not bob's");
    sent(bob, ann, "2");
    mark(bob, first.conversation, MarkKind::delivered, 1);
    settle();
    std::size_t before_done = 0;
    hub().attach({1}, {.user = bob, .since = Position{0}},
                 [&](const Result<Hub::Attached>& result) {
                   REQUIRE(result);
                   CHECK(result->position == Position{4});
                   before_done = lines(1).size();
                 });
    settle();

    CHECK(before_done == 3);
    CHECK(lines(1) == Lines{"receive 1", "sent 2", "delivered 1"});
  }

  TEST_CASE_FIXTURE(HubFixture, "a storm of those who resume reads nothing of the store") {
    constexpr std::uint64_t kStorm = 200;
    for (std::uint64_t i = 0; i < kStorm; ++i) sent(ann, bob, "missed");
    std::vector<Answer<Hub::Attached>> storm;
    for (std::uint64_t i = 0; i < kStorm; ++i) storm.push_back(attach(i + 1, bob, i));
    store.fail_reads(Errc::internal);

    settle();

    for (std::uint64_t i = 0; i < kStorm; ++i) {
      REQUIRE(storm[i].ok());
      CHECK(lines(i + 1).size() == kStorm - i);
    }
  }

  TEST_CASE_FIXTURE(ReplayFixture, "replays pages of the store, and what came meanwhile once") {
    fill(1, 5);
    const auto attached = attach(1, bob, 0);
    while (lane.run_one()) {
    }
    CHECK(reads.size() == 1);
    // Each page is followed by a message that comes while it is read.
    int next = 6;
    while (!attached.came() && next < 20) {
      if (next <= 8) post(ann, bob, std::to_string(next));
      ++next;
      lane.run_all();
      reads.run_one();
      lane.run_all();
    }
    settle();
    fill(9, 9);

    REQUIRE(attached.ok());
    CHECK(attached.value().complete);
    CHECK(lines(1) == received(1, 9));
  }

  TEST_CASE_FIXTURE(ReplayFixture,
                    "a page read ahead of what is delivered leaves the rest to come live") {
    options.page_max = 10;
    fill(1, 3);
    const auto attached = attach(1, bob, 0);
    lane.run_all();
    // Stored, but neither the answer nor the log can be had: the page sees what nobody was sent.
    store.lose_next_answer(Errc::unavailable);
    store.fail_reads(Errc::unavailable);
    post(ann, bob, "4");
    lane.run_all();
    CHECK(lines(1).empty());
    store.heal();
    settle();
    sent(ann, bob, "5");

    CHECK(attached.ok());
    CHECK(lines(1) == received(1, 5));
  }

  TEST_CASE_FIXTURE(ReplayFixture,
                    "a `since` above the log's end is incomplete, and gives what is undelivered") {
    const Message first = sent(ann, bob, "1");
    fill(2, 3);
    mark(bob, first.conversation, MarkKind::delivered, 1);
    settle();
    const auto attached = attach(1, bob, 5);
    settle();

    CHECK_FALSE(attached.value().complete);
    CHECK(attached.value().position == Position{4});
    CHECK(lines(1) == received(2, 3));
    fill(4, 4);
    CHECK(lines(1) == received(2, 4));
  }

  TEST_CASE_FIXTURE(ReplayFixture,
                    "with `undelivered` gives first what no device has confirmed, below `since`") {
    const Message first = sent(ann, bob, "1");
    mark(bob, first.conversation, MarkKind::delivered, 1);
    fill(2, 4);
    const auto attached = Answer<Hub::Attached>{};
    std::optional<Position> since;
    Lines expected = received(2, 4);
    SUBCASE("without `since`") {}
    SUBCASE("then all changes above it") {
      since = Position{4};
      mark(bob, first.conversation, MarkKind::read, 1);  // delivered already: a change of its own
      settle();
      expected.push_back("read 1");
    }
    hub().attach({1}, {.user = bob, .since = since, .undelivered = true}, attached.done());
    settle();

    CHECK(attached.value().complete);
    CHECK(lines(1) == expected);
    fill(5, 5);
    expected.push_back("receive 5");
    CHECK(lines(1) == expected);
  }

  TEST_CASE_FIXTURE(ReplayFixture, "pauses until the Outlet says that there is room") {
    struct Pausing final : Outlet {
      explicit Pausing(Outlet& to) : inner(to) {}
      void send(std::span<const ConnectionId> to, const Event& event) override {
        inner.send(to, event);
      }
      void flush() override { inner.flush(); }
      void replay_paused(ConnectionId, std::function<void()> go_on) override {
        more.push_back(std::move(go_on));
      }
      Outlet& inner;
      std::vector<std::function<void()>> more;
    } pausing{outlet};
    Hub other(parts_with(*registry, store, pausing), {.page_max = 2, .replay_bytes_max = 300});
    SUBCASE("from the store") { fill(1, 6); }
    SUBCASE("from memory") {
      for (int i = 1; i <= 6; ++i) other.post({ann, bob, std::to_string(i)}, {});
      settle();
    }
    const auto attached = Answer<Hub::Attached>{};
    other.attach({1}, {.user = bob, .since = Position{0}}, attached.done());
    settle();

    for (int sent_so_far = 2; sent_so_far <= 6; sent_so_far += 2) {
      CHECK(lines(1) == received(1, sent_so_far));
      if (sent_so_far < 6) CHECK_FALSE(attached.came());
      if (pausing.more.empty()) break;
      std::exchange(pausing.more, {}).front()();
      settle();
    }
    settle();
    CHECK(attached.ok());
    CHECK(lines(1) == received(1, 6));
    other.stop();
  }

  TEST_CASE_FIXTURE(ReplayFixture,
                    "again is a repeat under the same user, a conflict under another") {
    fill(1, 4);
    const auto first = attach(1, bob, 0);
    const auto meanwhile = attach(1, bob, 2);
    const auto other = attach(1, ann, 0);
    settle();
    const auto later = attach(1, bob, 0);
    const auto other_later = attach(1, ann);
    settle();

    CHECK(first.ok());
    CHECK(meanwhile.ok());
    CHECK(later.ok());
    CHECK(other.error() == Errc::conflict);
    CHECK(other_later.error() == Errc::conflict);
    CHECK(lines(1) == received(1, 4));
    CHECK(hub().stats().connections == 1);
  }

  TEST_CASE_FIXTURE(ReplayFixture,
                    "is `gone` when the connection is detached meanwhile; it may come again") {
    fill(1, 4);
    const auto first = attach(1, bob, 0);
    lane.run_all();
    hub().detach({1});
    const auto second = attach(1, bob, 2);
    lane.run_all();
    CHECK(first.error() == Errc::gone);
    CHECK(reads.size() == 1);  // the second waits for the first, whose page nobody wants now
    settle();

    CHECK(second.ok());
    CHECK(lines(1) == received(3, 4));
  }

  TEST_CASE_FIXTURE(ReplayFixture,
                    "reads for no more than replays_max users at once; the others wait") {
    options.replays_max = 1;
    fill(1, 6);
    attach(98, ann);  // so that no read is for presence
    attach(99, bob);
    settle();
    const auto is_anns = [](std::uint64_t connection) { return connection % 2 == 0; };
    Lines anns;
    for (int i = 1; i <= 6; ++i) anns.push_back("sent " + std::to_string(i));
    std::vector<Answer<Hub::Attached>> answers;
    for (std::uint64_t c = 1; c <= 5; ++c) answers.push_back(attach(c, is_anns(c) ? ann : bob, 0));
    lane.run_all();
    CHECK(reads.size() == 1);
    hub().detach({4});
    lane.run_all();
    while (reads.size() > 0) {
      CHECK(reads.size() == 1);
      reads.run_one();
      lane.run_all();
    }

    for (std::uint64_t c = 1; c <= 5; ++c) {
      if (c == 4) continue;
      CHECK(answers[c - 1].ok());
      CHECK(lines(c) == (is_anns(c) ? anns : received(1, 6)));
    }
    CHECK(answers[3].error() == Errc::gone);
    CHECK(lines(4).empty());
  }

  TEST_CASE_FIXTURE(ReplayFixture, "takes one place for all connections of a user") {
    options.replays_max = 2;
    fill(1, 6);
    attach(98, ann);  // so that no read is for presence
    attach(99, bob);
    settle();
    for (std::uint64_t c = 1; c <= 10; ++c) attach(c, bob, 0);
    const auto last = attach(11, ann, 0);
    lane.run_all();
    CHECK(reads.size() == 2);  // bob's first, and ann's
    std::size_t others = 0;
    for (; !last.came() && reads.run_one(); lane.run_all()) ++others;

    CHECK(last.ok());
    CHECK(others <= 8);  // pages of two, in turns
    settle();
    CHECK(lines(10) == received(1, 6));
  }

  TEST_CASE_FIXTURE(ReplayFixture, "gives the store's error, and the connection may try again") {
    fill(1, 3);
    store.fail_reads(Errc::unavailable);
    const auto failed = attach(1, bob, 0);
    settle();
    store.heal();
    const auto again = attach(1, bob, 0);
    settle();

    CHECK(failed.error() == Errc::unavailable);
    CHECK(again.ok());
    CHECK(lines(1) == received(1, 3));
  }
}

TEST_SUITE("Hub::detach") {
  TEST_CASE_FIXTURE(HubFixture, "sends nothing further, and ignores the unknown") {
    attach(1, bob);
    sent(ann, bob, "1");
    hub().detach({1});
    hub().detach({1});
    hub().detach({77});
    sent(ann, bob, "2");

    CHECK(lines(1) == Lines{"receive 1"});
    CHECK(hub().stats().connections == 0);
  }

  TEST_CASE_FIXTURE(HubFixture, "is never refused") {
    options.inbox_max = 1;
    attach(1, bob);
    hub().detach({1});
    settle();

    CHECK(hub().stats().connections == 0);
  }
}

}  // namespace chatrt
