#include <algorithm>
#include <array>
#include <cassert>
#include <deque>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>

#include "chatrt/message_store.h"

namespace chatrt {
namespace {

using UserIndex = std::uint32_t;

// Positions of log entries, rising.
using Positions = std::vector<std::uint64_t>;

struct User {
  UserId id;
  Positions changes;                          // in all of the user's conversations
  std::vector<ConversationId> conversations;  // in the order they came into being
};

struct Direct {
  std::array<UserIndex, 2> members;  // rising; twice the same in a conversation with oneself
  Positions messages;                // the message of sequence n is at n - 1
  std::array<Marks, 2> marks;
  std::array<std::uint64_t, 2> unread{};

  std::size_t slot_of(UserIndex user) const { return members[0] == user ? 0 : 1; }
  UserIndex peer_of(UserIndex user) const { return members[0] == user ? members[1] : members[0]; }
  bool has(UserIndex user) const { return members[0] == user || members[1] == user; }
  Sequence last() const { return {messages.size()}; }
};

struct ClientKey {
  UserIndex author;
  std::string client_id;
  friend bool operator==(const ClientKey&, const ClientKey&) = default;
};

struct ClientKeyHash {
  std::size_t operator()(const ClientKey& key) const noexcept {
    return std::hash<std::string>{}(key.client_id) ^ (key.author * 0x9E3779B97F4A7C15U);
  }
};

class MemoryStore final : public MessageStore {
 public:
  Result<std::vector<Result<Appended>>> append(std::span<Draft> drafts, Timestamp now) override {
    std::vector<Result<Appended>> results;
    results.reserve(drafts.size());
    const std::unique_lock lock(mutex_);
    for (const Draft& draft : drafts) {
      results.push_back(std::visit([&](const auto& d) { return add(d, now); }, draft));
    }
    return results;
  }

  Result<Position> last_position() const override {
    const std::shared_lock lock(mutex_);
    return Position{log_.size()};
  }

  Result<Page<Change>> read_for_user(const UserId& user, Position after,
                                     PageLimit limit) const override {
    assert(limit.items > 0);
    const std::shared_lock lock(mutex_);
    PageBuilder<Change> page(limit);
    const User* reader = find(user);
    if (reader == nullptr) return page.take();
    auto at = std::upper_bound(reader->changes.begin(), reader->changes.end(), after.value);
    while (at != reader->changes.end() && page.add([&] { return log_[*at - 1]; })) ++at;
    return page.take();
  }

  Result<Page<Message>> read_undelivered(const UserId& user, Position after,
                                         PageLimit limit) const override;
  Result<Page<Message>> read_conversation(const UserId& reader, const Target& target,
                                          SequenceRange range, PageLimit limit) const override;
  Result<Page<Conversation>> conversations_of(const UserId& user, std::optional<Position> before,
                                              PageLimit limit) const override;

  Result<std::vector<UserId>> contacts_of(const UserId& user) const override {
    const std::shared_lock lock(mutex_);
    std::vector<UserId> contacts;
    const User* self = find(user);
    if (self == nullptr) return contacts;
    for (const ConversationId id : self->conversations) {
      const User& peer = users_[direct(id).peer_of(index_of(*self))];
      if (&peer != self) contacts.push_back(peer.id);
    }
    return contacts;
  }

  Result<std::vector<UserId>> contacts_among(const UserId& user,
                                             std::span<const UserId> users) const override {
    const std::shared_lock lock(mutex_);
    std::unordered_set<UserId> contacts;
    const User* self = find(user);
    for (const UserId& other : users) {
      const User* peer = find(other);
      if (self == nullptr || peer == nullptr || peer == self) continue;
      if (by_pair_.contains(pair_key(index_of(*self), index_of(*peer)))) contacts.insert(other);
    }
    return std::vector<UserId>(contacts.begin(), contacts.end());
  }

  Result<Page<Change>> read_log(Position after, PageLimit limit) const override {
    assert(limit.items > 0);
    const std::shared_lock lock(mutex_);
    PageBuilder<Change> page(limit);
    std::uint64_t at = after.value;
    while (at < log_.size() && page.add([&] { return log_[at]; })) ++at;
    return page.take();
  }

 private:
  // --- all of these: the lock is held

  Result<Appended> add(const PostDraft& draft, Timestamp now);
  Result<Appended> add(const MarkDraft& draft, Timestamp now);
  // The message stored under `key` as the answer to a repeat, or `conflict`.
  Result<Appended> repeat(Position stored, const PostDraft& draft) const;
  Result<ConversationId> conversation_for(UserIndex author, const Target& target);
  void log(Direct& conversation, Change change);
  Conversation overview(ConversationId id, UserIndex reader) const;

