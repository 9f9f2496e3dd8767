// Values that hold until a deadline: found by key, taken out in the order of their deadlines.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "chatrt/clock.h"

namespace chatrt {

template <typename Key, typename Value, typename Hash = std::hash<Key>>
class Expiries {
 public:
  // Puts in `key`, or changes value and deadline of the one that is there.
  void set(const Key& key, Value value, MonotonicTime deadline) {
    const auto [found, added] = entries_.try_emplace(key);
    Entry& entry = found->second;
    if (!added) order_.erase(entry.place);
    entry.value = std::move(value);
    entry.place = order_.emplace(deadline, &found->first);
  }
  Value* find(const Key& key) {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.value;
  }
  const Value* find(const Key& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.value;
  }
  bool erase(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return false;
    order_.erase(found->second.place);
    entries_.erase(found);
    return true;
  }
  std::size_t size() const { return entries_.size(); }

  // The earliest deadline, if there is any.
  std::optional<MonotonicTime> next() const {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->first;
  }
  // Takes out the entry with the earliest deadline if it is not after `now`.
  std::optional<std::pair<Key, Value>> pop_due(MonotonicTime now) {
    if (order_.empty() || order_.begin()->first > now) return std::nullopt;
    const auto found = entries_.find(*order_.begin()->second);
    std::pair<Key, Value> due(found->first, std::move(found->second.value));
    order_.erase(order_.begin());
    entries_.erase(found);
    return due;
  }

 private:
  // Keys of an unordered_map stay where they are.
  using Order = std::multimap<MonotonicTime, const Key*>;
  struct Entry {
    Value value{};
    typename Order::iterator place{};
  };
  std::unordered_map<Key, Entry, Hash> entries_;
  Order order_;
};

}  // namespace chatrt
