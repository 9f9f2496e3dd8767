// The MessageStore on one SQLite file, in the library chatrt-sqlite.
//
// Durable: append() returns after the commit is synced (WAL, synchronous=FULL). One process writes
// a file at a time; reads go over connections of their own and do not wait for the writer.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "chatrt/export.h"
#include "chatrt/message_store.h"
#include "chatrt/result.h"

namespace chatrt {

struct SqliteOptions {
  // How long open and append() wait for a lock that another process holds before they are `busy`.
  std::chrono::milliseconds open_busy_timeout{5000};
  std::chrono::milliseconds append_busy_timeout{250};
  // The WAL file is written back to the database when it has grown to this.
  std::size_t wal_bytes = std::size_t{16} << 20;
  // What the log says of its conversations is kept in memory for so many changes, then written
  // while as many come in; an open reads those, and writes them if they are as many. 56 bytes a
  // change, and some 200 a conversation among them.
  std::size_t tail_max = 65536;
  unsigned readers = 4;  // connections kept for reads; more readers at once wait for one
  // FULL survives a power cut; NORMAL may lose the last commits in one: for comparison only.
  enum class Synchronous { full, normal } synchronous = Synchronous::full;
  // Called once, inside an append(), when a sync of the file has failed: what the disk has is
  // unknown from there on, so the store never writes again, and this and all later append() calls
  // are `unavailable`. Reads go on. The process is to end; whoever opens the file anew finds all
  // that was acknowledged. Gets one line that names the file; must not call the store.
  std::function<void(const std::string& why)> on_failure = nullptr;
};

// Opens or creates the file (mode 0600) with the current schema. Errors name the file and what to
// do: `corrupt` for a damaged or foreign file or one of a newer version (it is left untouched),
// `busy` if another process keeps it locked, `unavailable` if it cannot be opened;
// `invalid_argument` for "" and ":memory:", which are no files. Beside it lie `<file>-wal` and
// `<file>-shm` while it is open, and `<file>-lock`, which stays.
CHATRT_EXPORT Result<std::unique_ptr<MessageStore>> open_sqlite_store(
    const std::filesystem::path& file, SqliteOptions options = {});

// For a process that opens databases by this alone, before its first: has SQLite not keep count of
// its memory, for which it takes a lock of the process at each allocation. Without this the store
// works as well, at some 5 % more instructions an append.
CHATRT_EXPORT void stop_counting_sqlite_memory() noexcept;

// The version of the linked SQLite: "3.40.1".
CHATRT_EXPORT const char* sqlite_version() noexcept;
// That of SQLiteCpp: "3.02.01".
CHATRT_EXPORT const char* sqlitecpp_version() noexcept;

}  // namespace chatrt
