// A program outside of the tree: a Hub on a SQLite file, and a message in the JSON of the wire.
#include <chatrt/gateway/chat_json.h>
#include <chatrt/hub.h>
#include <chatrt/sqlite_store.h>
#include <chatrt/testing/executors.h>

#include <cstdio>
#include <string>

namespace {

struct NoConnections final : chatrt::Outlet {
  void send(std::span<const chatrt::ConnectionId>, const chatrt::Event&) override {}
  void flush() override {}
};

}  // namespace

int main(int, char** argv) {
  const auto store = chatrt::open_sqlite_store(argv[1]);
  if (!store) return std::puts(store.error().detail.c_str()), 1;
  const auto registry = chatrt::make_memory_registry();
  const auto authorizer = chatrt::make_open_authorizer();
  const auto clock = chatrt::make_system_clock();
  chatrt::testing::InlineExecutor lane;
  NoConnections outlet;
  chatrt::Hub hub({.registry = *registry,
                   .store = **store,
                   .outlet = outlet,
                   .authorizer = *authorizer,
                   .commit_lane = lane,
                   .read_lane = lane,
                   .clock = *clock,
                   .log = chatrt::null_log_sink()});

  hub.post({.author = *chatrt::UserId::parse("ann"),
            .target = *chatrt::UserId::parse("bob"),
            .text = "hello"},
           [](const chatrt::Result<chatrt::Message>& message) {
             std::string json;
             if (message) chatrt::gateway::append_message(json, *message);
             std::puts(json.c_str());
           });
  return 0;
}
