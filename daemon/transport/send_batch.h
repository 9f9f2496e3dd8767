// SendBatch: sends to many sockets in one system call, by io_uring where the kernel has it and lets
// us; else one after another by send(). Either way what send() would do, and nothing is under way
// when it returns.
//
// Source: io_uring(7), io_uring_prep_send(3). Threads: that of the first send() alone.
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

  // Without `by_ring` send() alone is used.
  explicit SendBatch(bool by_ring);
  ~SendBatch();
  SendBatch(const SendBatch&) = delete;
  SendBatch& operator=(const SendBatch&) = delete;

  struct Send {
    int fd = -1;  // a socket that does not block
    std::string_view bytes;
    ssize_t sent = 0;  // the answer: how many bytes the socket took, or -errno
  };
  // Does all of `sends`, in any order. REQUIRES: kMax at most, each with a socket of its own
  void send(std::span<Send> sends);

  // Whether there is a ring: it is opened by the first send() of two or more.
  bool has_ring() const noexcept { return ring_ != nullptr; }

 private:
  struct Ring;

  // Does the first ones of `sends`, and says how many.
  std::size_t send_by_ring(std::span<Send> sends);

  bool may_open_;
  std::unique_ptr<Ring> ring_;
};

}  // namespace chatd::transport
