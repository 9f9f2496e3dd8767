#include "transport/turn_lanes.h"

#include <doctest/doctest.h>
#include <pthread.h>

#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "chatrt/engineio/server.h"
#include "random.h"
#include "transport/shard.h"

namespace chatd::transport {
namespace {

using Names = std::vector<std::string>;

std::string thread_name() {
  if (Shard::current() != nullptr) return "shard";  // It is named once it runs.
  char name[16] = {};
  pthread_getname_np(pthread_self(), name, sizeof name);
  return name;
}

struct NoRequests final : HttpHandler {
  std::size_t body_bytes_max(std::string_view, std::string_view) const override { return 0; }
  void on_request(const HttpRequest&, Responder) override {}
};

struct NoSessions final : chatrt::engineio::Application {
  chatrt::Status allow(const chatrt::engineio::Request&) override { return {}; }
  void on_open(chatrt::ConnectionId, const chatrt::engineio::Request&,
               chatrt::MonotonicTime) override {}
  void on_message(chatrt::ConnectionId, bool, std::string_view, chatrt::MonotonicTime) override {}
  void on_pong(chatrt::ConnectionId, chatrt::MonotonicTime) override {}
  void on_close(chatrt::ConnectionId, chatrt::engineio::CloseReason,
                chatrt::MonotonicTime) override {}
};

// A shard without connections. Tasks are posted before it starts, so that they are turns one after
// another; it ends with the test.
struct ShardFixture {
  std::unique_ptr<chatrt::Clock> clock = chatrt::make_system_clock();
  NoRequests http;
  NoSessions sessions;
  TurnLanes lanes{1};
  Shard shard{{}, *clock, http, chatrt::null_log_sink()};
  chatrt::engineio::Server engine{{}, shard, sessions, fill_random};

  ShardFixture() {
    shard.connect(engine, {&shard});
    shard.set_tick([](chatrt::MonotonicTime) { return chatrt::MonotonicTime::max(); });
  }

  // Runs the shard until `done` is.
  void run(std::future<void> done) {
    shard.start("shard");
    done.wait();
    shard.shut_down(chatrt::Duration{0});
    shard.join();
  }
};

}  // namespace

TEST_SUITE("TurnLanes") {
  TEST_CASE_FIXTURE(ShardFixture, "runs quick tasks of a shard's on its thread, as the turn ends") {
    Names order;
    std::promise<void> done;
    shard.post([&] {
      lanes.quick().post([&] { order.push_back("quick on " + thread_name()); });
      order.push_back("turn");
    });
    shard.post([&] {
      order.push_back("next turn");
      done.set_value();
    });
    run(done.get_future());

    CHECK(order == Names{"turn", "quick on shard", "next turn"});
  }

  TEST_CASE("runs quick tasks of a read on its thread, others on the commit thread") {
    Names order;
    std::promise<void> done;
    TurnLanes lanes(1);
    lanes.reads().post([&] {
      lanes.quick().post([&] { order.push_back("of a read on " + thread_name()); });
      lanes.reads().post([&] { done.set_value(); });
    });
    done.get_future().wait();
    std::promise<void> other;
    lanes.quick().post([&] {
      order.push_back("other on " + thread_name());
      other.set_value();
    });
    other.get_future().wait();

    CHECK(order == Names{"of a read on read", "other on commit"});
  }

  TEST_CASE_FIXTURE(ShardFixture, "leaves a thread to itself that others keep busy") {
    Names threads;
    std::promise<void> done;
    std::function<void()> again = [&] {
      threads.push_back(thread_name());
      if (threads.size() == 8) return done.set_value();
      lanes.quick().post(again);
    };
    shard.post([&] { lanes.quick().post(again); });
    run(done.get_future());

    CHECK(threads ==
          Names{"shard", "shard", "shard", "shard", "commit", "commit", "commit", "commit"});
  }

  TEST_CASE_FIXTURE(ShardFixture, "passes commits on to their thread, as the turn ends") {
    Names order;
    std::promise<void> done;
    shard.post([&] {
      lanes.commits().post([&] {
        order.push_back("the turn's on " + thread_name());
        done.set_value();
      });
      // Tasks run in order: this one would come second.
      std::promise<void> ran;
      std::thread([&] {
        lanes.commits().post([&] {
          order.push_back("another's");
          ran.set_value();
        });
      }).join();
      ran.get_future().wait();
    });
    run(done.get_future());

    CHECK(order == Names{"another's", "the turn's on commit"});
  }
}

TEST_SUITE("Shard") {
  TEST_CASE_FIXTURE(ShardFixture, "ends a turn with what its time brings about") {
    Names order;
    std::promise<void> done;
    shard.set_tick([&](chatrt::MonotonicTime) {
      shard.at_turn_end([&] {
        order.push_back("of the tick");
        shard.at_turn_end([&] { order.push_back("of that"); });
      });
      return chatrt::MonotonicTime::max();
    });
    shard.post([&] { order.push_back("turn"); });
    shard.post([&] {
      order.push_back("next turn");
      done.set_value();
    });
    run(done.get_future());

    CHECK(order == Names{"turn", "of the tick", "of that", "next turn"});
  }
}

}  // namespace chatd::transport
