// What one run of the simulation found: violations, and a hash of all that happened.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chatrt::sim {

struct Report {
  std::vector<std::string> violations;
  std::uint64_t hash = 14695981039346656037U;
  std::uint64_t messages = 0;  // stored
  std::uint64_t events = 0;    // that reached a device
  std::uint64_t acks = 0;      // that did
  std::uint64_t crashes = 0;
  std::uint64_t cuts = 0;
  std::uint64_t resumes = 0;  // attached with an offset

  void note(std::uint64_t value) {
    for (int i = 0; i < 8; ++i, value >>= 8) hash = (hash ^ (value & 0xFF)) * 1099511628211U;
  }
  void note(std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  }
  void violation(std::string what) {
    note(what);
    if (violations.size() < 5) violations.push_back(std::move(what));
  }
};

}  // namespace chatrt::sim
