// What the fuzz targets share: the bytes as a script, and a claim that aborts where it fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#define REQUIRE_THAT(claim)                                                           \
  do {                                                                                \
    if (!(claim)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #claim); \
      std::abort();                                                                   \
    }                                                                                 \
  } while (false)

namespace chatrt::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  // The bytes up to the next 0xff, or all that is left.
  std::string_view chunk() {
    const std::string_view taken = rest_.substr(0, rest_.find('\xff'));
    rest_.remove_prefix(taken.size() == rest_.size() ? taken.size() : taken.size() + 1);
    return taken;
  }

 private:
  std::string_view rest_;
};

// A Run takes steps for as long as the script goes, and then ends.
template <typename Run>
int play(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Run run;
  while (!input.empty()) run.step(input);
  run.end();
  return 0;
}

}  // namespace chatrt::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
