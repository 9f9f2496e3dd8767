// The files of the stock client that are compiled in. Defined by what client/embed.py generates, or
// by client_bundle_none.cc where there is no npm.
#pragma once

#include <span>
#include <string_view>

namespace chatd {

struct BundleFile {
  std::string_view path;
  std::string_view version;
  std::string_view content;
};

std::span<const BundleFile> client_bundle_files();

}  // namespace chatd
