// The reads of the store, on one connection of their own.
#pragma once

#include <memory>
#include <vector>

#include "chatrt/message_store.h"
#include "database.h"
#include "head_rows.h"
#include "heads.h"
#include "rows.h"

namespace chatrt::sqlite {

// Every member reads one state of the file, and throws SQLite::Exception. Threads: one at a time.
class Reader {
 public:
  // The Heads outlive it.
  Reader(std::unique_ptr<SQLite::Database> database, const Heads& heads)
      : database_(std::move(database)),
        statements_(*database_),
        rows_(statements_),
        heads_(heads) {}

  Position last_position();
  Page<Change> read_for_user(const UserId& user, Position after, PageLimit limit);
  Page<Message> read_undelivered(const UserId& user, Position after, PageLimit limit);
  Result<Page<Message>> read_conversation(const UserId& reader, const Target& target,
                                          SequenceRange range, PageLimit limit);
  Page<Conversation> conversations_of(const UserId& user, std::optional<Position> before,
                                      PageLimit limit);
  std::vector<UserId> contacts_of(const UserId& user);
  std::vector<UserId> contacts_among(const UserId& user, std::span<const UserId> users);
  Page<Change> read_log(Position after, PageLimit limit);

 private:
  class HeadsSnapshot;

  std::int64_t find_user(const UserId& name);  // 0: unknown
  Parties parties(std::int64_t conversation);
  // Its id and the columns of its head, if there is one.
  Query conversation_between(std::int64_t user, std::int64_t other);
  std::int64_t delivered_to(std::int64_t user, std::int64_t conversation);
  // The parties of a conversation that the user is said to be in; damage if it is not so.
  Parties parties(std::int64_t conversation, std::int64_t user, const UserId& name);
  // A conversation, and the newest message of its chain.
  struct Chain {
    Parties members;
    std::int64_t last_sequence;
    std::int64_t last_message;
  };
  Page<Message> read_downwards(const Chain& chain, std::int64_t first, std::int64_t last,
                               PageLimit limit);
  Page<Message> read_upwards(const Chain& chain, std::int64_t first, PageLimit limit);
  Link find(const Chain& chain, std::int64_t sequence);
  // The message at `position`; damage if it has another sequence.
  Message message(const Chain& chain, std::int64_t sequence, std::int64_t position,
                  Link* link = nullptr);
  Conversation conversation_of(std::int64_t id, std::int64_t user, const UserId& name,
                               const HeadsSnapshot& snapshot);

  std::unique_ptr<SQLite::Database> database_;
  Statements statements_;
  Rows rows_;
  const Heads& heads_;
};

}  // namespace chatrt::sqlite
