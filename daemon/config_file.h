// A TOML file of options.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "chatrt/result.h"

namespace chatd {

struct FileValue {
  std::vector<std::string> values;  // one, or those of a list
  std::uint32_t line = 0;
};

// The keys of the file with their values as text. An Error's detail names the file, line and
// remedy.
chatrt::Result<std::map<std::string, FileValue, std::less<>>> read_config_file(
    const std::string& file);

}  // namespace chatd
