// The Hub: takes messages, has them committed, and tells every connection that is to know.
//
// Threads: every public member may be called from any thread. No lock is held while calling out, so
// calling back in is allowed. Work is done on two lanes of the host's: the commit lane, on which at
// most one task of the Hub runs at a time, and the read lane, on which several may. The host may
// have the commit lane's tasks that wait for nothing run elsewhere than the commits (`quick_lane`);
// it is one lane all the same. Every `done` is called exactly once: on the commit lane; for
// history(), conversations() and sync() on the read lane; and for what is refused at once (an
// argument, a full inbox, after stop()) before the call returns. The Outlet is called on the commit
// lane alone; for one connection things come in order and never overlap. After stop() has returned,
// nothing is called any more, but for the `done` of what is refused because of it.
//
// Requests take effect in the order they came. Posts and marks that came while the commit lane was
// busy go into one commit. A store, an Outlet or a `done` that throws is logged and does not keep
// the rest from being done; a throwing store counts as one that answered `internal`.
//
// An append() that fails is answered with its error. If it turns out that the store had committed
// all the same (the answer was lost), the changes are read back from the log and sent: what is in
// the log reaches its readers.
//
// With the in-memory store and inline executors (chatrt/testing/executors.h) a Hub is synchronous.
// Many Hubs can live in one process. There are no globals and no hidden threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chatrt/authorizer.h"
#include "chatrt/callback.h"
#include "chatrt/clock.h"
#include "chatrt/executor.h"
#include "chatrt/export.h"
#include "chatrt/log.h"
#include "chatrt/message.h"
#include "chatrt/message_store.h"
#include "chatrt/outlet.h"
#include "chatrt/registry.h"
#include "chatrt/result.h"
#include "chatrt/trace.h"

namespace chatrt {

// The host owns the parts; they outlive the Hub. Leaving out a reference does not compile.
struct HubParts {
  Registry& registry;
  MessageStore& store;
  Outlet& outlet;
  const Authorizer& authorizer;
  Executor& commit_lane;  // one task at a time, or inline
  Executor& read_lane;    // may run several at once; may be the commit lane
  const Clock& clock;
  LogSink& log;
  TraceSink* trace = nullptr;  // none: nobody wants to know
  // Runs the commit lane's tasks that neither store nor read anything: attaching, detaching,
  // typing, presence, the ends of reads. The Hub has one task out at a time, here or on
  // `commit_lane`. None: all run there.
  Executor* quick_lane = nullptr;
};

// A `batch_max`, `page_max` or `replays_max` of 0 counts as 1.
struct HubOptions {
  std::size_t text_bytes_max = 65536;      // above: too_large
  std::size_t client_id_bytes_max = 128;   // above: invalid_argument
  std::size_t inbox_max = 65536;           // requests waiting for the commit lane; above: busy
  std::size_t inbox_bytes_max = 64 << 20;  // of text among them; above: busy
  std::size_t batch_max = 4096;            // drafts in one commit
  std::size_t page_max = 500;              // items in one read; a higher limit is cut to it
  std::size_t page_bytes_max = 128 << 10;  // of text in one read; above: fewer items, one at least
  std::size_t reads_max = 4096;            // reads waiting or running; above: busy
  std::size_t user_reads_max = 64;         // of one user waiting for the one that runs; above: busy
  std::size_t recent_changes_max = 16384;  // newest changes kept in memory for those who resume
  std::size_t recent_bytes_max = 32 << 20;  // of text among them; above: fewer are kept
  std::size_t replays_max = 64;             // users whose connections read what they missed at once
  std::size_t replay_bytes_max = 128 << 10;  // to one connection until Outlet::replay_paused()
  std::size_t typing_max = 65536;            // typing at once; above: notices are dropped
  std::size_t last_seen_max = 100000;        // users whose last seen is kept; above: oldest go
  Duration presence_grace{5000};             // from the last disconnect until "offline" is told
  Duration typing_ttl{6000};                 // after this without a renewal, typing is over
  Duration typing_interval{1000};            // renewals faster than this are not passed on
};

class CHATRT_EXPORT Hub {
 public:
  explicit Hub(HubParts parts, HubOptions options = {});
  ~Hub();  // calls stop()
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // --- connections

