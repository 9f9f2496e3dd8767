// The chat on threads, as in a daemon: a commit lane, two read lanes and a thread for each shard.
// What it claims is little; ThreadSanitizer looks at the rest.
#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "chatrt/gateway/chat.h"
#include "chatrt/testing/manual_clock.h"

namespace chatrt::gateway {
namespace {

constexpr unsigned kShards = 3;
constexpr int kMessages = 200;  // from each of the clients

// Counts acks, and looks whether messages come in the order of the log.
class CountingTransport final : public engineio::Transport {
 public:
  void respond(engineio::Carrier, const engineio::Response&) override {}
  void abort(engineio::Carrier) override {}
  void send(engineio::Carrier, engineio::Encoded packet) override {
    std::string_view bytes = packet.bytes;
    if (bytes == "2") {
      on_ping();
    } else if (bytes.starts_with("43")) {
      ++acks_;
      acks_.notify_all();
    } else if (bytes.starts_with(R"(42["receive_message",)")) {
      bytes.remove_suffix(2);
      const std::uint64_t position = std::stoull(std::string(bytes.substr(bytes.rfind('"') + 1)));
      if (position <= last_position_) in_order_ = false;
      last_position_ = position;
    }
  }
  std::size_t queued_bytes(engineio::Carrier) const override { return 0; }
  void close(engineio::Carrier, std::uint16_t) override {}

  std::function<void()> on_ping;
  void wait_for_acks(int count) const {
    for (int now = acks_; now < count; now = acks_) acks_.wait(now);
  }
  // Once the shard's thread has ended.
  int acks() const { return acks_; }
  bool in_order() const { return in_order_; }
  std::uint64_t last_position() const { return last_position_; }

 private:
  std::atomic<int> acks_ = 0;
  bool in_order_ = true;
  std::uint64_t last_position_ = 0;
};

thread_local std::vector<Executor::Task> at_turn_end;

struct TurnEnd final : Executor {
  void post(Task task) override { at_turn_end.push_back(std::move(task)); }
};

// A shard: a Server and the thread that it belongs to.
class Shard {
 public:
  Shard(unsigned index, Chat& chat, const Clock& clock)
      : clock_(clock), server_(make_server(index, chat)) {
    transport.on_ping = [this] {
      post([this](socketio::Server& server) {
        server.engine().on_websocket_message({1}, false, "3", clock_.monotonic());
      });
    };
  }
  ~Shard() { join(); }

  socketio::Server& server() { return *server_; }
  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void post(std::function<void(socketio::Server&)> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    ready_.notify_one();
  }
  // Runs what was posted before and ends the thread.
  void join() {
    if (!thread_.joinable()) return;
    post([this](socketio::Server&) { ended_ = true; });
    thread_.join();
  }

  CountingTransport transport;

 private:
  std::unique_ptr<socketio::Server> make_server(unsigned index, Chat& chat) {
    socketio::Options options;
    options.engine.shard = index;
    return std::make_unique<socketio::Server>(
        options, socketio::Server::Namespaces{{"/", &chat}}, std::vector<socketio::Middleware>{},
        transport,
        [random = std::mt19937(index)](std::span<std::byte> bytes) mutable {
          for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
        },
        null_log_sink(),
        [this] {
          post([this](socketio::Server& server) { server.run_deliveries(clock_.monotonic()); });
        });
  }
  void run() {
    while (!ended_) {
      std::vector<std::function<void(socketio::Server&)>> tasks;
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return !tasks_.empty(); });
        tasks.swap(tasks_);
      }
      for (const auto& task : tasks) task(*server_);
      for (const auto& task : std::exchange(at_turn_end, {})) task();
    }
  }

  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::vector<std::function<void(socketio::Server&)>> tasks_;
  bool ended_ = false;
  std::unique_ptr<socketio::Server> server_;
  std::thread thread_;
};

}  // namespace

TEST_SUITE("Chat on threads") {
  TEST_CASE("answers everything once, and delivers everything to everybody") {
    const testing::ManualClock clock;
    const auto authorizer = make_open_authorizer();
    const auto store = make_memory_store();
    const auto registry = make_memory_registry();
    const auto commit_lane = make_thread_executor("commit");
    const auto read_lane = make_thread_executor("read", 2);
    TurnEnd turn_end;
    Chat chat(
        {.authorizer = *authorizer, .clock = clock, .log = null_log_sink(), .turn_end = &turn_end});
    Hub hub({.registry = *registry,
             .store = *store,
             .outlet = chat,
             .authorizer = *authorizer,
             .commit_lane = *commit_lane,
             .read_lane = *read_lane,
             .clock = clock,
             .log = null_log_sink()});
    std::vector<std::unique_ptr<Shard>> shards;
    std::vector<socketio::Server*> servers;
    for (unsigned i = 0; i < kShards; ++i) {
      shards.push_back(std::make_unique<Shard>(i, chat, clock));
      servers.push_back(&shards.back()->server());
    }
    chat.start(hub, servers);
    for (const auto& shard : shards) shard->start();

    // Ann is on every shard, and each of her connections writes to herself.
    for (const auto& shard : shards) {
      shard->post([&clock](socketio::Server& server) {
        const auto say = [&](std::string_view packet) {
          server.engine().on_websocket_message({1}, false, packet, clock.monotonic());
        };
        const engineio::Request request{.method = "GET",
                                        .query = "EIO=4&transport=websocket",
                                        .content_type = {},
                                        .authorization = {},
                                        .origin = {},
                                        .address = "127.0.0.1"};
        REQUIRE_FALSE(server.engine().check_websocket(request).has_value());
        server.engine().on_websocket_open({1}, request, clock.monotonic());
        say("40");
        say(R"(420["send_message",{"selectedUser":"ann","textMessage":"early"}])");
        say(R"(421["register","ann"])");
      });
      for (int i = 1; i < kMessages; ++i) {
        shard->post([&clock, i](socketio::Server& server) {
          const auto say = [&](const std::string& packet) {
            server.engine().on_websocket_message({1}, false, packet, clock.monotonic());
          };
          const std::string id = std::to_string(i * 10);
          say("42" + id + R"(["send_message",{"selectedUser":"ann","textMessage":"hi"}])");
          say("42" + id + R"(1["history",{"userId":"ann","limit":2}])");
          say("42" + id + R"(2["presence",{"userIds":["ann"]}])");
          say("42" + id + R"(3["send_message",{}])");
        });
      }
    }
    // Two acks for the first two events, four in each round.
    constexpr int kAcks = 2 + (kMessages - 1) * 4;
    for (const auto& shard : shards) shard->transport.wait_for_acks(kAcks);
    hub.stop();
    for (const auto& shard : shards) shard->join();

    CHECK(hub.stats().messages_committed == kShards * kMessages);
    for (const auto& shard : shards) {
      CHECK(shard->transport.acks() == kAcks);
      CHECK(shard->transport.in_order());
      CHECK(shard->transport.last_position() == kShards * kMessages);
    }
  }
}

}  // namespace chatrt::gateway
