// The whole chat in one's own process: the Hub, gateway::Chat as a namespace, and a transport that
// only writes down what would be sent. chatd's transport does the same with sockets.
#include <cstdio>
#include <map>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chatrt/gateway/chat.h"
#include "chatrt/testing/executors.h"

namespace engineio = chatrt::engineio;
namespace socketio = chatrt::socketio;

// Writes down what each WebSocket would be sent.
class Recorder final : public engineio::Transport {
 public:
  void respond(engineio::Carrier, const engineio::Response&) override {}
  void abort(engineio::Carrier) override {}
  void send(engineio::Carrier websocket, engineio::Encoded packet) override {
    sent_[websocket.value].emplace_back(packet.bytes);
  }
  std::size_t queued_bytes(engineio::Carrier) const override { return 0; }
  void close(engineio::Carrier, std::uint16_t) override {}

  bool was_sent(std::uint64_t websocket, std::string_view part) const {
    for (const std::string& packet : sent_.at(websocket)) {
      if (packet.find(part) != std::string::npos) return true;
    }
    return false;
  }

 private:
  std::map<std::uint64_t, std::vector<std::string>> sent_;
};

void fill_random(std::span<std::byte> bytes) {
  static std::random_device device;
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(device());
}

int main() {
  const auto registry = chatrt::make_memory_registry();
  const auto store = chatrt::make_memory_store();
  const auto authorizer = chatrt::make_open_authorizer();  // everybody is who they say
  const auto clock = chatrt::make_system_clock();
  chatrt::testing::InlineExecutor lane;
  Recorder recorder;

  // Chat and Hub know each other, and Chat the servers: one for each thread that reads sockets.
  chatrt::gateway::Chat chat(
      {.authorizer = *authorizer, .clock = *clock, .log = chatrt::null_log_sink()});
  chatrt::Hub hub({.registry = *registry,
                   .store = *store,
                   .outlet = chat,
                   .authorizer = *authorizer,
                   .commit_lane = lane,
                   .read_lane = lane,
                   .clock = *clock,
                   .log = chatrt::null_log_sink()});
  bool has_mail = false;  // set from any thread, where there are several
  socketio::Server server({}, {{"/", &chat}}, {}, recorder, fill_random, chatrt::null_log_sink(),
                          [&] { has_mail = true; });
  socketio::Server* const servers[] = {&server};
  chat.start(hub, servers);

  const auto receive = [&](std::uint64_t websocket, std::string_view packet) {
    server.engine().on_websocket_message({websocket}, false, packet, clock->monotonic());
    if (std::exchange(has_mail, false)) server.run_deliveries(clock->monotonic());
  };
  // What stock clients send, once each has a WebSocket.
  for (const std::uint64_t websocket : {1U, 2U}) {
    const engineio::Request handshake{.method = "GET", .query = "EIO=4&transport=websocket"};
    if (server.engine().check_websocket(handshake)) return 1;
    server.engine().on_websocket_open({websocket}, handshake, clock->monotonic());
    receive(websocket, "40");
    receive(websocket, websocket == 1 ? R"(42["register","ann"])" : R"(42["register","bob"])");
  }
  receive(1, R"(427["send_message",{"selectedUser":"bob","textMessage":"hello"}])");
  const bool stored = recorder.was_sent(1, R"(437[{"ok":true)");
  const bool shown = recorder.was_sent(1, R"(42["message_sent",)");
  const bool received = recorder.was_sent(2, R"(42["receive_message",)");
  std::printf("stored: %d, shown to ann: %d, received by bob: %d\n", stored, shown, received);

  // About once a second a host calls hub.tick(), and on each server's thread server.on_tick() and
  // chat.on_tick(), which finds out what has been delivered.
  server.close_all(clock->monotonic());
  hub.stop();
  return stored && shown && received ? 0 : 1;
}
