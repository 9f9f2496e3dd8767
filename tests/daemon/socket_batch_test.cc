#include "transport/socket_batch.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chatd::transport {
namespace {

// Two ends of a connection. Nothing of it blocks.
struct Pair {
  Pair() {
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  }
  ~Pair() {
    ::close(ends[0]);
    if (ends[1] >= 0) ::close(ends[1]);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  std::string received() {
    std::string all;
    char buffer[65536];
    for (ssize_t n; (n = ::recv(ends[1], buffer, sizeof buffer, 0)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(n));
    }
    return all;
  }
  int ends[2] = {-1, -1};
};

// To each end a text of its own, and from each a place for it.
struct Receives {
  explicit Receives(std::size_t count) : buffers(count) {
    for (std::size_t i = 0; i < count; ++i) {
      pairs.push_back(std::make_unique<Pair>());
      receives.push_back({.fd = pairs[i]->ends[0], .buffer = buffers[i]});
    }
  }
  void come(std::size_t i, const std::string& text) {
    REQUIRE(::send(pairs[i]->ends[1], text.data(), text.size(), 0) ==
            static_cast<ssize_t>(text.size()));
  }
  std::string received(std::size_t i) const {
    const ssize_t size = std::max<ssize_t>(receives[i].result, 0);
    return {buffers[i].data(), static_cast<std::size_t>(size)};
  }
  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<std::array<char, 16>> buffers;
  std::vector<SocketBatch::Receive> receives;
};

struct Sends {
  explicit Sends(std::size_t count) {
    texts.reserve(count);  // they are looked at where they are
    for (std::size_t i = 0; i < count; ++i) {
      pairs.push_back(std::make_unique<Pair>());
      texts.push_back("text " + std::to_string(i));
      sends.push_back({.fd = pairs[i]->ends[0], .bytes = texts[i]});
    }
  }
  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<std::string> texts;
  std::vector<SocketBatch::Send> sends;
};

// Both ways are held to the same, if the machine has both.
void check_sending(SocketBatch& batch) {
  SUBCASE("sends to each what is for it, again and again") {
    Sends many(SocketBatch::kMax);
    for (int round = 0; round < 3; ++round) {
      for (auto& send : many.sends) send.result = 0;
      batch.send(many.sends);
      for (std::size_t i = 0; i < many.sends.size(); ++i) {
        CHECK(many.sends[i].result == static_cast<ssize_t>(many.texts[i].size()));
        CHECK(many.pairs[i]->received() == many.texts[i]);
      }
    }
  }
  SUBCASE("sends one, and none") {
    Sends one(1);
    batch.send({});
    batch.send(one.sends);
    CHECK(one.pairs[0]->received() == "text 0");
  }
  SUBCASE("a socket takes what it has room for, and then nothing, which nobody waits for") {
    Sends three(3);
    const std::string large(8 << 20, 'x');
    three.sends[1].bytes = large;
    batch.send(three.sends);
    const ssize_t sent = three.sends[1].result;
    CHECK(sent > 0);
    CHECK(sent < static_cast<ssize_t>(large.size()));
    three.sends[1].bytes.remove_prefix(static_cast<std::size_t>(sent));
    batch.send(three.sends);
    CHECK(three.sends[1].result == -EAGAIN);

    CHECK(three.pairs[0]->received() == "text 0text 0");
    CHECK(three.pairs[1]->received() == large.substr(0, static_cast<std::size_t>(sent)));
    CHECK(three.pairs[2]->received() == "text 2text 2");
  }
  SUBCASE("one that has gone, and one that is none, are their own matter") {
    Sends four(4);
    ::close(std::exchange(four.pairs[1]->ends[1], -1));
    four.sends[2].fd = -1;
    batch.send(four.sends);
    CHECK(four.sends[1].result == -EPIPE);  // and no SIGPIPE
    CHECK(four.sends[2].result == -EBADF);
    CHECK(four.pairs[0]->received() == "text 0");
    CHECK(four.pairs[3]->received() == "text 3");
  }
}

void check_receiving(SocketBatch& batch) {
  SUBCASE("receives from each what has come, again and again") {
    Receives many(SocketBatch::kMax);
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < many.receives.size(); ++i) many.come(i, std::to_string(i));
      batch.receive(many.receives);
      for (std::size_t i = 0; i < many.receives.size(); ++i) {
        CHECK(many.received(i) == std::to_string(i));
      }
    }
  }
  SUBCASE("from one, and from none") {
    Receives one(1);
    one.come(0, "text");
    batch.receive({});
    batch.receive(one.receives);
    CHECK(one.received(0) == "text");
  }
  SUBCASE("what has no room waits, and where nothing has come nobody waits for it") {
    Receives three(3);
    three.come(0, "more than sixteen bytes");
    three.come(2, "text");
    batch.receive(three.receives);
    CHECK(three.received(0) == "more than sixtee");
    CHECK(three.receives[1].result == -EAGAIN);
    CHECK(three.received(2) == "text");
    batch.receive(three.receives);
    CHECK(three.received(0) == "n bytes");
    CHECK(three.receives[2].result == -EAGAIN);
  }
  SUBCASE("one that has ended, and one that is none, are their own matter") {
    Receives four(4);
    four.come(0, "first");
    four.come(3, "last");
    ::close(std::exchange(four.pairs[1]->ends[1], -1));
    four.receives[2].fd = -1;
    batch.receive(four.receives);
    CHECK(four.received(0) == "first");
    CHECK(four.receives[1].result == 0);
    CHECK(four.receives[2].result == -EBADF);
    CHECK(four.received(3) == "last");
  }
}

}  // namespace

TEST_SUITE("SocketBatch") {
  TEST_CASE("by recv() and send()") {
    SocketBatch batch;
    SUBCASE("receives") { check_receiving(batch); }
    SUBCASE("sends") { check_sending(batch); }
  }
  TEST_CASE("by io_uring") {
    SocketBatch batch;
    if (!batch.open_ring())
      MESSAGE("this machine has no io_uring, or forbids it: without it again");
    SUBCASE("receives") { check_receiving(batch); }
    SUBCASE("sends") { check_sending(batch); }
  }
}

}  // namespace chatd::transport
