#include <algorithm>
#include <array>
#include <cassert>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "chatrt/message_store.h"
#include "texts.h"

namespace chatrt {
namespace {

using UserIndex = std::uint32_t;

// Positions of log entries, rising.
using Positions = std::vector<std::uint64_t>;

// A change as it is kept: without what its conversation knows.
struct Entry {
  ConversationId conversation;
  Sequence sequence;
  Timestamp at;
  std::string_view text;
  std::string_view client_id;
  UserIndex user;                // the author of a message, or whose mark it is
  std::optional<MarkKind> mark;  // none: a message
};

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
  std::string_view client_id;
  friend bool operator==(const ClientKey&, const ClientKey&) = default;
};

struct ClientKeyHash {
  std::size_t operator()(const ClientKey& key) const noexcept {
    return std::hash<std::string_view>{}(key.client_id) ^ (key.author * 0x9E3779B97F4A7C15U);
  }
};

class MemoryStore final : public MessageStore {
 public:
  Result<std::vector<Result<Appended>>> append(std::span<Draft> drafts, Timestamp now) override {
    std::vector<Result<Appended>> results;
    results.reserve(drafts.size());
    const std::unique_lock lock(mutex_);
    for (Draft& draft : drafts) {
      results.push_back(std::visit([&](auto& d) { return add(d, now); }, draft));
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
    while (at != reader->changes.end() && page.add([&] { return change_at(*at); })) ++at;
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
    while (at < log_.size() && page.add([&] { return change_at(at + 1); })) ++at;
    return page.take();
  }

 private:
  // --- all of these: the lock is held

  Result<Appended> add(PostDraft& draft, Timestamp now);
  Result<Appended> add(const MarkDraft& draft, Timestamp now);
  // The message stored under `key` as the answer to a repeat, or `conflict`.
  Result<Appended> repeat(Position stored, const PostDraft& draft) const;
  Result<ConversationId> conversation_for(UserIndex author, const Target& target);
  Position log(const Entry& entry);
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
  const Entry& entry_at(std::uint64_t position) const { return log_[position - 1]; }
  const UserId& peer_of(const Entry& entry) const {
    return users_[direct(entry.conversation).peer_of(entry.user)].id;
  }
  Message message_at(std::uint64_t position) const;
  MarkAdvanced mark_at(std::uint64_t position) const;
  Change change_at(std::uint64_t position) const {
    return entry_at(position).mark ? Change{mark_at(position)} : Change{message_at(position)};
  }
  static std::uint64_t pair_key(UserIndex a, UserIndex b) {
    return std::uint64_t{std::min(a, b)} << 32 | std::max(a, b);
  }

  mutable std::shared_mutex mutex_;
  std::deque<Entry> log_;  // position n is at n - 1
  Texts texts_;            // of `log_`
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

Position MemoryStore::log(const Entry& entry) {
  log_.push_back(entry);
  const Position position{log_.size()};
  const auto& [first, second] = direct(entry.conversation).members;
  users_[first].changes.push_back(position.value);
  if (first != second) users_[second].changes.push_back(position.value);
  return position;
}

Message MemoryStore::message_at(std::uint64_t position) const {
  const Entry& entry = entry_at(position);
  return {.position = {position},
          .conversation = entry.conversation,
          .sequence = entry.sequence,
          .author = users_[entry.user].id,
          .receiver = peer_of(entry),
          .text = std::string(entry.text),
          .client_id = std::string(entry.client_id),
          .created_at = entry.at};
}

MarkAdvanced MemoryStore::mark_at(std::uint64_t position) const {
  const Entry& entry = entry_at(position);
  return {.position = {position},
          .conversation = entry.conversation,
          .kind = *entry.mark,
          .sequence = entry.sequence,
          .user = users_[entry.user].id,
          .peer = peer_of(entry),
          .at = entry.at};
}

Result<Appended> MemoryStore::repeat(Position stored, const PostDraft& draft) const {
  const Entry& first = entry_at(stored.value);
  const auto* user = std::get_if<UserId>(&draft.target);
  const bool same_target = user != nullptr
                               ? peer_of(first) == *user
                               : first.conversation == std::get<ConversationId>(draft.target);
  if (!same_target || first.text != draft.text) {
    return Error{Errc::conflict, "the client id belongs to another message"};
  }
  return Appended{.change = message_at(stored.value), .repeated = true};
}

Result<Appended> MemoryStore::add(PostDraft& draft, Timestamp now) {
  const UserIndex author = intern(draft.author);
  if (!draft.client_id.empty()) {
    const auto found = by_client_id_.find({author, draft.client_id});
    if (found != by_client_id_.end()) return repeat(found->second, draft);
  }
  const Result<ConversationId> id = conversation_for(author, draft.target);
  if (!id) return id.error();

  Direct& conversation = direct(*id);
  const UserIndex peer = conversation.peer_of(author);
  const Entry entry{.conversation = *id,
                    .sequence = {conversation.last().value + 1},
                    .at = now,
                    .text = texts_.keep(draft.text),
                    .client_id = texts_.keep(draft.client_id),
                    .user = author,
                    .mark = std::nullopt};
  const Position position = log(entry);
  conversation.messages.push_back(position.value);
  if (peer != author) ++conversation.unread[conversation.slot_of(peer)];
  if (!entry.client_id.empty()) by_client_id_.emplace(ClientKey{author, entry.client_id}, position);

  auto* receiver = std::get_if<UserId>(&draft.target);
  return Appended{
      .change = Message{.position = position,
                        .conversation = *id,
                        .sequence = entry.sequence,
                        .author = std::move(draft.author),
                        .receiver = receiver != nullptr ? std::move(*receiver) : users_[peer].id,
                        .text = std::move(draft.text),
                        .client_id = std::move(draft.client_id),
                        .created_at = now}};
}

Result<Appended> MemoryStore::add(const MarkDraft& draft, Timestamp now) {
  const Error absent{Errc::not_found, "no such conversation"};
  const User* user = find(draft.user);
  if (user == nullptr || !exists(draft.conversation)) return absent;
  Direct& conversation = direct(draft.conversation);
  const UserIndex self = index_of(*user);
  if (!conversation.has(self)) return absent;

  Marks& marks = conversation.marks[conversation.slot_of(self)];
  const bool reads = draft.kind == MarkKind::read;
  MarkAdvanced mark{.position = {},
                    .conversation = draft.conversation,
                    .kind = draft.kind,
                    .sequence = reads ? marks.read : marks.delivered,
                    .user = draft.user,
                    .peer = users_[conversation.peer_of(self)].id,
                    .at = now};
  const Sequence wanted = std::min(draft.sequence, conversation.last());
  if (wanted <= mark.sequence) return Appended{.change = mark, .repeated = true};

  if (reads) {
    for (std::uint64_t n = mark.sequence.value; n < wanted.value; ++n) {
      if (entry_at(conversation.messages[n]).user != self) {
        --conversation.unread[conversation.slot_of(self)];
      }
    }
    marks.read = wanted;
  }
  marks.delivered = std::max(marks.delivered, wanted);
  mark.sequence = wanted;
  mark.position = log({.conversation = draft.conversation,
                       .sequence = wanted,
                       .at = now,
                       .text = {},
                       .client_id = {},
                       .user = self,
                       .mark = draft.kind});
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
  const UserIndex self_index = index_of(*self);
  for (const ConversationId id : self->conversations) {
    const Direct& conversation = direct(id);
    const Marks& marks = conversation.marks[conversation.slot_of(self_index)];
    const auto begin = conversation.messages.begin();
    auto at = std::upper_bound(begin + static_cast<std::ptrdiff_t>(marks.delivered.value),
                               conversation.messages.end(), after.value);
    for (std::size_t taken = 0; at != conversation.messages.end() && taken <= limit.items; ++at) {
      if (entry_at(*at).user == self_index) continue;
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
