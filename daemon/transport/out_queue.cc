#include "out_queue.h"

namespace chatd::transport {
namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;  // a tail that has so many is appended to no more

}  // namespace

std::size_t OutQueue::size() const noexcept {
  std::size_t bytes = tail_.size() - written_;
  if (pieces_) {
    for (const std::string& piece : *pieces_) bytes += piece.size();
  }
  return bytes;
}

std::string& OutQueue::tail() {
  if (tail_.size() >= kPieceBytes) {
    if (!pieces_) pieces_ = std::make_unique<Pieces>();
    pieces_->push_back(std::exchange(tail_, {}));
  }
  return tail_;
}

std::string_view OutQueue::front() const noexcept {
  const std::string& first = pieces_ ? pieces_->front() : tail_;
  return std::string_view{first}.substr(written_);
}

void OutQueue::pop(std::size_t bytes) {
  written_ += bytes;
  if (!front().empty()) return;
  written_ = 0;
  if (!pieces_) return tail_.clear();
  pieces_->erase(pieces_->begin());
  if (pieces_->empty()) pieces_.reset();
}

void OutQueue::clear() {
  pieces_.reset();
  tail_.clear();
  written_ = 0;
}

}  // namespace chatd::transport
