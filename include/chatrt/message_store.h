// A MessageStore keeps one append-only log of changes and gives it back by user, by conversation or
// whole.
//
// Threads: every member may be called from any thread and may block on disk or network; reads do
// not wait for append(), but for the moment of a lock. The Hub calls append() from its commit lane
// alone. Ownership: the host owns the store and outlives the Hub with it. A store of your own must
// pass chatrt/testing/message_store_contract.h, which has a case for every sentence below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "chatrt/export.h"
#include "chatrt/message.h"
#include "chatrt/page.h"
#include "chatrt/result.h"

namespace chatrt {

// What became of one draft.
struct Appended {
  Change change;
  // Nothing new was stored: `change` is the message that the same (author, client_id) gave before,
  // or the mark as it already stood, whose position and time say nothing. Nobody is to be told
  // again.
  bool repeated = false;
};

// Both bounds are exclusive. Neither: the newest page. `after` alone: oldest first above it.
// `before` alone, or both: the newest below `before` (and above `after`).
struct SequenceRange {
  std::optional<Sequence> before = std::nullopt;
  std::optional<Sequence> after = std::nullopt;
};

struct Marks {
  Sequence delivered;
  Sequence read;
  friend bool operator==(const Marks&, const Marks&) = default;
};

// A conversation as one of its members sees it.
struct Conversation {
  ConversationId id;
  UserId peer;
  Message last_message;
  Marks mine;
  Marks peers;
  std::uint64_t unread = 0;  // messages of others above mine.read
};

inline std::size_t text_bytes(const Conversation& conversation) noexcept {
  return text_bytes(conversation.last_message);
}

class CHATRT_EXPORT MessageStore {
 public:
  MessageStore() = default;
  MessageStore(const MessageStore&) = delete;
  MessageStore& operator=(const MessageStore&) = delete;
  virtual ~MessageStore();

  // Commits `drafts` in order, atomically and durably, and returns one result for each. An Error in
  // place of the list means that none of them is stored. An Error inside it means that this draft
  // is not stored and its neighbours are. Within the one transaction:
  // - a PostDraft to a user opens their direct conversation if there is none; sequences of a
  //   conversation and positions of the log rise by 1 from 1, without gaps;
  // - a PostDraft whose (author, client_id) is stored, also earlier in the same batch, stores
  //   nothing: the first message comes back as `repeated`; `conflict` if text or target differ,
  //   where a user and the direct conversation with that user are the same target;
  // - a target conversation that is unknown, or that the author is no member of, is `not_found`;
  // - a MarkDraft at or below the mark stores nothing and is `repeated`; above the last sequence it
  //   counts as the last; in a conversation the user is no member of it is `not_found`. Advancing
  //   `read` raises `delivered` with it, as one change.
  // An empty batch is no error. What append() has returned is in every read that begins afterwards.
  // What the result has of a draft - its text, its names - may be moved out of it; the draft of an
  // Error, and of what is `repeated`, stays as it is.
  virtual Result<std::vector<Result<Appended>>> append(std::span<Draft> drafts, Timestamp now) = 0;

  // The position of the newest change; 0 in an empty store.
  virtual Result<Position> last_position() const = 0;

  // --- pages. One that ends at its limit costs what it has and the item that was too much, however
  // many lie beyond. REQUIRES: limit.items > 0

  // Changes of the conversations that `user` is a member of, with positions above `after`, oldest
  // first. A user nobody has heard of has none, which is no error.
  virtual Result<Page<Change>> read_for_user(const UserId& user, Position after,
                                             PageLimit limit) const = 0;

  // Messages of others to `user` above the user's delivered marks and with positions above `after`,
  // oldest first: what no device of theirs has confirmed.
  virtual Result<Page<Message>> read_undelivered(const UserId& user, Position after,
                                                 PageLimit limit) const = 0;

  // Messages of a conversation, always in rising sequence. `more` looks in the direction of the
  // page, inside the range: towards older ones, or with `after` alone towards newer ones. A
  // conversation that does not exist or that `reader` is no member of is `not_found`; a direct
  // conversation (target user) in which nobody has written yet is empty. Membership is checked in
  // the read itself.
  virtual Result<Page<Message>> read_conversation(const UserId& reader, const Target& target,
                                                  SequenceRange range, PageLimit limit) const = 0;

  // The user's conversations by the position of their last message, newest first; with `before`,
  // those whose last message lies below it.
  virtual Result<Page<Conversation>> conversations_of(const UserId& user,
                                                      std::optional<Position> before,
                                                      PageLimit limit) const = 0;

  // The whole log above `after`, oldest first: for followers and operators.
  virtual Result<Page<Change>> read_log(Position after, PageLimit limit) const = 0;

  // --- Those who share a conversation with `user`, without the user, in no order.
  virtual Result<std::vector<UserId>> contacts_of(const UserId& user) const = 0;
  // Those of them that are among `users`, each once. Costs what `users` are, however many contacts
  // there are.
  virtual Result<std::vector<UserId>> contacts_among(const UserId& user,
                                                     std::span<const UserId> users) const = 0;
};

// Everything in memory, nothing durable: for tests and for hosts that need no history. It keeps all
// messages as long as it lives, without a bound. append() and the reads share one lock.
CHATRT_EXPORT std::unique_ptr<MessageStore> make_memory_store();

}  // namespace chatrt
