#include "reader.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "missed.h"
#include "schema.h"

namespace chatrt::sqlite {
namespace {

// Ends with its block: a read has nothing to commit.
struct Snapshot : Transaction {
  explicit Snapshot(Statements& statements) : Transaction(statements, Kind::reading) {}
};

// A conversation of a user, as the user sees it.
struct Own {
  std::int64_t conversation;
  Head head;
  std::int64_t sent_by_peer;
  std::optional<std::int64_t> delivered;  // the user's mark, if it was read with the row
};

#define CHATRT_OWN                                              \
  "SELECT c.id, " CHATRT_HEAD                                   \
  ", m.delivered, c.user_a FROM members m JOIN conversations c" \
  " ON c.id = m.conversation WHERE m.user = ? "

}  // namespace

// One state of the file, with the heads that belong to it.
class Reader::HeadsSnapshot {
 public:
  explicit HeadsSnapshot(Reader& reader) {
    const Heads& heads = reader.heads_;
    for (bool valid = false; !valid;) {
      const std::uint64_t generation = heads.generation();
      transaction_.reset();
      transaction_.emplace(reader.statements_);
      view_ = heads.view(to_int(reader.last_position().value));
      valid = heads.generation() == generation;
    }
  }

  Head head(std::int64_t conversation, const Head& row) const {
    return checked(view_.head(conversation, row));
  }

  // Calls `use(Own)` for conversations of `user`: for those that `found`, of CHATRT_OWN with a
  // condition on the row, gives, and for those whose rows may be behind.
  template <typename Use>
  void for_each(std::int64_t user, Query found, Use use) const {
    const auto own = [user](std::int64_t id, const Members& members, const Head& head) {
      return Own{id, head, user == members.a ? head.sent_b : head.sent_a, {}};
    };
    const std::vector<Tail::Found> ahead = view_.heads_of(user);
    while (found.next()) {
      const std::int64_t id = found.integer(0);
      if (std::ranges::binary_search(ahead, id, {}, &Tail::Found::conversation)) continue;
      const std::int64_t a = found.integer(2 + kHeadColumns);
      Own row = own(id, {a, 0}, checked(head_of(found, 1)));
      row.delivered = found.integer(1 + kHeadColumns);
      use(row);
    }
    for (const Tail::Found& of : ahead) use(own(of.conversation, of.members, of.head));
  }

 private:
  static const Head& checked(const Head& head) {
    if (head.last_sequence <= 0) throw_damaged("a conversation has no messages");
    return head;
  }

  std::optional<Snapshot> transaction_;
  Heads::View view_;
};

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
  return statements_.get("SELECT c.id, " CHATRT_HEAD
                         " FROM conversations c WHERE c.user_a = ? AND c.user_b = ?",
                         std::min(user, other), std::max(user, other));
}

Position Reader::last_position() {
  Query last = statements_.get("SELECT max(position) FROM log");
  last.next();
  return Position{static_cast<std::uint64_t>(last.integer(0))};
}

// -------------------------------------------------------------------------- what a user has missed

Page<Change> Reader::read_for_user(const UserId& user, Position after, PageLimit limit) {
  const HeadsSnapshot snapshot(*this);
  const std::int64_t id = find_user(user);
  const std::int64_t above = to_int(after.value);
  Missed missed(statements_, rows_, Missed::What::changes, id);
  snapshot.for_each(
      id, statements_.get(CHATRT_OWN "AND c.last_position > ?", id, above), [&](const Own& own) {
        if (own.head.last_position <= above) return;
        missed.add({own.conversation, above, 0, own.head.last_position, own.head.last_sequence});
      });
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
  const HeadsSnapshot snapshot(*this);
  const std::int64_t id = find_user(user);
  const std::int64_t above = to_int(after.value);
  Missed missed(statements_, rows_, Missed::What::messages_of_others, id);
  snapshot.for_each(
      id,
      statements_.get(CHATRT_OWN
                      "AND c.last_message > ? AND c.last_sequence > m.delivered"
                      // Whoever writes to many who say nothing has nothing to look for there.
                      " AND CASE WHEN c.user_a = m.user THEN c.sent_b ELSE c.sent_a END > 0",
                      id, above),
      [&](const Own& own) {
        const Head& head = own.head;
        if (head.last_message <= above || own.sent_by_peer == 0) return;
        const std::int64_t delivered =
            own.delivered ? *own.delivered : delivered_to(id, own.conversation);
        if (head.last_sequence <= delivered) return;
        missed.add({own.conversation, above, delivered, head.last_message, head.last_sequence});
      });
  PageBuilder<Message> page(limit);
  while (const auto place = missed.next()) {
    const auto read = [&] {
      return rows_.message(place->position, parties(place->conversation, id, user));
    };
    if (!page.add(read)) break;
  }
  return page.take();
}

