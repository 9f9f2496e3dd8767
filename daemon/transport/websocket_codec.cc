#include "websocket_codec.h"
#include "versions.h"

#include <websocketpp/config/core.hpp>
#include <websocketpp/frame.hpp>
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/message_buffer/alloc.hpp>
#include <websocketpp/processors/hybi13.hpp>
#include <websocketpp/version.hpp>

#include <sstream>

namespace chatd::transport {
namespace {

namespace wpp = websocketpp;

// Server frames are not masked: nothing here needs random numbers.
struct NoRandom {
  std::uint32_t operator()() const { return 0; }
};

struct Config : public wpp::config::core {
  using rng_type = NoRandom;
};

using Processor = wpp::processor::hybi13<Config>;
using Manager = Config::con_msg_manager_type;

}  // namespace

struct WebSocketReader::Codec {
  explicit Codec(std::size_t message_bytes_max)
      : processor(false, true, std::make_shared<Manager>(), random) {
    processor.set_max_message_size(message_bytes_max);
  }
  NoRandom random;
  Processor processor;
  Config::message_type::ptr message;
};

WebSocketAnswer answer_websocket(std::string_view head) {
  WebSocketAnswer answer;
  try {
    wpp::http::parser::request request;
    request.consume(head.data(), head.size());
    if (!request.ready() || wpp::processor::get_websocket_version(request) != 13) return answer;
    NoRandom random;
    const Processor processor(false, true, std::make_shared<Manager>(), random);
    if (processor.validate_handshake(request)) return answer;
    // RFC 6455 4.2.1: the key is 16 bytes in base64.
    if (request.get_header("Sec-WebSocket-Key").size() != 24) return answer;
    wpp::http::parser::response response;
    if (processor.process_handshake(request, "", response)) return answer;
    answer.response =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
        response.get_header("Sec-WebSocket-Accept") + "\r\n";
    answer.accepted = true;
  } catch (const wpp::http::exception&) {
    // Not a handshake that the codec takes.
  }
  return answer;
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload) {
  const wpp::frame::basic_header header(static_cast<wpp::frame::opcode::value>(opcode),
                                        payload.size(), true, false);
  const wpp::frame::extended_header extended(payload.size());
  out.append(wpp::frame::prepare_header(header, extended));
  out.append(payload.data(), payload.size());
}

void append_close_frame(std::string& out, std::uint16_t code) {
  if (code == 0) return append_frame(out, Opcode::close, {});
  const char payload[2] = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  append_frame(out, Opcode::close, {payload, 2});
}

WebSocketReader::WebSocketReader(std::size_t message_bytes_max)
    : codec_(std::make_unique<Codec>(message_bytes_max)) {}
WebSocketReader::~WebSocketReader() = default;
WebSocketReader::WebSocketReader(WebSocketReader&&) noexcept = default;
WebSocketReader& WebSocketReader::operator=(WebSocketReader&&) noexcept = default;

bool WebSocketReader::read(char*& bytes, std::size_t& size, Message& message) {
  codec_->message.reset();
  while (size > 0 && error_ == 0) {
    wpp::lib::error_code ec;
    const std::size_t taken =
        codec_->processor.consume(reinterpret_cast<std::uint8_t*>(bytes), size, ec);
    bytes += taken;
    size -= taken;
    in_message_ = true;
    if (ec) {
      error_ = wpp::processor::error::to_ws(ec);
      if (error_ == wpp::close::status::blank) error_ = wpp::close::status::protocol_error;
      return false;
    }
    if (!codec_->processor.ready()) continue;
    codec_->message = codec_->processor.get_message();
    in_message_ = false;
    if (!codec_->message) continue;
    message = {static_cast<Opcode>(codec_->message->get_opcode()), codec_->message->get_payload()};
    return true;
  }
  return false;
}

const char* websocketpp_version() noexcept { return wpp::user_agent; }

}  // namespace chatd::transport
