// A MessageStore of one's own, held to the contract that the Hub relies on. This one looks through
// its whole log for every answer: the shortest store there can be, and good for nothing else.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <algorithm>
#include <map>
#include <mutex>
#include <set>

#include "chatrt/testing/message_store_contract.h"

namespace {

using namespace chatrt;

class SmallStore final : public MessageStore {
 public:
  Result<std::vector<Result<Appended>>> append(std::span<Draft> drafts, Timestamp now) override {
    const std::lock_guard lock(mutex_);
    std::vector<Result<Appended>> results;
    for (const Draft& draft : drafts) {
      results.push_back(std::visit([&](const auto& one) { return add(one, now); }, draft));
    }
    return results;
  }

  Result<Position> last_position() const override {
    const std::lock_guard lock(mutex_);
    return Position{log_.size()};
  }

  Result<Page<Change>> read_log(Position after, PageLimit limit) const override {
    return page_of<Change>(after, limit, [](const Change&) { return true; });
  }

  Result<Page<Change>> read_for_user(const UserId& user, Position after,
                                     PageLimit limit) const override {
    return page_of<Change>(after, limit, [&](const Change& change) { return has(change, user); });
  }

  Result<Page<Message>> read_undelivered(const UserId& user, Position after,
                                         PageLimit limit) const override {
    return page_of<Message>(after, limit, [&](const Change& change) {
      const auto* message = std::get_if<Message>(&change);
      return message != nullptr && message->receiver == user && message->author != user &&
             message->sequence > marks_of(user, message->conversation).delivered;
    });
  }

  Result<Page<Message>> read_conversation(const UserId& reader, const Target& target,
                                          SequenceRange range, PageLimit limit) const override {
    const std::lock_guard lock(mutex_);
    const auto id = find(reader, target);
    if (!id && std::holds_alternative<UserId>(target)) return Page<Message>{};
    if (!id) return Error{Errc::not_found, "no such conversation"};
    std::vector<Message> found;
    for (const Message& message : messages_of(*id)) {
      if (range.after && message.sequence <= *range.after) continue;
      if (range.before && message.sequence >= *range.before) continue;
      found.push_back(message);
    }
    const bool oldest_first = range.after && !range.before;
    if (!oldest_first) std::reverse(found.begin(), found.end());
    PageBuilder<Message> page(limit);
    for (const Message& message : found) {
      if (!page.add([&] { return message; })) break;
    }
    return oldest_first ? page.take() : reversed(page.take());
  }

  Result<Page<Conversation>> conversations_of(const UserId& user, std::optional<Position> before,
                                              PageLimit limit) const override {
    const std::lock_guard lock(mutex_);
    PageBuilder<Conversation> page(limit);
    std::set<ConversationId> seen;
    for (auto at = log_.rbegin(); at != log_.rend(); ++at) {
      const auto* last = std::get_if<Message>(&*at);
      if (last == nullptr || !has(*at, user) || !seen.insert(last->conversation).second) continue;
      if (before && last->position >= *before) continue;
      if (!page.add([&] { return overview(user, *last); })) break;
    }
    return page.take();
  }

  Result<std::vector<UserId>> contacts_of(const UserId& user) const override {
    const std::lock_guard lock(mutex_);
    std::set<UserId> contacts;
    for (const Change& change : log_) {
      const auto* message = std::get_if<Message>(&change);
      if (message == nullptr || !has(change, user)) continue;
      contacts.insert(message->author == user ? message->receiver : message->author);
    }
    contacts.erase(user);
    return std::vector<UserId>(contacts.begin(), contacts.end());
  }

  Result<std::vector<UserId>> contacts_among(const UserId& user,
                                             std::span<const UserId> users) const override {
    const Result<std::vector<UserId>> contacts = contacts_of(user);
    std::set<UserId> among;
    for (const UserId& contact : *contacts) {
      if (std::find(users.begin(), users.end(), contact) != users.end()) among.insert(contact);
    }
    return std::vector<UserId>(among.begin(), among.end());
  }

 private:
  // --- the lock is held

