// Cuts what was read to a page of bounded bytes: what an answer takes depends on its texts, not on
// the number of its items.
#pragma once

#include <algorithm>
#include <cstddef>

#include "chatrt/message_store.h"
#include "text_bytes.h"

namespace chatrt {

// How many of [first, last) have `bytes_max` bytes of text together; one at least, if there is one.
template <typename Iterator>
std::ptrdiff_t items_within(Iterator first, Iterator last, std::size_t bytes_max) {
  std::size_t bytes = 0;
  const auto end = std::find_if(first, last, [&](const auto& item) {
    bytes += text_bytes(item);
    return bytes > bytes_max;
  });
  return end == first && first != last ? 1 : end - first;
}

// Keeps the first items.
template <typename T>
void cut_end(Page<T>& page, std::size_t bytes_max) {
  const auto kept = items_within(page.items.begin(), page.items.end(), bytes_max);
  page.more = page.more || kept < std::ssize(page.items);
  page.items.erase(page.items.begin() + kept, page.items.end());
}

// Keeps the last items.
template <typename T>
void cut_begin(Page<T>& page, std::size_t bytes_max) {
  const auto kept = items_within(page.items.rbegin(), page.items.rend(), bytes_max);
  page.more = page.more || kept < std::ssize(page.items);
  page.items.erase(page.items.begin(), page.items.end() - kept);
}

}  // namespace chatrt
