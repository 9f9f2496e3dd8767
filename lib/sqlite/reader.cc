#include "reader.h"

#include <algorithm>

#include "missed.h"

namespace chatrt::sqlite {
namespace {

// Ends with its block: a read has nothing to commit.
struct Snapshot : Transaction {
  explicit Snapshot(SQLite::Database& database) : Transaction(database, Kind::reading) {}
};

}  // namespace

std::int64_t Reader::find_user(const UserId& name) {
  Query found = statements_.get("SELECT id FROM users WHERE name = ?", name.str());
  return found.next() ? found.integer(0) : 0;
}

Parties Reader::parties(std::int64_t conversation) {
  auto found = rows_.parties(conversation);
  if (!found) throw_damaged("a conversation has lost its members");
  return *std::move(found);
}

Parties Reader::parties(std::int64_t conversation, std::int64_t user, const UserId& name) {
  Parties found = parties(conversation);
  if (!found.has(user) || found.name_of(user) != name) throw_damaged("a member is damaged");
  return found;
}

Position Reader::last_position() {
  Query last = statements_.get("SELECT max(position) FROM log");
  last.next();
  return Position{static_cast<std::uint64_t>(last.integer(0))};
}

// -------------------------------------------------------------------------- what a user has missed

Page<Change> Reader::read_for_user(const UserId& user, Position after, std::size_t limit) {
  const Snapshot snapshot(*database_);
  const std::int64_t id = find_user(user);
  Missed missed(statements_, rows_, Missed::What::changes, id);
  {
    Query found = statements_.get(
        "SELECT c.id, c.last_position FROM members m JOIN conversations c ON c.id = m.conversation"
        " WHERE m.user = ? AND c.last_position > ?",
        id, to_int(after.value));
    while (found.next()) missed.add(found.integer(0), to_int(after.value), 0, found.integer(1));
  }
  Page<Change> page;
  while (auto place = missed.next()) {
    if (page.items.size() == limit) {
      page.more = true;
      break;
    }
    page.items.push_back(rows_.change(place->position, parties(place->conversation, id, user)));
  }
  return page;
}

Page<Message> Reader::read_undelivered(const UserId& user, Position after, std::size_t limit) {
  const Snapshot snapshot(*database_);
  const std::int64_t id = find_user(user);
  Missed missed(statements_, rows_, Missed::What::messages_of_others, id);
  {
    Query found = statements_.get(
        "SELECT c.id, m.delivered, c.last_message FROM members m"
        " JOIN conversations c ON c.id = m.conversation"
        " WHERE m.user = ? AND c.last_message > ? AND c.last_sequence > m.delivered",
        id, to_int(after.value));
    while (found.next()) {
      missed.add(found.integer(0), to_int(after.value), found.integer(1), found.integer(2));
    }
  }
  Page<Message> page;
  while (auto place = missed.next()) {
    if (page.items.size() == limit) {
      page.more = true;
      break;
    }
    page.items.push_back(rows_.message(place->position, parties(place->conversation, id, user)));
  }
  return page;
}

// ------------------------------------------------------------------------------- one conversation

// Membership is a condition of the query that finds the conversation, in the same state of the file
// as its messages. Sequences are dense, so what the page has and whether there is more is known
// before it is read.
Result<Page<Message>> Reader::read_conversation(const UserId& reader, const Target& target,
                                                SequenceRange range, std::size_t limit) {
  const Snapshot snapshot(*database_);
  const std::int64_t user = find_user(reader);
  const auto* peer = std::get_if<UserId>(&target);
  const std::int64_t other = peer != nullptr ? find_user(*peer) : 0;
  Query found = peer != nullptr ? statements_.get(
                                      "SELECT id, last_sequence, last_message FROM conversations"
                                      " WHERE user_a = ? AND user_b = ?",
                                      std::min(user, other), std::max(user, other))
                                : statements_.get(
                                      "SELECT c.id, c.last_sequence, c.last_message FROM members m"
                                      " JOIN conversations c ON c.id = m.conversation"
                                      " WHERE m.user = ? AND m.conversation = ?",
                                      user, to_int(std::get<ConversationId>(target).value));
  if (!found.next()) {
    if (peer != nullptr) return Page<Message>{};  // nobody has written there yet
    return Error{Errc::not_found, "no such conversation"};
  }
  const Parties members = parties(found.integer(0), user, reader);
  const std::int64_t last = found.integer(1);
  const std::int64_t above = range.after ? std::min(to_int(range.after->value), last) : 0;
  const std::int64_t below =
      range.before ? std::min(to_int(range.before->value), last + 1) : last + 1;
  const std::int64_t asked = to_int(limit);
  Page<Message> page;
  if (below - above <= 1) return page;
  std::int64_t first = above + 1;
  std::int64_t final = below - 1;
  page.more = final - first >= asked;
  if (page.more && range.after && !range.before) final = first + asked - 1;
  if (page.more && !(range.after && !range.before)) first = final - asked + 1;

  Link link = rows_.find(members.conversation, final, last, found.integer(2));
  page.items.push_back(rows_.message(link.position, members, &link));
  while (link.sequence > first) {
    const std::int64_t expected = link.sequence - 1;
    page.items.push_back(rows_.message(link.previous_message, members, &link));
    if (link.sequence != expected) throw_damaged("a conversation has a gap");
  }
  std::reverse(page.items.begin(), page.items.end());
  return page;
}

// --------------------------------------------------------------------------- a user's
// conversations

// Sorts the numbers of the user's own conversations; all else is read for the page alone.
Page<Conversation> Reader::conversations_of(const UserId& user, std::optional<Position> before,
                                            std::size_t limit) {
  const Snapshot snapshot(*database_);
  const std::int64_t id = find_user(user);
  std::vector<std::pair<std::int64_t, std::int64_t>> all;  // last message, conversation
  {
    Query found = statements_.get(
        "SELECT c.last_message, c.id FROM members m JOIN conversations c ON c.id = m.conversation"
        " WHERE m.user = ? AND c.last_message < ?",
        id, before ? to_int(before->value) : INT64_MAX);
    while (found.next()) all.emplace_back(found.integer(0), found.integer(1));
  }
  const std::size_t count = std::min(limit, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                    std::greater<>());
  Page<Conversation> page;
  page.more = all.size() > count;
  for (std::size_t i = 0; i < count; ++i) {
    page.items.push_back(conversation_of(all[i].second, id, user));
  }
  return page;
}

Conversation Reader::conversation_of(std::int64_t id, std::int64_t user, const UserId& name) {
  const Parties members = parties(id, user, name);
  const std::int64_t peer = user == members.a ? members.b : members.a;
  Query found = statements_.get(
      "SELECT mine.delivered, mine.read, theirs.delivered, theirs.read, c.last_message,"
      " c.last_sequence - mine.read -"
      " (CASE WHEN c.user_a = mine.user THEN c.sent_a ELSE c.sent_b END - mine.own_read)"
      " FROM conversations c"
      " JOIN members mine ON mine.user = ?2 AND mine.conversation = c.id"
      " JOIN members theirs ON theirs.user = ?3 AND theirs.conversation = c.id WHERE c.id = ?1",
      id, user, peer);
  if (!found.next()) throw_damaged("a member is missing");
  const auto number = [&](int column) { return static_cast<std::uint64_t>(found.integer(column)); };
  return {{static_cast<std::uint64_t>(id)},
          members.peer_of(user),
          rows_.message(found.integer(4), members),
          {{number(0)}, {number(1)}},
          {{number(2)}, {number(3)}},
          number(5)};
}

std::vector<UserId> Reader::contacts_of(const UserId& user) {
  const Snapshot snapshot(*database_);
  const std::int64_t id = find_user(user);
  Query found = statements_.get("SELECT conversation FROM members WHERE user = ?", id);
  std::vector<UserId> contacts;
  while (found.next()) {
    const Parties members = parties(found.integer(0), id, user);
    if (members.a != members.b) contacts.push_back(members.peer_of(id));
  }
  return contacts;
}

// ------------------------------------------------------------------------------------ the whole
// log

Page<Change> Reader::read_log(Position after, std::size_t limit) {
  const Snapshot snapshot(*database_);
  Query places =
      statements_.get("SELECT position, conversation FROM log WHERE position > ? ORDER BY position",
                      to_int(after.value));
  Page<Change> page;
  while (places.next()) {
    if (page.items.size() == limit) {
      page.more = true;
      break;
    }
    page.items.push_back(rows_.change(places.integer(0), parties(places.integer(1))));
  }
  return page;
}

}  // namespace chatrt::sqlite
