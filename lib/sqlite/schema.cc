#include "schema.h"

#include <array>
#include <cstring>
#include <fstream>
#include <string>

namespace chatrt::sqlite {
namespace {

std::uint32_t big_endian(const char* bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

// A change is found by its position (the key of `log`), by conversation and position (an index ends
// in the key of its table), and a message by conversation and sequence. Users and conversations are
// small integers inside, so that the indices are narrow and stay in few pages.
const char* const kSchema = R"sql(
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
  UNIQUE (user_a, user_b)
) STRICT;

CREATE TABLE members (
  user INTEGER NOT NULL REFERENCES users,
  conversation INTEGER NOT NULL REFERENCES conversations,
  delivered INTEGER NOT NULL DEFAULT 0,
  read INTEGER NOT NULL DEFAULT 0,
  sent INTEGER NOT NULL DEFAULT 0,           -- messages of the user's own
  sent_read INTEGER NOT NULL DEFAULT 0,      -- those of them at or below `read`
  PRIMARY KEY (user, conversation)
) STRICT, WITHOUT ROWID;

CREATE TABLE log (
  position INTEGER PRIMARY KEY,
  conversation INTEGER NOT NULL REFERENCES conversations,
  kind INTEGER NOT NULL,                     -- 0 message, 1 delivered mark, 2 read mark
  sequence INTEGER NOT NULL,
  author INTEGER NOT NULL REFERENCES users,
  at INTEGER NOT NULL,                       -- milliseconds since 1970, UTC
  text TEXT,
  client_id TEXT,
  checksum INTEGER NOT NULL                  -- CRC-32 of all the above
) STRICT;
CREATE INDEX log_by_conversation ON log (conversation);
CREATE UNIQUE INDEX log_by_sequence ON log (conversation, sequence) WHERE kind = 0;

CREATE TABLE client_ids (
  author INTEGER NOT NULL,
  hash INTEGER NOT NULL,                     -- of the client id; the id itself is in the log
  position INTEGER NOT NULL,
  PRIMARY KEY (author, hash, position)
) STRICT, WITHOUT ROWID;
)sql";

Result<bool> check_file(const std::filesystem::path& file) {
  constexpr std::size_t kHeaderBytes = 100;
  const auto corrupt = [&](const std::string& what) {
    return Error{Errc::corrupt, file.string() + ": " + what};
  };
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return false;
  if (!std::filesystem::is_regular_file(file, ignored)) {
    return Error{Errc::unavailable, file.string() + ": is not a file; name another one"};
  }
  std::array<char, kHeaderBytes> header{};
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return Error{Errc::unavailable, file.string() + ": cannot be read; check its permissions"};
  in.read(header.data(), header.size());
  if (in.gcount() == 0) return false;
  constexpr char kMagic[16] = "SQLite format 3";
  if (in.gcount() < static_cast<std::streamsize>(kHeaderBytes) ||
      std::memcmp(header.data(), kMagic, sizeof kMagic) != 0) {
    return corrupt("is not a database, or is damaged; restore a backup or name another file");
  }
  if (big_endian(header.data() + 68) != kApplicationId) {
    return corrupt("belongs to another program; name another file");
  }
  const std::uint32_t version = big_endian(header.data() + 60);
  if (version > kSchemaVersion) {
    return corrupt("was written by a newer version (schema " + std::to_string(version) +
                   ", this one knows " + std::to_string(kSchemaVersion) + "); use that one");
  }
  return true;
}

}  // namespace chatrt::sqlite