  Result<Appended> add(const PostDraft& draft, Timestamp now) {
    const auto id = find(draft.author, draft.target);
    for (const Change& change : log_) {
      const auto* stored = std::get_if<Message>(&change);
      if (draft.client_id.empty() || stored == nullptr || stored->author != draft.author ||
          stored->client_id != draft.client_id) {
        continue;
      }
      if (stored->conversation == id && stored->text == draft.text) {
        return Appended{.change = *stored, .repeated = true};
      }
      return Error{Errc::conflict, "the client id belongs to another message"};
    }
    if (!id && std::holds_alternative<ConversationId>(draft.target)) {
      return Error{Errc::not_found, "no such conversation"};
    }
    const ConversationId conversation = id.value_or(ConversationId{log_.size() + 1});
    const auto before = messages_of(conversation);
    const UserId receiver = before.empty()                          ? std::get<UserId>(draft.target)
                            : before.front().author == draft.author ? before.front().receiver
                                                                    : before.front().author;
    log_.push_back(Message{.position = {log_.size() + 1},
                           .conversation = conversation,
                           .sequence = {before.size() + 1},
                           .author = draft.author,
                           .receiver = receiver,
                           .text = draft.text,
                           .client_id = draft.client_id,
                           .created_at = now});
    return Appended{.change = log_.back()};
  }

  Result<Appended> add(const MarkDraft& draft, Timestamp now) {
    const auto id = find(draft.user, draft.conversation);
    if (!id) return Error{Errc::not_found, "no such conversation"};
    const auto messages = messages_of(*id);
    Marks marks = marks_of(draft.user, *id);
    const bool read = draft.kind == MarkKind::read;
    const Message& first = messages.front();
    MarkAdvanced mark{.position = {log_.size() + 1},
                      .conversation = *id,
                      .kind = draft.kind,
                      .sequence = read ? marks.read : marks.delivered,
                      .user = draft.user,
                      .peer = first.author == draft.user ? first.receiver : first.author,
                      .at = now};
    const Sequence wanted = std::min(draft.sequence, Sequence{messages.size()});
    if (wanted <= mark.sequence) return Appended{.change = mark, .repeated = true};
    mark.sequence = wanted;
    if (read) marks.read = wanted;
    marks.delivered = std::max(marks.delivered, wanted);
    marks_[{draft.user, *id}] = marks;
    log_.push_back(mark);
    return Appended{.change = mark};
  }

  static bool has(const Change& change, const UserId& user) {
    if (const auto* message = std::get_if<Message>(&change)) {
      return message->author == user || message->receiver == user;
    }
    const auto& mark = std::get<MarkAdvanced>(change);
    return mark.user == user || mark.peer == user;
  }

  // The conversation `user` means, if there is one and the user is in it.
  std::optional<ConversationId> find(const UserId& user, const Target& target) const {
    for (const Change& change : log_) {
      const auto* message = std::get_if<Message>(&change);
      if (message == nullptr || !has(change, user)) continue;
      const UserId& peer = message->author == user ? message->receiver : message->author;
      if (target == Target{peer} || target == Target{message->conversation}) {
        return message->conversation;
      }
    }
    return std::nullopt;
  }

  std::vector<Message> messages_of(ConversationId id) const {
    std::vector<Message> found;
    for (const Change& change : log_) {
      const auto* message = std::get_if<Message>(&change);
      if (message != nullptr && message->conversation == id) found.push_back(*message);
    }
    return found;
  }

  Marks marks_of(const UserId& user, ConversationId id) const {
    const auto found = marks_.find({user, id});
    return found == marks_.end() ? Marks{} : found->second;
  }

  Conversation overview(const UserId& user, const Message& last) const {
    const UserId& peer = last.author == user ? last.receiver : last.author;
    Conversation found{.id = last.conversation,
                       .peer = peer,
                       .last_message = last,
                       .mine = marks_of(user, last.conversation),
                       .peers = marks_of(peer, last.conversation)};
    for (const Message& message : messages_of(last.conversation)) {
      if (message.author != user && message.sequence > found.mine.read) ++found.unread;
    }
    return found;
  }

  // --- takes the lock

  template <typename Item, typename Wanted>
  Page<Item> page_of(Position after, PageLimit limit, Wanted wanted) const {
    const std::lock_guard lock(mutex_);
    PageBuilder<Item> page(limit);
    for (std::size_t i = after.value; i < log_.size(); ++i) {
      const auto read = [&]() -> Item {
        if constexpr (std::is_same_v<Item, Change>) {
          return log_[i];
        } else {
          return std::get<Item>(log_[i]);
        }
      };
      if (wanted(log_[i]) && !page.add(read)) break;
    }
    return page.take();
  }

  mutable std::mutex mutex_;
  std::vector<Change> log_;  // position n is at n - 1
  std::map<std::pair<UserId, ConversationId>, Marks> marks_;
};

}  // namespace

TEST_CASE("a small store keeps the contract") {
  chatrt::testing::check_message_store([] { return std::make_unique<SmallStore>(); });
}
