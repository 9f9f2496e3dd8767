// Random bytes that nobody can guess, from the operating system.
#pragma once

#include <cstddef>
#include <span>

namespace chatd {

// Any thread.
void fill_random(std::span<std::byte> bytes);

}  // namespace chatd
