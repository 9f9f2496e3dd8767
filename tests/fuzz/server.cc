// engineio::Server and socketio::Server together: any sequence of requests, WebSocket messages,
// losses, deliveries and time. Every exchange is answered once, and what opens closes once.

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "chatrt/log.h"
#include "chatrt/socketio/server.h"
#include "input.h"

namespace {

using namespace chatrt;
using engineio::Carrier;

struct Host final : engineio::Transport {
  std::set<std::uint64_t> exchanges;  // not answered yet
  std::set<std::uint64_t> websockets;
  std::string sid;  // of the last handshake
  std::size_t behind = 0;

  void note_sid(std::string_view bytes) {
    const std::size_t at = bytes.find("0{\"sid\":\"");
    if (at == 0) sid = bytes.substr(9, bytes.find('"', 9) - 9);
  }
  void respond(Carrier exchange, const engineio::Response& response) override {
    REQUIRE_THAT(exchanges.erase(exchange.value) == 1);
    note_sid(response.body);
  }
  void abort(Carrier exchange) override { REQUIRE_THAT(exchanges.erase(exchange.value) == 1); }
  void send(Carrier websocket, engineio::Encoded packet) override {
    REQUIRE_THAT(websockets.contains(websocket.value));
    note_sid(packet.bytes);
  }
  std::size_t queued_bytes(Carrier) const override { return behind; }
  void close(Carrier websocket, std::uint16_t) override {
    REQUIRE_THAT(websockets.erase(websocket.value) == 1);
  }
};

// Does what the event's name says, and counts who is there.
struct Handler final : socketio::Namespace {
  std::set<socketio::Socket*> sockets;
  int acks = 0;

  void on_connect(socketio::Socket& socket, socketio::JsonView auth) override {
    if (auth.find("no").present()) return socket.refuse("no");
    if (auth.find("throw").present()) throw 1;
    if (auth.find("later").present()) return;
    REQUIRE_THAT(sockets.insert(&socket).second);
    socket.accept();
  }
  void on_event(socketio::Socket& socket, const socketio::Event& event) override {
    REQUIRE_THAT(sockets.contains(&socket));
    socketio::Arguments all;
    for (std::size_t i = 0; i < event.arg_count(); ++i) all.value(event.arg(i), event.attachments);
    if (event.name == "throw") throw 1;
    if (event.name == "out") return socket.disconnect();
    if (event.name == "end") return socket.close_connection();
    if (event.name == "ask") {
      ++acks;
      socket.emit_with_ack(
          "a", all, Duration{1000},
          [this](const Result<socketio::JsonView>&, std::span<const std::string>) { --acks; });
    }
    if (event.name == "vol") socket.emit_volatile("v", all);
    if (event.name == "all") {
      for (socketio::Socket* each : sockets) each->emit("m", all);
    }
    if (event.ack_id) socket.ack(*event.ack_id, all);
  }
  void on_disconnect(socketio::Socket& socket, socketio::DisconnectReason) override {
    REQUIRE_THAT(sockets.erase(&socket) == 1);
  }
};

class Run {
 public:
  Run()
      : server_(options(), {{"/", &handler_}, {"/a", &handler_}}, {}, host_, random(),
                null_log_sink(), [] {}) {}

  void step(fuzz::Input& input) {
    switch (input.byte() % 12) {
      case 0: return handshake();
      case 1: return poll();
      case 2: return post(input.chunk());
      case 3: return open_websocket("");
      case 4: return open_websocket("&sid=" + host_.sid);
      case 5: return message(input, false);
      case 6: return message(input, true);
      case 7: return lose_websocket(input);
      case 8: return lose_exchange(input);
      case 9: now_ += Duration{input.byte() * 100}; return server_.on_tick(now_);
      case 10: return deliver(input);
      case 11: host_.behind = std::size_t{input.byte()} * 100; return;
    }
  }
  void end() {
    server_.close_all(now_);
    REQUIRE_THAT(server_.engine().session_count() == 0);
    REQUIRE_THAT(server_.engine().websocket_count() == 0);
    REQUIRE_THAT(host_.exchanges.empty());
    REQUIRE_THAT(host_.websockets.empty());
    REQUIRE_THAT(handler_.sockets.empty());
    REQUIRE_THAT(handler_.acks == 0);
  }

