// Texts that are kept for good, in blocks: none costs an allocation of its own unless it is large.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace chatrt {

class Texts {
 public:
  static constexpr std::size_t kBlockBytes = 64 * 1024;
  // Has a block of its own, so that at most a quarter of any other stays empty.
  static constexpr std::size_t kLargeBytes = kBlockBytes / 4;

  // A copy of `text`, where it stays as long as this lives.
  std::string_view keep(std::string_view text) {
    if (text.size() > kLargeBytes) return copy(text, block(text.size()));
    if (text.size() > free_.size()) free_ = block(kBlockBytes);
    const std::string_view kept = copy(text, free_);
    free_ = free_.subspan(text.size());
    return kept;
  }

 private:
  std::span<char> block(std::size_t size) {
    return {blocks_.emplace_back(std::make_unique_for_overwrite<char[]>(size)).get(), size};
  }
  static std::string_view copy(std::string_view text, std::span<char> room) {
    std::ranges::copy(text, room.begin());
    return {room.data(), text.size()};
  }

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::span<char> free_;  // of the last block that is not a large text's
};

}  // namespace chatrt
