#include "session_table.h"

#include <array>
#include <cstddef>
#include <utility>

namespace chatrt::engineio {
namespace {

constexpr std::string_view kSidAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kSidRandomBytes = 18;  // 144 bits, 24 characters
constexpr std::size_t kSidShardCharacters = 2;

}  // namespace

std::optional<unsigned> shard_of_sid(std::string_view sid) noexcept {
  if (sid.size() < kSidShardCharacters) return std::nullopt;
  const std::size_t high = kSidAlphabet.find(sid[0]);
  const std::size_t low = kSidAlphabet.find(sid[1]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  const auto shard = static_cast<unsigned>(high << 6 | low);
  return shard < 256 ? std::optional{shard} : std::nullopt;
}

SessionTable::SessionTable(unsigned shard, RandomSource random)
    : shard_(shard), random_(std::move(random)) {}

Slot SessionTable::add(const Options& options, bool websocket, MonotonicTime now) {
  Slot slot;
  if (free_.empty()) {
    slot = static_cast<Slot>(entries_.size());
    entries_.emplace_back();
    generations_.push_back(0);
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  // 8 bits of shard, 24 of generation, 32 of slot.
  generations_[slot] = (generations_[slot] + 1) & 0xffffff;
  const ConnectionId id{std::uint64_t{shard_} << 56 | std::uint64_t{generations_[slot]} << 32 |
                        slot};
  entries_[slot] = std::make_unique<Entry>(options, make_sid(), websocket, now, id);
  by_sid_.insert(slot);
  return slot;
}

void SessionTable::release(Slot slot) {
  entries_[slot].reset();
  free_.push_back(slot);
}

std::string SessionTable::make_sid() {
  std::string sid;
  do {
    std::array<std::byte, kSidRandomBytes> bytes;
    random_(bytes);
    sid = {kSidAlphabet[shard_ >> 6], kSidAlphabet[shard_ & 63]};
    for (std::size_t i = 0; i < kSidRandomBytes; i += 3) {
      const auto group = std::to_integer<std::uint32_t>(bytes[i]) << 16 |
                         std::to_integer<std::uint32_t>(bytes[i + 1]) << 8 |
                         std::to_integer<std::uint32_t>(bytes[i + 2]);
      for (int shift = 18; shift >= 0; shift -= 6) {
        sid.push_back(kSidAlphabet[group >> shift & 63]);
      }
    }
  } while (find(sid) != kNoSlot);
  return sid;
}

Slot SessionTable::find(std::string_view sid) const {
  const auto found = by_sid_.find(sid);
  return found == by_sid_.end() ? kNoSlot : *found;
}

Slot SessionTable::find(ConnectionId session) const {
  const auto slot = static_cast<Slot>(session.value);
  if (slot >= entries_.size() || !entries_[slot] || entries_[slot]->id != session) return kNoSlot;
  return entries_[slot]->session.is_closed() ? kNoSlot : slot;
}

SessionTable::Ref SessionTable::find(Carrier carrier) const {
  const auto index = static_cast<std::uint32_t>(carrier.value);
  if (index >= carriers_.size() || carriers_[index].carrier != carrier.value) return {};
  return carriers_[index];
}

Slot SessionTable::find(Carrier carrier, Role role) const {
  const Ref ref = find(carrier);
  return ref.role == role ? ref.slot : kNoSlot;
}

void SessionTable::set_carrier(Carrier carrier, Slot slot, Role role) {
  const auto index = static_cast<std::uint32_t>(carrier.value);
  if (index >= carriers_.size()) carriers_.resize(std::size_t{index} + 1);
  carriers_[index] = {carrier.value, slot, role};
}

void SessionTable::forget(Carrier carrier) {
  if (find(carrier).slot != kNoSlot) carriers_[static_cast<std::uint32_t>(carrier.value)] = {};
}

Carrier SessionTable::take(std::optional<Carrier>& carrier) {
  const Carrier taken = *carrier;
  carrier.reset();
  forget(taken);
  return taken;
}

}  // namespace chatrt::engineio
