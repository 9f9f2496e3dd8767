// What SQLite itself says of a file.
#pragma once

#include <filesystem>
#include <string>

namespace chatrt::testing {

// "ok", or what PRAGMA integrity_check finds first.
std::string integrity(const std::filesystem::path& file);

}  // namespace chatrt::testing
