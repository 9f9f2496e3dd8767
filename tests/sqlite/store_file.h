// For tests of the store in a file: when everything happens, and what is in it.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "chatrt/message_store.h"

namespace chatrt {

inline constexpr Timestamp kNow{Duration{1'795'464'900'123}};

// Appends drafts that are for this alone, or copies of them: a store may take from them.
inline Result<std::vector<Result<Appended>>> append_to(MessageStore& store,
                                                       std::vector<Draft> drafts,
                                                       Timestamp now = kNow) {
  return store.append(drafts, now);
}

inline std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace chatrt
