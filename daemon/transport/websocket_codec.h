// WebSocket handshake and frames (RFC 6455) by websocketpp's codec, behind a header that is valid
// C++17: websocketpp 0.8.2 does not compile as C++20.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chatd::transport {

enum class Opcode : std::uint8_t { text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

// The answer to a GET that upgrades to WebSocket and has these Sec-WebSocket-Version and -Key: the
// whole 101 but for its last empty line. Nothing if they are not those of RFC 6455.
std::optional<std::string> answer_websocket(std::string_view version, std::string_view key);

// Appends a frame, from server to client.
void append_frame(std::string& out, Opcode opcode, std::string_view payload);
// Appends a close frame; `code` 0: without a status.
void append_close_frame(std::string& out, std::uint16_t code);

// Reads the frames of one client. Threads: one at a time.
class WebSocketReader {
 public:
  explicit WebSocketReader(std::size_t message_bytes_max);
  ~WebSocketReader();
  WebSocketReader(WebSocketReader&&) noexcept;
  WebSocketReader& operator=(WebSocketReader&&) noexcept;

  struct Message {
    Opcode opcode;
    std::string_view payload;  // valid until the next call
  };
  // Takes bytes from the head of `bytes`, which are unmasked in place. True: `message` is complete.
  // False: all bytes are taken and more are needed, or error_code() is not 0 and the client has
  // violated the protocol.
  bool read(char*& bytes, std::size_t& size, Message& message);
  // The close code that answers the violation: 1002, 1007, 1009; 1008 for bytes that bring nothing.
  std::uint16_t error_code() const noexcept { return error_; }
  // A frame or a fragmented message has begun and not ended.
  bool in_message() const noexcept { return in_message_; }

 private:
  struct Codec;
  bool read_some(char*& bytes, std::size_t& size);
  std::size_t wasted() const;

  std::size_t message_bytes_max_;
  std::unique_ptr<Codec> codec_;   // while a message is incomplete, or looked at
  std::size_t since_message_ = 0;  // bytes taken since the last text or binary message
  std::uint16_t error_ = 0;
  bool in_message_ = false;
};

}  // namespace chatd::transport
