#include "random.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

namespace chatd {
namespace {

void ask_system(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // a guessable session id is worse than none
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

// Asked for ahead, since a session takes a few bytes three times; what was given out is erased.
struct Pool {
  std::array<std::byte, 256> bytes;
  std::size_t used = sizeof bytes;
};

}  // namespace

void fill_random(std::span<std::byte> bytes) {
  thread_local Pool pool;
  if (bytes.size() > pool.bytes.size()) return ask_system(bytes);
  if (bytes.size() > pool.bytes.size() - pool.used) {
    ask_system(pool.bytes);
    pool.used = 0;
  }
  const auto taken = std::span(pool.bytes).subspan(pool.used, bytes.size());
  std::copy(taken.begin(), taken.end(), bytes.begin());
  std::fill(taken.begin(), taken.end(), std::byte{0});
  pool.used += bytes.size();
}

}  // namespace chatd
