#include "chatrt/message.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "chatrt/utf8.h"

namespace chatrt {
namespace {

constexpr std::size_t kIdSecondsDigits = 8;
constexpr std::size_t kIdDigits = 24;

void write_hex(char* out, std::size_t digits, std::uint64_t value) {
  constexpr char kHex[] = "0123456789abcdef";
  for (std::size_t i = digits; i > 0; --i, value >>= 4) out[i - 1] = kHex[value & 0xF];
}

// -1 for what is no digit. Upper case is no digit of ours: a message has one id, not several.
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

constexpr void write_decimal(char* out, std::size_t digits, unsigned value) {
  for (std::size_t i = digits; i > 0; --i, value /= 10) {
    out[i - 1] = static_cast<char>('0' + value % 10);
  }
}

// REQUIRES: a year of four digits
constexpr auto write_timestamp(Timestamp time) {
  using namespace std::chrono;
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  auto rest = static_cast<unsigned>((time - day).count());
  auto text = std::to_array("0000-00-00T00:00:00.000Z");
  write_decimal(&text[20], 3, rest % 1000);
  rest /= 1000;
  write_decimal(&text[17], 2, rest % 60);
  rest /= 60;
  write_decimal(&text[14], 2, rest % 60);
  write_decimal(&text[11], 2, rest / 60);
  write_decimal(&text[8], 2, static_cast<unsigned>(date.day()));
  write_decimal(&text[5], 2, static_cast<unsigned>(date.month()));
  write_decimal(&text[0], 4, static_cast<unsigned>(static_cast<int>(date.year())));
  return text;
}

}  // namespace

Result<UserId> UserId::parse(std::string_view text) {
  UserId id;
  if (const Status status = id.assign(text); !status) return status.error();
  return id;
}

Status UserId::assign(std::string_view text) {
  if (text.empty()) return Error{Errc::invalid_argument, "a user id is empty"};
  if (text.size() > kBytesMax) return Error{Errc::invalid_argument, "a user id is too long"};
  if (!is_valid_utf8(text)) return Error{Errc::invalid_argument, "a user id is not UTF-8"};
  if (has_control_characters(text)) {
    return Error{Errc::invalid_argument, "a user id has control characters"};
  }
  text_.assign(text);
  return {};
}

void append_message_id(std::string& out, Timestamp created_at, Position position) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(created_at).time_since_epoch();
  std::array<char, kIdDigits> id;
  write_hex(id.data(), kIdSecondsDigits, static_cast<std::uint64_t>(seconds.count()));
  write_hex(id.data() + kIdSecondsDigits, kIdDigits - kIdSecondsDigits, position.value);
  out.append(id.data(), id.size());
}

std::string format_message_id(Timestamp created_at, Position position) {
  std::string id;
  append_message_id(id, created_at, position);
  return id;
}

Result<Position> parse_message_id(std::string_view id) {
  const Error malformed{Errc::invalid_argument, "not a message id"};
  if (id.size() != kIdDigits) return malformed;
  Position position;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const int digit = hex_value(id[i]);
    if (digit < 0) return malformed;
    if (i < kIdSecondsDigits) continue;
    position.value = position.value << 4 | static_cast<std::uint64_t>(digit);
  }
  if (position.value == 0) return malformed;
  return position;
}

void append_timestamp(std::string& out, Timestamp time) {
  using namespace std::chrono;
  // What has no four-digit year is shown as the nearest time that has.
  constexpr Timestamp kFirst = sys_days{year{0} / 1 / 1};
  constexpr Timestamp kLast = sys_days{year{10000} / 1 / 1} - milliseconds{1};
  // Most are of the same millisecond as the one before.
  constinit thread_local Timestamp last = kFirst;
  constinit thread_local auto text = write_timestamp(kFirst);
  time = std::clamp(time, kFirst, kLast);
  if (time != last) {
    text = write_timestamp(time);
    last = time;
  }
  out.append(text.data(), text.size() - 1);
}

std::string format_timestamp(Timestamp time) {
  std::string text;
  append_timestamp(text, time);
  return text;
}

}  // namespace chatrt
