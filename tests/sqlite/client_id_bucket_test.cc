#include "client_id_bucket.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

using namespace chatrt::sqlite;

namespace {

std::vector<ClientIdEntry> back_from(const ClientIdBuckets& buckets, const ClientIdEntry& entry) {
  std::string bytes;
  buckets.append(bytes, entry);
  CHECK(bytes.size() == 8);
  std::vector<ClientIdEntry> entries;
  REQUIRE(buckets.read(buckets.of(entry.hash), bytes, entries));
  return entries;
}

}  // namespace

TEST_SUITE("client id buckets") {
  TEST_CASE("an entry comes back with the first 40 bits of its hash, whatever the bits") {
    constexpr std::uint64_t kAllBits = ~std::uint64_t{0};
    constexpr std::uint64_t kHashes[] = {0, kAllBits, 0x0123'4567'89AB'CDEF, 0xFEDC'BA98'7654'3210};
    for (std::int64_t bits = 0; bits <= ClientIdBuckets::kBitsMax; ++bits) {
      const std::int64_t first = 77;
      const std::int64_t last = first + (std::int64_t{1} << (24 + bits)) - 1;
      const ClientIdBuckets buckets{bits, first, last};
      REQUIRE(buckets.is_sound());
      CHECK_FALSE(ClientIdBuckets{bits, first, last + 1}.is_sound());
      for (const std::uint64_t hash : kHashes) {
        for (const std::int64_t position : {first, first + 1, last}) {
          CAPTURE(bits);
          const std::vector<ClientIdEntry> entries = back_from(buckets, {hash, position});
          REQUIRE(entries.size() == 1);
          CHECK(entries[0].hash == (hash & 0xFFFF'FFFF'FF00'0000));
          CHECK(entries[0].position == position);
        }
      }
    }
  }
  TEST_CASE("there are as many as the entries need, or their positions") {
    CHECK(ClientIdBuckets::for_run(1, 9, 9, 0).bits == 0);
    CHECK(ClientIdBuckets::for_run(440, 1, 440, 0).bits == 0);
    CHECK(ClientIdBuckets::for_run(441, 1, 441, 0).bits == 1);
    CHECK(ClientIdBuckets::for_run(441, 1, 441, 5).bits == 5);
    CHECK(ClientIdBuckets::for_run(28'160, 1, 28'160, 0).bits == 6);
    CHECK(ClientIdBuckets::for_run(2, 1, std::int64_t{1} << 30, 0).bits == 6);
    CHECK(ClientIdBuckets::for_run(2, 1, (std::int64_t{1} << 30) + 1, 0).bits == 7);
  }
  TEST_CASE("what cannot be is told") {
    CHECK_FALSE(ClientIdBuckets{-1, 1, 2}.is_sound());
    CHECK_FALSE(ClientIdBuckets{32, 1, 2}.is_sound());
    CHECK_FALSE(ClientIdBuckets{0, 2, 1}.is_sound());
    CHECK_FALSE(ClientIdBuckets{0, -1, 1}.is_sound());
    std::vector<ClientIdEntry> entries;
    CHECK_FALSE(ClientIdBuckets{0, 1, 2}.read(0, "seven b", entries));
  }
}
