// Part of message_store_contract.h: a store under test, and words to speak with it.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chatrt/message_store.h"

namespace chatrt::testing {

using StoreMaker = std::function<std::unique_ptr<MessageStore>()>;
using StoreReopener =
    std::function<std::unique_ptr<MessageStore>(std::unique_ptr<MessageStore> store)>;

inline UserId user(std::string_view name) {
  Result<UserId> id = UserId::parse(name);
  REQUIRE(id.has_value());
  return *std::move(id);
}

inline PostDraft draft(std::string_view author, std::string_view receiver, std::string text,
                       std::string client_id = {}) {
  return {.author = user(author),
          .target = user(receiver),
          .text = std::move(text),
          .client_id = std::move(client_id)};
}

inline PostDraft draft(std::string_view author, ConversationId conversation, std::string text,
                       std::string client_id = {}) {
  return {.author = user(author),
          .target = conversation,
          .text = std::move(text),
          .client_id = std::move(client_id)};
}

class StoreFixture {
 public:
  StoreFixture(StoreMaker make, StoreReopener reopen) : store_(make()), reopen_(std::move(reopen)) {
    REQUIRE(store_ != nullptr);
  }

  MessageStore& operator*() { return *store_; }
  MessageStore* operator->() { return store_.get(); }

  bool can_reopen() const { return reopen_ != nullptr; }
  void reopen() {
    store_ = reopen_(std::move(store_));
    REQUIRE(store_ != nullptr);
  }

  // One append; the batch as such is expected to succeed.
  std::vector<Result<Appended>> append(std::vector<Draft> drafts) {
    auto results = store_->append(drafts, now_);
    REQUIRE(results.has_value());
    REQUIRE(results->size() == drafts.size());
    return *std::move(results);
  }

  // One draft by itself, expected to be stored or repeated.
  Message post(PostDraft post_draft) {
    auto results = append({std::move(post_draft)});
    REQUIRE(results[0].has_value());
    return std::get<Message>(results[0]->change);
  }
  Message post(std::string_view author, std::string_view receiver, std::string text) {
    return post(draft(author, receiver, std::move(text)));
  }
  Result<Appended> mark(std::string_view who, ConversationId conversation, MarkKind kind,
                        std::uint64_t sequence) {
    return append({MarkDraft{user(who), conversation, kind, Sequence{sequence}}})[0];
  }
  MarkAdvanced advance(std::string_view who, ConversationId conversation, MarkKind kind,
                       std::uint64_t sequence) {
    const Result<Appended> result = mark(who, conversation, kind, sequence);
    REQUIRE(result.has_value());
    return std::get<MarkAdvanced>(result->change);
  }

  Position last_position() const {
    const auto position = store_->last_position();
    REQUIRE(position.has_value());
    return *position;
  }
  Page<Change> changes_of(std::string_view who, std::uint64_t after = 0, PageLimit limit = 100) {
    auto page = store_->read_for_user(user(who), Position{after}, limit);
    REQUIRE(page.has_value());
    return *std::move(page);
  }
  Page<Message> undelivered(std::string_view who, std::uint64_t after = 0, PageLimit limit = 100) {
    auto page = store_->read_undelivered(user(who), Position{after}, limit);
    REQUIRE(page.has_value());
    return *std::move(page);
  }
  Page<Message> messages(std::string_view who, const Target& target, SequenceRange range = {},
                         PageLimit limit = 100) {
    auto page = store_->read_conversation(user(who), target, range, limit);
    REQUIRE(page.has_value());
    return *std::move(page);
  }
  Page<Conversation> conversations(std::string_view who, std::optional<Position> before = {},
                                   PageLimit limit = 100) {
    auto page = store_->conversations_of(user(who), before, limit);
    REQUIRE(page.has_value());
    return *std::move(page);
  }
  Page<Change> log(std::uint64_t after = 0, PageLimit limit = 100) {
    auto page = store_->read_log(Position{after}, limit);
    REQUIRE(page.has_value());
    return *std::move(page);
  }

  Timestamp now() const { return now_; }
  void pass(Duration time) { now_ += time; }

 private:
  std::unique_ptr<MessageStore> store_;
  StoreReopener reopen_;
  Timestamp now_{std::chrono::milliseconds{1'795'464'900'123}};
};

inline std::vector<std::string> texts_of(const Page<Message>& page) {
  std::vector<std::string> texts;
  for (const Message& message : page.items) texts.push_back(message.text);
  return texts;
}

inline std::vector<std::uint64_t> positions_of(const Page<Change>& page) {
  std::vector<std::uint64_t> positions;
  for (const Change& change : page.items) positions.push_back(position_of(change).value);
  return positions;
}

using Texts = std::vector<std::string>;
using Numbers = std::vector<std::uint64_t>;

}  // namespace chatrt::testing
