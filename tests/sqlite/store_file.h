// For tests of the store in a file: when everything happens, and what is in it.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "chatrt/message.h"

namespace chatrt {

inline constexpr Timestamp kNow{Duration{1'795'464'900'123}};

inline std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace chatrt
