#include "websocket_codec.h"
#include "versions.h"

#include <websocketpp/config/core.hpp>
#include <websocketpp/frame.hpp>
#include <websocketpp/http/request.hpp>
#include <websocketpp/http/response.hpp>
#include <websocketpp/message_buffer/message.hpp>
#include <websocketpp/processors/hybi13.hpp>
#include <websocketpp/version.hpp>

#include <cstring>
#include <iterator>
#include <sstream>

namespace chatd::transport {
namespace {

namespace wpp = websocketpp;

// A payload buffer larger than this is not kept for the next message.
constexpr std::size_t kPayloadKept = 16 * 1024;
// Control frames, and heads of frames, between two messages or within one. More is a flood: of
// pings, or of a message in tiny fragments. As it is looked at where pieces end that the bytes come
// in, it may be as much as such a piece more.
constexpr std::size_t kWastedMax = 64 * 1024;

// Server frames are not masked: nothing here needs random numbers.
struct NoRandom {
  std::uint32_t operator()() const { return 0; }
};

// Gives out the same two messages again and again, one for data and one for control frames, as long
// as nobody holds them: their memory is used again.
template <typename Message>
class Recycler : public std::enable_shared_from_this<Recycler<Message>> {
 public:
  using ptr = std::shared_ptr<Recycler>;
  using weak_ptr = std::weak_ptr<Recycler>;
  using message_ptr = typename Message::ptr;

  message_ptr get_message(wpp::frame::opcode::value opcode, std::size_t size) {
    message_ptr& message = wpp::frame::opcode::is_control(opcode) ? control_ : data_;
    if (!is_free(message)) {
      return message = std::make_shared<Message>(this->shared_from_this(), opcode, size);
    }
    std::string& payload = message->get_raw_payload();
    if (payload.capacity() > kPayloadKept) payload = {};
    payload.clear();
    payload.reserve(size);
    message->set_opcode(opcode);
    return message;
  }
  bool recycle(Message*) { return false; }

  // Somebody holds the last data message that was given out.
  bool data_is_held() const { return data_ && !is_free(data_); }
  // What has come of that one.
  std::size_t data_bytes() const { return data_is_held() ? data_->get_payload().size() : 0; }

 private:
  static bool is_free(const message_ptr& message) { return message && message.use_count() == 1; }
  message_ptr data_;
  message_ptr control_;
};

struct Config : public wpp::config::core {
  using rng_type = NoRandom;
  using message_type = wpp::message_buffer::message<Recycler>;
  using con_msg_manager_type = Recycler<message_type>;
};

using Processor = wpp::processor::hybi13<Config>;
using Manager = Config::con_msg_manager_type;

// The codec finds out the order of bytes at its first frame and keeps it in a static without a
// lock: two shards' first frames would race. So it does before there are threads.
[[maybe_unused]] const std::uint64_t kByteOrderKnown = wpp::lib::net::_htonll(0);

}  // namespace
}  // namespace chatd::transport

// The codec goes through a text byte by byte, once to unmask it and once to check its UTF-8. These
// take its place and do it by words: it was 43 % of the time of a message.
namespace websocketpp {
namespace utf8_validator {

// Between two characters, ASCII is skipped.
template <>
bool validator::decode(std::string::iterator begin, std::string::iterator end) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  while (begin != end) {
    std::uint64_t word = 0;
    while (m_state == utf8_accept && end - begin >= std::ptrdiff_t{sizeof word}) {
      std::memcpy(&word, &*begin, sizeof word);
      if ((word & kHighBits) != 0) break;
      begin += sizeof word;
    }
    if (begin != end && !consume(static_cast<std::uint8_t>(*begin++))) return false;
  }
  return true;
}

}  // namespace utf8_validator

namespace processor {

using ChatdConfig = chatd::transport::Config;

namespace {

// Unmasks and returns the key as it goes on after these bytes. The codec has the same by words, but
// for aligned bytes only.
std::size_t unmask(std::uint8_t* bytes, std::size_t size, std::size_t key) {
  std::size_t word = 0;
  for (; size >= sizeof word; bytes += sizeof word, size -= sizeof word) {
    std::memcpy(&word, bytes, sizeof word);
    word ^= key;
    std::memcpy(bytes, &word, sizeof word);
  }
  return frame::byte_mask_circ(bytes, size, key);
}

}  // namespace

template <>
std::size_t hybi13<ChatdConfig>::process_payload_bytes(std::uint8_t* bytes, std::size_t size,
                                                       lib::error_code& error) {
  if (frame::get_masked(m_basic_header)) {
    m_current_msg->prepared_key = unmask(bytes, size, m_current_msg->prepared_key);
  }
  std::string& payload = m_current_msg->msg_ptr->get_raw_payload();
  const auto before = static_cast<std::ptrdiff_t>(payload.size());
  payload.append(reinterpret_cast<const char*>(bytes), size);
  if (m_current_msg->msg_ptr->get_opcode() == frame::opcode::TEXT &&
      !m_current_msg->validator.decode(payload.begin() + before, payload.end())) {
    error = make_error_code(error::invalid_utf8);
    return 0;
  }
  m_bytes_needed -= size;
  return size;
}

}  // namespace processor
}  // namespace websocketpp

