// SendBatch: sends to many sockets in one system call, by io_uring where the kernel has it and lets
// us; else one after another by send(). Either way what send() would do, and nothing is under way
// when it returns.
//
// Source: io_uring(7), io_uring_prep_send(3). Threads: one.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace chatd::transport {

class SendBatch {
 public:
  static constexpr std::size_t kMax = 64;

  SendBatch();
  ~SendBatch();
  SendBatch(const SendBatch&) = delete;
  SendBatch& operator=(const SendBatch&) = delete;

  // From now on by io_uring; false: this machine has none, or forbids it. To be called on the
  // thread that will send().
  bool open_ring();

  struct Send {
    int fd = -1;  // a socket that does not block
    std::string_view bytes;
    ssize_t sent = 0;  // the answer: how many bytes the socket took, or -errno
  };
  // Does all of `sends`, in any order. REQUIRES: kMax at most, each with a socket of its own
  void send(std::span<Send> sends);

 private:
  struct Ring;

  // Does the first ones of `sends`, and says how many.
  std::size_t send_by_ring(std::span<Send> sends);

  std::unique_ptr<Ring> ring_;
};

}  // namespace chatd::transport
