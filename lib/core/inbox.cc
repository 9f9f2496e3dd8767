#include "inbox.h"

#include <utility>

#include "reuse.h"

namespace chatrt {
namespace {

std::size_t bytes_of(const Draft& draft) {
  const auto* post = std::get_if<PostDraft>(&draft);
  return post == nullptr ? 0 : post->text.size();
}

}  // namespace

void Requests::add(Draft& draft) {
  if (draft_count < drafts.size()) {
    std::swap(drafts[draft_count], draft);
  } else {
    drafts.push_back(std::move(draft));
  }
  ++draft_count;
}

void Requests::clear() {
  entries.clear();
  for (Draft& draft : waiting_drafts()) {
    if (!is_reusable(draft)) draft = PostDraft{};
  }
  draft_count = 0;
  if (drafts.size() > kReusedDraftsMax) drafts.resize(kReusedDraftsMax);
}

Inbox::Inbox(Limits limits, LogSink& log, Lane commits, Lane others)
    : limits_(limits), log_(log), commits_(std::move(commits)), others_(std::move(others)) {}

std::optional<Error> Inbox::refusal(std::size_t bytes) const {
  if (closed_) return Error{Errc::shutting_down, "the hub is stopping"};
  if (requests_.entries.size() >= limits_.requests_max) return Error{Errc::busy, "inbox full"};
  // A text that is larger than the limit by itself must not wait for ever.
  if (bytes > 0 && bytes_ > 0 && bytes_ + bytes > limits_.bytes_max) {
    return Error{Errc::busy, "inbox full of text"};
  }
  return std::nullopt;
}

const Inbox::Lane* Inbox::schedule() {
  return std::exchange(scheduled_, true) ? nullptr : &lane_for_waiting();
}

const Inbox::Lane& Inbox::lane_for_waiting() const {
  return requests_.draft_count > 0 ? commits_ : others_;
}

void Inbox::post_drain(const Lane* lane) {
  if (lane == nullptr) return;
  try {
    lane->executor.post(lane->drain);
  } catch (...) {
    // What waits is taken by the drain that the next request posts.
    log_.log(LogLevel::error, "hub_lane_threw");
    const std::lock_guard lock(mutex_);
    scheduled_ = false;
    idle_.notify_all();
  }
}

std::optional<Error> Inbox::put(Draft& draft, Entry&& entry) {
  const std::size_t bytes = bytes_of(draft);
  const Lane* lane = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (auto refused = refusal(bytes)) return refused;
    requests_.entries.push_back(std::move(entry));
    try {
      requests_.add(draft);
    } catch (...) {
      requests_.entries.pop_back();  // else it would have the answer to the one after it
      throw;
    }
    bytes_ += bytes;
    lane = schedule();
  }
  post_drain(lane);
  return std::nullopt;
}

std::optional<Error> Inbox::put(LaneTask&& task) {
  const Lane* lane = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (auto refused = refusal(0)) return refused;
    requests_.entries.emplace_back(std::move(task));
    lane = schedule();
  }
  post_drain(lane);
  return std::nullopt;
}

void Inbox::put_always(LaneTask task) {
  const Lane* lane = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    requests_.entries.emplace_back(std::move(task));
    lane = schedule();
  }
  post_drain(lane);
}

Inbox::Taken Inbox::take(Requests& requests) {
  const std::lock_guard lock(mutex_);
  std::swap(requests_, requests);
  bytes_ = 0;
  return {.stopping = closed_};
}

std::optional<Inbox::Taken> Inbox::take_without_drafts(Requests& requests) {
  const std::lock_guard lock(mutex_);
  if (requests_.draft_count > 0) return std::nullopt;
  std::swap(requests_, requests);
  return Taken{.stopping = closed_};
}

void Inbox::hand_over() { post_drain(&commits_); }

void Inbox::finish() {
  const Lane* lane = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (requests_.entries.empty()) {
      scheduled_ = false;
      // Under the lock: whoever waits may destroy this as soon as it is released.
      idle_.notify_all();
      return;
    }
    lane = &lane_for_waiting();
  }
  post_drain(lane);
}

std::optional<Error> Inbox::begin_read() {
  const std::lock_guard lock(mutex_);
  if (closed_) return Error{Errc::shutting_down, "the hub is stopping"};
  if (reads_ >= limits_.reads_max) return Error{Errc::busy, "too many reads"};
  ++reads_;
  return std::nullopt;
}

void Inbox::begin_own_read() {
  const std::lock_guard lock(mutex_);
  ++reads_;
}

void Inbox::end_read(LaneTask next) {
  const Lane* lane = nullptr;
  {
    const std::lock_guard lock(mutex_);
    --reads_;
    if (next) {
      requests_.entries.emplace_back(std::move(next));
      lane = schedule();
    } else {
      idle_.notify_all();
    }
  }
  post_drain(lane);
}

void Inbox::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  idle_.wait(lock, [this] { return !scheduled_ && reads_ == 0; });
}

std::size_t Inbox::waiting() const {
  const std::lock_guard lock(mutex_);
  return requests_.entries.size();
}

std::size_t Inbox::reads() const {
  const std::lock_guard lock(mutex_);
  return reads_;
}

}  // namespace chatrt
