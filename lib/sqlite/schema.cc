#include "schema.h"

#include <array>
#include <cstring>
#include <fstream>
#include <string>

#include "database.h"

namespace chatrt::sqlite {
namespace {

// Appending must touch few pages, whatever the number of conversations and messages: a page that is
// touched is written twice. So the log, which only grows at its end, has no index. A row leads to
// the one before it of its conversation, and `steps` leads to each 32nd message of a conversation:
// from there it is at most 31 links to any other.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE users (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE conversations (
  id INTEGER PRIMARY KEY,
  user_a INTEGER NOT NULL REFERENCES users,  -- a direct one: user_a <= user_b
  user_b INTEGER NOT NULL REFERENCES users,
  last_sequence INTEGER NOT NULL,
  last_position INTEGER NOT NULL,            -- of any change
  last_message INTEGER NOT NULL,             -- position of the newest message
  sent_a INTEGER NOT NULL,                   -- messages by user_a
  sent_b INTEGER NOT NULL,                   -- messages by user_b, unless that is user_a
  UNIQUE (user_a, user_b)
) STRICT;

CREATE TABLE members (
  user INTEGER NOT NULL REFERENCES users,
  conversation INTEGER NOT NULL REFERENCES conversations,
  delivered INTEGER NOT NULL DEFAULT 0,
  read INTEGER NOT NULL DEFAULT 0,
  own_read INTEGER NOT NULL DEFAULT 0,       -- the user's own messages at or below `read`
  PRIMARY KEY (user, conversation)
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
  position INTEGER PRIMARY KEY,
  conversation INTEGER NOT NULL REFERENCES conversations,
  kind INTEGER NOT NULL,                     -- 0 message, 1 delivered mark, 2 read mark
  sequence INTEGER NOT NULL,
  author INTEGER NOT NULL REFERENCES users,
  at INTEGER NOT NULL,                       -- milliseconds since 1970, UTC
  previous INTEGER NOT NULL,                 -- position of the change before, here; 0: none
  previous_message INTEGER NOT NULL,         -- position of the message before, here; 0: none
  checksum INTEGER NOT NULL,                 -- CRC-32 of the row and of the names it stands for
  client_id TEXT,
  text TEXT
) STRICT;

CREATE TABLE steps (
  conversation INTEGER NOT NULL,
  sequence INTEGER NOT NULL,                 -- 32, 64, 96, ...
  position INTEGER NOT NULL,
  PRIMARY KEY (conversation, sequence)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX steps_by_position ON steps (conversation, position);

CREATE TABLE client_ids (
  author INTEGER NOT NULL,
  hash INTEGER NOT NULL,                     -- of the client id; the id itself is in the log
  position INTEGER NOT NULL,
  PRIMARY KEY (author, hash, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE client_ids_state (
  complete_to INTEGER NOT NULL               -- client_ids has all of the log up to this position
) STRICT;
INSERT INTO client_ids_state VALUES (0);
)sql";

// The index of client ids in runs (client_id_runs.h); made anew from the log.
constexpr const char* kVersion2 = R"sql(
DROP TABLE client_ids;
CREATE TABLE client_ids (
  id INTEGER PRIMARY KEY,                    -- run * 2^32 + bucket
  checksum INTEGER NOT NULL,                 -- CRC-32 of the id and the entries
  entries BLOB NOT NULL                      -- hash, position: 8 bytes each, little endian
) STRICT;

CREATE TABLE client_id_runs (
  id INTEGER PRIMARY KEY,
  level INTEGER NOT NULL,                    -- the merges it has behind it
  entries INTEGER NOT NULL,
  bucket_bits INTEGER NOT NULL,              -- the first bits of a hash are its bucket
  step_bits INTEGER NOT NULL,                -- made in 2^step_bits steps, in the order of the hashes
  steps INTEGER NOT NULL,                    -- done of these
  merged_into INTEGER NOT NULL               -- another run, not complete yet; 0: none
) STRICT;

DROP TABLE client_ids_state;
CREATE TABLE client_ids_state (
  complete_to INTEGER NOT NULL,              -- the runs have all of the log up to this position
  hash_key BLOB NOT NULL                     -- of SipHash-2-4
) STRICT;
INSERT INTO client_ids_state VALUES (0, randomblob(16));
)sql";

// Their entries in half the space; made anew from the log. And `steps` without its index, of which
// nearly each step wrote a page of its own: its order by sequence is that by position as well.
constexpr const char* kVersion3 = R"sql(
DROP INDEX steps_by_position;

DROP TABLE client_ids;
CREATE TABLE client_ids (
  id INTEGER PRIMARY KEY,                    -- run * 2^32 + bucket
  checksum INTEGER NOT NULL,                 -- CRC-32 of the id and the entries
  entries BLOB NOT NULL                      -- 8 bytes each, as client_id_bucket.h says
) STRICT;

DROP TABLE client_id_runs;
CREATE TABLE client_id_runs (
  id INTEGER PRIMARY KEY,
  level INTEGER NOT NULL,                    -- the merges it has behind it
  entries INTEGER NOT NULL,
  first_position INTEGER NOT NULL,           -- of an entry
  last_position INTEGER NOT NULL,
  bucket_bits INTEGER NOT NULL,              -- the first bits of a hash are its bucket
  step_bits INTEGER NOT NULL,                -- made in 2^step_bits steps, in the order of the hashes
  steps INTEGER NOT NULL,                    -- done of these
  merged_into INTEGER NOT NULL               -- another run, not complete yet; 0: none
) STRICT;
UPDATE client_ids_state SET complete_to = 0;
)sql";

// What `conversations` says of the log follows later (heads.h).
constexpr const char* kVersion4 = R"sql(
CREATE TABLE heads_state (
  complete_to INTEGER NOT NULL,              -- conversations have all of the log up to this position
  inverse INTEGER NOT NULL                   -- ~complete_to: a damaged one would hide messages
) STRICT;
INSERT INTO heads_state SELECT coalesce(max(position), 0), ~coalesce(max(position), 0) FROM log;
)sql";

