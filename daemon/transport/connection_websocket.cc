// Connection, as a WebSocket.
#include <utility>

#include "connection.h"
#include "shard.h"

namespace chatd::transport {
namespace {

using chatrt::engineio::Carrier;
using EngineRequest = chatrt::engineio::Request;

// A pong is for the latest ping: a client that does not read them gets no more of them.
constexpr std::size_t kPongsWaitingMax = 4096;
constexpr chatrt::MonotonicTime kNever = chatrt::MonotonicTime::max();
// RFC 6455 7.4.1: the client does what is not allowed here.
constexpr std::uint16_t kPolicyViolation = 1008;

}  // namespace

void Connection::begin_websocket(const HttpHead& head) {
  keep_alive_ = false;
  if (!is_engine_) return write_response(404, {}, {}, {});
  const std::string client = client_of(head);
  if (!admit(head, client)) return;
  const EngineRequest request = engine_request(head, client);
  if (const auto refusal = shard_.engine().check_websocket(request)) {
    return write_response(refusal->status, "text/html", refusal->body, {});
  }
  const auto answer =
      answer_websocket(head.only("sec-websocket-version"), head.only("sec-websocket-key"));
  if (!answer || head.method != "GET") {
    return write_response(400, {}, {}, "Sec-WebSocket-Version: 13\r\n");
  }
  out().append(*answer);
  // Any is ours, and the client's first choice is the one: without an answer clients give up.
  const std::string_view protocol = head.first_token("sec-websocket-protocol");
  if (!protocol.empty()) {
    out().append("Sec-WebSocket-Protocol: ").append(protocol).append("\r\n");
  }
  out().append(cors_).append("\r\n");
  cors_ = {};
  in_.shrink_to_fit();
  state_ = State::websocket;
  deadline_ = kNever;
  shard_.counters().websockets += 1;
  reader_ = std::make_unique<WebSocketReader>(shard_.options().message_bytes_max);
  shard_.flush_later(*this);
  shard_.engine().on_websocket_open(Carrier{carrier}, request, shard_.now());
}

void Connection::process_websocket(char* bytes, std::size_t size) {
  WebSocketReader::Message message{};
  while (state_ == State::websocket && reader_->read(bytes, size, message)) {
    switch (message.opcode) {
      case Opcode::text:
      case Opcode::binary:
        deadline_ = kNever;
        shard_.engine().on_websocket_message(Carrier{carrier}, message.opcode == Opcode::binary,
                                             message.payload, shard_.now());
        break;
      case Opcode::ping:
        if (queued_bytes() > kPongsWaitingMax) break;
        append_frame(out(), Opcode::pong, message.payload);
        shard_.flush_later(*this);
        break;
      case Opcode::pong: break;
      case Opcode::close:
        append_frame(out(), Opcode::close, message.payload.substr(0, 2));
        return end_websocket(false);
    }
  }
  if (state_ != State::websocket) return;
  if (reader_->error_code() != 0) {
    append_close_frame(out(), reader_->error_code());
    return end_websocket(true);
  }
  // Of a message, from its first byte to its last.
  if (!reader_->in_message()) {
    deadline_ = kNever;
  } else if (deadline_ == kNever) {
    deadline_ = shard_.now() + shard_.options().message_timeout;
  }
}

void Connection::on_slow_message() {
  shard_.options().doorman->count(TurnedAway::slow_request);
  append_close_frame(out(), kPolicyViolation);
  end_websocket(true);
}

// The client has ended the WebSocket, in order or by a violation; the answer is in the buffer.
void Connection::end_websocket(bool error) {
  shard_.counters().websockets -= 1;
  finish();
  shard_.engine().on_websocket_closed(Carrier{carrier}, error, shard_.now());
}

void Connection::send(chatrt::engineio::Encoded packet) {
  if (state_ != State::websocket) return;
  append_frame(out(), packet.binary ? Opcode::binary : Opcode::text, packet.bytes);
  shard_.flush_later(*this);
}

void Connection::close_websocket(std::uint16_t code) {
  if (state_ != State::websocket) return;
  append_close_frame(out(), code);
  shard_.counters().websockets -= 1;
  finish();
}

}  // namespace chatd::transport
