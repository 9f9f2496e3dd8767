// How often chatd asks for memory for a message in the steady state: the whole of it in this
// process, on a real file, with clients on real sockets. Every `new` of a thread that is not the
// test's is counted; what SQLite takes for itself is not.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include "../temp_folder.h"
#include "auth/secrets.h"
#include "chatrt/clock.h"
#include "chatrt/hub.h"
#include "chatrt/log.h"
#include "config.h"
#include "server.h"

namespace {

std::atomic<std::uint64_t> allocations{0};
thread_local bool is_client = false;

void count() {
  if (!is_client) allocations.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

void* operator new(std::size_t size) {
  count();
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

// A frame of a client's, with a mask of zeros.
std::string frame(std::string_view text) {
  std::string out;
  out.push_back(static_cast<char>(0x81));
  if (text.size() < 126) {
    out.push_back(static_cast<char>(0x80 | text.size()));
  } else {
    out.push_back(static_cast<char>(0x80 | 126));
    out.push_back(static_cast<char>(text.size() >> 8));
    out.push_back(static_cast<char>(text.size() & 0xff));
  }
  return out.append(4, '\0').append(text);
}

class Client {
 public:
  Client(std::uint16_t port, std::string_view user) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    write("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:" +
          std::to_string(port) +
          "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    while (bytes_.find("\r\n\r\n") == std::string::npos) read_some();
    bytes_.erase(0, bytes_.find("\r\n\r\n") + 4);
    write(frame("40") + frame(R"(42["register",")" + std::string(user) + R"("])"));
    read_packets(R"(42["ready")", 1);
  }
  ~Client() { ::close(fd_); }

  void write(std::string_view bytes) const {
    REQUIRE(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }

  // Until `number` packets that begin so have come; pings are answered.
  void read_packets(std::string_view begin, std::size_t number) {
    while (number > 0) {
      const std::string_view packet = next();
      if (packet.starts_with(begin)) --number;
      if (packet == "2") write(frame("3"));
    }
  }

 private:
  std::string_view next() {
    bytes_.erase(0, taken_);
    for (;;) {
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes_[i]); };
      const bool is_long = bytes_.size() >= 4 && byte(1) == 126;
      const std::size_t head = is_long ? 4 : 2;
      if (bytes_.size() >= head) {
        const std::size_t size = is_long ? byte(2) * 256U + byte(3) : byte(1);
        taken_ = head + size;
        if (bytes_.size() >= taken_) return std::string_view{bytes_}.substr(head, size);
      }
      read_some();
    }
  }
  void read_some() {
    std::array<char, 16384> buffer;
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    REQUIRE(got > 0);
    bytes_.append(buffer.data(), static_cast<std::size_t>(got));
  }

  int fd_;
  std::string bytes_;
  std::size_t taken_ = 0;
};

// Too long to lie inside of a std::string.
const std::string kAnn = "6b0877a100000000000000aa";
const std::string kBob = "6b0877a100000000000000bb";

std::string message(int id) {
  return frame("42" + std::to_string(id) + R"(["send_message",{"selectedUser":")" + kBob +
               R"(","textMessage":")" + std::string(100, 'x') + R"("}])");
}

}  // namespace

TEST_CASE("in the steady state a message takes no memory") {
  is_client = true;
  const chatrt::testing::TempFolder folder;
  chatd::Config config;
  config.dev = true;
  config.port = 0;
  config.events_per_user = 0;
  config.events_per_address = 0;
  config.db = (folder / "chat.db").string();
  const auto clock = chatrt::make_system_clock();
  auto server = chatd::Server::open(config, {}, *clock, chatrt::null_log_sink(),
                                    [](const std::string& why) { FAIL(why); });
  REQUIRE(server.has_value());
  const auto port = (*server)->start();
  REQUIRE(port.has_value());
  {
    Client ann(*port, kAnn);
    Client bob(*port, kBob);
    constexpr int kBurst = 64;
    int id = 0;
    const auto send = [&](int bursts) {
      for (int i = 0; i < bursts; ++i) {
        std::string bytes;
        for (int n = 0; n < kBurst; ++n) bytes += message(++id);
        ann.write(bytes);
        ann.read_packets("43", kBurst);
        bob.read_packets(R"(42["receive_message")", kBurst);
      }
    };
    // Until as many changes are kept for those who resume as there may be.
    send(static_cast<int>(chatrt::HubOptions{}.recent_changes_max / kBurst) + 50);
    const std::uint64_t before = allocations;
    send(200);
    const double each = static_cast<double>(allocations - before) / (200 * kBurst);
    MESSAGE("allocations a message: " << each);
    // A commit takes some, and so do marks and pings.
    CHECK(each < 1.0);
  }
  (*server)->stop();
}
