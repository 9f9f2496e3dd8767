// Rows of `log`, as changes and as links of their conversation's chain. What a row says is checked
// against its checksum and against what led to it, so that a damaged file gives errors, never a
// wrong message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chatrt/message.h"
#include "database.h"
#include "tail.h"

namespace chatrt::sqlite {

std::int64_t to_int(std::uint64_t value) noexcept;  // INT64_MAX for all that do not fit

// The members of a direct conversation.
struct Parties {
  std::int64_t conversation = 0;
  std::int64_t a = 0;
  std::int64_t b = 0;
  UserId a_name;
  UserId b_name;

  bool has(std::int64_t user) const noexcept { return user == a || user == b; }
  const UserId& name_of(std::int64_t user) const noexcept { return user == a ? a_name : b_name; }
  const UserId& peer_of(std::int64_t user) const noexcept { return user == a ? b_name : a_name; }
};

// What a row of `log` says.
struct Row {
  std::int64_t position = 0;
  std::int64_t conversation = 0;
  int kind = 0;
  std::int64_t sequence = 0;
  std::int64_t author = 0;
  std::int64_t at = 0;
  std::int64_t previous = 0;
  std::int64_t previous_message = 0;
  std::string_view text = {};
  std::string_view client_id = {};
};

// Over all of the row, with the members' names in place of their numbers.
std::int64_t checksum(const Row& row, const UserId& author, const UserId& peer) noexcept;

// The part of a row that leads on.
struct Link {
  std::int64_t position = 0;
  int kind = 0;
  std::int64_t sequence = 0;
  std::int64_t author = 0;
  std::int64_t previous = 0;
  std::int64_t previous_message = 0;
};

// Reads the log over one connection. Every member throws SQLite::Exception, also for damage;
// several calls that belong together are made in one transaction. Threads: one at a time.
class Rows {
 public:
  explicit Rows(Statements& statements) : statements_(statements) {}

  // The change at `position`, which the parties' conversation is said to have.
  Change change(std::int64_t position, const Parties& parties, Link* link = nullptr);
  Message message(std::int64_t position, const Parties& parties, Link* link = nullptr);
  // Unchecked but for its place in the chain: for the way to a change.
  Link link(std::int64_t position, std::int64_t conversation);
  // Does the log have what a head says? Damage if not.
  void check(std::int64_t conversation, const Head& head);
  // The message with this sequence. REQUIRES: 0 < sequence <= last_sequence, which is that of the
  // message at `last_message`
  Link find(std::int64_t conversation, std::int64_t sequence, std::int64_t last_sequence,
            std::int64_t last_message);
  // The message before; damage if there is none.
  Link previous_message(const Link& from, std::int64_t conversation);

  std::optional<Parties> parties(std::int64_t conversation);

 private:
  Statements& statements_;
};

}  // namespace chatrt::sqlite
