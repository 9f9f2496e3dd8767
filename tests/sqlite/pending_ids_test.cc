#include "pending_ids.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <vector>

using namespace chatrt::sqlite;

namespace {

std::vector<std::int64_t> found(const PendingIds& ids, std::uint64_t hash) {
  std::vector<std::int64_t> positions;
  ids.find(hash, positions);
  return positions;
}

// The positions of all entries of `model` with this hash.
std::vector<std::int64_t> expected(const std::vector<PendingIds::Entry>& model,
                                   std::uint64_t hash) {
  std::vector<std::int64_t> positions;
  for (const auto& entry : model) {
    if (entry.hash == hash) positions.push_back(entry.position);
  }
  return positions;
}

}  // namespace

TEST_SUITE("pending ids") {
  TEST_CASE("have nothing at first") {
    const PendingIds ids;
    CHECK(found(ids, 0).empty());
    CHECK(ids.entries().empty());
  }

  TEST_CASE("give what a list gives, while they grow and are taken back, also where hashes meet") {
    std::mt19937_64 random(7);  // NOLINT(cert-msc51-cpp): the same each time
    // Few low bits, so that they lie in one another's way; and few at all, so that some are equal.
    const auto hash = [&random] { return (random() % 40) << 32 | random() % 8; };
    PendingIds ids;
    std::vector<PendingIds::Entry> model;
    int wrong = 0;
    for (int round = 0; round < 200; ++round) {
      const std::size_t before = model.size();
      for (std::size_t i = random() % 30; i > 0; --i) {
        model.push_back({hash(), static_cast<std::int64_t>(model.size() + 1)});
        ids.add(model.back());
      }
      if (random() % 3 == 0) {
        model.resize(random() % 2 == 0 ? before : random() % (model.size() + 1));
        ids.truncate(model.size());
      }
      CHECK(ids.size() == model.size());
      for (int i = 0; i < 50; ++i) {
        const std::uint64_t wanted = hash();
        if (found(ids, wanted) != expected(model, wanted)) ++wrong;
      }
    }
    CHECK(wrong == 0);
    CHECK(model.size() > 64);  // so they have grown
    std::size_t same = 0;
    for (std::size_t i = 0; i < model.size(); ++i) {
      if (ids.entries()[i].position == model[i].position) ++same;
    }
    CHECK(same == model.size());
  }
}
