// The Inbox: what waits for the commit lane, whether a drain of it is on its way, and which reads
// are out; and so, when there is nothing left to wait for.
//
// Threads: any. The lock is never held while calling out.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "chatrt/callback.h"
#include "chatrt/executor.h"
#include "chatrt/log.h"
#include "chatrt/message.h"
#include "chatrt/result.h"

namespace chatrt {

using PostDone = Callback<void(const Result<Message>&)>;
using MarkDone = Callback<void(Result<MarkAdvanced>)>;
using LaneTask = std::function<void()>;

// In order of arrival. The draft of the nth PostDone or MarkDone is the nth of `drafts`, so that
// the store gets them as they lie.
using Entry = std::variant<PostDone, MarkDone, LaneTask>;
struct Requests {
  std::vector<Draft> drafts;  // those after the first `draft_count` are memory to be used again
  std::size_t draft_count = 0;
  std::size_t bytes = 0;  // of text in them
  std::vector<Entry> entries;

  std::span<Draft> waiting_drafts() { return std::span(drafts).first(draft_count); }
  // Swaps `draft` with one that is memory only, if there is one. Leaves both where they are if it
  // throws.
  void add(Draft& draft, Entry&& entry);
  // Room for so many drafts and entries more: to add them does not throw.
  void reserve(std::size_t more);
  void clear();
};

class Inbox {
 public:
  struct Limits {
    std::size_t requests_max;
    std::size_t bytes_max;  // of text in drafts
    std::size_t reads_max;
  };
  // Whenever something has come and no drain is on its way, one is posted: to the lane for commits
  // if a draft waits, to the other if not. It calls take() and at its very end finish(), or hands
  // over to a drain for commits.
  struct Lane {
    Executor& executor;
    LaneTask drain;
  };
  Inbox(Limits limits, LogSink& log, Lane commits, Lane others);

  // Takes a draft with who waits for it. `draft` is left as memory to be used again. Refused with
  // `busy` or `shutting_down`, it leaves both as they are.
  std::optional<Error> put(Draft& draft, Entry&& entry);
  std::optional<Error> put(LaneTask&& task);
  // Takes all of `posts`, drafts with a PostDone each, at once; it is left empty, as memory. Where
  // there is no room for all, those from `first` on are refused and left where they are.
  struct Refused {
    std::size_t first;
    Error error;
  };
  std::optional<Refused> put(Requests& posts);
  // Takes it in any case: for what is bounded by something else.
  void put_always(LaneTask task);

  // Swaps everything that waits with `requests`, which is empty, and says whether this is the end.
  struct Taken {
    bool stopping;
  };
  Taken take(Requests& requests);
  // The same, but nothing if a draft waits.
  std::optional<Taken> take_without_drafts(Requests& requests);
  // Posts a drain for commits in place of the one that runs, which has taken nothing.
  void hand_over();
  // The drain is over. Nothing of the Hub may be touched afterwards.
  void finish();

  // A read begins: refused with `busy` or `shutting_down`. Those that serve what was taken before
  // are never refused.
  std::optional<Error> begin_read();
  void begin_own_read();
  // A read is over; its result goes on as `next`, if there is one. Nothing of the Hub may be
  // touched afterwards.
  void end_read(LaneTask next = nullptr);

  // Takes nothing more, and returns when what was taken is done.
  void close();

  std::size_t waiting() const;
  std::size_t reads() const;

 private:
  // Of so many more requests with so many bytes of text.
  std::optional<Error> refusal(std::size_t bytes, std::size_t count = 1) const;
  std::optional<Refused> append(Requests& posts);
  // The lane to which the caller is to post a drain, once the lock is released; none: one is on its
  // way.
  const Lane* schedule();
  const Lane& lane_for_waiting() const;
  void post_drain(const Lane* lane);

  const Limits limits_;
  LogSink& log_;
  const Lane commits_;
  const Lane others_;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  Requests requests_;
  std::size_t reads_ = 0;
  bool scheduled_ = false;  // a drain is posted or runs
  bool closed_ = false;
};

}  // namespace chatrt