  UserIndex intern(const UserId& id);
  const User* find(const UserId& id) const {
    const auto found = index_.find(id);
    return found == index_.end() ? nullptr : &users_[found->second];
  }
  UserIndex index_of(const User& user) const { return index_.find(user.id)->second; }
  const Direct& direct(ConversationId id) const { return conversations_[id.value - 1]; }
  Direct& direct(ConversationId id) { return conversations_[id.value - 1]; }
  bool exists(ConversationId id) const { return id.value - 1 < conversations_.size(); }
  const Message& message_at(std::uint64_t position) const {
    return std::get<Message>(log_[position - 1]);
  }
  static std::uint64_t pair_key(UserIndex a, UserIndex b) {
    return std::uint64_t{std::min(a, b)} << 32 | std::max(a, b);
  }

  mutable std::shared_mutex mutex_;
  std::deque<Change> log_;  // position n is at n - 1
  std::deque<User> users_;
  std::unordered_map<UserId, UserIndex> index_;
  std::deque<Direct> conversations_;  // id n is at n - 1
  std::unordered_map<std::uint64_t, ConversationId> by_pair_;
  std::unordered_map<ClientKey, Position, ClientKeyHash> by_client_id_;
};

UserIndex MemoryStore::intern(const UserId& id) {
  const auto [found, added] = index_.try_emplace(id, static_cast<UserIndex>(users_.size()));
  if (added) users_.push_back({.id = id, .changes = {}, .conversations = {}});
  return found->second;
}

Result<ConversationId> MemoryStore::conversation_for(UserIndex author, const Target& target) {
  if (const auto* id = std::get_if<ConversationId>(&target)) {
    if (exists(*id) && direct(*id).has(author)) return *id;
    return Error{Errc::not_found, "no such conversation"};
  }
  const UserIndex peer = intern(std::get<UserId>(target));
  const ConversationId next{conversations_.size() + 1};
  const auto [found, added] = by_pair_.try_emplace(pair_key(author, peer), next);
  if (added) {
    conversations_.push_back({.members = {std::min(author, peer), std::max(author, peer)},
                              .messages = {},
                              .marks = {},
                              .unread = {}});
    users_[author].conversations.push_back(next);
    if (peer != author) users_[peer].conversations.push_back(next);
  }
  return found->second;
}

void MemoryStore::log(Direct& conversation, Change change) {
  log_.push_back(std::move(change));
  users_[conversation.members[0]].changes.push_back(log_.size());
  if (conversation.members[0] != conversation.members[1]) {
    users_[conversation.members[1]].changes.push_back(log_.size());
  }
}

Result<Appended> MemoryStore::repeat(Position stored, const PostDraft& draft) const {
  const Message& first = message_at(stored.value);
  const auto* user = std::get_if<UserId>(&draft.target);
  const bool same_target = user != nullptr
                               ? first.receiver == *user
                               : first.conversation == std::get<ConversationId>(draft.target);
  if (!same_target || first.text != draft.text) {
    return Error{Errc::conflict, "the client id belongs to another message"};
  }
  return Appended{.change = first, .repeated = true};
}

Result<Appended> MemoryStore::add(const PostDraft& draft, Timestamp now) {
  const UserIndex author = intern(draft.author);
  ClientKey key{author, draft.client_id};
  if (!draft.client_id.empty()) {
    const auto found = by_client_id_.find(key);
    if (found != by_client_id_.end()) return repeat(found->second, draft);
  }
  const Result<ConversationId> id = conversation_for(author, draft.target);
  if (!id) return id.error();

  Direct& conversation = direct(*id);
  const UserIndex peer = conversation.peer_of(author);
  const Position position{log_.size() + 1};
  conversation.messages.push_back(position.value);
  if (peer != author) ++conversation.unread[conversation.slot_of(peer)];
  if (!draft.client_id.empty()) by_client_id_.emplace(std::move(key), position);
  log(conversation, Message{.position = position,
                            .conversation = *id,
                            .sequence = conversation.last(),
                            .author = draft.author,
                            .receiver = users_[peer].id,
                            .text = draft.text,
                            .client_id = draft.client_id,
                            .created_at = now});
  return Appended{.change = log_.back()};
}

Result<Appended> MemoryStore::add(const MarkDraft& draft, Timestamp now) {
  const Error absent{Errc::not_found, "no such conversation"};
  const User* user = find(draft.user);
  if (user == nullptr || !exists(draft.conversation)) return absent;
  Direct& conversation = direct(draft.conversation);
  const UserIndex self = index_of(*user);
  if (!conversation.has(self)) return absent;

  Marks& marks = conversation.marks[conversation.slot_of(self)];
  MarkAdvanced mark{.position = {},
                    .conversation = draft.conversation,
                    .kind = draft.kind,
                    .sequence = draft.kind == MarkKind::read ? marks.read : marks.delivered,
                    .user = draft.user,
                    .peer = users_[conversation.peer_of(self)].id,
                    .at = now};
  const Sequence wanted = std::min(draft.sequence, conversation.last());
  if (wanted <= mark.sequence) return Appended{.change = mark, .repeated = true};

  if (draft.kind == MarkKind::read) {
    for (std::uint64_t n = mark.sequence.value; n < wanted.value; ++n) {
      if (message_at(conversation.messages[n]).author != draft.user) {
        --conversation.unread[conversation.slot_of(self)];
      }
    }
    marks.read = wanted;
  }
  marks.delivered = std::max(marks.delivered, wanted);
  mark.sequence = wanted;
  mark.position = {log_.size() + 1};
  log(conversation, mark);
  return Appended{.change = std::move(mark)};
}

Result<Page<Message>> MemoryStore::read_undelivered(const UserId& user, Position after,
                                                    PageLimit limit) const {
  assert(limit.items > 0);
  const std::shared_lock lock(mutex_);
  PageBuilder<Message> page(limit);
  const User* self = find(user);
  if (self == nullptr) return page.take();

  // No conversation gives more than a page and the one that shows that there is more.
  Positions found;
  for (const ConversationId id : self->conversations) {
    const Direct& conversation = direct(id);
    const Marks& marks = conversation.marks[conversation.slot_of(index_of(*self))];
    const auto begin = conversation.messages.begin();
    auto at = std::upper_bound(begin + static_cast<std::ptrdiff_t>(marks.delivered.value),
                               conversation.messages.end(), after.value);
    for (std::size_t taken = 0; at != conversation.messages.end() && taken <= limit.items; ++at) {
      if (message_at(*at).author == user) continue;
      found.push_back(*at);
      ++taken;
    }
  }
  std::sort(found.begin(), found.end());
  for (const std::uint64_t position : found) {
    if (!page.add([&] { return message_at(position); })) break;
  }
  return page.take();
}

Result<Page<Message>> MemoryStore::read_conversation(const UserId& reader, const Target& target,
                                                     SequenceRange range, PageLimit limit) const {
  assert(limit.items > 0);
  const std::shared_lock lock(mutex_);
  const Direct* conversation = nullptr;
  const User* self = find(reader);
  if (const auto* id = std::get_if<ConversationId>(&target)) {
    if (self == nullptr || !exists(*id) || !direct(*id).has(index_of(*self))) {
      return Error{Errc::not_found, "no such conversation"};
    }
    conversation = &direct(*id);
  } else {
    const User* peer = find(std::get<UserId>(target));
    if (self == nullptr || peer == nullptr) return Page<Message>{};
    const auto found = by_pair_.find(pair_key(index_of(*self), index_of(*peer)));
    if (found == by_pair_.end()) return Page<Message>{};
    conversation = &direct(found->second);
  }

  // Half open, in indices of `messages`: sequence n is at n - 1.
  const std::uint64_t count = conversation->messages.size();
  std::uint64_t first = std::min(range.after.value_or(Sequence{0}).value, count);
  std::uint64_t last = count;
  if (range.before) last = std::min(range.before->value == 0 ? 0 : range.before->value - 1, count);
  PageBuilder<Message> page(limit);
  const auto add = [&](std::uint64_t index) {
    return page.add([&] { return message_at(conversation->messages[index]); });
  };
  if (range.after && !range.before) {
    while (first < last && add(first)) ++first;
    return page.take();
  }
  while (first < last && add(last - 1)) --last;
  return reversed(page.take());
}

Result<Page<Conversation>> MemoryStore::conversations_of(const UserId& user,
                                                         std::optional<Position> before,
                                                         PageLimit limit) const {
  assert(limit.items > 0);
  const std::shared_lock lock(mutex_);
  PageBuilder<Conversation> page(limit);
  const User* self = find(user);
  if (self == nullptr) return page.take();

  std::vector<ConversationId> found;
  for (const ConversationId id : self->conversations) {
    if (!before || direct(id).messages.back() < before->value) found.push_back(id);
  }
  std::sort(found.begin(), found.end(), [this](ConversationId a, ConversationId b) {
    return direct(a).messages.back() > direct(b).messages.back();
  });
  const UserIndex reader = index_of(*self);
  for (const ConversationId id : found) {
    if (!page.add([&] { return overview(id, reader); })) break;
  }
  return page.take();
}

Conversation MemoryStore::overview(ConversationId id, UserIndex reader) const {
  const Direct& conversation = direct(id);
  const UserIndex peer = conversation.peer_of(reader);
  return {.id = id,
          .peer = users_[peer].id,
          .last_message = message_at(conversation.messages.back()),
          .mine = conversation.marks[conversation.slot_of(reader)],
          .peers = conversation.marks[conversation.slot_of(peer)],
          .unread = conversation.unread[conversation.slot_of(reader)]};
}

}  // namespace

std::unique_ptr<MessageStore> make_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace chatrt
