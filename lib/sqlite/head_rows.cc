#include "head_rows.h"

#include <unordered_map>

#include "schema.h"

namespace chatrt::sqlite {
namespace {

// A conversation whose row is behind.
struct Behind {
  Members members;
  Head head;
};

// What the next row of the log makes of its conversation. What does not fit is damage: to leave it
// out would hide messages.
void advance(Behind& in, const Link& link) {
  Head& head = in.head;
  const bool is_message = link.kind == kMessage;
  const bool fits =
      link.previous == head.last_position && link.previous_message == head.last_message &&
      in.members.has(link.author) &&
      (is_message ? link.sequence == head.last_sequence + 1 : link.sequence <= head.last_sequence);
  if (!fits) throw_damaged("log position " + std::to_string(link.position) + " is damaged");
  head.last_position = link.position;
  if (!is_message) return;
  head.last_sequence = link.sequence;
  head.last_message = link.position;
  (link.author == in.members.a ? head.sent_a : head.sent_b) += 1;
}

}  // namespace

Head head_of(const Query& row, int first_column) {
  return {row.integer(first_column), row.integer(first_column + 1), row.integer(first_column + 2),
          row.integer(first_column + 3), row.integer(first_column + 4)};
}

void HeadRows::catch_up() {
  std::int64_t complete_to = 0;
  {
    Query state = statements_.get("SELECT complete_to, inverse FROM heads_state WHERE rowid = 1");
    if (!state.next() || state.integer(1) != ~state.integer(0)) {
      throw_damaged("the state of the conversations is missing");
    }
    complete_to = state.integer(0);
  }
  heads_.start(complete_to);
  std::unordered_map<std::int64_t, Behind> behind;
  const auto find = [&](std::int64_t id) -> Behind& {
    const auto known = behind.find(id);
    if (known != behind.end()) return known->second;
    Query row = statements_.get(
        "SELECT c.user_a, c.user_b, " CHATRT_HEAD " FROM conversations c WHERE c.id = ?", id);
    if (!row.next()) throw_damaged("a change has no conversation");
    const Behind found{{row.integer(0), row.integer(1)}, head_of(row, 2)};
    // It was written later than others: what it says decides what of the log is left out.
    if (found.head.last_position > complete_to) rows_.check(id, found.head);
    return behind[id] = found;
  };
  {
    Query tail = statements_.get(
        "SELECT position, conversation, kind, sequence, author, previous, previous_message"
        " FROM log WHERE position > ? ORDER BY position",
        complete_to);
    while (tail.next()) {
      Behind& in = find(tail.integer(1));
      const Link link{tail.integer(0), static_cast<int>(tail.integer(2)),
                      tail.integer(3), tail.integer(4),
                      tail.integer(5), tail.integer(6)};
      if (link.position > in.head.last_position) advance(in, link);  // else its row came later
    }
  }
  for (const auto& [id, in] : behind) heads_.add(id, in.members, in.head);
}

void HeadRows::write_some(std::int64_t changes) {
  const Heads::Due due = heads_.take_due(changes);
  for (const std::int64_t id : due.conversations) {
    const Head head = heads_.newest(id, {});
    statements_.run(
        "UPDATE conversations SET last_sequence = ?, last_position = ?, last_message = ?,"
        " sent_a = ?, sent_b = ? WHERE id = ?",
        head.last_sequence, head.last_position, head.last_message, head.sent_a, head.sent_b, id);
  }
  if (due.complete_to) {
    statements_.run("UPDATE heads_state SET complete_to = ?, inverse = ? WHERE rowid = 1",
                    *due.complete_to, ~*due.complete_to);
  }
}

}  // namespace chatrt::sqlite
