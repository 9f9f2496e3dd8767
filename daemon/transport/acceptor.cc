#include "acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <future>
#include <utility>

#include "shard.h"

namespace chatd::transport {
namespace {

using asio::ip::tcp;

constexpr int kBacklog = 4096;
constexpr int kAcceptsInOneGo = 64;  // what is connected has its turn in between
constexpr std::chrono::milliseconds kRest{100};
constexpr std::chrono::seconds kLogEvery{1};

int open_spare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

bool out_of_descriptors(const std::error_code& error) {
  return error == std::errc::too_many_files_open ||
         error == std::errc::too_many_files_open_in_system || error == std::errc::no_buffer_space ||
         error == std::errc::not_enough_memory;
}

// To ask costs a tenth of an accept that finds nobody, which makes a socket and throws it away.
bool has_more(int listener) {
  pollfd waiting{listener, POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

struct Listener {
  explicit Listener(asio::io_context& context) : socket(context), rest(context) {}

  tcp::acceptor socket;
  asio::steady_timer rest;  // one each: to set a timer again ends who waits for it
};

}  // namespace

struct Acceptor::Loop {
  explicit Loop(asio::io_context& of_a_shard) : context(of_a_shard) {}

  asio::io_context& context;
  std::vector<Listener> listeners;
  int spare = open_spare();
  std::chrono::steady_clock::time_point logged{};
};

Acceptor::Acceptor(AcceptorOptions options, std::vector<Shard*> shards, chatrt::LogSink& log)
    : options_(std::move(options)),
      shards_(std::move(shards)),
      log_(log),
      loop_(std::make_unique<Loop>(shards_.front()->context())) {}

Acceptor::~Acceptor() {
  stop();
  if (loop_->spare >= 0) ::close(loop_->spare);
}

chatrt::Result<std::uint16_t> Acceptor::listen(const std::string& address, std::uint16_t port) {
  std::error_code error;
  const auto ip = asio::ip::make_address(address, error);
  Listener listener(loop_->context);
  tcp::acceptor& socket = listener.socket;
  if (!error) socket.open(ip.is_v6() ? tcp::v6() : tcp::v4(), error);
  if (!error) socket.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && ip.is_v6()) socket.set_option(asio::ip::v6_only(true), error);
  if (!error) socket.bind({ip, port}, error);
  if (!error) socket.listen(kBacklog, error);
  if (!error) socket.non_blocking(true, error);
  // Those that are accepted have it from here.
  if (!error) socket.set_option(tcp::no_delay(true), error);
  if (error) {
    return chatrt::Error{chatrt::Errc::unavailable,
                         address + ":" + std::to_string(port) + ": " + error.message()};
  }
  const std::uint16_t bound = socket.local_endpoint().port();
  loop_->listeners.push_back(std::move(listener));
  return bound;
}

chatrt::Result<std::uint16_t> Acceptor::start() {
  const bool both = options_.address == "localhost";
  const auto port = listen(both ? "127.0.0.1" : options_.address, options_.port);
  if (!port) return port;
  // Browsers and Node may take "localhost" for ::1. A machine without IPv6 does without.
  if (both && !listen("::1", *port)) {
    log_.log(chatrt::LogLevel::info, "listen", {{"skipped", std::string_view{"::1"}}});
  }
  asio::post(loop_->context, [this] {
    for (std::size_t i = 0; i < loop_->listeners.size(); ++i) accept_next(i);
  });
  return port;
}

void Acceptor::stop() {
  if (loop_->listeners.empty()) return;
  std::promise<void> over;
  asio::post(loop_->context, [this, &over] {
    for (Listener& listener : loop_->listeners) {
      std::error_code ignored;
      listener.socket.close(ignored);
      listener.rest.cancel();
    }
    // Behind what was due already and will look at the listeners.
    asio::post(loop_->context, [&over] { over.set_value(); });
  });
  over.get_future().wait();
  loop_->listeners.clear();
}

void Acceptor::accept_next(std::size_t index) {
  const auto on_ready = [this, index](const std::error_code& error) {
    if (error) return;
    shards_.front()->run_turn([&] {
      if (accept_waiting(index)) accept_next(index);
    });
  };
  loop_->listeners[index].socket.async_wait(tcp::acceptor::wait_read, on_ready);
}

// False: not to go on, at least for now.
bool Acceptor::accept_waiting(std::size_t index) {
  tcp::acceptor& socket = loop_->listeners[index].socket;
  if (!socket.is_open()) return false;
  for (int i = 0; i < kAcceptsInOneGo && (i == 0 || has_more(socket.native_handle())); ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int fd = ::accept4(socket.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      const std::error_code error(errno, std::system_category());
      if (out_of_descriptors(error)) {
        on_no_descriptors(index);
        return false;
      }
      if (error == std::errc::operation_would_block ||
          error == std::errc::resource_unavailable_try_again) {
        break;
      }
      continue;  // this one has gone already
    }
    tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), &peer, std::min<std::size_t>(size, endpoint.capacity()));
    hand_over(fd, endpoint.address().to_string());
  }
  return true;
}

// Nobody can be accepted. The spare descriptor lets us close those who wait, so that they learn of
// it and the queue does not keep waking us; then a rest, whatever comes.
void Acceptor::on_no_descriptors(std::size_t index) {
  Listener& listener = loop_->listeners[index];
  complain("out of file descriptors");
  options_.doorman->count(TurnedAway::connections);
  if (loop_->spare >= 0) {
    ::close(std::exchange(loop_->spare, -1));
    const int fd = ::accept(listener.socket.native_handle(), nullptr, nullptr);
    if (fd >= 0) ::close(fd);
  }
  loop_->spare = open_spare();
  listener.rest.expires_after(kRest);
  listener.rest.async_wait([this, index](const std::error_code& error) {
    if (!error && loop_->listeners[index].socket.is_open()) accept_next(index);
  });
}

void Acceptor::complain(std::string_view error, std::string_view address) {
  const auto now = std::chrono::steady_clock::now();
  if (now - loop_->logged < kLogEvery) return;
  loop_->logged = now;
  log_.log(chatrt::LogLevel::warning, "accept", {{"error", error}, {"address", address}});
}

void Acceptor::hand_over(int fd, std::string address) {
  Shard* least = shards_.front();
  std::size_t total = 0;
  for (Shard* shard : shards_) {
    total += shard->counters().connections;
    if (shard->counters().connections < least->counters().connections) least = shard;
  }
  if (options_.connections_max > 0 && total >= options_.connections_max) {
    complain("connection limit", address);
    options_.doorman->count(TurnedAway::connections);
    ::close(fd);
    return;
  }
  if (!options_.doorman->enter(address)) {
    complain("connection limit of an address", address);
    ::close(fd);
    return;
  }
  least->adopt(fd, std::move(address));
}

}  // namespace chatd::transport
