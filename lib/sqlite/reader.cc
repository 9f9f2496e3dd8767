#include "reader.h"

#include <algorithm>

#include "rows.h"
#include "schema.h"

namespace chatrt::sqlite {
namespace {

std::int64_t to_int(std::uint64_t value) {
  return value > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(value);
}

// One more than asked for tells whether there is more.
std::int64_t one_more(std::size_t limit) { return to_int(limit) - (limit == SIZE_MAX) + 1; }

template <typename T>
Result<Page<T>> read_page(SQLite::Statement& rows, std::size_t limit) {
  Page<T> page;
  while (rows.executeStep()) {
    if (page.items.size() == limit) {
      page.more = true;
      break;
    }
    auto change = read_change(rows);
    if (!change) {
      rows.tryReset();
      return std::move(change).error();
    }
    if constexpr (std::is_same_v<T, Message>) {
      page.items.push_back(std::get<Message>(*std::move(change)));
    } else {
      page.items.push_back(*std::move(change));
    }
  }
  rows.tryReset();
  return page;
}

}  // namespace

Position Reader::last_position() {
  SQLite::Statement& row = statements_.get("SELECT ifnull(max(position), 0) FROM log");
  row.executeStep();
  const Position last{static_cast<std::uint64_t>(row.getColumn(0).getInt64())};
  row.tryReset();
  return last;
}

// The inner query finds the positions in the narrow index alone; only rows of the page are read.
Result<Page<Change>> Reader::read_for_user(const UserId& user, Position after, std::size_t limit) {
  SQLite::Statement& rows = statements_.get(
      "SELECT " CHATRT_CHANGE_COLUMNS " FROM log l" CHATRT_CHANGE_JOINS
      "WHERE l.position IN (SELECT f.position FROM members m"
      " JOIN conversations d ON d.id = m.conversation AND d.last_position > ?2"
      " JOIN log f INDEXED BY log_by_conversation ON f.conversation = d.id AND f.position > ?2"
      " WHERE m.user = (SELECT id FROM users WHERE name = ?1)"
      " ORDER BY f.position LIMIT ?3) ORDER BY l.position");
  rows.bindNoCopy(1, user.str());
  rows.bind(2, to_int(after.value));
  rows.bind(3, one_more(limit));
  return read_page<Change>(rows, limit);
}

Result<Page<Message>> Reader::read_undelivered(const UserId& user, Position after,
                                               std::size_t limit) {
  SQLite::Statement& rows = statements_.get(
      "SELECT " CHATRT_CHANGE_COLUMNS " FROM log l" CHATRT_CHANGE_JOINS
      "WHERE l.position IN (SELECT f.position FROM members m"
      " JOIN conversations d ON d.id = m.conversation AND d.last_message > ?2"
      " AND d.last_sequence > m.delivered"
      " JOIN log f INDEXED BY log_by_sequence ON f.kind = 0 AND f.conversation = d.id"
      " AND f.sequence > m.delivered AND f.position > ?2 AND f.author <> m.user"
      " WHERE m.user = (SELECT id FROM users WHERE name = ?1)"
      " ORDER BY f.position LIMIT ?3) ORDER BY l.position");
  rows.bindNoCopy(1, user.str());
  rows.bind(2, to_int(after.value));
  rows.bind(3, one_more(limit));
  return read_page<Message>(rows, limit);
}

Result<Page<Message>> Reader::read_conversation(const UserId& reader, const Target& target,
                                                SequenceRange range, std::size_t limit) {
  // Who asks is a condition of the read; that there is nothing to read and that there is nothing
  // one may read are told apart below only for a conversation with a user, where both are empty.
  constexpr const char* kDescending =
      "SELECT " CHATRT_CHANGE_COLUMNS
      " FROM members m JOIN log l INDEXED BY log_by_sequence"
      " ON l.kind = 0 AND l.conversation = m.conversation" CHATRT_CHANGE_JOINS
      "WHERE m.user = (SELECT id FROM users WHERE name = ?1) AND m.conversation = ?2"
      " AND l.sequence > ?3 AND l.sequence < ?4 ORDER BY l.sequence DESC LIMIT ?5";
  constexpr const char* kAscending =
      "SELECT " CHATRT_CHANGE_COLUMNS
      " FROM members m JOIN log l INDEXED BY log_by_sequence"
      " ON l.kind = 0 AND l.conversation = m.conversation" CHATRT_CHANGE_JOINS
      "WHERE m.user = (SELECT id FROM users WHERE name = ?1) AND m.conversation = ?2"
      " AND l.sequence > ?3 AND l.sequence < ?4 ORDER BY l.sequence ASC LIMIT ?5";
  std::int64_t id = 0;
  if (const auto* peer = std::get_if<UserId>(&target)) {
    SQLite::Statement& found = statements_.get(
        "SELECT c.id FROM users x JOIN users y JOIN conversations c"
        " ON c.user_a = min(x.id, y.id) AND c.user_b = max(x.id, y.id)"
        " WHERE x.name = ?1 AND y.name = ?2");
    found.bindNoCopy(1, reader.str());
    found.bindNoCopy(2, peer->str());
    if (found.executeStep()) id = found.getColumn(0).getInt64();
    found.tryReset();
    if (id == 0) return Page<Message>{};
  } else {
    id = to_int(std::get<ConversationId>(target).value);
    SQLite::Statement& member = statements_.get(
        "SELECT 1 FROM members WHERE user = (SELECT id FROM users WHERE name = ?1)"
        " AND conversation = ?2");
    member.bindNoCopy(1, reader.str());
    member.bind(2, id);
    const bool is_member = member.executeStep();
    member.tryReset();
    if (!is_member) return Error{Errc::not_found, "no such conversation"};
  }
  const bool ascending = range.after && !range.before;
  SQLite::Statement& rows = statements_.get(ascending ? kAscending : kDescending);
  rows.bindNoCopy(1, reader.str());
  rows.bind(2, id);
  rows.bind(3, range.after ? to_int(range.after->value) : std::int64_t{0});
  rows.bind(4, range.before ? to_int(range.before->value) : INT64_MAX);
  rows.bind(5, one_more(limit));
  auto page = read_page<Message>(rows, limit);
  if (page && !ascending) std::reverse(page->items.begin(), page->items.end());
  return page;
}

Result<Page<Conversation>> Reader::conversations_of(const UserId& user,
                                                    std::optional<Position> before,
                                                    std::size_t limit) {
  SQLite::Statement& rows = statements_.get(
      "SELECT " CHATRT_CHANGE_COLUMNS
      ", mine.delivered, mine.read, theirs.delivered, theirs.read,"
      " c.last_sequence - mine.read - (mine.sent - mine.sent_read), peer.name"
      " FROM members mine JOIN conversations c ON c.id = mine.conversation"
      " JOIN users peer ON peer.id = CASE WHEN c.user_a = mine.user THEN c.user_b ELSE c.user_a END"
      " JOIN members theirs ON theirs.user = peer.id AND theirs.conversation = c.id"
      " JOIN log l ON l.position = c.last_message JOIN users author ON author.id = l.author"
      " JOIN users a ON a.id = c.user_a JOIN users b ON b.id = c.user_b"
      " WHERE mine.user = (SELECT id FROM users WHERE name = ?1) AND c.last_message < ?2"
      " ORDER BY c.last_message DESC LIMIT ?3");
  rows.bindNoCopy(1, user.str());
  rows.bind(2, before ? to_int(before->value) : INT64_MAX);
  rows.bind(3, one_more(limit));
  Page<Conversation> page;
  const auto sequence = [&rows](int column) {
    return Sequence{static_cast<std::uint64_t>(rows.getColumn(kChangeColumns + column).getInt64())};
  };
  while (rows.executeStep()) {
    if (page.items.size() == limit) {
      page.more = true;
      break;
    }
    auto last = read_change(rows);
    const auto peer = UserId::parse(rows.getColumn(kChangeColumns + 5).getString());
    if (!last || !peer) {
      rows.tryReset();
      return last ? Error{Errc::corrupt, "a user's name is damaged"} : std::move(last).error();
    }
    Message message = std::get<Message>(*std::move(last));
    const ConversationId id = message.conversation;
    page.items.push_back({id,
                          *peer,
                          std::move(message),
                          {sequence(0), sequence(1)},
                          {sequence(2), sequence(3)},
                          sequence(4).value});
  }
  rows.tryReset();
  return page;
}

std::vector<UserId> Reader::contacts_of(const UserId& user) {
  SQLite::Statement& rows = statements_.get(
      "SELECT peer.name FROM members m JOIN conversations c ON c.id = m.conversation"
      " JOIN users peer ON peer.id = CASE WHEN c.user_a = m.user THEN c.user_b ELSE c.user_a END"
      " WHERE m.user = (SELECT id FROM users WHERE name = ?1) AND peer.id <> m.user");
  rows.bindNoCopy(1, user.str());
  std::vector<UserId> contacts;
  while (rows.executeStep()) {
    if (auto peer = UserId::parse(rows.getColumn(0).getString())) contacts.push_back(*peer);
  }
  rows.tryReset();
  return contacts;
}

Result<Page<Change>> Reader::read_log(Position after, std::size_t limit) {
  SQLite::Statement& rows =
      statements_.get("SELECT " CHATRT_CHANGE_COLUMNS " FROM log l" CHATRT_CHANGE_JOINS
                      "WHERE l.position > ?1 ORDER BY l.position LIMIT ?2");
  rows.bind(1, to_int(after.value));
  rows.bind(2, one_more(limit));
  return read_page<Change>(rows, limit);
}

}  // namespace chatrt::sqlite
