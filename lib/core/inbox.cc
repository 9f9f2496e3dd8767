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

Inbox::Inbox(Limits limits, Executor& lane, LogSink& log, LaneTask drain)
    : limits_(limits), lane_(lane), log_(log), drain_(std::move(drain)) {}

std::optional<Error> Inbox::refusal(std::size_t bytes) const {
  if (closed_) return Error{Errc::shutting_down, "the hub is stopping"};
  if (requests_.entries.size() >= limits_.requests_max) return Error{Errc::busy, "inbox full"};
  // A text that is larger than the limit by itself must not wait for ever.
  if (bytes > 0 && bytes_ > 0 && bytes_ + bytes > limits_.bytes_max) {
    return Error{Errc::busy, "inbox full of text"};
  }
  return std::nullopt;
}

bool Inbox::schedule() { return !std::exchange(scheduled_, true); }

void Inbox::post_drain() {
  try {
    lane_.post(drain_);
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
  bool post = false;
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
    post = schedule();
  }
  if (post) post_drain();
  return std::nullopt;
}

std::optional<Error> Inbox::put(LaneTask&& task) {
  bool post = false;
  {
    const std::lock_guard lock(mutex_);
    if (auto refused = refusal(0)) return refused;
    requests_.entries.emplace_back(std::move(task));
    post = schedule();
  }
  if (post) post_drain();
  return std::nullopt;
}

void Inbox::put_always(LaneTask task) {
  bool post = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    requests_.entries.emplace_back(std::move(task));
    post = schedule();
  }
  if (post) post_drain();
}

Inbox::Taken Inbox::take(Requests& requests) {
  const std::lock_guard lock(mutex_);
  std::swap(requests_, requests);
  bytes_ = 0;
  return {.stopping = closed_};
}

void Inbox::finish() {
  {
    const std::lock_guard lock(mutex_);
    if (requests_.entries.empty()) {
      scheduled_ = false;
      // Under the lock: whoever waits may destroy this as soon as it is released.
      idle_.notify_all();
      return;
    }
  }
  post_drain();
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
  bool post = false;
  {
    const std::lock_guard lock(mutex_);
    --reads_;
    if (next) {
      requests_.entries.emplace_back(std::move(next));
      post = schedule();
    } else {
      idle_.notify_all();
    }
  }
  if (post) post_drain();
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
