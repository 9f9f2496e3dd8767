// How a Writer begins: with the part of the log that the last one has left.
#include <sqlite3.h>

#include <algorithm>

#include "schema.h"
#include "writer.h"

namespace chatrt::sqlite {
namespace {

constexpr std::size_t kPageBytes = 4096;    // SQLite's default
constexpr std::int64_t kDueAtStart = 4096;  // rows that are due are written for so many changes

}  // namespace

Writer::Writer(std::unique_ptr<SQLite::Database> database, const SqliteOptions& options,
               Heads& heads)
    : database_(std::move(database)),
      wal_pages_max_(static_cast<int>(std::max(options.wal_bytes / kPageBytes, std::size_t{1}))),
      statements_(*database_),
      rows_(statements_),
      client_ids_(statements_),
      heads_(heads),
      head_rows_(statements_, rows_, heads_) {
  sqlite3_wal_hook(
      database_->getHandle(),
      [](void* pages, sqlite3*, const char*, int count) {
        *static_cast<int*>(pages) = count;
        return SQLITE_OK;
      },
      &wal_pages_);
  try {
    catch_up();
    read_last();
    write_due_heads();
  } catch (const SQLite::Exception& exception) {
    if (is_failed_sync(exception.getExtendedErrorCode())) forbid_checkpoint_on_close(*database_);
    throw;
  }
  on_failure_ = options.on_failure;  // until here whoever opens is told
}

// After a change of the schema the client ids with all of the log.
void Writer::catch_up() {
  for (bool more = true; more;) {
    Transaction transaction(statements_, Transaction::Kind::writing);
    client_ids_.begin();
    more = client_ids_.catch_up();
    transaction.commit();
    checkpoint_at_start();
  }
  const Transaction transaction(statements_, Transaction::Kind::reading);
  head_rows_.catch_up();
}

void Writer::read_last() {
  Query last = statements_.get(
      "SELECT position, conversation FROM log WHERE position = (SELECT max(position) FROM log)");
  if (!last.next()) return;
  last_position_ = last.integer(0);
  const auto parties = rows_.parties(last.integer(1));
  if (!parties) throw_damaged("the newest change has no conversation");
  static_cast<void>(rows_.change(last_position_, *parties));
}

// Of a tail that is full, all rows: those of lives that are shorter than half a tail would else
// never all be written, and each start would read more of the log.
void Writer::write_due_heads() {
  heads_.commit(last_position_);  // ends a tail that is full
  while (heads_.has_due()) {
    heads_.begin();
    try {
      Transaction transaction(statements_, Transaction::Kind::writing);
      head_rows_.write_some(kDueAtStart);
      transaction.commit();
    } catch (const SQLite::Exception& exception) {
      heads_.roll_back();
      // What is appended will have them written.
      if (exception.getErrorCode() == SQLITE_FULL) return;
      throw;
    }
    heads_.commit(last_position_);
    checkpoint_at_start();
  }
}

// What has begun after a failed sync is not to go on.
void Writer::checkpoint_at_start() {
  checkpoint();
  if (failed_) throw SQLite::Exception(*failed_, SQLITE_IOERR);
}

}  // namespace chatrt::sqlite
