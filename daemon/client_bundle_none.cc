#include "client_bundle_files.h"

namespace chatd {

std::span<const BundleFile> client_bundle_files() { return {}; }

}  // namespace chatd
