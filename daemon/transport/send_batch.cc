#include "send_batch.h"

#include <liburing.h>
#include <sys/socket.h>

#include <cerrno>

namespace chatd::transport {
namespace {

using Send = SendBatch::Send;

ssize_t send_one(const Send& send) {
  const ssize_t sent = ::send(send.fd, send.bytes.data(), send.bytes.size(), MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

}  // namespace

struct SendBatch::Ring {
  // Kernels before 6.0 do not know the flag, and do without a ring.
  Ring() : opened(::io_uring_queue_init(kMax, &ring, IORING_SETUP_SINGLE_ISSUER) == 0) {}
  ~Ring() {
    if (opened) ::io_uring_queue_exit(&ring);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  void prepare(Send& send);
  // How many of those prepared the kernel has taken, and so done.
  std::size_t submit(std::size_t count);
  void take_answer();

  io_uring ring{};
  const bool opened;
};

void SendBatch::Ring::prepare(Send& send) {
  io_uring_sqe* entry = ::io_uring_get_sqe(&ring);
  // MSG_DONTWAIT: what the socket does not take now is answered, and not waited for.
  ::io_uring_prep_send(entry, send.fd, send.bytes.data(), send.bytes.size(),
                       MSG_NOSIGNAL | MSG_DONTWAIT);
  ::io_uring_sqe_set_data(entry, &send);
}

std::size_t SendBatch::Ring::submit(std::size_t count) {
  std::size_t taken = 0;
  while (taken < count) {
    const int more = ::io_uring_submit(&ring);
    if (more == -EINTR) continue;
    if (more <= 0) break;
    taken += static_cast<std::size_t>(more);
  }
  return taken;
}

void SendBatch::Ring::take_answer() {
  io_uring_cqe* answer = nullptr;
  while (::io_uring_wait_cqe(&ring, &answer) == -EINTR) {
  }
  if (answer == nullptr) return;
  static_cast<Send*>(::io_uring_cqe_get_data(answer))->sent = answer->res;
  ::io_uring_cqe_seen(&ring, answer);
}

SendBatch::SendBatch() = default;

SendBatch::~SendBatch() = default;

bool SendBatch::open_ring() {
  ring_ = std::make_unique<Ring>();
  if (!ring_->opened) ring_.reset();
  return ring_ != nullptr;
}

void SendBatch::send(std::span<Send> sends) {
  std::size_t done = 0;
  if (sends.size() > 1) done = send_by_ring(sends);  // for one it would be a detour
  for (Send& send : sends.subspan(done)) send.sent = send_one(send);
}

std::size_t SendBatch::send_by_ring(std::span<Send> sends) {
  if (!ring_) return 0;
  for (Send& send : sends) {
    send.sent = -EIO;  // if the answer were lost
    ring_->prepare(send);
  }
  const std::size_t taken = ring_->submit(sends.size());
  for (std::size_t i = 0; i < taken; ++i) ring_->take_answer();
  if (taken < sends.size()) ring_.reset();  // The rest is in it, and is sent without it.
  return taken;
}

}  // namespace chatd::transport
