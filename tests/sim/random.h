// Random numbers by a seed, the same everywhere: splitmix64.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chatrt::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  // 0 to n - 1. REQUIRES: n > 0
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }
  // From `first` to `last`.
  std::size_t between(std::size_t first, std::size_t last) {
    return first + below(last - first + 1);
  }
  bool one_in(std::size_t n) { return below(n) == 0; }

 private:
  std::uint64_t state_;
};

}  // namespace chatrt::sim
