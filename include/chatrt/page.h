// Pages: what a read of a MessageStore gives, and how much of it.
//
// Threads: values and local helpers, of whoever has them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace chatrt {

template <typename T>
struct Page {
  std::vector<T> items;
  bool more = false;  // there are further items beyond the last of these
};

// What a page has at most. An item whose text would be too much ends the page before it, but for
// the first: a page is empty only where there is nothing.
struct PageLimit {
  // NOLINTNEXTLINE(google-explicit-constructor): a number alone is one of items.
  constexpr PageLimit(std::size_t items_max, std::size_t bytes_max = SIZE_MAX) noexcept
      : items(items_max), bytes(bytes_max) {}

  std::size_t items;
  std::size_t bytes;  // of text
};

// Fills a page for a store, and reads nothing that lies beyond the one item that ends it.
template <typename T>
class PageBuilder {
 public:
  explicit PageBuilder(PageLimit limit) : limit_(limit) {}

  // Puts what `read()` returns behind the others. False: the page was full before, and has more.
  template <typename Read>
  bool add(Read&& read) {
    page_.more = page_.items.size() >= limit_.items;
    if (page_.more) return false;
    T item = read();
    const std::size_t bytes = text_bytes(item);
    page_.more = bytes > limit_.bytes - bytes_ && !page_.items.empty();
    if (page_.more) return false;
    bytes_ += std::min(bytes, limit_.bytes - bytes_);
    page_.items.push_back(std::move(item));
    return true;
  }

  Page<T> take() { return std::move(page_); }

 private:
  PageLimit limit_;
  std::size_t bytes_ = 0;
  Page<T> page_;
};

// For a page that was read from its end.
template <typename T>
Page<T> reversed(Page<T> page) {
  std::reverse(page.items.begin(), page.items.end());
  return page;
}

}  // namespace chatrt
