// One connection to the file, with the pragmas that the store rests on, and what SQLite's errors
// mean to it.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>

#include "chatrt/message.h"
#include "chatrt/result.h"
#include "chatrt/sqlite_store.h"

namespace chatrt::sqlite {

Error to_error(const SQLite::Exception& exception);

// Opens the one connection that writes and checkpoints. Throws SQLite::Exception.
std::unique_ptr<SQLite::Database> open_writer(const std::filesystem::path& file,
                                              const SqliteOptions& options);
// Opens a connection that reads alone and never checkpoints. Throws SQLite::Exception.
std::unique_ptr<SQLite::Database> open_reader(const std::filesystem::path& file);

// Statements of one connection, prepared once each.
class Statements {
 public:
  explicit Statements(SQLite::Database& database) : database_(database) {}
  // The statement for `sql`, reset and ready to be bound. `sql` is a constant of the program.
  SQLite::Statement& get(const char* sql);
  // Forgets them all: a statement that was interrupted may keep a transaction open.
  void clear() { statements_.clear(); }

 private:
  SQLite::Database& database_;
  std::unordered_map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

// The checksum of a row of `log`.
std::uint32_t row_checksum(std::int64_t position, std::int64_t conversation, int kind,
                           std::int64_t sequence, std::int64_t author, std::int64_t at,
                           std::string_view text, std::string_view client_id);

}  // namespace chatrt::sqlite
