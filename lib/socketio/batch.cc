#include "chatrt/socketio/server.h"

namespace chatrt::socketio {

std::size_t Batch::packet(std::string_view encoded) {
  begin_packet().append(encoded);
  return end_packet();
}

std::string& Batch::begin_packet() {
  begun_ = bytes_.size();
  return bytes_;
}

std::size_t Batch::end_packet() {
  packets_.push_back({begun_, bytes_.size() - begun_});
  return packets_.size() - 1;
}

void Batch::target(ConnectionId connection, std::size_t index, bool ephemeral) {
  operations_.push_back({connection, static_cast<std::uint32_t>(index), false, ephemeral});
}

void Batch::task(ConnectionId connection, std::function<void(Socket&)> task) {
  operations_.push_back({connection, static_cast<std::uint32_t>(tasks_.size()), true, false});
  tasks_.push_back(std::move(task));
}

void Batch::clear() noexcept {
  bytes_.clear();
  packets_.clear();
  operations_.clear();
  tasks_.clear();
}

void Batch::append(const Batch& other) {
  const std::size_t bytes = bytes_.size();
  const std::size_t packets = packets_.size();
  const std::size_t tasks = tasks_.size();
  bytes_.append(other.bytes_);
  for (const Slice& slice : other.packets_) packets_.push_back({slice.offset + bytes, slice.size});
  for (Operation operation : other.operations_) {
    operation.index += static_cast<std::uint32_t>(operation.is_task ? tasks : packets);
    operations_.push_back(operation);
  }
  tasks_.insert(tasks_.end(), other.tasks_.begin(), other.tasks_.end());
}

}  // namespace chatrt::socketio
