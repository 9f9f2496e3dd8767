#include "transport/send_batch.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
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
  std::vector<SendBatch::Send> sends;
};

// Both ways are held to the same, if the machine has both.
void check(SendBatch& batch) {
  SUBCASE("sends to each what is for it, again and again") {
    Sends many(SendBatch::kMax);
    for (int round = 0; round < 3; ++round) {
      for (auto& send : many.sends) send.sent = 0;
      batch.send(many.sends);
      for (std::size_t i = 0; i < many.sends.size(); ++i) {
        CHECK(many.sends[i].sent == static_cast<ssize_t>(many.texts[i].size()));
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
    const ssize_t sent = three.sends[1].sent;
    CHECK(sent > 0);
    CHECK(sent < static_cast<ssize_t>(large.size()));
    three.sends[1].bytes.remove_prefix(static_cast<std::size_t>(sent));
    batch.send(three.sends);
    CHECK(three.sends[1].sent == -EAGAIN);

    CHECK(three.pairs[0]->received() == "text 0text 0");
    CHECK(three.pairs[1]->received() == large.substr(0, static_cast<std::size_t>(sent)));
    CHECK(three.pairs[2]->received() == "text 2text 2");
  }
  SUBCASE("one that has gone, and one that is none, are their own matter") {
    Sends four(4);
    ::close(std::exchange(four.pairs[1]->ends[1], -1));
    four.sends[2].fd = -1;
    batch.send(four.sends);
    CHECK(four.sends[1].sent == -EPIPE);  // and no SIGPIPE
    CHECK(four.sends[2].sent == -EBADF);
    CHECK(four.pairs[0]->received() == "text 0");
    CHECK(four.pairs[3]->received() == "text 3");
  }
}

}  // namespace

TEST_SUITE("SendBatch") {
  TEST_CASE("by send()") {
    SendBatch batch;
    check(batch);
  }
  TEST_CASE("by io_uring") {
    SendBatch batch;
    if (!batch.open_ring()) MESSAGE("this machine has no io_uring, or forbids it: by send() again");
    check(batch);
  }
}

}  // namespace chatd::transport
