#include "client_id_bucket.h"

#include <array>
#include <bit>

#include "bytes.h"

namespace chatrt::sqlite {
namespace {

std::int64_t width(std::int64_t number) noexcept {
  return static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(number)));
}

}  // namespace

// Messages without a client id lie between the positions: then there are more buckets, for the room
// that the positions take.
ClientIdBuckets ClientIdBuckets::for_run(std::int64_t entries, std::int64_t first_position,
                                         std::int64_t last_position,
                                         std::int64_t bits_min) noexcept {
  ClientIdBuckets buckets{bits_min, first_position, last_position};
  while (buckets.bits < kBitsMax && (kEntries << buckets.bits < entries || !buckets.is_sound())) {
    ++buckets.bits;
  }
  return buckets;
}

bool ClientIdBuckets::is_sound() const noexcept {
  return bits >= 0 && bits <= kBitsMax && first_position >= 0 && first_position <= last_position &&
         width(last_position - first_position) <= position_bits();
}

void ClientIdBuckets::append(std::string& bucket, const ClientIdEntry& entry) const {
  const std::uint64_t rest_of_hash = kept_of(entry.hash) << bits;
  std::array<char, kNumberBytes> bytes;
  write_number(bytes.data(),
               rest_of_hash | static_cast<std::uint64_t>(entry.position - first_position));
  bucket.append(bytes.data(), bytes.size());
}

bool ClientIdBuckets::read(std::uint64_t bucket, std::string_view bytes,
                           std::vector<ClientIdEntry>& entries) const {
  if (bytes.size() % kNumberBytes != 0) return false;
  const std::uint64_t hash = bits == 0 ? 0 : bucket << (64 - bits);
  const std::uint64_t position_mask = (std::uint64_t{1} << position_bits()) - 1;
  for (; !bytes.empty(); bytes.remove_prefix(kNumberBytes)) {
    const std::uint64_t entry = number_at(bytes.data());
    entries.push_back({hash | (entry & ~position_mask) >> bits,
                       first_position + static_cast<std::int64_t>(entry & position_mask)});
  }
  return true;
}

}  // namespace chatrt::sqlite
