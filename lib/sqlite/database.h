// One connection to the file, with the pragmas that the store rests on, and what SQLite's errors
// mean to it.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>

#include "chatrt/message.h"
#include "chatrt/result.h"
#include "chatrt/sqlite_store.h"

namespace chatrt::sqlite {

Error to_error(const SQLite::Exception& exception) noexcept;

// An Error whose detail is what `words()` gives, or, where there is no memory for that, its lack.
template <typename Words>
Error worded(Errc code, Words words) noexcept {
  try {
    return {code, words()};
  } catch (const std::bad_alloc&) {
    return {code, "out of memory"};  // short enough to need none
  }
}
inline Error out_of_memory() noexcept { return {Errc::unavailable, "out of memory"}; }

// What is read does not fit together. Thrown in the form in which SQLite reports its own finds, so
// that there is one way to `corrupt`.
[[noreturn]] void throw_damaged(const std::string& what);

// Opens the one connection that writes and checkpoints; creates or upgrades the schema. Throws
// SQLite::Exception.
std::unique_ptr<SQLite::Database> open_writer(const std::filesystem::path& file,
                                              const SqliteOptions& options);
// Opens a connection that reads alone and never checkpoints. Throws SQLite::Exception.
std::unique_ptr<SQLite::Database> open_reader(const std::filesystem::path& file);

// After which nobody knows what is on the disk. The extended code of SQLite.
bool is_failed_sync(int code) noexcept;

// From here on the connection syncs nothing any more, not even as the last one to be closed.
void forbid_checkpoint_on_close(SQLite::Database& database) noexcept;

// A statement in use: it is reset when this goes, so that no read transaction stays open behind it.
class Query {
 public:
  explicit Query(SQLite::Statement& statement) : statement_(&statement) {}
  Query(Query&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Query& operator=(Query&&) = delete;
  ~Query() {
    if (statement_ != nullptr) statement_->tryReset();
  }

  SQLite::Statement& operator*() { return *statement_; }
  SQLite::Statement* operator->() { return statement_; }
  // Steps to the next row.
  bool next() { return statement_->executeStep(); }
  std::int64_t integer(int column) const { return statement_->getColumn(column).getInt64(); }
  // Valid until the next step.
  std::string_view text(int column) const;

 private:
  SQLite::Statement* statement_;
};

// A parameter that is not text.
struct Blob {
  std::string_view bytes;
};

// Statements of one connection, prepared once each.
class Statements {
 public:
  explicit Statements(SQLite::Database& database) : database_(database) {}

  // The statement for `sql`, a constant of the program, with these parameters. A string is not
  // copied: it outlives the Query. REQUIRES: no other Query of the same `sql` is in use.
  template <typename... Parameters>
  Query get(const char* sql, const Parameters&... parameters) {
    SQLite::Statement& statement = prepared(sql);
    int index = 0;
    (bind(statement, ++index, parameters), ...);
    return Query(statement);
  }
  // For a statement that gives no rows.
  template <typename... Parameters>
  void run(const char* sql, const Parameters&... parameters) {
    get(sql, parameters...).next();
  }

  bool in_transaction() const noexcept;

 private:
  friend class Transaction;

  SQLite::Statement& prepared(const char* sql);
  static void bind(SQLite::Statement& statement, int index, std::int64_t value) {
    statement.bind(index, value);
  }
  static void bind(SQLite::Statement& statement, int index, const std::string& text) {
    statement.bindNoCopy(index, text);
  }
  static void bind(SQLite::Statement& statement, int index, const Blob& blob) {
    statement.bindNoCopy(index, static_cast<const void*>(blob.bytes.data()),
                         static_cast<int>(blob.bytes.size()));
  }
  // nullptr: NULL.
  static void bind(SQLite::Statement& statement, int index, const std::string* text) {
    if (text != nullptr) {
      bind(statement, index, *text);
    } else {
      statement.bind(index);
    }
  }

  SQLite::Database& database_;
  std::unordered_map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

// A transaction: rolled back when this goes, unless it was committed. SQLiteCpp's own ends the
// process where there is no memory for what its rollback would throw.
class Transaction {
 public:
  enum class Kind { reading, writing };
  // Throws SQLite::Exception. What could not be rolled back before is now, or nothing begins.
  Transaction(Statements& statements, Kind kind);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  void commit();

 private:
  Statements& statements_;
  SQLite::Statement& rollback_;  // prepared before it is needed: the destructor cannot fail
};

}  // namespace chatrt::sqlite