namespace chatd::transport {
namespace {

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
  NoRandom random;
  Manager::ptr manager = std::make_shared<Manager>();
  Processor processor{false, true, manager, random};
  Config::message_type::ptr message;
};

std::optional<std::string> answer_websocket(std::string_view version, std::string_view key) {
  constexpr std::size_t kKeySize = 24;  // 4.2.1: 16 bytes in base64
  if (version != "13" || key.size() != kKeySize) return std::nullopt;
  std::string signed_key{key};
  signed_key += wpp::processor::constants::handshake_guid;
  std::array<unsigned char, 20> hash;
  wpp::sha1::calc(signed_key.data(), signed_key.size(), hash.data());
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
         "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
         wpp::base64_encode(hash.data(), hash.size()) + "\r\n";
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

namespace {

// Between two messages a codec has nothing to remember: one for each thread serves all clients but
// those whose message is incomplete.
template <typename Codec>
std::unique_ptr<Codec>& spare_codec() {
  thread_local std::unique_ptr<Codec> codec;
  return codec;
}

}  // namespace

WebSocketReader::WebSocketReader(std::size_t message_bytes_max)
    : message_bytes_max_(message_bytes_max) {}
WebSocketReader::~WebSocketReader() = default;
WebSocketReader::WebSocketReader(WebSocketReader&&) noexcept = default;
WebSocketReader& WebSocketReader::operator=(WebSocketReader&&) noexcept = default;

bool WebSocketReader::read(char*& bytes, std::size_t& size, Message& message) {
  if (size > 0 && error_ == 0 && !codec_) {
    codec_ = std::move(spare_codec<Codec>());
    if (!codec_) codec_ = std::make_unique<Codec>();
    codec_->processor.set_max_message_size(message_bytes_max_);
  }
  if (codec_) codec_->message.reset();
  while (size > 0 && error_ == 0) {
    if (!read_some(bytes, size)) return false;
    if (!codec_->message) continue;
    message = {static_cast<Opcode>(codec_->message->get_opcode()), codec_->message->get_payload()};
    return true;
  }
  if (codec_ && !in_message_) spare_codec<Codec>() = std::move(codec_);
  return false;
}

// Takes bytes up to the end of the next message, which is in codec_ then. False: error_.
bool WebSocketReader::read_some(char*& bytes, std::size_t& size) {
  wpp::lib::error_code ec;
  const std::size_t taken =
      codec_->processor.consume(reinterpret_cast<std::uint8_t*>(bytes), size, ec);
  bytes += taken;
  size -= taken;
  since_message_ += taken;
  in_message_ = true;
  if (ec) {
    error_ = wpp::processor::error::to_ws(ec);
    // What the codec has no code for, as a length that is not in its shortest form.
    const bool known = error_ == wpp::close::status::invalid_payload ||
                       error_ == wpp::close::status::message_too_big;
    if (!known) error_ = wpp::close::status::protocol_error;
    return false;
  }
  if (codec_->processor.ready()) codec_->message = codec_->processor.get_message();
  const bool is_whole = codec_->message != nullptr;
  if (is_whole && !wpp::frame::opcode::is_control(codec_->message->get_opcode())) {
    in_message_ = false;
    since_message_ = 0;
  } else if (wasted() > kWastedMax) {
    error_ = wpp::close::status::policy_violation;
  }
  if (!is_whole || error_ != 0) return error_ == 0;
  const std::string& payload = codec_->message->get_payload();
  const auto opcode = codec_->message->get_opcode();
  // A control frame may stand between the frames of a message.
  if (wpp::frame::opcode::is_control(opcode)) in_message_ = codec_->manager->data_is_held();
  if (opcode == wpp::frame::opcode::close) error_ = fault_of_close(payload);
  if (opcode == wpp::frame::opcode::text && ends_within_character(payload)) {
    error_ = wpp::close::status::invalid_payload;
  }
  return error_ == 0;
}

// Of the bytes since the last message, those that are not the beginning of the next one.
std::size_t WebSocketReader::wasted() const {
  return since_message_ - codec_->manager->data_bytes();
}

const char* websocketpp_version() noexcept { return wpp::user_agent; }

}  // namespace chatd::transport
