// The host's sides of an engineio::Server in tests: they write down what the Server wants done.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "chatrt/engineio/server.h"

namespace chatrt::engineio {

struct RecordedResponse {
  int status = 0;
  std::string content_type;
  std::string body;
  bool no_store = false;
};

struct Frame {
  bool binary = false;
  std::string bytes;
  friend bool operator==(const Frame&, const Frame&) = default;
};

class RecordingTransport final : public Transport {
 public:
  struct Socket {
    std::vector<Frame> frames;
    bool closed = false;
    std::uint16_t code = 0;
    std::size_t queued = 0;  // what queued_bytes() says
  };

  void respond(Carrier exchange, const Response& response) override {
    responses[exchange.value].push_back({response.status, std::string{response.content_type},
                                         std::string{response.body}, response.no_store});
  }
  void abort(Carrier exchange) override { aborted.insert(exchange.value); }
  void send(Carrier websocket, Encoded packet) override {
    sockets[websocket.value].frames.push_back({packet.binary, std::string{packet.bytes}});
  }
  std::size_t queued_bytes(Carrier websocket) const override {
    const auto found = sockets.find(websocket.value);
    return found == sockets.end() ? 0 : found->second.queued;
  }
  void close(Carrier websocket, std::uint16_t code) override {
    sockets[websocket.value].closed = true;
    sockets[websocket.value].code = code;
  }

  std::map<std::uint64_t, std::vector<RecordedResponse>> responses;
  std::set<std::uint64_t> aborted;
  std::map<std::uint64_t, Socket> sockets;
};

// Writes down what the sessions say; does what the hooks say.
class RecordingApplication final : public Application {
 public:
  Status allow(const Request&) override { return allowed; }
  void on_open(ConnectionId session, const Request&, MonotonicTime) override {
    opened.push_back(session);
    if (opened_hook) opened_hook(session);
  }
  void on_message(ConnectionId session, bool binary, std::string_view data,
                  MonotonicTime) override {
    messages.push_back({binary, std::string{data}});
    if (message_hook) message_hook(session, binary, data);
  }
  void on_pong(ConnectionId session, MonotonicTime) override { pongs.push_back(session); }
  void on_close(ConnectionId session, CloseReason reason, MonotonicTime) override {
    closed.emplace_back(session, reason);
    if (closed_hook) closed_hook(session);
  }

  Status allowed;
  std::vector<ConnectionId> opened;
  std::vector<Frame> messages;
  std::vector<ConnectionId> pongs;
  std::vector<std::pair<ConnectionId, CloseReason>> closed;
  std::function<void(ConnectionId)> opened_hook;
  std::function<void(ConnectionId, bool, std::string_view)> message_hook;
  std::function<void(ConnectionId)> closed_hook;
};

}  // namespace chatrt::engineio
