// Small files: reading whole ones, and writing such that they are there after a power cut.
#pragma once

#include <string>
#include <string_view>

#include "chatrt/result.h"

namespace chatd {

// The whole of it, at most 1 MB; the detail of an Error names the file.
chatrt::Result<std::string> read_small_file(const std::string& file);

// Each gives 0, or what went wrong as errno has it.

int write_all(int fd, std::string_view bytes) noexcept;
// So that a file that was made or renamed in it keeps its name.
int sync_folder_of(const std::string& file);

}  // namespace chatd
