// What other threads have a Server do: the mailbox.
#include <mutex>
#include <optional>
#include <utility>

#include "server_impl.h"

namespace chatrt::socketio {

void Server::Impl::deliver(Batch& batch) {
  if (batch.empty()) return;
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = mailbox_.empty();
    if (was_empty) {
      std::swap(mailbox_, batch);
    } else {
      mailbox_.append(batch);
    }
  }
  batch.clear();
  if (was_empty) wake_();
}

const Nsp* Server::Impl::nsp_of(std::string_view encoded) const noexcept {
  if (encoded.empty()) return nullptr;
  const Result<Split> packet = split(encoded.substr(1));
  return packet ? find_nsp(packet->header.nsp) : nullptr;
}

void Server::Impl::run_deliveries(MonotonicTime now) {
  const Turn turn(*this);
  now_ = now;
  {
    const std::lock_guard lock(mutex_);
    std::swap(mailbox_, running_);
  }
  std::optional<std::uint32_t> packet_index;  // that `packet` is, and `nsp` of it
  std::string_view packet;
  const Nsp* nsp = nullptr;
  for (const Batch::Operation& operation : running_.operations_) {
    if (operation.is_task) {
      Socket* const socket = find(operation.connection, main_);
      if (socket == nullptr) continue;
      guarded(*socket, "task", [&] { running_.tasks_[operation.index](*socket); });
      continue;
    }
    if (packet_index != operation.index) {
      packet_index = operation.index;
      const Batch::Slice slice = running_.packets_[operation.index];
      packet = std::string_view{running_.bytes_}.substr(slice.offset, slice.size);
      nsp = nsp_of(packet);
    }
    if (find(operation.connection, nsp) == nullptr) continue;
    send(operation.connection, packet, operation.ephemeral);
  }
  running_.clear();
}

}  // namespace chatrt::socketio
