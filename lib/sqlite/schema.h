// The schema of the file, and what tells a file of ours from others.
#pragma once

#include <cstdint>
#include <filesystem>

#include "chatrt/result.h"

namespace chatrt::sqlite {

inline constexpr std::uint32_t kApplicationId = 0x63687274;  // "chrt"
inline constexpr std::uint32_t kSchemaVersion = 1;

// Kinds of rows in `log`.
inline constexpr int kMessage = 0;
inline constexpr int kDelivered = 1;
inline constexpr int kRead = 2;

extern const char* const kSchema;

// Looks at the bytes of the file's header alone, so that a file that is not ours stays untouched.
// True: there is a file of this version. False: there is none, or an empty one.
Result<bool> check_file(const std::filesystem::path& file);

}  // namespace chatrt::sqlite
