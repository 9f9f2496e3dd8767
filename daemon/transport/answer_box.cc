#include "answer_box.h"

#include <iterator>

namespace chatd::transport {

bool AnswerBox::put(std::uint64_t exchange, HttpResponse response) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace_back(exchange, std::move(response));
  return waiting_.size() == 1;
}

void AnswerBox::hold(std::uint64_t exchange, HttpResponse response) {
  held_.emplace_back(exchange, std::move(response));
}

bool AnswerBox::hand_over() {
  if (held_.empty()) return false;
  bool was_empty;
  {
    const std::lock_guard lock(mutex_);
    was_empty = waiting_.empty();
    if (was_empty) {
      std::swap(waiting_, held_);
    } else {
      waiting_.insert(waiting_.end(), std::make_move_iterator(held_.begin()),
                      std::make_move_iterator(held_.end()));
    }
  }
  held_.clear();
  return was_empty;
}

std::vector<AnswerBox::Answer>& AnswerBox::take() {
  const std::lock_guard lock(mutex_);
  std::swap(waiting_, taken_);
  return taken_;
}

}  // namespace chatd::transport