std::int64_t Reader::delivered_to(std::int64_t user, std::int64_t conversation) {
  Query mark = statements_.get("SELECT delivered FROM members WHERE user = ? AND conversation = ?",
                               user, conversation);
  if (!mark.next()) throw_damaged("a member is missing");
  return mark.integer(0);
}

// ------------------------------------------------------------------------------- one conversation

// Membership is a condition of the query that finds the conversation, in the same state of the file
// as its messages.
Result<Page<Message>> Reader::read_conversation(const UserId& reader, const Target& target,
                                                SequenceRange range, PageLimit limit) {
  const HeadsSnapshot snapshot(*this);
  const std::int64_t user = find_user(reader);
  const auto* peer = std::get_if<UserId>(&target);
  const std::int64_t other = peer != nullptr ? find_user(*peer) : 0;
  Query found = peer != nullptr ? conversation_between(user, other)
                                : statements_.get(CHATRT_OWN "AND m.conversation = ?", user,
                                                  to_int(std::get<ConversationId>(target).value));
  if (!found.next()) {
    if (peer != nullptr) return Page<Message>{};  // nobody has written there yet
    return Error{Errc::not_found, "no such conversation"};
  }
  const Head head = snapshot.head(found.integer(0), head_of(found, 1));
  const Chain chain{parties(found.integer(0), user, reader), head.last_sequence, head.last_message};
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
  const HeadsSnapshot snapshot(*this);
  const std::int64_t id = find_user(user);
  const std::int64_t below = before ? to_int(before->value) : INT64_MAX;
  std::vector<std::pair<std::int64_t, std::int64_t>> all;  // last message, conversation
  snapshot.for_each(id, statements_.get(CHATRT_OWN "AND c.last_message < ?", id, below),
                    [&](const Own& own) {
                      if (own.head.last_message >= below) return;
                      all.emplace_back(own.head.last_message, own.conversation);
                    });
  // The page, and one that shows that there is more.
  const std::size_t count = limit.items < all.size() ? limit.items + 1 : all.size();
  const auto sorted = all.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(all.begin(), sorted, all.end(), std::greater<>());
  PageBuilder<Conversation> page(limit);
  for (auto at = all.begin(); at != sorted; ++at) {
    if (!page.add([&] { return conversation_of(at->second, id, user, snapshot); })) break;
  }
  return page.take();
}

Conversation Reader::conversation_of(std::int64_t id, std::int64_t user, const UserId& name,
                                     const HeadsSnapshot& snapshot) {
  const Parties members = parties(id, user, name);
  const std::int64_t peer = user == members.a ? members.b : members.a;
  Query found = statements_.get(
      "SELECT mine.delivered, mine.read, theirs.delivered, theirs.read, mine.own_read, " CHATRT_HEAD
      " FROM conversations c"
      " JOIN members mine ON mine.user = ?2 AND mine.conversation = c.id"
      " JOIN members theirs ON theirs.user = ?3 AND theirs.conversation = c.id WHERE c.id = ?1",
      id, user, peer);
  if (!found.next()) throw_damaged("a member is missing");
  const auto number = [&](int column) { return static_cast<std::uint64_t>(found.integer(column)); };
  const Head head = snapshot.head(id, head_of(found, 5));
  const std::int64_t sent = user == members.a ? head.sent_a : head.sent_b;
  const std::int64_t own_unread = sent - found.integer(4);
  return {{static_cast<std::uint64_t>(id)},
          members.peer_of(user),
          rows_.message(head.last_message, members),
          {{number(0)}, {number(1)}},
          {{number(2)}, {number(3)}},
          static_cast<std::uint64_t>(head.last_sequence - found.integer(1) - own_unread)};
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
