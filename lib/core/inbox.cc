#include "inbox.h"

#include <algorithm>
#include <utility>

#include "reuse.h"

namespace chatrt {
namespace {

std::size_t bytes_of(const Draft& draft) {
  const auto* post = std::get_if<PostDraft>(&draft);
  return post == nullptr ? 0 : post->text.size();
}

}  // namespace

void Requests::add(Draft& draft, Entry&& entry) {
  const std::size_t of_draft = bytes_of(draft);
  entries.push_back(std::move(entry));
  if (draft_count < drafts.size()) {
    std::swap(drafts[draft_count], draft);
  } else {
    try {
      drafts.push_back(std::move(draft));
    } catch (...) {
      entry = std::move(entries.back());  // else it would have the answer to the one after it
      entries.pop_back();
      throw;
    }
  }
  ++draft_count;
  bytes += of_draft;
}

void Requests::reserve(std::size_t more) {
  const auto grow = [](auto& list, std::size_t size) {
    if (size > list.capacity()) list.reserve(std::max(size, 2 * list.capacity()));
  };
  grow(entries, entries.size() + more);
  grow(drafts, draft_count + more);
}

void Requests::clear() {
  entries.clear();
  bytes = 0;
  for (Draft& draft : waiting_drafts()) {
    if (!is_reusable(draft)) draft = PostDraft{};
  }
  draft_count = 0;
  if (drafts.size() > kReusedDraftsMax) drafts.resize(kReusedDraftsMax);
}

Inbox::Inbox(Limits limits, LogSink& log, Lane commits, Lane others)
    : limits_(limits), log_(log), commits_(std::move(commits)), others_(std::move(others)) {}

std::optional<Error> Inbox::refusal(std::size_t bytes, std::size_t count) const {
  if (closed_) return Error{Errc::shutting_down, "the hub is stopping"};
  if (requests_.entries.size() + count > limits_.requests_max) {
    return Error{Errc::busy, "inbox full"};
  }
  // A text that is larger than the limit by itself must not wait for ever.
  const bool alone = requests_.bytes == 0 && count == 1;
  if (bytes > 0 && !alone && requests_.bytes + bytes > limits_.bytes_max) {
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
    requests_.add(draft, std::move(entry));
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

std::optional<Inbox::Refused> Inbox::put(Requests& posts) {
  std::optional<Refused> refused;
  const Lane* lane = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (requests_.entries.empty() && !refusal(posts.bytes, posts.entries.size())) {
      std::swap(requests_, posts);
    } else {
      refused = append(posts);
    }
    if (!requests_.entries.empty()) lane = schedule();
  }
  post_drain(lane);
  return refused;
}

std::optional<Inbox::Refused> Inbox::append(Requests& posts) {
  requests_.reserve(posts.entries.size());
  for (std::size_t i = 0; i < posts.entries.size(); ++i) {
    if (auto error = refusal(bytes_of(posts.drafts[i]))) return Refused{i, *std::move(error)};
    requests_.add(posts.drafts[i], std::move(posts.entries[i]));
  }
  posts.clear();
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
