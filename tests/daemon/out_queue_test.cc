#include "transport/out_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

namespace chatd::transport {

TEST_SUITE("OutQueue") {
  TEST_CASE("gives what was put into it, in order, whatever is written at a time") {
    std::mt19937 random(7);
    const auto up_to = [&](std::size_t most) {
      return std::uniform_int_distribution<std::size_t>(0, most)(random);
    };
    OutQueue queue;
    std::string expected;
    char next = 0;
    for (int round = 0; round < 3000; ++round) {
      const std::string bytes(up_to(20'000), ++next);
      queue.tail() += bytes;
      expected += bytes;
      for (std::size_t left = up_to(40'000); left > 0 && !queue.empty();) {
        const std::size_t written = std::min(left, queue.front().size());
        REQUIRE(expected.starts_with(queue.front().substr(0, written)));
        queue.pop(written);
        expected.erase(0, written);
        left -= written;
      }
      REQUIRE(queue.size() == expected.size());
      REQUIRE(queue.empty() == expected.empty());
    }
  }

  TEST_CASE("lets go of what was written, though it never runs empty") {
    OutQueue queue;
    queue.tail().append(50'000, 'x');
    std::size_t kept = 0;
    for (int i = 0; i < 10'000; ++i) {
      std::string& tail = queue.tail();
      tail.append(10'000, 'x');
      kept = std::max(kept, tail.capacity());
      for (std::size_t left = 10'000; left > 0;) {
        const std::size_t written = std::min(left, queue.front().size());
        queue.pop(written);
        left -= written;
      }
    }
    CHECK(queue.size() == 50'000);
    CHECK(kept < 256 * 1024);
  }

  TEST_CASE("grows without moving what waits") {
    OutQueue queue;
    queue.tail().append(100'000, 'x');
    const char* const first = queue.front().data();
    for (int i = 0; i < 100; ++i) queue.tail().append(60'000, 'y');
    CHECK(queue.front().data() == first);
    CHECK(queue.size() == 6'100'000);
    queue.clear();
    CHECK(queue.empty());
  }

  TEST_CASE("has a buffer to lend and to give back") {
    OutQueue queue;
    CHECK(queue.wants_buffer());
    std::string buffer;
    buffer.reserve(4096);
    queue.give_buffer(std::move(buffer));
    CHECK_FALSE(queue.wants_buffer());
    queue.tail() = "bytes";
    queue.pop(5);
    CHECK(queue.empty());
    CHECK(queue.take_buffer().capacity() >= 4096);
    CHECK(queue.wants_buffer());
  }

  TEST_CASE("keeps what is too small to need memory of its own") {
    OutQueue queue;
    queue.tail() = "ping";
    CHECK_FALSE(queue.wants_buffer());
  }
}

}  // namespace chatd::transport
