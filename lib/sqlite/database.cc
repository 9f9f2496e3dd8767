#include "database.h"

#include <sqlite3.h>

#include <algorithm>

#include "schema.h"

namespace chatrt::sqlite {
namespace {

// Pages of the index that are written to stay in memory from commit to commit.
constexpr int kWriterCacheKiB = 16 * 1024;
constexpr int kReaderCacheKiB = 1024;
// Every connection is used by one thread at a time, which sqlite_store.cc sees to.
constexpr int kNoMutex = SQLITE_OPEN_NOMUTEX;

void set_common_pragmas(SQLite::Database& database, int cache_kib) {
  sqlite3_extended_result_codes(database.getHandle(), 1);
  database.exec("PRAGMA trusted_schema=OFF");
  database.exec("PRAGMA cell_size_check=ON");
  database.exec("PRAGMA mmap_size=0");
  database.exec("PRAGMA temp_store=MEMORY");
  database.exec("PRAGMA cache_size=-" + std::to_string(cache_kib));
  // One connection alone may checkpoint, and when it says so, since it must see what comes of it:
  // the WAL-reset bug of SQLite before 3.51.3 needs two that do.
  database.exec("PRAGMA wal_autocheckpoint=0");
}

Errc errc_of(int code) noexcept {
  switch (code & 0xff) {
    case SQLITE_FULL: return Errc::storage_full;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return Errc::busy;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    // Of the rows and of the schema nothing is left to chance: these mean that they are damaged.
    case SQLITE_CONSTRAINT:
    case SQLITE_ERROR:
    case SQLITE_MISMATCH: return Errc::corrupt;
    default: return Errc::unavailable;
  }
}

}  // namespace

// SQLite names what it stumbled over, which in a damaged schema may be anything: it stays one line.
Error to_error(const SQLite::Exception& exception) noexcept {
  return worded(errc_of(exception.getErrorCode()), [&] {
    std::string what = std::string{"SQLite: "} + exception.what();
    const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7F; };
    std::ranges::replace_if(what, is_control, '?');
    return what;
  });
}

void throw_damaged(const std::string& what) { throw SQLite::Exception(what, SQLITE_CORRUPT); }

std::unique_ptr<SQLite::Database> open_writer(const std::filesystem::path& file,
                                              const SqliteOptions& options) {
  auto database = std::make_unique<SQLite::Database>(
      file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | kNoMutex,
      static_cast<int>(options.open_busy_timeout.count()));
  set_common_pragmas(*database, kWriterCacheKiB);
  // What is deleted are entries of an index, which nobody has to be kept from reading: pages that
  // become free need not be overwritten, as Debian's SQLite would.
  database->exec("PRAGMA secure_delete=OFF");
  claim_file(*database);
  // Refused where processes cannot share memory; readers would wait for the writer then.
  if (database->execAndGet("PRAGMA journal_mode=WAL").getString() != "wal") {
    throw SQLite::Exception("no WAL on this file system", SQLITE_CANTOPEN);
  }
  database->exec(options.synchronous == SqliteOptions::Synchronous::full
                     ? "PRAGMA synchronous=FULL"
                     : "PRAGMA synchronous=NORMAL");
  database->exec("PRAGMA journal_size_limit=" + std::to_string(2 * options.wal_bytes));
  database->exec("PRAGMA foreign_keys=OFF");  // the one writer keeps them; checking costs look-ups
  bring_up_to_date(*database);
  database->setBusyTimeout(static_cast<int>(options.append_busy_timeout.count()));
  return database;
}

std::unique_ptr<SQLite::Database> open_reader(const std::filesystem::path& file) {
  constexpr int kBusyTimeoutMs = 1000;  // while the WAL's index is rebuilt, say
  auto database = std::make_unique<SQLite::Database>(
      file.string(), SQLite::OPEN_READONLY | kNoMutex, kBusyTimeoutMs);
  set_common_pragmas(*database, kReaderCacheKiB);
  forbid_checkpoint_on_close(*database);
  return database;
}

bool is_failed_sync(int code) noexcept {
  return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

void forbid_checkpoint_on_close(SQLite::Database& database) noexcept {
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Transaction::Transaction(Statements& statements, Kind kind)
    : statements_(statements), rollback_(statements.prepared("ROLLBACK")) {
  if (statements.in_transaction()) statements.run("ROLLBACK");
  statements.run(kind == Kind::writing ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  if (!statements_.in_transaction()) return;
  rollback_.tryExecuteStep();
  rollback_.tryReset();
}

void Transaction::commit() { statements_.run("COMMIT"); }

std::string_view Query::text(int column) const {
  const SQLite::Column value = statement_->getColumn(column);
  // Before its size, by SQLite's rules. As a blob: a text it would copy to put a NUL behind it, and
  // give none where there is no memory for that, which would look like damage.
  const auto* text = static_cast<const char*>(value.getBlob());
  return {text, static_cast<std::size_t>(value.getBytes())};
}

bool Statements::in_transaction() const noexcept {
  return sqlite3_get_autocommit(database_.getHandle()) == 0;
}

SQLite::Statement& Statements::prepared(const char* sql) {
  std::unique_ptr<SQLite::Statement>& statement = statements_[sql];
  if (!statement) statement = std::make_unique<SQLite::Statement>(database_, sql);
  return *statement;
}

}  // namespace chatrt::sqlite
