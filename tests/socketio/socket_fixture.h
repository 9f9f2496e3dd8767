// A socketio::Server with recording sides and manual time, and a client's calls as one-liners.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chatrt/socketio/server.h"
#include "chatrt/testing/recording_log.h"
#include "engine_fixture.h"

namespace chatrt::socketio {

using engineio::Frame;

class SocketFixture {
 public:
  explicit SocketFixture(Server::Namespaces namespaces, std::vector<Middleware> middleware = {},
                         Options options = {})
      : server(options, std::move(namespaces), std::move(middleware), transport,
               engineio::counting_random(), log, [this] { ++wakes; }) {}

  // A connection by WebSocket, its open packet read.
  std::uint64_t open() {
    const std::uint64_t websocket = next_++;
    const auto head = engineio::EngineFixture::websocket_request(query);
    server.engine().on_websocket_open({websocket}, head, now);
    CHECK(received(websocket).size() == 1);
    return websocket;
  }
  // One that has joined the main namespace, the answer and greetings read.
  std::uint64_t join() {
    const std::uint64_t websocket = open();
    text(websocket, "40");
    received(websocket);
    return websocket;
  }
  void text(std::uint64_t websocket, std::string_view data) {
    server.engine().on_websocket_message({websocket}, false, data, now);
  }
  void binary(std::uint64_t websocket, std::string_view data) {
    server.engine().on_websocket_message({websocket}, true, data, now);
  }
  void tick(std::int64_t ms) {
    now += Duration{ms};
    server.on_tick(now);
  }
  // The frames that came since the last call.
  std::vector<Frame> received(std::uint64_t websocket) {
    return std::exchange(transport.sockets[websocket].frames, {});
  }
  // The same, when there are texts alone.
  std::vector<std::string> texts(std::uint64_t websocket) {
    std::vector<std::string> all;
    for (Frame& frame : received(websocket)) {
      CHECK_FALSE(frame.binary);
      all.push_back(std::move(frame.bytes));
    }
    return all;
  }
  bool closed(std::uint64_t websocket) { return transport.sockets[websocket].closed; }

  std::string query = "EIO=4&transport=websocket";
  MonotonicTime now = MonotonicTime{} + Duration{1'000'000};
  int wakes = 0;
  engineio::RecordingTransport transport;
  testing::RecordingLog log;
  Server server;

 private:
  std::uint64_t next_ = 1;
};

}  // namespace chatrt::socketio