  struct AttachRequest {
    UserId user;
    // Replay the user's changes above it, in order, before anything live. A position above the
    // log's end (another file, or nonsense) counts as none, with `undelivered`, and makes the
    // answer incomplete.
    std::optional<Position> since = std::nullopt;
    // The client has the ReceiveMessage of this one, a message to themself above `since`, and not
    // yet its MessageSent. 0: of none.
    Position received = {};
    // Before that, replay the messages up to `since` (or up to now, without it) that no device of
    // the user has confirmed: MessageStore::read_undelivered().
    bool undelivered = false;
  };
  struct Attached {
    Position position;     // everything up to here is sent or was before `since`
    bool complete = true;  // false: `since` was not usable; page through sync() or history()
  };
  // From `done` on, `connection` gets the user's live events. What is replayed is sent before it,
  // through the Outlet; nothing is sent twice or left out between the two. Attaching again under
  // the same user is a repeat and replays nothing; under another user is `conflict`. `gone` if the
  // connection is detached before.
  void attach(ConnectionId connection, AttachRequest request,
              std::function<void(Result<Attached>)> done);
  // The connection is gone: nothing further is sent to it. Unknown ones are ignored. Never refused.
  void detach(ConnectionId connection);

  // Everything up to here was given to the Outlet. Not known before the Hub's first turn.
  std::optional<Position> position() const noexcept;

  // --- messages and marks

  // Stores the message and sends it to every connection of receiver (ReceiveMessage) and author
  // (MessageSent). `done` comes after the commit and, in the order of the commit, before the
  // events; what it is given lasts as long as the call. `draft` is left as memory, of whatever
  // content: one that is filled again and again takes none for each message.
  // Errors: invalid_argument for a text that is empty, has a NUL or is not UTF-8, and for a client
  // id that is too long, has control characters or is not UTF-8; too_large for a text above
  // text_bytes_max; those of the Authorizer and of MessageStore::append().
  void post(PostDraft&& draft, Callback<void(const Result<Message>&)> done);
  // `done` gets the mark as it stands then.
  void mark(MarkDraft draft, Callback<void(Result<MarkAdvanced>)> done);

  // --- ephemeral

  // Tells the connections of the other member. Nothing is told, and it is no error, to somebody who
  // shares no conversation with `from`. A message to the conversation ends typing without a notice.
  void typing(UserId from, Target target, bool typing, std::function<void(Status)> done);
  // Presence of those of `users` who share a conversation with `asker`, or are the asker; the
  // others are left out. More than `page_max` users are `too_large`.
  void presence(UserId asker, std::vector<UserId> users,
                std::function<void(Result<std::vector<Presence>>)> done);

  // --- reads: see MessageStore for what they give, cut to `page_max` items and `page_bytes_max`
  // bytes of text, with `more`. A limit of 0 is invalid_argument.

  void history(UserId reader, Target target, SequenceRange range, std::size_t limit,
               std::function<void(Result<Page<Message>>)> done);
  void conversations(UserId user, std::optional<Position> before, std::size_t limit,
                     std::function<void(Result<Page<Conversation>>)> done);
  struct Sync {
    std::vector<Change> changes;
    Position position;  // pass it as the next `since`
    bool more = false;
  };
  // A `since` above the log's end gives no changes and the log's end as the position.
  void sync(UserId user, Position since, std::size_t limit, std::function<void(Result<Sync>)> done);

  // --- time and end

  // When tick() is next worth calling; none: nothing is waiting.
  std::optional<MonotonicTime> next_deadline() const;
  // Ends typing and grace periods that are over by the injected clock. Calling it about once a
  // second is enough; early and repeated calls do no harm.
  void tick();

  // Takes nothing more (later calls are answered `shutting_down`), commits and answers what was
  // taken, and returns when that is done and no call is running. Not to be called from within a
  // callback or on a lane. May be called twice.
  void stop();

  struct Stats {
    std::uint64_t messages_committed = 0;
    std::uint64_t messages_repeated = 0;
    std::uint64_t drafts_refused = 0;  // answered with an error, whatever it was
    std::uint64_t commits = 0;
    std::uint64_t commits_failed = 0;
    std::uint64_t events_sent = 0;  // (event, connection) pairs given to the Outlet
    std::size_t inbox = 0;          // waiting now
    std::size_t reads = 0;          // waiting or running now
    std::size_t users_online = 0;
    std::size_t connections = 0;
  };
  Stats stats() const;

  class Impl;  // the library's own

 private:
  friend class PostBatch;
  std::unique_ptr<Impl> impl_;
};

// Posts that are handed to a Hub together, in one go and under one lock: for threads that read from
// many connections before they do anything else.
//
// Threads: one at a time. Ownership: the Hub outlives it, or its last hand_over().
class CHATRT_EXPORT PostBatch {
 public:
  explicit PostBatch(Hub& hub);
  ~PostBatch();  // hands over
  PostBatch(const PostBatch&) = delete;
  PostBatch& operator=(const PostBatch&) = delete;

  // As Hub::post(), but that the Hub has it from hand_over() on: in the order of add(), and behind
  // whatever else has come to it meanwhile. An argument is refused at once; a full inbox, or a Hub
  // that has stopped, refuses before hand_over() returns.
  void add(PostDraft&& draft, Callback<void(const Result<Message>&)> done);
  void hand_over();
  bool empty() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chatrt
