// The Acceptor: listening sockets, and the hand-over of what they accept to the least loaded shard.
//
// When descriptors run out it neither spins nor floods the log: it gives back one it has kept
// aside, closes who is waiting with it, and rests.
//
// Threads: it works on that of the first shard, so that whom this shard takes wakes nobody else.
// start() and stop() from any other, while the shard runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/log.h"
#include "chatrt/result.h"
#include "doorman.h"

namespace chatd::transport {

class Shard;

struct AcceptorOptions {
  std::string address = "127.0.0.1";  // "localhost" listens on both loopbacks, IPv4 and IPv6
  std::uint16_t port = 3000;          // 0: any free one
  std::size_t connections_max = 0;    // over all shards; above: closed at once. 0: no limit
  std::shared_ptr<Doorman> doorman = std::make_shared<Doorman>(DoormanOptions{});
};

class Acceptor {
 public:
  // The shards outlive it.
  Acceptor(AcceptorOptions options, std::vector<Shard*> shards, chatrt::LogSink& log);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Binds and listens; the port it listens on. An Error says which address and why.
  chatrt::Result<std::uint16_t> start();
  // Accepts nothing further. Connections that are there stay.
  void stop();

 private:
  struct Loop;

  chatrt::Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  void accept_next(std::size_t listener);
  bool accept_waiting(std::size_t listener);
  void on_no_descriptors(std::size_t listener);
  // Says at most once a second that somebody could not be accepted.
  void complain(std::string_view error, std::string_view address = {});
  void hand_over(int fd, std::string address);

  AcceptorOptions options_;
  std::vector<Shard*> shards_;
  chatrt::LogSink& log_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace chatd::transport
