// No acknowledged message is lost in a power cut, wherever it strikes, and the file is whole.
//
// POWER_CUTS=10000 tests/sqlite/power_cut_test    the full form; CUT_SEED=n    one cut, by its
// number
#include <doctest/doctest.h>

#include <cstdlib>

#include "../temp_folder.h"
#include "integrity.h"
#include "simulated_disk.h"
#include "workload.h"

using namespace chatrt;
using namespace chatrt::testing;

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

SqliteOptions options_of(SqliteOptions::Synchronous synchronous, std::uint64_t seed) {
  SqliteOptions options;
  options.readers = 1;
  options.synchronous = synchronous;
  // Write-backs happen in a run of this size too, some often and some never.
  options.wal_bytes = (std::size_t{4} << 10) << (seed % 12);
  // So do all stages of the tail, or none.
  options.tail_max = std::size_t{1} << (seed % 11);
  return options;
}

// A life of some sessions, a cut somewhere in it, and what is found after it.
std::vector<std::string> live_and_look(SqliteOptions::Synchronous synchronous, std::uint64_t seed) {
  const TempFolder folder;
  const auto file = folder / "chat.db";
  SimulatedDisk disk(seed);
  Workload workload(seed);
  std::mt19937_64 random(seed);
  disk.cut_power_after(1 + random() % 600);
  const SqliteOptions options = options_of(synchronous, seed);
  for (int session = 0; session < 4 && !disk.is_off(); ++session) {
    const auto store = open_sqlite_store(file, options);
    for (int batch = 0; batch < 25 && store && !disk.is_off(); ++batch) {
      static_cast<void>(workload.append(**store));
    }
  }
  disk.cut_power();
  disk.restart();

  const auto store = open_sqlite_store(file, options);
  if (!store) return {"open: " + store.error().detail};
  std::vector<std::string> wrong = workload.check(**store);
  if (wrong.empty()) wrong = workload.check_repeats(**store);
  const std::string whole = integrity(file);
  if (whole != "ok") wrong.push_back("integrity_check: " + whole);
  return wrong;
}

}  // namespace

TEST_SUITE("a power cut") {
  TEST_CASE("loses nothing acknowledged, at whatever point it strikes") {
    const std::uint64_t cuts = number_from("POWER_CUTS", 1000);
    const std::uint64_t only = number_from("CUT_SEED", 0);
    for (std::uint64_t seed = only != 0 ? only : 1; seed <= (only != 0 ? only : cuts); ++seed) {
      const auto wrong = live_and_look(SqliteOptions::Synchronous::full, seed);
      INFO("CUT_SEED=", seed);
      for (const std::string& line : wrong) FAIL_CHECK(line);
      if (!wrong.empty()) break;
    }
  }
  // The control: were this to pass, the test above would say nothing.
  TEST_CASE("loses acknowledged messages with synchronous=NORMAL") {
    std::uint64_t losses = 0;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      for (const std::string& line : live_and_look(SqliteOptions::Synchronous::normal, seed)) {
        if (line.starts_with("lost")) ++losses;
      }
    }
    CHECK(losses > 0);
  }
}
