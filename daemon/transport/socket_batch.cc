#include "socket_batch.h"

#include <liburing.h>
#include <sys/socket.h>

#include <cerrno>

namespace chatd::transport {
namespace {

using Receive = SocketBatch::Receive;
using Send = SocketBatch::Send;

// MSG_DONTWAIT: what the socket does not have or take now is answered, and not waited for.
constexpr int kReceiveFlags = MSG_DONTWAIT;
constexpr int kSendFlags = MSG_NOSIGNAL | MSG_DONTWAIT;

ssize_t call(const Receive& receive) {
  return ::recv(receive.fd, receive.buffer.data(), receive.buffer.size(), kReceiveFlags);
}

ssize_t call(const Send& send) {
  return ::send(send.fd, send.bytes.data(), send.bytes.size(), kSendFlags);
}

void prepare(io_uring_sqe* entry, const Receive& receive) {
  ::io_uring_prep_recv(entry, receive.fd, receive.buffer.data(), receive.buffer.size(),
                       kReceiveFlags);
}

void prepare(io_uring_sqe* entry, const Send& send) {
  ::io_uring_prep_send(entry, send.fd, send.bytes.data(), send.bytes.size(), kSendFlags);
}

}  // namespace

struct SocketBatch::Ring {
  // Kernels before 6.0 do not know the flag, and do without a ring.
  Ring() : opened(::io_uring_queue_init(kMax, &ring, IORING_SETUP_SINGLE_ISSUER) == 0) {}
  ~Ring() {
    if (opened) ::io_uring_queue_exit(&ring);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  template <typename Operation>
  void add(Operation& operation) {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring);
    prepare(entry, operation);
    ::io_uring_sqe_set_data(entry, &operation.result);
  }
  // How many of those added the kernel has taken, and so done.
  std::size_t submit(std::size_t count);
  void take_result();

  io_uring ring{};
  const bool opened;
};

std::size_t SocketBatch::Ring::submit(std::size_t count) {
  std::size_t taken = 0;
  while (taken < count) {
    const int more = ::io_uring_submit(&ring);
    if (more == -EINTR) continue;
    if (more <= 0) break;
    taken += static_cast<std::size_t>(more);
  }
  return taken;
}

void SocketBatch::Ring::take_result() {
  io_uring_cqe* done = nullptr;
  while (::io_uring_wait_cqe(&ring, &done) == -EINTR) {
  }
  if (done == nullptr) return;
  *static_cast<ssize_t*>(::io_uring_cqe_get_data(done)) = done->res;
  ::io_uring_cqe_seen(&ring, done);
}

SocketBatch::SocketBatch() = default;

SocketBatch::~SocketBatch() = default;

bool SocketBatch::open_ring() {
  ring_ = std::make_unique<Ring>();
  if (!ring_->opened) ring_.reset();
  return ring_ != nullptr;
}

void SocketBatch::receive(std::span<Receive> receives) { run(receives); }

void SocketBatch::send(std::span<Send> sends) { run(sends); }

template <typename Operation>
void SocketBatch::run(std::span<Operation> operations) {
  std::size_t done = 0;
  if (operations.size() > 1) done = run_by_ring(operations);  // for one it would be a detour
  for (Operation& operation : operations.subspan(done)) {
    operation.result = call(operation);
    if (operation.result < 0) operation.result = -errno;
  }
}

template <typename Operation>
std::size_t SocketBatch::run_by_ring(std::span<Operation> operations) {
  if (!ring_) return 0;
  for (Operation& operation : operations) {
    operation.result = -EIO;  // if the kernel's word of it were lost
    ring_->add(operation);
  }
  const std::size_t taken = ring_->submit(operations.size());
  for (std::size_t i = 0; i < taken; ++i) ring_->take_result();
  if (taken < operations.size()) ring_.reset();  // The rest is in it, and is done without it.
  return taken;
}

}  // namespace chatd::transport
