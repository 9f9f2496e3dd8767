#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "chatrt/authorizer.h"
#include "chatrt/clock.h"
#include "chatrt/executor.h"
#include "chatrt/log.h"
#include "texts.h"

namespace chatrt {

TEST_SUITE("make_thread_executor") {
  TEST_CASE("with one thread runs tasks in order, and all of them before it ends") {
    std::vector<int> ran;
    {
      const auto executor = make_thread_executor("a name of more than fifteen characters");
      for (int i = 0; i < 100; ++i) executor->post([&ran, i] { ran.push_back(i); });
    }
    REQUIRE(ran.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(ran[static_cast<std::size_t>(i)] == i);
  }

  TEST_CASE("runs what a task posts, also while it ends") {
    std::atomic<int> ran{0};
    {
      const auto executor = make_thread_executor("t", 3);
      for (int i = 0; i < 10; ++i) {
        executor->post([&] {
          executor->post([&] { ++ran; });
          ++ran;
        });
      }
      while (ran < 20) std::this_thread::yield();
    }
    CHECK(ran == 20);
  }

  TEST_CASE("with several threads runs several tasks at once") {
    std::atomic<int> inside{0};
    {
      const auto executor = make_thread_executor("t", 2);
      for (int i = 0; i < 2; ++i) {
        executor->post([&] {
          ++inside;
          while (inside < 2) std::this_thread::yield();
        });
      }
    }
    CHECK(inside == 2);
  }
}

TEST_SUITE("make_system_clock") {
  TEST_CASE("monotonic time never falls, and the date is one of ours") {
    const auto clock = make_system_clock();
    MonotonicTime last = clock->monotonic();
    for (int i = 0; i < 1000; ++i) {
      const MonotonicTime now = clock->monotonic();
      CHECK(now >= last);
      last = now;
    }
    CHECK(clock->now() > std::chrono::sys_days{std::chrono::year{2024} / 1 / 1});
  }
}

TEST_SUITE("make_open_authorizer") {
  TEST_CASE("believes whoever says a name, and allows all") {
    const auto authorizer = make_open_authorizer();
    const UserId ann = *UserId::parse("ann");
    const auto known = authorizer->authenticate({.token = "", .claimed_user = ann});
    REQUIRE(known);
    CHECK(known->user == ann);
    CHECK_FALSE(known->expires_at);
    CHECK(authorizer->authenticate({}).error().code == Errc::unauthenticated);
    CHECK(authorizer->authorize(ann, PostAction{Target{ann}}));
  }
}

TEST_SUITE("null_log_sink") {
  TEST_CASE("wants nothing and takes everything") {
    CHECK_FALSE(null_log_sink().enabled(LogLevel::error));
    null_log_sink().log(LogLevel::error, "event", {{"n", true}});
  }
}

TEST_SUITE("texts") {
  TEST_CASE("keeps texts of all sizes where they are") {
    Texts texts;
    const std::size_t sizes[] = {
        0, 1, 100, 5000, Texts::kLargeBytes, Texts::kLargeBytes + 1, Texts::kBlockBytes + 1};
    std::vector<std::pair<std::string, std::string_view>> kept;
    for (int i = 0; i < 40; ++i) {
      for (const std::size_t size : sizes) {
        std::string text(size, static_cast<char>('!' + kept.size() % 90));
        kept.emplace_back(text, texts.keep(text));
      }
    }
    for (const auto& [text, view] : kept) REQUIRE(view == text);
  }
}

}  // namespace chatrt
