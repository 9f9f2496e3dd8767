// The version of chatd and of what it is linked with.
#pragma once

#include <string>

namespace chatd {

std::string version_text();

}  // namespace chatd
