#include "client_ids.h"

namespace chatrt::sqlite {
namespace {

// In memory at most, about 64 bytes each. The more, the fewer times a page is written.
constexpr std::size_t kPendingMax = 32'768;
// The part of the log that a start reads at most.
constexpr std::int64_t kTailMax = 131'072;

// Stable over versions: it is in the file. FNV-1a, 64 bits.
std::int64_t hash_of(std::string_view client_id) noexcept {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : client_id) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211U;
  }
  return static_cast<std::int64_t>(hash);
}

}  // namespace

ClientIds::ClientIds(Statements& statements) : statements_(statements) {
  {
    Query state = statements_.get("SELECT complete_to FROM client_ids_state WHERE rowid = 1");
    if (!state.next()) throw_damaged("the state of the client ids is missing");
    round_.complete_to = state.integer(0);
  }
  Query tail = statements_.get(
      "SELECT position, author, client_id FROM log WHERE position > ? ORDER BY position",
      round_.complete_to);
  while (tail.next()) {
    round_.began_at = tail.integer(0);
    if (const std::string_view id = tail.text(2); !id.empty()) {
      pending_.insert({tail.integer(1), hash_of(id), round_.began_at});
    }
  }
}

std::vector<std::int64_t> ClientIds::find(std::int64_t author, std::string_view client_id) {
  std::vector<std::int64_t> positions;
  const std::int64_t hash = hash_of(client_id);
  for (auto found = pending_.lower_bound({author, hash, 0});
       found != pending_.end() && found->author == author && found->hash == hash; ++found) {
    positions.push_back(found->position);
  }
  Query query = statements_.get("SELECT position FROM client_ids WHERE author = ? AND hash = ?",
                                author, hash);
  while (query.next()) positions.push_back(query.integer(0));
  return positions;
}

void ClientIds::add(std::int64_t author, std::string_view client_id, std::int64_t position) {
  const Key key{author, hash_of(client_id), position};
  added_.push_back(key);  // first: what fails half-way is rolled back by it
  pending_.insert(key);
}

void ClientIds::begin() noexcept {
  before_ = round_;
  added_.clear();
  written_.clear();
}

void ClientIds::write_some(std::int64_t last_position) {
  if (last_position - round_.complete_to > kTailMax) {
    write(pending_.size(), last_position);
    set_complete_to(last_position);
    round_.began_at = last_position;
  } else if (pending_.size() > kPendingMax) {
    write(pending_.size() - kPendingMax, last_position);
  }
}

void ClientIds::write(std::size_t count, std::int64_t last_position) {
  for (; count > 0; --count) {
    auto next = pending_.lower_bound(round_.next);
    if (next == pending_.end()) {
      set_complete_to(round_.began_at);
      round_.began_at = last_position;
      next = pending_.begin();
    }
    round_.next = *next;
    statements_.run("INSERT OR IGNORE INTO client_ids (author, hash, position) VALUES (?, ?, ?)",
                    round_.next.author, round_.next.hash, round_.next.position);
    written_.emplace_back();
    written_.back() = pending_.extract(next);
  }
}

void ClientIds::set_complete_to(std::int64_t position) {
  round_.complete_to = position;
  statements_.run("UPDATE client_ids_state SET complete_to = ? WHERE rowid = 1", position);
}

void ClientIds::roll_back() noexcept {
  for (auto& node : written_) pending_.insert(std::move(node));
  for (const Key& key : added_) pending_.erase(key);
  round_ = before_;
}

}  // namespace chatrt::sqlite
