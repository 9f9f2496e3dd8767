// The Hub in a simulation: see world.h. SIM_SEEDS=10000 runs that many seeds, SIM_SEED=n that one.
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "world.h"

namespace chatrt::sim {
namespace {

constexpr std::size_t kSteps = 400;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);  // NOLINT: before any thread
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

Report run(std::uint64_t seed, Sabotage sabotage = {}) { return World(seed, sabotage).run(kSteps); }

// How many of `seeds` runs the checks object to.
int objections(std::uint64_t seeds, Sabotage sabotage) {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    if (!run(seed, sabotage).violations.empty()) ++found;
  }
  return found;
}

}  // namespace

TEST_SUITE("simulation") {
  TEST_CASE("what is promised holds for every seed") {
    const std::uint64_t only = from_environment("SIM_SEED", 0);
    const std::uint64_t first = only > 0 ? only : 1;
    const std::uint64_t last = only > 0 ? only : from_environment("SIM_SEEDS", 500);
    Report sum;
    for (std::uint64_t seed = first; seed <= last; ++seed) {
      const Report report = run(seed);
      for (const std::string& violation : report.violations) {
        FAIL_CHECK("SIM_SEED=" << seed << ": " << violation);
      }
      sum.messages += report.messages;
      sum.events += report.events;
      sum.acks += report.acks;
      sum.crashes += report.crashes;
      sum.cuts += report.cuts;
      sum.resumes += report.resumes;
      sum.note(report.hash);
    }
    std::printf(
        "seeds %llu: %llu messages, %llu acks, %llu events, %llu crashes, %llu cuts, %llu resumes, "
        "trace %016llx\n",
        static_cast<unsigned long long>(last - first + 1),
        static_cast<unsigned long long>(sum.messages), static_cast<unsigned long long>(sum.acks),
        static_cast<unsigned long long>(sum.events), static_cast<unsigned long long>(sum.crashes),
        static_cast<unsigned long long>(sum.cuts), static_cast<unsigned long long>(sum.resumes),
        static_cast<unsigned long long>(sum.hash));
    CHECK(sum.messages > 0);
    CHECK(sum.events > sum.messages);
    CHECK(sum.resumes > 0);
  }

  TEST_CASE("the same seed gives the same trace, another one another") {
    CHECK(run(7).hash == run(7).hash);
    CHECK(run(7).hash != run(8).hash);
  }

  TEST_CASE("a store that forgets client ids is noticed") {
    CHECK(objections(20, {.forget_client_ids = true}) == 20);
  }
  TEST_CASE("an event that is dropped now and then is noticed") {
    CHECK(objections(20, {.drop_one_in = 20}) >= 15);
  }
  TEST_CASE("an event that comes twice now and then is noticed") {
    CHECK(objections(20, {.double_one_in = 20}) >= 15);
  }
}

}  // namespace chatrt::sim
