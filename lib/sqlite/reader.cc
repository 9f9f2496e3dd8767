#include "reader.h"

#include <algorithm>
#include <map>

#include "missed.h"
#include "schema.h"

namespace chatrt::sqlite {
namespace {

// Ends with its block: a read has nothing to commit.
struct Snapshot : Transaction {
  explicit Snapshot(Statements& statements) : Transaction(statements, Kind::reading) {}
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

Query Reader::conversation_between(std::int64_t user, std::int64_t other) {
  return statements_.get(
      "SELECT id, last_sequence, last_message FROM conversations WHERE user_a = ? AND user_b = ?",
      std::min(user, other), std::max(user, other));
}

Position Reader::last_position() {
  Query last = statements_.get("SELECT max(position) FROM log");
  last.next();
  return Position{static_cast<std::uint64_t>(last.integer(0))};
}

// -------------------------------------------------------------------------- what a user has missed

Page<Change> Reader::read_for_user(const UserId& user, Position after, PageLimit limit) {
  const Snapshot snapshot(statements_);
  const std::int64_t id = find_user(user);
  Missed missed(statements_, rows_, Missed::What::changes, id);
  {
    Query found = statements_.get(
        "SELECT c.id, c.last_position, c.last_sequence FROM members m"
        " JOIN conversations c ON c.id = m.conversation"
        " WHERE m.user = ? AND c.last_position > ?",
        id, to_int(after.value));
    while (found.next()) {
      missed.add({found.integer(0), to_int(after.value), 0, found.integer(1), found.integer(2)});
    }
  }
  PageBuilder<Change> page(limit);
  while (const auto place = missed.next()) {
    const auto read = [&] {
      return rows_.change(place->position, parties(place->conversation, id, user));
    };
    if (!page.add(read)) break;
  }
  return page.take();
}

Page<Message> Reader::read_undelivered(const UserId& user, Position after, PageLimit limit) {
  const Snapshot snapshot(statements_);
  const std::int64_t id = find_user(user);
  Missed missed(statements_, rows_, Missed::What::messages_of_others, id);
  {
    Query found = statements_.get(
        "SELECT c.id, m.delivered, c.last_message, c.last_sequence FROM members m"
        " JOIN conversations c ON c.id = m.conversation"
        " WHERE m.user = ? AND c.last_message > ? AND c.last_sequence > m.delivered"
        // Whoever writes to many who say nothing has nothing to look for there.
        " AND CASE WHEN c.user_a = m.user THEN c.sent_b ELSE c.sent_a END > 0",
        id, to_int(after.value));
    while (found.next()) {
      missed.add({found.integer(0), to_int(after.value), found.integer(1), found.integer(2),
                  found.integer(3)});
    }
  }
  PageBuilder<Message> page(limit);
  while (const auto place = missed.next()) {
    const auto read = [&] {
      return rows_.message(place->position, parties(place->conversation, id, user));
    };
    if (!page.add(read)) break;
  }
  return page.take();
}

// ------------------------------------------------------------------------------- one conversation

// Membership is a condition of the query that finds the conversation, in the same state of the file
// as its messages.
Result<Page<Message>> Reader::read_conversation(const UserId& reader, const Target& target,
                                                SequenceRange range, PageLimit limit) {
  const Snapshot snapshot(statements_);
  const std::int64_t user = find_user(reader);
  const auto* peer = std::get_if<UserId>(&target);
  const std::int64_t other = peer != nullptr ? find_user(*peer) : 0;
  Query found = peer != nullptr ? conversation_between(user, other)
                                : statements_.get(
                                      "SELECT c.id, c.last_sequence, c.last_message FROM members m"
                                      " JOIN conversations c ON c.id = m.conversation"
                                      " WHERE m.user = ? AND m.conversation = ?",
                                      user, to_int(std::get<ConversationId>(target).value));
  if (!found.next()) {
    if (peer != nullptr) return Page<Message>{};  // nobody has written there yet
    return Error{Errc::not_found, "no such conversation"};
  }
  const Chain chain{parties(found.integer(0), user, reader), found.integer(1), found.integer(2)};
  const std::int64_t end = chain.last_sequence;
  const std::int64_t first = range.after ? std::min(to_int(range.after->value), end) + 1 : 1;
  const std::int64_t last = range.before ? std::min(to_int(range.before->value) - 1, end) : end;
  if (first > last) return Page<Message>{};
  return range.after && !range.before ? read_upwards(chain, first, limit)
                                      : read_downwards(chain, first, last, limit);
}

Page<Message> Reader::read_downwards(const Chain& chain, std::int64_t first, std::int64_t last,
                                     PageLimit limit) {
  std::int64_t position = find(chain, last).position;
  PageBuilder<Message> page(limit);
  for (std::int64_t sequence = last; sequence >= first; --sequence) {
    Link link;
    if (!page.add([&] { return message(chain, sequence, position, &link); })) break;
    position = link.previous_message;
  }
  return reversed(page.take());
}

// The links lead downwards, and we want to go up: so from the end of a short stretch to its begin,
// without the texts, and then up.
Page<Message> Reader::read_upwards(const Chain& chain, std::int64_t first, PageLimit limit) {
  PageBuilder<Message> page(limit);
  for (std::int64_t sequence = first; sequence <= chain.last_sequence;) {
    const std::int64_t step = (sequence + kStep - 1) / kStep * kStep;
    Link link = find(chain, std::min(step, chain.last_sequence));
    std::vector<std::int64_t> positions{link.position};  // newest first
    while (link.sequence > sequence) {
      link = rows_.previous_message(link, chain.members.conversation);
      positions.push_back(link.position);
    }
    for (; !positions.empty(); ++sequence) {
      if (!page.add([&] { return message(chain, sequence, positions.back()); })) return page.take();
      positions.pop_back();
    }
  }
  return page.take();
}

Link Reader::find(const Chain& chain, std::int64_t sequence) {
  return rows_.find(chain.members.conversation, sequence, chain.last_sequence, chain.last_message);
}

Message Reader::message(const Chain& chain, std::int64_t sequence, std::int64_t position,
                        Link* link) {
  Message message = rows_.message(position, chain.members, link);
  if (to_int(message.sequence.value) != sequence) throw_damaged("a conversation has a gap");
  return message;
}

// ------------------------------------------------------------------- the conversations of a user

// Sorts the numbers of the user's own conversations; all else is read for the page alone.
Page<Conversation> Reader::conversations_of(const UserId& user, std::optional<Position> before,
                                            PageLimit limit) {
  const Snapshot snapshot(statements_);
  const std::int64_t id = find_user(user);
  std::vector<std::pair<std::int64_t, std::int64_t>> all;  // last message, conversation
  {
    Query found = statements_.get(
        "SELECT c.last_message, c.id FROM members m JOIN conversations c ON c.id = m.conversation"
        " WHERE m.user = ? AND c.last_message < ?",
        id, before ? to_int(before->value) : INT64_MAX);
    while (found.next()) all.emplace_back(found.integer(0), found.integer(1));
  }
  // The page, and one that shows that there is more.
  const std::size_t count = limit.items < all.size() ? limit.items + 1 : all.size();
  const auto sorted = all.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(all.begin(), sorted, all.end(), std::greater<>());
  PageBuilder<Conversation> page(limit);
  for (auto at = all.begin(); at != sorted; ++at) {
    if (!page.add([&] { return conversation_of(at->second, id, user); })) break;
  }
  return page.take();
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
  const Snapshot snapshot(statements_);
  const std::int64_t id = find_user(user);
  Query found = statements_.get("SELECT conversation FROM members WHERE user = ?", id);
  std::vector<UserId> contacts;
  while (found.next()) {
    const Parties members = parties(found.integer(0), id, user);
    if (members.a != members.b) contacts.push_back(members.peer_of(id));
  }
  return contacts;
}

std::vector<UserId> Reader::contacts_among(const UserId& user, std::span<const UserId> users) {
  const Snapshot snapshot(statements_);
  const std::int64_t id = find_user(user);
  std::map<std::int64_t, const UserId*> contacts;
  for (const UserId& other : users) {
    const std::int64_t peer = find_user(other);
    if (peer != id && conversation_between(id, peer).next()) contacts.emplace(peer, &other);
  }
  std::vector<UserId> names;
  for (const auto& [peer, name] : contacts) names.push_back(*name);
  return names;
}

// --------------------------------------------------------------------------------- the whole log

Page<Change> Reader::read_log(Position after, PageLimit limit) {
  const Snapshot snapshot(statements_);
  Query places =
      statements_.get("SELECT position, conversation FROM log WHERE position > ? ORDER BY position",
                      to_int(after.value));
  PageBuilder<Change> page(limit);
  while (places.next()) {
    const auto read = [&] { return rows_.change(places.integer(0), parties(places.integer(1))); };
    if (!page.add(read)) break;
  }
  return page.take();
}

}  // namespace chatrt::sqlite
