// Numbers as they lie in the file, and checksums over what lies there.
#pragma once

#include <zlib.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace chatrt::sqlite {

constexpr std::size_t kNumberBytes = sizeof(std::uint64_t);

// Little endian, whatever the machine.
inline std::uint64_t little_endian(std::uint64_t value) noexcept {
  return std::endian::native == std::endian::little ? value : __builtin_bswap64(value);
}

inline std::uint64_t number_at(const char* from) noexcept {
  std::uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return little_endian(value);
}

inline void write_number(char* to, std::uint64_t value) noexcept {
  value = little_endian(value);
  std::memcpy(to, &value, sizeof value);
}

// CRC-32 of the parts one behind the other.
inline std::int64_t crc32_of(std::initializer_list<std::string_view> parts) noexcept {
  uLong sum = 0;
  for (const std::string_view part : parts) {
    if (part.empty()) continue;  // zlib takes a null pointer as "start again"
    sum = crc32(sum, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()));
  }
  return static_cast<std::int64_t>(sum);
}

}  // namespace chatrt::sqlite
