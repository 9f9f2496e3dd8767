// SocketBatch: receives from or sends to many sockets in one system call, by io_uring where the
// kernel has it and lets us; else one after another by recv() or send(). Either way what those
// would do on a socket that does not block, and nothing is under way when it returns.
//
// Source: io_uring(7), io_uring_prep_recv(3), io_uring_prep_send(3). Threads: one.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace chatd::transport {

class SocketBatch {
 public:
  static constexpr std::size_t kMax = 64;

  SocketBatch();
  ~SocketBatch();
  SocketBatch(const SocketBatch&) = delete;
  SocketBatch& operator=(const SocketBatch&) = delete;

  // From now on by io_uring; false: this machine has none, or forbids it. To be called on the
  // thread that will receive() and send().
  bool open_ring();

  struct Receive {
    int fd = -1;
    std::span<char> buffer;
    ssize_t result = 0;  // how many bytes came, 0 at the end of all, or -errno
  };
  struct Send {
    int fd = -1;
    std::string_view bytes;
    ssize_t result = 0;  // how many bytes the socket took, or -errno
  };
  // Do all of them, in any order. REQUIRES: kMax at most, each with a socket of its own
  void receive(std::span<Receive> receives);
  void send(std::span<Send> sends);

 private:
  struct Ring;

  template <typename Operation>
  void run(std::span<Operation> operations);
  // Does the first ones of `operations`, and says how many.
  template <typename Operation>
  std::size_t run_by_ring(std::span<Operation> operations);

  std::unique_ptr<Ring> ring_;
};

}  // namespace chatd::transport
