// The OutQueue: bytes that wait to be written to a connection, in pieces. So a queue grows without
// copying what waits already, and what was written is let go of, also where a slow reader never
// lets it run empty.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd::transport {

class OutQueue {
 public:
  std::size_t size() const noexcept;
  bool empty() const noexcept { return !pieces_ && tail_.size() == written_; }

  // To append to, until the next call.
  std::string& tail();
  // What is to be written first.
  std::string_view front() const noexcept;
  // The first `bytes` of front() are written.
  void pop(std::size_t bytes);
  // Gives up the memory of an empty queue, for use elsewhere.
  std::string take_buffer() noexcept { return std::exchange(tail_, {}); }
  // Has the tail no memory, and nothing in it either? A few bytes need none.
  bool wants_buffer() const noexcept {
    return tail_.empty() && tail_.capacity() <= std::string{}.capacity();
  }
  // REQUIRES: wants_buffer(), and an empty buffer
  void give_buffer(std::string buffer) noexcept { tail_ = std::move(buffer); }
  void clear();

 private:
  using Pieces = std::vector<std::string>;

  std::unique_ptr<Pieces> pieces_;  // before the tail, oldest first; none, or some
  std::string tail_;
  std::size_t written_ = 0;  // of the first piece
};

}  // namespace chatd::transport
