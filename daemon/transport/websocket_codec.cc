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

// RFC 6455 7.4: the codes that may stand in a close frame.
bool may_be_sent(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

// The codec looks for a character that is cut off at the end of a text only where the text came in
// one frame.
bool ends_within_character(const std::string& text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back;
  }
  return false;
}

// The code that answers a close frame that is wrong in itself; 0 if it is right.
std::uint16_t fault_of_close(const std::string& payload) {
  if (payload.empty()) return 0;
  if (payload.size() == 1) return wpp::close::status::protocol_error;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(payload[i]); };
  if (!may_be_sent(byte(0) * 256U + byte(1))) return wpp::close::status::protocol_error;
  const bool text = wpp::utf8_validator::validate(payload.substr(2));
  return text ? std::uint16_t{0} : std::uint16_t{wpp::close::status::invalid_payload};
}

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
      // What the codec has no code for, as a length that is not in its shortest form.
      const bool known = error_ == wpp::close::status::invalid_payload ||
                         error_ == wpp::close::status::message_too_big;
      if (!known) error_ = wpp::close::status::protocol_error;
      return false;
    }
    if (!codec_->processor.ready()) continue;
    codec_->message = codec_->processor.get_message();
    in_message_ = false;
    if (!codec_->message) continue;
    const std::string& payload = codec_->message->get_payload();
    const auto opcode = codec_->message->get_opcode();
    if (opcode == wpp::frame::opcode::close) error_ = fault_of_close(payload);
    if (opcode == wpp::frame::opcode::text && ends_within_character(payload)) {
      error_ = wpp::close::status::invalid_payload;
    }
    if (error_ != 0) return false;
    message = {static_cast<Opcode>(opcode), payload};
    return true;
  }
  return false;
}

const char* websocketpp_version() noexcept { return wpp::user_agent; }

}  // namespace chatd::transport
