#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "hub_fixture.h"

namespace chatrt {
namespace {

const UserId kAuthor = user("ann");
const UserId kReceiver = user("bob");

Answer<Message> add_to(PostBatch& batch, std::string text) {
  Answer<Message> answer;
  batch.add({kAuthor, kReceiver, std::move(text), {}}, answer.done());
  return answer;
}

}  // namespace

TEST_SUITE("PostBatch") {
  TEST_CASE_FIXTURE(HubFixture, "goes to the Hub in one commit, when it is handed over") {
    PostBatch batch(hub());
    const auto first = add_to(batch, "1");
    const auto second = add_to(batch, "2");
    const auto between = post(kAuthor, kReceiver, "by itself");
    settle();
    CHECK_FALSE(first.came());
    CHECK(between.value().sequence == Sequence{1});
    CHECK(hub().stats().commits == 1);

    batch.hand_over();
    CHECK(batch.empty());
    settle();

    CHECK(first.value().sequence == Sequence{2});
    CHECK(second.value().sequence == Sequence{3});
    CHECK(hub().stats().commits == 2);
  }

  TEST_CASE_FIXTURE(HubFixture, "refuses an argument at once, and what has no room in the end") {
    options.inbox_max = 2;
    PostBatch batch(hub());
    CHECK(add_to(batch, "").error() == Errc::invalid_argument);
    CHECK(batch.empty());
    std::vector<Answer<Message>> answers;
    for (int i = 0; i < 4; ++i) answers.push_back(add_to(batch, std::to_string(i)));
    CHECK_FALSE(answers[3].came());

    batch.hand_over();

    CHECK_FALSE(answers[1].came());
    CHECK(answers[2].error() == Errc::busy);
    CHECK(answers[3].error() == Errc::busy);
    settle();
    CHECK(answers[0].ok());
    CHECK(answers[1].ok());
    CHECK(answers[3].came());
    CHECK(hub().stats().drafts_refused == 3);
    CHECK(trace.lines == Lines{"refused  invalid_argument", "refused  busy", "refused  busy"});
  }

  TEST_CASE_FIXTURE(HubFixture, "may be added to by who is refused") {
    options.inbox_max = 1;
    PostBatch batch(hub());
    Answer<Message> again;
    add_to(batch, "taken");
    batch.add({kAuthor, kReceiver, "refused", {}}, [&](const Result<Message>& result) {
      CHECK_FALSE(result.has_value());
      batch.add({kAuthor, kReceiver, "again", {}}, again.done());
    });
    batch.hand_over();
    settle();
    CHECK_FALSE(again.came());
    batch.hand_over();
    settle();
    CHECK(again.value().text == "again");
  }

  TEST_CASE_FIXTURE(HubFixture,
                    "is handed over as it ends, and refused by a Hub that has stopped") {
    Answer<Message> kept;
    {
      PostBatch batch(hub());
      kept = add_to(batch, "kept");
    }
    settle();
    CHECK(kept.ok());
    PostBatch late(hub());
    const auto refused = add_to(late, "late");
    hub().stop();
    late.hand_over();
    CHECK(refused.error() == Errc::shutting_down);
  }

  // For TSan; and every `done` comes once.
  TEST_CASE("many threads hand over while others post and the Hub is stopped") {
    testing::RecordingOutlet outlet;
    const auto clock = make_system_clock();
    const auto registry = make_memory_registry();
    const auto store = make_memory_store();
    const auto authorizer = make_open_authorizer();
    const auto lane = make_thread_executor("commit");
    HubOptions options;
    options.inbox_max = 40;  // some are refused for want of room
    Hub hub({.registry = *registry,
             .store = *store,
             .outlet = outlet,
             .authorizer = *authorizer,
             .commit_lane = *lane,
             .read_lane = *lane,
             .clock = *clock,
             .log = null_log_sink()},
            options);
    constexpr std::size_t kThreads = 4;
    constexpr int kRounds = 400;
    std::atomic<int> asked{0}, answered{0}, stored{0}, out_of_order{0};
    std::array<std::atomic<int>, kThreads> last;  // of each thread's own
    for (auto& one : last) one = -1;
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        PostBatch batch(hub);
        const UserId self = user("u" + std::to_string(t));
        int next = 0;
        for (int round = 0; round < kRounds; ++round) {
          for (int i = 0; i < round % 20; ++i) {
            ++asked;
            batch.add({self, kReceiver, "hi", {}},
                      [&, t, number = next++](const Result<Message>& result) {
                        ++answered;
                        if (!result) return;
                        ++stored;
                        if (last[t].exchange(number) >= number) ++out_of_order;
                      });
          }
          batch.hand_over();
          ++asked;
          hub.post({self, kReceiver, "by itself", {}}, [&](const Result<Message>& result) {
            ++answered;
            if (result) ++stored;
          });
          while (hub.stats().inbox > 20) std::this_thread::yield();
        }
      });
    }
    while (stored < 2000) std::this_thread::yield();
    hub.stop();
    for (std::thread& thread : threads) thread.join();
    CHECK(answered == asked);
    CHECK(out_of_order == 0);
    CHECK(store->last_position()->value == static_cast<std::uint64_t>(stored.load()));
  }
}

}  // namespace chatrt
