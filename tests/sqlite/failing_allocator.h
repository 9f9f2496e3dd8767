// Memory that runs out when told: every operator new of the program, and every allocation of
// SQLite, which has no memory of its own put aside here. One thread.
#pragma once

#include <cstdint>

namespace chatrt::testing {

enum class Shortage { once, until_healed };

// From here until its end the n-th allocation fails, or that and all later ones.
class FailingAllocations {
 public:
  FailingAllocations(std::uint64_t n, Shortage how);
  ~FailingAllocations();
  FailingAllocations(const FailingAllocations&) = delete;

  // Whether one has failed since the last FailingAllocations began.
  static bool struck();
  // How many there were in the life of the program: 0 where nothing passes through here.
  static std::uint64_t count();
};

}  // namespace chatrt::testing
