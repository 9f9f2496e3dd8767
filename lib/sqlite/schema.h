// The schema of the file, and what tells a file of ours from others.
#pragma once

#include <SQLiteCpp/Database.h>

#include <cstdint>
#include <filesystem>

#include "chatrt/result.h"

namespace chatrt::sqlite {

inline constexpr std::uint32_t kApplicationId = 0x63687274;  // "chrt"
inline constexpr std::uint32_t kSchemaVersion = 4;

// Kinds of rows in `log`.
inline constexpr int kMessage = 0;
inline constexpr int kDelivered = 1;
inline constexpr int kRead = 2;

// Every message whose sequence this divides has a row in `steps`.
inline constexpr std::int64_t kStep = 32;

// Looks at the bytes of the file's header alone, so that a file that is not ours stays untouched.
// No file, or an empty one, is fine.
Status check_file(const std::filesystem::path& file);

// Puts our mark on a file without pages; `corrupt` if it has another one. Throws SQLite::Exception.
void claim_file(SQLite::Database& database);

// Creates the schema, or lifts it from the version it has to kSchemaVersion: all in one
// transaction. Throws SQLite::Exception.
void bring_up_to_date(SQLite::Database& database);

}  // namespace chatrt::sqlite
