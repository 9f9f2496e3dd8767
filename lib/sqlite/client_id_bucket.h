// How entries of the index of client ids lie in the file: hash -> position, 8 bytes each, in
// buckets by the first bits of the hashes.
//
// Of a hash the first 40 bits are kept: those by which it is in its bucket need no room, an entry
// begins with the others. The rest of it is the position, counted from the first one of the run.
// So two ids of ten million are taken for one once in 100,000 times; the log tells them apart.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chatrt::sqlite {

inline constexpr int kHashBits = 40;
inline constexpr int kDroppedBits = 64 - kHashBits;

struct ClientIdEntry {
  std::uint64_t hash = 0;  // uniformly distributed
  std::int64_t position = 0;
};

// The first bits of a hash.
constexpr std::uint64_t first_bits(std::int64_t bits, std::uint64_t hash) noexcept {
  return bits == 0 ? 0 : hash >> (64 - bits);
}

// The hash as it is once it has been in a bucket.
constexpr std::uint64_t kept_of(std::uint64_t hash) noexcept {
  return hash >> kDroppedBits << kDroppedBits;
}

// Of a run.
struct ClientIdBuckets {
  // A bucket of so many fills a page of 4 KiB, and one in a thousand is larger.
  static constexpr std::int64_t kEntries = 440;
  static constexpr std::int64_t kBitsMax = 31;

  std::int64_t bits = 0;  // there are 2^bits
  std::int64_t first_position = 0;
  std::int64_t last_position = 0;

  // The fewest, but 2^bits_min, for so many entries.
  static ClientIdBuckets for_run(std::int64_t entries, std::int64_t first_position,
                                 std::int64_t last_position, std::int64_t bits_min) noexcept;

  // Whether these can be.
  bool is_sound() const noexcept;
  std::uint64_t of(std::uint64_t hash) const noexcept { return first_bits(bits, hash); }
  // REQUIRES: the position is of the run
  void append(std::string& bucket, const ClientIdEntry& entry) const;
  // Appends the entries of that bucket; false if they are damaged.
  bool read(std::uint64_t bucket, std::string_view bytes,
            std::vector<ClientIdEntry>& entries) const;

 private:
  std::int64_t position_bits() const noexcept { return kDroppedBits + bits; }
};

}  // namespace chatrt::sqlite
