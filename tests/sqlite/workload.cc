#include "workload.h"

#include <algorithm>
#include <map>

#include "store_file.h"

namespace chatrt::testing {
namespace {

UserId user(std::uint64_t number) { return *UserId::parse("user-" + std::to_string(number)); }

}  // namespace

Draft Workload::draft() {
  const std::uint64_t number = ++drafts_;
  const UserId author = user(random_() % 6);
  if (random_() % 5 == 0) {
    return MarkDraft{author, some_conversation_,
                     random_() % 2 == 0 ? MarkKind::delivered : MarkKind::read,
                     Sequence{random_() % 40}};
  }
  // Most are short; some take pages of their own.
  std::string text(random_() % 40 == 0 ? random_() % 20'000 : random_() % 60, 'x');
  text += std::to_string(number);
  return PostDraft{author, user(random_() % 6), std::move(text),
                   random_() % 4 == 0 ? std::string{} : "id-" + std::to_string(number)};
}

std::optional<Error> Workload::append(MessageStore& store) {
  return append_by(
      [&](std::span<Draft> drafts, Timestamp now) { return store.append(drafts, now); });
}

std::optional<Error> Workload::append_by(const Append& append) {
  std::vector<Draft> drafts;
  for (std::uint64_t count = 1 + random_() % 8; count > 0; --count) drafts.push_back(draft());
  const auto results = append(drafts, kNow);
  if (!results) return results.error();
  for (const Result<Appended>& result : *results) {
    if (!result || result->repeated) continue;
    acknowledged_.push_back(result->change);
    if (const auto* message = std::get_if<Message>(&result->change)) {
      some_conversation_ = message->conversation;
    }
  }
  return std::nullopt;
}

std::vector<std::string> Workload::check(const MessageStore& store) const {
  std::vector<std::string> wrong;
  const auto log = store.read_log(Position{0}, SIZE_MAX);
  if (!log) return {"read_log: " + log.error().detail};
  std::map<ConversationId, std::uint64_t> sequences;
  for (std::size_t i = 0; i < log->items.size(); ++i) {
    const Change& change = log->items[i];
    if (position_of(change).value != i + 1) {
      wrong.push_back("gap at position " + std::to_string(i + 1));
      break;
    }
    const auto* message = std::get_if<Message>(&change);
    if (message != nullptr && message->sequence.value != ++sequences[message->conversation]) {
      wrong.push_back("gap in the sequence at position " + std::to_string(i + 1));
    }
  }
  for (const Change& change : acknowledged_) {
    const std::uint64_t position = position_of(change).value;
    if (position > log->items.size()) {
      wrong.push_back("lost: position " + std::to_string(position));
    } else if (log->items[position - 1] != change) {
      wrong.push_back("changed: position " + std::to_string(position));
    }
  }
  // The ways that users read lead to the same messages.
  std::size_t reached = 0;
  for (const auto& [conversation, last] : sequences) {
    for (std::uint64_t number = 0; number < 6; ++number) {
      const auto page = store.read_conversation(user(number), conversation, {}, SIZE_MAX);
      if (page) {
        reached += page->items.size() == last ? 1 : 0;
        break;
      }
      if (page.error().code != Errc::not_found) wrong.push_back(page.error().detail);
    }
  }
  if (reached != sequences.size()) wrong.push_back("a conversation is not whole");
  return wrong;
}

std::vector<std::string> Workload::check_repeats(MessageStore& store) const {
  std::vector<Draft> drafts;
  std::vector<const Message*> firsts;
  for (const Change& change : acknowledged_) {
    const auto* message = std::get_if<Message>(&change);
    if (message == nullptr || message->client_id.empty()) continue;
    drafts.push_back(
        PostDraft{message->author, message->receiver, message->text, message->client_id});
    firsts.push_back(message);
  }
  if (drafts.empty()) return {};
  const auto results = store.append(drafts, kNow);
  if (!results) return {"append: " + results.error().detail};
  std::vector<std::string> wrong;
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    const Result<Appended>& again = (*results)[i];
    if (!again || !again->repeated || std::get<Message>(again->change) != *firsts[i]) {
      wrong.push_back("stored twice: position " + std::to_string(firsts[i]->position.value));
    }
  }
  return wrong;
}

}  // namespace chatrt::testing
