#include "transport/http_chunks.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using chatd::transport::ChunkedBody;
using State = ChunkedBody::State;

struct Chunked {
  State state;
  std::string body;
  std::size_t taken;
};

// Of bytes that come `step` at a time.
Chunked read(std::string_view bytes, std::size_t step, std::size_t bytes_max = 100) {
  ChunkedBody chunks(bytes_max);
  std::size_t taken = 0;
  for (std::size_t come = 0; come < bytes.size() && chunks.state() == State::more;) {
    come = std::min(come + step, bytes.size());
    taken += chunks.read(bytes.substr(taken, come - taken));
  }
  return {chunks.state(), chunks.take(), taken};
}

}  // namespace

TEST_SUITE("http chunks") {
  TEST_CASE("a body is what is in its chunks, however the bytes are cut") {
    const std::string bytes =
        "5\r\nhello\r\n01;name=\"value\" \r\n,\r\n6 ;x\r\n\r\n all\r\n0;last\r\nA: b\r\nC:\r\n\r\n";
    const std::string behind = "GET / HTTP/1.1\r\n";
    for (std::size_t step = 1; step <= bytes.size() + behind.size(); ++step) {
      CAPTURE(step);
      const Chunked got = read(bytes + behind, step);
      CHECK(got.state == State::whole);
      CHECK(got.body == "hello,\r\n all");
      CHECK(got.taken == bytes.size());
    }
    CHECK(read("0\r\n\r\n", 5).state == State::whole);
  }

  TEST_CASE("refuses what is wrong, however the bytes are cut") {
    using namespace std::string_literals;
    const std::vector<std::string> rows = {
        "\r\n",
        "g\r\n",
        "-1\r\na\r\n0\r\n\r\n",
        "+1\r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        " 1\r\na\r\n0\r\n\r\n",
        "1 \r\na\r\n0\r\n\r\n",
        "1 1\r\na\r\n0\r\n\r\n",
        "1\na\r\n0\r\n\r\n",
        "\n",
        "1;\x01\r\na\r\n0\r\n\r\n",
        "1;\0\r\na\r\n0\r\n\r\n"s,
        "1;a\rb\r\na\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "1\r\na0\r\n\r\n",
        "0\r\n\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\nA: b\n\r\n",
        "1;" + std::string(ChunkedBody::kLineBytesMax, 'a'),
    };
    for (const std::string& row : rows) {
      for (std::size_t step = 1; step <= row.size(); ++step) {
        CAPTURE(row);
        CAPTURE(step);
        CHECK(read(row, step).state == State::bad);
      }
    }
  }

  TEST_CASE("bounds the body, a line and the trailers") {
    const std::string ten = "a\r\n0123456789\r\n";
    CHECK(read(ten + ten + "0\r\n\r\n", 7, 20).body.size() == 20);
    CHECK(read(ten + ten + "1\r\n", 7, 20).state == State::too_large);
    CHECK(read("15\r\n", 7, 20).state == State::too_large);
    CHECK(read("ffffffffffffffff\r\n", 7, 20).state == State::too_large);
    CHECK(read("10000000000000000\r\n", 7, 20).state == State::too_large);

    const std::string longest = "0;" + std::string(ChunkedBody::kLineBytesMax - 4, 'a') + "\r\n";
    CHECK(read(longest + "\r\n", 7).state == State::whole);
    CHECK(read("0;a" + longest.substr(2) + "\r\n", 7).state == State::bad);

    const std::string trailer = "A:" + std::string(62, 'b') + "\r\n";
    std::string all = "0\r\n";
    for (std::size_t i = 0; i < ChunkedBody::kTrailerBytesMax / 64; ++i) all += trailer;
    CHECK(read(all + "\r\n", 7).state == State::whole);
    CHECK(read(all + "A:\r\n", 7).state == State::bad);
  }

  TEST_CASE("what is not whole stays so") {
    const std::string bytes = "3\r\nabc\r\n0\r\nA: b\r\n\r\n";
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CHECK(read(bytes.substr(0, size), 3).state == State::more);
    }
  }
}
