// An engineio::Server with recording sides, manual time, and a client's calls as one-liners.
#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/engineio/server.h"
#include "recording_transport.h"

namespace chatrt::engineio {

// Bytes that differ and repeat from run to run.
inline RandomSource counting_random() {
  return [state = std::uint64_t{1}](std::span<std::byte> bytes) mutable {
    for (std::byte& byte : bytes) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      byte = static_cast<std::byte>(state >> 33);
    }
  };
}

inline std::string sid_of(std::string_view open_packet) {
  const std::size_t begin = open_packet.find("\"sid\":\"");
  REQUIRE(begin != std::string_view::npos);
  const std::string_view rest = open_packet.substr(begin + 7);
  return std::string{rest.substr(0, rest.find('"'))};
}

class EngineFixture {
 public:
  explicit EngineFixture(Options options = {})
      : server(options, transport, application, counting_random()) {}

  void advance(std::int64_t ms) { now += Duration{ms}; }
  void tick(std::int64_t ms) {
    advance(ms);
    server.on_tick(now);
  }

  // --- HTTP: each gives the number of its exchange; answer() is what it was answered, if it was.
  std::uint64_t request(std::string_view method, const std::string& query,
                        const std::optional<std::string>& body = std::nullopt,
                        std::string_view content_type = {}) {
    const std::uint64_t exchange = next_++;
    const Request head{.method = method,
                       .query = query,
                       .content_type = content_type,
                       .authorization = {},
                       .origin = {},
                       .address = "127.0.0.1"};
    if (method != "POST") {
      server.on_request({exchange}, head, now);
    } else if (server.on_post_head({exchange}, head, now) && body) {
      if (body->size() > payload_bytes_max) {
        server.on_post_too_large({exchange}, now);
      } else {
        server.on_post_body({exchange}, *body, now);
      }
    }
    return exchange;
  }
  std::uint64_t get(const std::string& sid) {
    return request("GET", "EIO=4&transport=polling&sid=" + sid);
  }
  std::uint64_t post(const std::string& sid, const std::string& body) {
    return request("POST", "EIO=4&transport=polling&sid=" + sid, body);
  }
  std::uint64_t post_head(const std::string& sid) {
    return request("POST", "EIO=4&transport=polling&sid=" + sid);
  }
  bool answered(std::uint64_t exchange) const { return transport.responses.contains(exchange); }
  RecordedResponse answer(std::uint64_t exchange) const {
    const auto found = transport.responses.find(exchange);
    if (found == transport.responses.end()) return {};
    CHECK(found->second.size() == 1);
    return found->second.front();
  }
  // A handshake by polling; the session's id.
  std::string open_polling() {
    return sid_of(answer(request("GET", "EIO=4&transport=polling")).body);
  }

  // --- WebSocket
  std::uint64_t open_websocket(const std::string& sid = {}) {
    const std::uint64_t websocket = next_++;
    const std::string query = "EIO=4&transport=websocket" + (sid.empty() ? "" : "&sid=" + sid);
    const Request head = websocket_request(query);
    CHECK_FALSE(server.check_websocket(head).has_value());
    server.on_websocket_open({websocket}, head, now);
    return websocket;
  }
  static Request websocket_request(const std::string& query) {
    return {.method = "GET",
            .query = query,
            .content_type = {},
            .authorization = {},
            .origin = {},
            .address = "127.0.0.1"};
  }
  void text(std::uint64_t websocket, std::string_view data) {
    server.on_websocket_message({websocket}, false, data, now);
  }
  void binary(std::uint64_t websocket, std::string_view data) {
    server.on_websocket_message({websocket}, true, data, now);
  }
  const std::vector<Frame>& frames(std::uint64_t websocket) {
    return transport.sockets[websocket].frames;
  }
  std::string last(std::uint64_t websocket) {
    return frames(websocket).empty() ? std::string{} : frames(websocket).back().bytes;
  }
  bool is_closed(std::uint64_t websocket) { return transport.sockets[websocket].closed; }

  void send(const std::string& bytes, bool ephemeral = false) {
    server.send(application.opened.back(), {false, bytes}, now, ephemeral);
  }
  // How the newest session ended, if it did.
  std::optional<CloseReason> reason() const {
    if (application.closed.empty()) return std::nullopt;
    return application.closed.back().second;
  }
  // Has every message sent back.
  void echo() {
    application.message_hook = [this](ConnectionId session, bool binary, std::string_view data) {
      const std::string bytes = (binary ? "" : "4") + std::string{data};
      server.send(session, {binary, bytes}, now);
    };
  }

  std::size_t payload_bytes_max = 1'000'000;
  MonotonicTime now = MonotonicTime{} + Duration{1'000'000};
  RecordingTransport transport;
  RecordingApplication application;
  Server server;

 private:
  std::uint64_t next_ = 1;
};

}  // namespace chatrt::engineio