// Script n lifts version n to n + 1.
constexpr std::array<const char*, kSchemaVersion> kScripts = {kVersion1, kVersion2, kVersion3,
                                                              kVersion4};

std::uint32_t big_endian(const char* bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::int64_t pragma(SQLite::Database& database, const char* query) {
  return database.execAndGet(query).getInt64();
}

std::string newer(std::int64_t version) {
  return "was written by a newer version (schema " + std::to_string(version) + ", this one knows " +
         std::to_string(kSchemaVersion) + "); use that one";
}

constexpr const char* kForeign = "belongs to another program; name another file";

}  // namespace

Status check_file(const std::filesystem::path& file) {
  constexpr std::size_t kHeaderBytes = 100;
  const auto corrupt = [&](const std::string& what) {
    return Error{Errc::corrupt, file.string() + ": " + what};
  };
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return {};
  if (!std::filesystem::is_regular_file(file, ignored)) {
    return Error{Errc::unavailable, file.string() + ": is not a file; name another one"};
  }
  std::array<char, kHeaderBytes> header{};
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return Error{Errc::unavailable, file.string() + ": cannot be read; check its permissions"};
  }
  in.read(header.data(), header.size());
  if (in.gcount() == 0) return {};
  // A power cut while the file was made: SQLite takes it back to nothing by the journal.
  if (std::filesystem::exists(file.string() + "-journal", ignored)) return {};
  constexpr char kMagic[16] = "SQLite format 3";
  if (in.gcount() < static_cast<std::streamsize>(kHeaderBytes) ||
      std::memcmp(header.data(), kMagic, sizeof kMagic) != 0) {
    return corrupt("is not a database, or is damaged; restore a backup or name another file");
  }
  if (big_endian(header.data() + 68) != kApplicationId) return corrupt(kForeign);
  const std::uint32_t version = big_endian(header.data() + 60);
  if (version > kSchemaVersion) return corrupt(newer(version));
  return {};
}

void claim_file(SQLite::Database& database) {
  if (pragma(database, "PRAGMA page_count") == 0) {
    database.exec("PRAGMA application_id=" + std::to_string(kApplicationId));
  } else if (pragma(database, "PRAGMA application_id") != kApplicationId) {
    throw_damaged(kForeign);
  }
}

void bring_up_to_date(SQLite::Database& database) {
  const std::int64_t found = pragma(database, "PRAGMA user_version");
  if (found == kSchemaVersion) return;
  if (found < 0 || found > kSchemaVersion) throw_damaged(newer(found));
  Statements statements(database);
  Transaction transaction(statements, Transaction::Kind::writing);
  for (auto version = static_cast<std::size_t>(found); version < kScripts.size(); ++version) {
    database.exec(kScripts[version]);
  }
  database.exec("PRAGMA user_version=" + std::to_string(kSchemaVersion));
  transaction.commit();
  // check_file() of an older program looks into the file alone, not into the WAL.
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace chatrt::sqlite
