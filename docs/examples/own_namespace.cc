// A namespace and an event of one's own, beside or without the chat: a vote that all who have
// joined can see, behind a middleware that asks for a key. In process, on a transport that only
// writes down what would be sent; chatd's transport does the same with sockets.
#include <chrono>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "chatrt/clock.h"
#include "chatrt/log.h"
#include "chatrt/socketio/server.h"

namespace engineio = chatrt::engineio;
namespace socketio = chatrt::socketio;

// Emit "vote" with a name: all who have joined get "count" with the name and its votes, and the
// voter's ack is the same number.
class Vote final : public socketio::Namespace {
 public:
  void on_connect(socketio::Socket& socket, socketio::JsonView) override {
    socket.accept();
    sockets_.push_back(&socket);
  }
  void on_event(socketio::Socket& socket, const socketio::Event& event) override {
    const auto name = event.arg(0).as_string();
    socketio::Arguments answer;
    if (event.name != "vote" || !name) {
      answer.string("vote for whom?");
    } else {
      const std::uint64_t votes = ++votes_[std::string{*name}];
      for (socketio::Socket* each : sockets_) {
        each->emit("count", socketio::Arguments{}.string(*name).number(votes));
      }
      answer.number(votes);
    }
    if (event.ack_id) socket.ack(*event.ack_id, answer);
  }
  void on_disconnect(socketio::Socket& socket, socketio::DisconnectReason) override {
    std::erase(sockets_, &socket);
  }

 private:
  std::vector<socketio::Socket*> sockets_;
  std::map<std::string, std::uint64_t> votes_;
};

// Writes down what each WebSocket would be sent.
class Recorder final : public engineio::Transport {
 public:
  void respond(engineio::Carrier, const engineio::Response&) override {}
  void abort(engineio::Carrier) override {}
  void send(engineio::Carrier websocket, engineio::Encoded packet) override {
    sent[websocket.value].emplace_back(packet.bytes);
  }
  std::size_t queued_bytes(engineio::Carrier) const override { return 0; }
  void close(engineio::Carrier, std::uint16_t) override {}

  std::map<std::uint64_t, std::vector<std::string>> sent;
};

void fill_random(std::span<std::byte> bytes) {
  static std::random_device device;
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(device());
}

int main() {
  Vote vote;
  Recorder transport;
  const auto clock = chatrt::make_system_clock();
  const auto ask_for_key = [](std::string_view, const socketio::Handshake&,
                              socketio::JsonView auth) -> chatrt::Status {
    if (auth.find("key").as_string() == "open sesame") return {};
    return chatrt::Error{chatrt::Errc::unauthenticated, "what is the key?"};
  };
  socketio::Server server({}, {{"/vote", &vote}}, {ask_for_key}, transport, fill_random,
                          chatrt::null_log_sink(), [] {});

  // What a transport would hand on from its sockets.
  const engineio::Request handshake{
      .method = "GET", .query = "EIO=4&transport=websocket", .address = "127.0.0.1"};
  const auto says = [&](std::uint64_t websocket, std::string_view text) {
    server.engine().on_websocket_message({websocket}, false, text, clock->monotonic());
  };
  for (const std::uint64_t websocket : {1U, 2U, 3U}) {
    server.engine().on_websocket_open({websocket}, handshake, clock->monotonic());
  }
  says(1, R"(40/vote,{"key":"open sesame"})");
  says(2, R"(40/vote,{"key":"open sesame"})");
  says(3, R"(40/vote,{"key":"please"})");
  says(1, R"(42/vote,7["vote","ann"])");

  for (const auto& [websocket, texts] : transport.sent) {
    for (const std::string& text : texts) {
      std::printf("%d <- %s\n", static_cast<int>(websocket), text.c_str());
    }
  }
  const std::string refused =
      R"(44/vote,{"message":"what is the key?","data":{"code":"unauthenticated"}})";
  const bool right = transport.sent[1].back() == "43/vote,7[1]" &&
                     transport.sent[2].back() == R"(42/vote,["count","ann",1])" &&
                     transport.sent[3].back() == refused;
  return right ? 0 : 1;
}
