#include "client_ids.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

namespace chatrt::sqlite {
namespace {

// What is in memory at most, 28 bytes each: 64 full buckets of a run.
constexpr std::size_t kPendingMax = std::size_t{64} * ClientIdBuckets::kEntries;
// The part of the log that a start reads at most.
constexpr std::int64_t kTailMax = 131'072;
constexpr std::int64_t kCatchUpRows = kPendingMax;

std::uint64_t of_author(std::int64_t author, std::uint64_t hash) noexcept {
  return hash + static_cast<std::uint64_t>(author) * 0x9E3779B97F4A7C15U;
}

}  // namespace

ClientIds::ClientIds(Statements& statements) : statements_(statements), runs_(statements) {
  // What else it prepares may fail, but is not used here.
  [[maybe_unused]] const int prepared = sodium_init();
  Query state =
      statements_.get("SELECT complete_to, hash_key FROM client_ids_state WHERE rowid = 1");
  if (!state.next() || state.text(1).size() != hash_key_.size()) {
    throw_damaged("the state of the client ids is missing");
  }
  read_to_ = complete_to_ = state.integer(0);
  std::ranges::copy(state.text(1), hash_key_.begin());
}

bool ClientIds::catch_up() {
  std::int64_t rows = 0;
  {
    Query tail = statements_.get(
        "SELECT position, author, client_id FROM log WHERE position > ? ORDER BY position LIMIT ?",
        read_to_, kCatchUpRows);
    for (; tail.next(); ++rows) {
      read_to_ = tail.integer(0);
      if (const std::string_view id = tail.text(2); !id.empty()) {
        add(tail.integer(1), hash(id), read_to_);
      }
    }
  }
  write_some(read_to_);
  return rows == kCatchUpRows;
}

// Keyed, so that nobody can choose ids of which many have one hash: SipHash-2-4.
std::uint64_t ClientIds::hash(std::string_view client_id) const noexcept {
  static_assert(crypto_shorthash_KEYBYTES == 16);
  std::array<unsigned char, crypto_shorthash_BYTES> bytes;
  crypto_shorthash(bytes.data(), reinterpret_cast<const unsigned char*>(client_id.data()),
                   client_id.size(), hash_key_.data());
  std::uint64_t hash = 0;
  for (const unsigned char byte : bytes) hash = hash << 8 | byte;
  return hash;
}

void ClientIds::expect(std::int64_t author, std::uint64_t hash) const noexcept {
  pending_.prefetch(of_author(author, hash));
  runs_.prefetch(of_author(author, hash));
}

std::vector<std::int64_t> ClientIds::find(std::int64_t author, std::uint64_t hash) {
  std::vector<std::int64_t> positions;
  const std::uint64_t wanted = of_author(author, hash);
  pending_.find(wanted, positions);
  runs_.find(wanted, positions);
  return positions;
}

void ClientIds::add(std::int64_t author, std::uint64_t hash, std::int64_t position) {
  pending_.add({of_author(author, hash), position});
}

void ClientIds::begin() noexcept {
  complete_to_before_ = complete_to_;
  pending_before_ = pending_.size();
  in_run_ = {};
  runs_.begin();
}

void ClientIds::write_some(std::int64_t last_position) {
  runs_.merge(pending_.size() - pending_before_);
  if (pending_.size() >= kPendingMax || last_position - complete_to_ > kTailMax) {
    make_run(last_position);
  }
}

void ClientIds::make_run(std::int64_t last_position) {
  runs_.add(pending_.entries());
  statements_.run("UPDATE client_ids_state SET complete_to = ? WHERE rowid = 1", last_position);
  complete_to_ = last_position;
  std::swap(in_run_, pending_);
}

void ClientIds::roll_back() noexcept {
  runs_.roll_back();
  complete_to_ = complete_to_before_;
  if (in_run_.size() > 0) std::swap(in_run_, pending_);
  pending_.truncate(pending_before_);
}

}  // namespace chatrt::sqlite
