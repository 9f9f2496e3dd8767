// stop(), and a Hub that many threads use at once.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "hub_fixture.h"

namespace chatrt {

TEST_SUITE("Hub::stop") {
  TEST_CASE_FIXTURE(HubFixture, "answers what comes later with shutting_down; twice is no harm") {
    attach(1, ann);
    settle();
    hub().stop();
    hub().stop();
    Answer<Hub::Sync> sync;
    Answer<std::vector<Presence>> presence;
    hub().sync(ann, {}, 1, sync.done());
    hub().presence(ann, {}, presence.done());

    CHECK(post(ann, bob, "hi").error() == Errc::shutting_down);
    CHECK(mark(ann, {1}, MarkKind::read, 1).error() == Errc::shutting_down);
    CHECK(attach(2, ann).error() == Errc::shutting_down);
    CHECK(typing(ann, bob).error() == Errc::shutting_down);
    CHECK(sync.error() == Errc::shutting_down);
    CHECK(presence.error() == Errc::shutting_down);
    hub().detach({1});
    hub().tick();
    CHECK(lane.size() == 0);
  }

  TEST_CASE_FIXTURE(HubFixture, "waits for what was taken, and ends replays that are not through") {
    options.recent_changes_max = 1;
    options.page_max = 1;
    for (int i = 0; i < 5; ++i) sent(ann, bob, "m");
    const auto replay = attach(1, bob, 0);
    lane.run_all();
    REQUIRE(reads.size() == 1);
    const auto last = post(ann, bob, "last");

    std::atomic<bool> stopped{false};
    std::thread stopper([&] {
      hub().stop();
      stopped = true;
    });
    while (post(ann, bob, "too late", "k").error() != Errc::shutting_down) {
      std::this_thread::yield();
    }
    CHECK_FALSE(stopped);
    settle();
    stopper.join();

    CHECK(last.ok());
    CHECK(replay.error() == Errc::shutting_down);
  }
}

TEST_SUITE("Hub: threads") {
  // For TSan; and every `done` comes once, and nothing after stop().
  TEST_CASE("many post, attach, read and detach while it is stopped") {
    bool with_quick_lane = false;
    SUBCASE("") {}
    SUBCASE("with a lane for what waits for nothing, on the threads of those who ask") {
      with_quick_lane = true;
    }
    testing::InlineExecutor quick_lane;
    testing::RecordingOutlet outlet;
    const auto clock = make_system_clock();
    const auto registry = make_memory_registry();
    const auto store = make_memory_store();
    const auto authorizer = make_open_authorizer();
    const auto commit_lane = make_thread_executor("commit");
    const auto read_lane = make_thread_executor("read", 2);
    HubOptions options;
    options.recent_changes_max = 64;
    options.page_max = 16;
    options.presence_grace = Duration{1};
    Hub hub({.registry = *registry,
             .store = *store,
             .outlet = outlet,
             .authorizer = *authorizer,
             .commit_lane = *commit_lane,
             .read_lane = *read_lane,
             .clock = *clock,
             .log = null_log_sink(),
             .quick_lane = with_quick_lane ? &quick_lane : nullptr},
            options);

    constexpr int kThreads = 4;
    constexpr int kRounds = 300;
    std::atomic<int> asked{0};
    std::atomic<int> answered{0};
    std::atomic<int> stored{0};
    const auto counted = [&](const auto&) { ++answered; };
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        const UserId self = user("u" + std::to_string(t));
        const UserId peer = user("u" + std::to_string((t + 1) % kThreads));
        for (int i = 0; i < kRounds; ++i) {
          const ConnectionId connection{static_cast<std::uint64_t>(t * 1000 + i % 3)};
          asked += 6;
          hub.attach(connection, {.user = self, .since = Position{0}}, counted);
          hub.post({self, peer, "m", {}}, [&](const Result<Message>& result) {
            if (result) ++stored;
            ++answered;
          });
          hub.mark({self, {1}, MarkKind::read, {static_cast<std::uint64_t>(i)}}, counted);
          hub.typing(self, peer, i % 2 == 0, counted);
          hub.sync(self, {}, 10, counted);
          hub.presence(self, {peer}, counted);
          hub.tick();
          static_cast<void>(hub.stats());
          if (i % 5 == 4) hub.detach(connection);
        }
      });
    }
    while (stored < kThreads * kRounds / 2) std::this_thread::yield();
    hub.stop();
    const std::size_t flushes = outlet.flushes();
    for (std::thread& thread : threads) thread.join();

    CHECK(answered == asked);
    CHECK(outlet.flushes() == flushes);
    CHECK(store->last_position()->value >= static_cast<std::uint64_t>(stored.load()));
    CHECK(hub.stats().messages_committed == static_cast<std::uint64_t>(stored.load()));
  }
}

}  // namespace chatrt
