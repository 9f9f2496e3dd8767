// A Hub in one's own process, without a socket: everything in memory, everything at once.
#include <cstdio>

#include "chatrt/hub.h"
#include "chatrt/testing/executors.h"

// What the Hub wants sent, one would write to one's own connections here.
struct Printer final : chatrt::Outlet {
  void send(std::span<const chatrt::ConnectionId>, const chatrt::Event& event) override {
    if (const auto* received = std::get_if<chatrt::ReceiveMessage>(&event)) {
      const chatrt::Message& message = received->message;
      std::printf("%s says: %s\n", message.author.str().c_str(), message.text.c_str());
      ++messages;
    }
  }
  void flush() override {}
  int messages = 0;
};

int main() {
  const auto registry = chatrt::make_memory_registry();
  const auto store = chatrt::make_memory_store();
  const auto authorizer = chatrt::make_open_authorizer();
  const auto clock = chatrt::make_system_clock();
  chatrt::testing::InlineExecutor lane;
  Printer printer;
  chatrt::Hub hub({.registry = *registry,
                   .store = *store,
                   .outlet = printer,
                   .authorizer = *authorizer,
                   .commit_lane = lane,
                   .read_lane = lane,
                   .clock = *clock,
                   .log = chatrt::null_log_sink()});

  const chatrt::UserId ann = *chatrt::UserId::parse("ann");
  const chatrt::UserId bob = *chatrt::UserId::parse("bob");
  hub.attach(chatrt::ConnectionId{1}, {.user = bob}, [](const auto& attached) {
    if (!attached) std::puts("bob could not be attached");
  });
  bool stored = false;
  hub.post({.author = ann, .target = bob, .text = "hello"},
           [&](const chatrt::Result<chatrt::Message>& message) { stored = message.has_value(); });

  return stored && printer.messages == 1 ? 0 : 1;
}
