#include "heads.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

namespace chatrt::sqlite {
namespace {

const Head& later(const Head& one, const Head* other) {
  return other != nullptr && other->last_position > one.last_position ? *other : one;
}

const Head* find_in(const Tail* current, const Tail* closed, std::int64_t conversation,
                    std::int64_t up_to) {
  const Head* found = current->find(conversation, up_to);
  if (found == nullptr && closed != nullptr) found = closed->find(conversation, up_to);
  return found;
}

}  // namespace

// --------------------------------------------------------------------------------------- readers

Head Heads::View::head(std::int64_t conversation, const Head& row) const {
  const std::shared_lock lock(heads_->mutex_);
  return later(row, find_in(current_.get(), closed_.get(), conversation, up_to_));
}

// Of two heads of one conversation the current tail has the later.
std::vector<Tail::Found> Heads::View::heads_of(std::int64_t user) const {
  std::vector<Tail::Found> found;
  {
    const std::shared_lock lock(heads_->mutex_);
    current_->find_of(user, up_to_, found);
    if (closed_) closed_->find_of(user, up_to_, found);
  }
  std::ranges::stable_sort(found, {}, &Tail::Found::conversation);
  const auto same = [](const Tail::Found& one, const Tail::Found& other) {
    return one.conversation == other.conversation;
  };
  found.erase(std::unique(found.begin(), found.end(), same), found.end());
  return found;
}

Heads::View Heads::view(std::int64_t up_to) const {
  View view;
  view.heads_ = this;
  view.up_to_ = up_to;
  const std::shared_lock lock(mutex_);
  view.current_ = current_;
  view.closed_ = closed_;
  return view;
}

// ---------------------------------------------------------------------------------------- writer

void Heads::start(std::int64_t position) { current_ = std::make_shared<Tail>(position); }

Head Heads::newest(std::int64_t conversation, const Head& row) const {
  return later(row, find_in(current_.get(), closed_.get(), conversation, INT64_MAX));
}

void Heads::begin() noexcept {
  size_before_ = current_->size();
  taken_before_ = taken_;
}

// Before the commit: whoever sees that looks here. Who does not see it yet looks below.
void Heads::add(std::int64_t conversation, Members members, const Head& head) {
  const std::unique_lock lock(mutex_);
  current_->add(conversation, members, head);
}

// So many that all are written before the current tail is half full.
Heads::Due Heads::take_due(std::int64_t changes) noexcept {
  if (!closed_) return {};
  const std::size_t left = due_.size() - taken_;
  const auto half = static_cast<std::size_t>(tail_max_ / 2 + 1);
  const std::size_t share = due_.size() * static_cast<std::size_t>(changes) / half + 1;
  const auto now = std::span(due_).subspan(taken_, std::min(left, share));
  taken_ += now.size();
  Due due{now, std::nullopt};
  if (taken_ == due_.size()) due.complete_to = current_->after();
  return due;
}

void Heads::commit(std::int64_t last_position) noexcept {
  if (closed_ && taken_ == due_.size()) {
    const std::shared_ptr<Tail> gone = closed_;  // ends outside of the lock
    const std::unique_lock lock(mutex_);
    closed_ = nullptr;
    generation_.fetch_add(1, std::memory_order_release);
  }
  if (closed_ || last_position - current_->after() < tail_max_) return;
  try {
    close_current(last_position);
  } catch (const std::bad_alloc&) {
    // At a later commit.
  }
}

void Heads::close_current(std::int64_t last_position) {
  auto next = std::make_shared<Tail>(last_position);
  due_ = current_->conversations();
  taken_ = 0;
  const std::unique_lock lock(mutex_);
  closed_ = std::exchange(current_, std::move(next));
  generation_.fetch_add(1, std::memory_order_release);
}

void Heads::roll_back() noexcept {
  taken_ = taken_before_;
  const std::unique_lock lock(mutex_);
  current_->truncate(size_before_);
}

}  // namespace chatrt::sqlite