 private:
  static socketio::Options options() {
    socketio::Options options;
    options.engine.queued_bytes_max = 10'000;
    options.engine.sessions_max = 8;
    return options;
  }
  static engineio::RandomSource random() {
    return [next = std::uint8_t{0}](std::span<std::byte> bytes) mutable {
      for (std::byte& byte : bytes) byte = std::byte{next++};
    };
  }
  static engineio::Request head(std::string_view method, const std::string& query) {
    return {.method = method,
            .query = query,
            .content_type = {},
            .authorization = {},
            .origin = {},
            .address = {}};
  }
  std::uint64_t exchange() {
    host_.exchanges.insert(next_);
    return next_++;
  }
  void handshake() {
    server_.engine().on_request({exchange()}, head("GET", "EIO=4&transport=polling"), now_);
  }
  void poll() {
    const std::string query = "EIO=4&transport=polling&sid=" + host_.sid;
    server_.engine().on_request({exchange()}, head("GET", query), now_);
  }
  void post(std::string_view body) {
    const std::string query = "EIO=4&transport=polling&sid=" + host_.sid;
    const std::uint64_t number = exchange();
    if (!server_.engine().on_post_head({number}, head("POST", query), now_)) return;
    if (body.starts_with('?')) return;  // the body does not come
    server_.engine().on_post_body({number}, body, now_);
  }
  void open_websocket(const std::string& rest) {
    const std::string query = "EIO=4&transport=websocket" + rest;
    if (server_.engine().check_websocket(head("GET", query))) return;
    host_.websockets.insert(next_);
    server_.engine().on_websocket_open({next_++}, head("GET", query), now_);
  }
  // One of `numbers`, chosen by a byte; 0 if there is none.
  static std::uint64_t choose(const std::set<std::uint64_t>& numbers, fuzz::Input& input) {
    const std::uint8_t which = input.byte();
    if (numbers.empty()) return 0;
    return *std::next(numbers.begin(), static_cast<std::ptrdiff_t>(which % numbers.size()));
  }
  void message(fuzz::Input& input, bool binary) {
    const std::uint64_t websocket = choose(host_.websockets, input);
    const std::string_view data = input.chunk();
    if (websocket != 0) server_.engine().on_websocket_message({websocket}, binary, data, now_);
  }
  void lose_websocket(fuzz::Input& input) {
    const std::uint64_t websocket = choose(host_.websockets, input);
    if (websocket == 0) return;
    host_.websockets.erase(websocket);
    server_.engine().on_websocket_closed({websocket}, (input.byte() & 1) != 0, now_);
  }
  void lose_exchange(fuzz::Input& input) {
    const std::uint64_t number = choose(host_.exchanges, input);
    if (number == 0) return;
    host_.exchanges.erase(number);
    server_.engine().on_request_aborted({number}, now_);
  }
  void deliver(fuzz::Input& input) {
    socketio::Batch batch;
    const std::size_t packet = batch.packet("42[\"d\"]");
    for (socketio::Socket* socket : handler_.sockets) {
      batch.target(socket->connection(), packet, (input.byte() & 1) != 0);
      batch.task(socket->connection(), [](socketio::Socket& s) { s.emit("t"); });
      server_.ping(socket->connection());
    }
    server_.deliver(batch);
    server_.run_deliveries(now_);
  }

  Host host_;
  Handler handler_;
  MonotonicTime now_{Duration{1000}};
  std::uint64_t next_ = 1;
  socketio::Server server_;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::play<Run>(data, size);
}
