// A Bloom filter in blocks of 32 bytes: says of a hash that it was never added, or that it may have
// been. It looks at one cache line.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "client_id_bucket.h"

namespace chatrt::sqlite {

class Filter {
 public:
  // One hash in about 200 that were never added is taken for one that was, at this size.
  static constexpr std::size_t kBitsPerHash = 16;

  static constexpr std::size_t bytes_for(std::size_t hashes) noexcept {
    return (hashes * kBitsPerHash / (8 * sizeof(Block)) + 1) * sizeof(Block);
  }
  // For so many hashes, of one or of several sets.
  explicit Filter(std::size_t hashes) : room_(hashes), blocks_(bytes_for(hashes) / sizeof(Block)) {}

  // Whether a set of so many has room beside those that were given room before; then it has it.
  bool take_room(std::size_t hashes) noexcept {
    if (hashes > room_) return false;
    room_ -= hashes;
    return true;
  }

  std::size_t bytes() const noexcept { return blocks_.size() * sizeof(Block); }

  // A hash is uniformly distributed; the bits of it that are kept count.
  void prefetch(std::uint64_t hash) const noexcept { __builtin_prefetch(&blocks_[block_of(hash)]); }
  void add(std::uint64_t hash) noexcept {
    Block& block = blocks_[block_of(hash)];
    const Block bits = bits_of(hash);
    for (std::size_t i = 0; i < kWords; ++i) block.words[i] |= bits.words[i];
  }
  bool may_have(std::uint64_t hash) const noexcept {
    const Block& block = blocks_[block_of(hash)];
    const Block bits = bits_of(hash);
    std::uint64_t missing = 0;
    for (std::size_t i = 0; i < kWords; ++i) missing |= bits.words[i] & ~block.words[i];
    return missing == 0;
  }

 private:
  static constexpr std::size_t kWords = 4;
  // Aligned, so that none lies in two cache lines.
  struct alignas(kWords * sizeof(std::uint64_t)) Block {
    std::array<std::uint64_t, kWords> words{};
  };

  std::size_t block_of(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>((hash >> 32) * blocks_.size() >> 32);
  }
  // Two bits of each word. Hashes of one block differ in their last bits.
  static Block bits_of(std::uint64_t hash) noexcept {
    std::uint64_t rest = (hash >> kDroppedBits) * 0x9E3779B97F4A7C15U;
    Block bits;
    for (std::uint64_t& word : bits.words) {
      word = std::uint64_t{1} << (rest >> 58) | std::uint64_t{1} << (rest >> 52 & 63);
      rest <<= 12;
    }
    return bits;
  }

  std::size_t room_;
  std::vector<Block> blocks_;
};

}  // namespace chatrt::sqlite
