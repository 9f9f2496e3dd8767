#include "random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace chatd {

void fill_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      std::abort();  // a guessable session id is worse than none
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace chatd
