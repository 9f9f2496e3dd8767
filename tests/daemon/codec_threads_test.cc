#include "transport/websocket_codec.h"

#include <array>
#include <string>
#include <thread>

#include <doctest/doctest.h>

using namespace chatd::transport;

// What a codec finds out at its first frame is a matter of ThreadSanitizer.
TEST_CASE("the first frames of a process, on two shards at once") {
  const std::string payload(70'000, 'x');
  std::array<std::string, 2> frames;
  {
    std::array<std::jthread, 2> shards;
    for (std::size_t i = 0; i < shards.size(); ++i) {
      shards[i] = std::jthread([&, i] { append_frame(frames[i], Opcode::text, payload); });
    }
  }
  // RFC 6455 5.2: two bytes, and eight of length in network order.
  const std::string header("\x81\x7f\0\0\0\0\0\x01\x11\x70", 10);
  for (const std::string& frame : frames) CHECK(frame == header + payload);
}
