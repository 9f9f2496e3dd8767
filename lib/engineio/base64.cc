#include "base64.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace chatrt::engineio {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::int8_t kNone = -1;
constexpr std::int8_t kSpace = -2;
constexpr std::int8_t kPadding = -3;

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = kNone;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  values['-'] = values['+'];
  values['_'] = values['/'];
  for (const char space : {' ', '\t', '\r', '\n'})
    values[static_cast<unsigned char>(space)] = kSpace;
  values['='] = kPadding;
  return values;
}
constexpr std::array<std::int8_t, 256> kValues = make_values();

std::uint32_t byte(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  const auto put = [&out](std::uint32_t group, int characters) {
    for (int i = 0; i < characters; ++i) out.push_back(kAlphabet[(group >> (18 - 6 * i)) & 63]);
  };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    put(byte(bytes, i) << 16 | byte(bytes, i + 1) << 8 | byte(bytes, i + 2), 4);
  }
  if (bytes.size() - i == 1) {
    put(byte(bytes, i) << 16, 2);
    out += "==";
  } else if (bytes.size() - i == 2) {
    put(byte(bytes, i) << 16 | byte(bytes, i + 1) << 8, 3);
    out += '=';
  }
}

bool decode_base64(std::string_view text, std::string& out) {
  out.clear();
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  unsigned digits = 0;   // of the group
  unsigned padding = 0;  // nothing but more of it may follow
  for (const char c : text) {
    const std::int8_t value = kValues[static_cast<unsigned char>(c)];
    if (value == kSpace) continue;
    if (value == kPadding) {
      if (++padding > 2) return false;
      continue;
    }
    if (value < 0 || padding > 0) return false;
    group = group << 6 | static_cast<std::uint32_t>(value);
    if (++digits < 4) continue;
    out.push_back(static_cast<char>(group >> 16 & 255));
    out.push_back(static_cast<char>(group >> 8 & 255));
    out.push_back(static_cast<char>(group & 255));
    group = 0;
    digits = 0;
  }
  // Bits that make no byte are left out.
  if (digits == 2) {
    out.push_back(static_cast<char>(group >> 4 & 255));
  } else if (digits == 3) {
    out.push_back(static_cast<char>(group >> 10 & 255));
    out.push_back(static_cast<char>(group >> 2 & 255));
  }
  return padding == 0 ? digits != 1 : digits >= 2 && digits + padding <= 4;
}

}  // namespace chatrt::engineio
