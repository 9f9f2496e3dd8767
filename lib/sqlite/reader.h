// The reads of the store, on one connection of their own.
#pragma once

#include <memory>

#include "chatrt/message_store.h"
#include "database.h"

namespace chatrt::sqlite {

// Every member throws SQLite::Exception. Threads: one at a time.
class Reader {
 public:
  explicit Reader(std::unique_ptr<SQLite::Database> database)
      : database_(std::move(database)), statements_(*database_) {}

  Position last_position();
  Result<Page<Change>> read_for_user(const UserId& user, Position after, std::size_t limit);
  Result<Page<Message>> read_undelivered(const UserId& user, Position after, std::size_t limit);
  Result<Page<Message>> read_conversation(const UserId& reader, const Target& target,
                                          SequenceRange range, std::size_t limit);
  Result<Page<Conversation>> conversations_of(const UserId& user, std::optional<Position> before,
                                              std::size_t limit);
  std::vector<UserId> contacts_of(const UserId& user);
  Result<Page<Change>> read_log(Position after, std::size_t limit);

 private:
  std::unique_ptr<SQLite::Database> database_;
  Statements statements_;
};

}  // namespace chatrt::sqlite
