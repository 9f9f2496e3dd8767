#include "database.h"

#include <sqlite3.h>
#include <zlib.h>

#include <array>
#include <cstring>

namespace chatrt::sqlite {
namespace {

// A WAL above this is cut back after a checkpoint; between checkpoints it stays near 4 MB.
constexpr int kWalBytesMax = 16 << 20;

void set_common_pragmas(SQLite::Database& database) {
  database.exec("PRAGMA trusted_schema=OFF");
  database.exec("PRAGMA cell_size_check=ON");
  database.exec("PRAGMA mmap_size=0");
  database.exec("PRAGMA temp_store=MEMORY");
}

}  // namespace

Error to_error(const SQLite::Exception& exception) {
  const int code = exception.getErrorCode() & 0xff;
  const std::string what = std::string{"SQLite: "} + exception.what();
  switch (code) {
    case SQLITE_FULL: return {Errc::storage_full, what};
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return {Errc::busy, what};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return {Errc::corrupt, what};
    default: return {Errc::unavailable, what};
  }
}

std::unique_ptr<SQLite::Database> open_writer(const std::filesystem::path& file,
                                              const SqliteOptions& options) {
  auto database = std::make_unique<SQLite::Database>(
      file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
      static_cast<int>(options.open_busy_timeout.count()));
  sqlite3_extended_result_codes(database->getHandle(), 1);
  set_common_pragmas(*database);
  database->exec("PRAGMA journal_mode=WAL");
  database->exec(options.synchronous == SqliteOptions::Synchronous::full
                     ? "PRAGMA synchronous=FULL"
                     : "PRAGMA synchronous=NORMAL");
  database->exec("PRAGMA journal_size_limit=" + std::to_string(kWalBytesMax));
  database->exec("PRAGMA foreign_keys=OFF");  // the one writer keeps them; checking costs look-ups
  return database;
}

std::unique_ptr<SQLite::Database> open_reader(const std::filesystem::path& file) {
  constexpr int kBusyTimeoutMs = 1000;  // while the WAL's index is rebuilt, say
  auto database =
      std::make_unique<SQLite::Database>(file.string(), SQLite::OPEN_READONLY, kBusyTimeoutMs);
  sqlite3_extended_result_codes(database->getHandle(), 1);
  set_common_pragmas(*database);
  // One connection alone may checkpoint: the WAL-reset bug of SQLite before 3.51.3 needs two.
  database->exec("PRAGMA wal_autocheckpoint=0");
  return database;
}

SQLite::Statement& Statements::get(const char* sql) {
  std::unique_ptr<SQLite::Statement>& statement = statements_[sql];
  if (!statement) {
    statement = std::make_unique<SQLite::Statement>(database_, sql);
  } else {
    statement->tryReset();
    statement->clearBindings();
  }
  return *statement;
}

std::uint32_t row_checksum(std::int64_t position, std::int64_t conversation, int kind,
                           std::int64_t sequence, std::int64_t author, std::int64_t at,
                           std::string_view text, std::string_view client_id) {
  const std::array<std::int64_t, 7> numbers = {
      position, conversation, kind, sequence, author, at, static_cast<std::int64_t>(text.size())};
  unsigned char bytes[sizeof numbers];
  std::memcpy(bytes, numbers.data(), sizeof numbers);
  uLong sum = crc32(0, bytes, sizeof bytes);
  const auto add = [&sum](std::string_view part) {
    if (part.empty()) return;  // zlib takes a null pointer as "start again"
    sum = crc32(sum, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()));
  };
  add(text);
  add(client_id);
  return static_cast<std::uint32_t>(sum);
}

}  // namespace chatrt::sqlite
