#include "chatrt/socketio/packet.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>

namespace chatrt::socketio {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_json_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Takes the digits at the head of `text`; nothing if there is none or the number is above `max`.
std::optional<std::uint64_t> take_number(std::string_view& text, std::uint64_t max) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value > max) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

// Appends `view`, each placeholder pointing `shift` attachments further on.
void append_shifted(std::string& out, JsonView view, std::size_t shift) {
  if (view.is_array()) {
    out.push_back('[');
    for (std::size_t i = 0; i < view.size(); ++i) {
      if (i > 0) out.push_back(',');
      append_shifted(out, view.at(i), shift);
    }
    out.push_back(']');
  } else if (view.is_object()) {
    const std::optional<std::uint64_t> number = view.find("num").as_uint64();
    if (view.find("_placeholder").as_bool() == true && number) {
      out.append(R"({"_placeholder":true,"num":)");
      append_json_number(out, *number + shift);
      out.push_back('}');
      return;
    }
    out.push_back('{');
    for (std::size_t i = 0; i < view.size(); ++i) {
      const auto [key, value] = view.member(i);
      if (i > 0) out.push_back(',');
      append_json_string(out, key);
      out.push_back(':');
      append_shifted(out, value, shift);
    }
    out.push_back('}');
  } else {
    view.append_to(out);
  }
}

}  // namespace

Result<Split> split(std::string_view text) {
  if (text.empty() || text[0] < '0' || text[0] > '6') {
    return Error{Errc::invalid_argument, "unknown packet type"};
  }
  Split found;
  found.header.type = static_cast<PacketType>(text[0]);
  text.remove_prefix(1);
  if (found.header.type == PacketType::binary_event ||
      found.header.type == PacketType::binary_ack) {
    const auto count = take_number(text, kAttachmentsMax);
    if (!count || *count == 0 || !text.starts_with('-')) {
      return Error{Errc::invalid_argument, "number of attachments"};
    }
    found.header.attachments = static_cast<std::size_t>(*count);
    text.remove_prefix(1);
  }
  if (text.starts_with('/')) {
    const std::size_t comma = text.find(',');
    found.header.nsp = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  if (!text.empty() && is_digit(text[0])) {
    found.header.id = take_number(text, kAckIdMax);
    if (!found.header.id) return Error{Errc::invalid_argument, "ack id"};
  }
  // JSON may begin with a space; the reference takes one for a digit, and no client sends it.
  if (!text.empty() && is_json_space(text[0])) {
    return Error{Errc::invalid_argument, "space before the payload"};
  }
  found.json = text;
  return found;
}

void encode(const Header& header, std::string_view json, std::string& out) {
  out.push_back('4');
  out.push_back(static_cast<char>(header.type));
  if (header.type == PacketType::binary_event || header.type == PacketType::binary_ack) {
    append_json_number(out, std::uint64_t{header.attachments});
    out.push_back('-');
  }
  if (header.nsp != "/") out.append(header.nsp).push_back(',');
  if (header.id) append_json_number(out, *header.id);
  out.append(json);
}

void Arguments::separate() {
  if (!list_.empty()) list_.push_back(',');
}

Arguments& Arguments::string(std::string_view text) {
  separate();
  append_json_string(list_, text);
  return *this;
}

Arguments& Arguments::number(std::uint64_t value) {
  separate();
  append_json_number(list_, value);
  return *this;
}

Arguments& Arguments::number(std::int64_t value) {
  separate();
  append_json_number(list_, value);
  return *this;
}

Arguments& Arguments::boolean(bool value) { return json(value ? "true" : "false"); }

Arguments& Arguments::null() { return json("null"); }

Arguments& Arguments::json(std::string_view text) {
  separate();
  list_.append(text);
  return *this;
}

Arguments& Arguments::binary(std::string bytes) {
  assert(attachments_.size() < kAttachmentsMax);
  separate();
  list_.append(R"({"_placeholder":true,"num":)");
  append_json_number(list_, std::uint64_t{attachments_.size()});
  list_.push_back('}');
  attachments_.push_back(std::move(bytes));
  return *this;
}

Arguments& Arguments::value(JsonView view, std::span<const std::string> attachments) {
  separate();
  if (attachments.empty()) {
    view.append_to(list_);
    return *this;
  }
  // The attachments of one packet are shared by all of its values: they are appended once.
  if (attachments_.empty() || shared_ != attachments.data()) {
    shared_ = attachments.data();
    shared_first_ = attachments_.size();
    attachments_.insert(attachments_.end(), attachments.begin(), attachments.end());
  }
  append_shifted(list_, view, shared_first_);
  return *this;
}

bool is_reserved_event(std::string_view name) noexcept {
  constexpr std::array<std::string_view, 6> kReserved = {
      "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"};
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

}  // namespace chatrt::socketio
