// Files of keys and options.
#pragma once

#include <string>

#include "chatrt/result.h"

namespace chatd {

// The whole of it, at most 1 MB; the detail of an Error names the file.
chatrt::Result<std::string> read_small_file(const std::string& file);

}  // namespace chatd
