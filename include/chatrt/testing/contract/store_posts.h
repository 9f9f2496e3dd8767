// Part of message_store_contract.h: what append() makes of PostDrafts.
#pragma once

#include <string>
#include <vector>

#include "chatrt/testing/contract/store_fixture.h"

namespace chatrt::testing {

inline void check_posts(StoreFixture& store) {
  SUBCASE("an empty store is at position 0") { CHECK(store.last_position() == Position{0}); }
  SUBCASE("an empty batch is no error and stores nothing") {
    CHECK(store.append({}).empty());
    CHECK(store.last_position() == Position{0});
  }
  SUBCASE("a message comes back as it was given, with its place and time") {
    const Message message = store.post(draft("ann", "bob", "hi", "c1"));

    CHECK(message.position == Position{1});
    CHECK(message.sequence == Sequence{1});
    CHECK(message.conversation.value != 0);
    CHECK(message.author == user("ann"));
    CHECK(message.receiver == user("bob"));
    CHECK(message.text == "hi");
    CHECK(message.client_id == "c1");
    CHECK(message.created_at == store.now());
    CHECK(store.last_position() == Position{1});
  }
  SUBCASE("what is read later is the same message") {
    const Message message = store.post(draft("ann", "bob", "hi", "c1"));

    const Page<Message> page = store.messages("bob", message.conversation);

    REQUIRE(page.items.size() == 1);
    CHECK(page.items[0] == message);
    CHECK(std::get<Message>(store.log().items.at(0)) == message);
    CHECK(std::get<Message>(store.changes_of("ann").items.at(0)) == message);
  }
  SUBCASE("both directions of two users are one conversation") {
    const Message there = store.post("ann", "bob", "hi");
    const Message back = store.post("bob", "ann", "hello");

    CHECK(back.conversation == there.conversation);
    CHECK(back.sequence == Sequence{2});
    CHECK(back.receiver == user("ann"));
  }
  SUBCASE("the conversation itself is a target for both members") {
    const Message first = store.post("ann", "bob", "1");
    const Message second = store.post(draft("bob", first.conversation, "2"));

    CHECK(second.conversation == first.conversation);
    CHECK(second.receiver == user("ann"));
  }
  SUBCASE("each conversation has its own sequences, and the log one position for all") {
    const auto results = store.append({draft("ann", "bob", "1"), draft("ann", "cid", "1"),
                                       draft("bob", "ann", "2"), draft("ann", "cid", "2")});

    Numbers sequences;
    Numbers positions;
    for (const auto& result : results) {
      REQUIRE(result.has_value());
      sequences.push_back(std::get<Message>(result->change).sequence.value);
      positions.push_back(position_of(result->change).value);
    }
    CHECK(sequences == Numbers{1, 1, 2, 2});
    CHECK(positions == Numbers{1, 2, 3, 4});
  }
  SUBCASE("a message to oneself is a conversation with one member") {
    const Message first = store.post("ann", "ann", "note");
    const Message second = store.post(draft("ann", first.conversation, "note 2"));

    CHECK(first.receiver == user("ann"));
    CHECK(second.receiver == user("ann"));
    CHECK(second.sequence == Sequence{2});
    CHECK(positions_of(store.changes_of("ann")) == Numbers{1, 2});
    CHECK(texts_of(store.messages("ann", user("ann"))) == Texts{"note", "note 2"});
  }
  SUBCASE("a conversation that nobody knows is not_found") {
    const auto results = store.append({draft("ann", ConversationId{77}, "hi")});
    REQUIRE_FALSE(results[0].has_value());
    CHECK(results[0].error().code == Errc::not_found);
    CHECK(store.last_position() == Position{0});
  }
  SUBCASE("a conversation of others is not_found") {
    const Message theirs = store.post("ann", "bob", "hi");
    const auto results = store.append({draft("eve", theirs.conversation, "let me in")});
    REQUIRE_FALSE(results[0].has_value());
    CHECK(results[0].error().code == Errc::not_found);
    CHECK(store.messages("ann", theirs.conversation).items.size() == 1);
  }
  SUBCASE("a draft that fails leaves its neighbours and no gap") {
    const auto results =
        store.append({draft("ann", "bob", "1"), draft("ann", ConversationId{77}, "lost"),
                      draft("ann", "bob", "2")});

    REQUIRE(results[0].has_value());
    CHECK_FALSE(results[1].has_value());
    REQUIRE(results[2].has_value());
    CHECK(std::get<Message>(results[2]->change).sequence == Sequence{2});
    CHECK(position_of(results[2]->change) == Position{2});
    CHECK(store.last_position() == Position{2});
  }
  SUBCASE("a draft that stores nothing is left as it is; what is stored is in the result") {
    const Message first = store.post(draft("ann", "bob", "hi", "c1"));
    std::vector<Draft> drafts{draft("ann", "bob", "hi", "c1"), draft("ann", "bob", "ho", "c1"),
                              draft("ann", first.conversation, "new", "c2")};

    const auto results = store->append(drafts, store.now());

    REQUIRE(results.has_value());
    const auto expect_left = [&](std::size_t i, std::string_view text) {
      const auto& left = std::get<PostDraft>(drafts[i]);
      CHECK(left.author == user("ann"));
      CHECK(left.target == Target{user("bob")});
      CHECK(left.text == text);
      CHECK(left.client_id == "c1");
    };
    expect_left(0, "hi");
    expect_left(1, "ho");
    REQUIRE((*results)[2].has_value());
    const auto& stored = std::get<Message>((*results)[2]->change);
    CHECK(stored.author == user("ann"));
    CHECK(stored.receiver == user("bob"));
    CHECK(stored.text == "new");
    CHECK(stored.client_id == "c2");
  }
  SUBCASE("texts keep every byte") {
    const std::string a_nul_free_zoo =
        "\xF0\x9F\x98\x80 \xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D e\xCC\x81 ' \" \\ \xE2\x80\xA8 \x01\x7F "
        "%s;--"
        "\r\n\t ";
    const Message message = store.post("ann", "bob", a_nul_free_zoo);
    CHECK(message.text == a_nul_free_zoo);
    CHECK(texts_of(store.messages("bob", user("ann"))) == Texts{a_nul_free_zoo});
  }
  SUBCASE("a text of 64 KiB keeps every byte") {
    std::string text(65536, 'x');
    for (std::size_t i = 0; i < text.size(); i += 7) text[i] = static_cast<char>('a' + i % 26);
    store.post("ann", "bob", text);
    CHECK(texts_of(store.messages("bob", user("ann"))) == Texts{text});
  }
  SUBCASE("user ids are compared byte for byte") {
    store.post("ann", "Bob", "upper");
    store.post("ann", "bob", "lower");
    store.post("ann", "bob ", "blank");
    store.post("ann",
               "b\xC3\xB6"
               "b",
               "umlaut");
    CHECK(store.conversations("ann").items.size() == 4);
    CHECK(texts_of(store.messages("bob", user("ann"))) == Texts{"lower"});
  }
  SUBCASE("user ids of 128 bytes are told apart to the last byte") {
    const std::string stem(127, 'u');
    const Message one = store.post(stem + "1", stem + "2", "hi");
    const Message two = store.post(stem + "1", stem + "3", "hi");
    CHECK(one.conversation != two.conversation);
    CHECK(one.receiver == user(stem + "2"));
    CHECK(texts_of(store.messages(stem + "3", user(stem + "1"))) == Texts{"hi"});
  }
  SUBCASE("two pairs of names that read the same when joined are two conversations") {
    const Message one = store.post("ab", "c", "1");
    const Message two = store.post("a", "bc", "2");
    CHECK(one.conversation != two.conversation);
  }
  SUBCASE("a large batch is stored in order") {
    std::vector<Draft> drafts;
    for (int i = 0; i < 1000; ++i) drafts.push_back(draft("ann", "bob", std::to_string(i)));
    const auto results = store.append(drafts);
    for (std::size_t i = 0; i < results.size(); ++i) {
      REQUIRE(results[i].has_value());
      const auto& message = std::get<Message>(results[i]->change);
      REQUIRE(message.sequence == Sequence{i + 1});
      REQUIRE(message.position == Position{i + 1});
      REQUIRE(message.text == std::to_string(i));
    }
  }
}

inline void check_client_ids(StoreFixture& store) {
  const auto expect_repeat = [&](const PostDraft& again, const Message& first) {
    const auto results = store.append({again});
    REQUIRE(results[0].has_value());
    CHECK(results[0]->repeated);
    CHECK(std::get<Message>(results[0]->change) == first);
    CHECK(store.last_position() == first.position);
  };
  const auto expect_conflict = [&](const PostDraft& again) {
    const Position before = store.last_position();
    const auto results = store.append({again});
    REQUIRE_FALSE(results[0].has_value());
    CHECK(results[0].error().code == Errc::conflict);
    CHECK(store.last_position() == before);
  };

  SUBCASE("a first message is not `repeated`") {
    const auto results = store.append({draft("ann", "bob", "hi", "c1"), draft("ann", "bob", "hi")});
    REQUIRE(results[0].has_value());
    CHECK_FALSE(results[0]->repeated);
    REQUIRE(results[1].has_value());
    CHECK_FALSE(results[1]->repeated);
  }
  SUBCASE("a repeat in a later batch gets the first message, time included") {
    const Message first = store.post(draft("ann", "bob", "hi", "c1"));
    store.pass(Duration{5000});
    expect_repeat(draft("ann", "bob", "hi", "c1"), first);
  }
  SUBCASE("a repeat in the same batch gets the first message") {
    const auto results =
        store.append({draft("ann", "bob", "hi", "c1"), draft("ann", "bob", "hi", "c1"),
                      draft("ann", "bob", "next", "c2")});
    REQUIRE(results[0].has_value());
    REQUIRE(results[1].has_value());
    REQUIRE(results[2].has_value());
    CHECK(results[1]->repeated);
    CHECK(std::get<Message>(results[1]->change) == std::get<Message>(results[0]->change));
    CHECK(std::get<Message>(results[2]->change).sequence == Sequence{2});
    CHECK(store.last_position() == Position{2});
  }
  SUBCASE("the peer and the conversation with the peer are the same target") {
    const Message first = store.post(draft("ann", "bob", "hi", "c1"));
    expect_repeat(draft("ann", first.conversation, "hi", "c1"), first);
  }
  SUBCASE("without a client id nothing is a repeat") {
    store.post("ann", "bob", "hi");
    CHECK(store.post("ann", "bob", "hi").sequence == Sequence{2});
  }
  SUBCASE("client ids of different authors have nothing to do with each other") {
    store.post(draft("ann", "bob", "hi", "c1"));
    const auto results = store.append({draft("bob", "ann", "other", "c1")});
    REQUIRE(results[0].has_value());
    CHECK_FALSE(results[0]->repeated);
  }
  SUBCASE("client ids are compared byte for byte, to their end") {
    const std::string stem(127, 'k');
    store.post(draft("ann", "bob", "1", stem + "1"));
    store.post(draft("ann", "bob", "2", stem + "2"));
    store.post(draft("ann", "bob", "3", stem));
    CHECK(store.post(draft("ann", "bob", "4", "K")).sequence == Sequence{4});
    CHECK(store.post(draft("ann", "bob", "5", "k")).sequence == Sequence{5});
  }
  SUBCASE("another text is a conflict") {
    store.post(draft("ann", "bob", "hi", "c1"));
    expect_conflict(draft("ann", "bob", "ho", "c1"));
  }
  SUBCASE("another receiver is a conflict") {
    store.post(draft("ann", "bob", "hi", "c1"));
    expect_conflict(draft("ann", "cid", "hi", "c1"));
    CHECK(store.conversations("cid").items.empty());
  }
  SUBCASE("another conversation is a conflict") {
    store.post(draft("ann", "bob", "hi", "c1"));
    const Message other = store.post("ann", "cid", "hi");
    expect_conflict(draft("ann", other.conversation, "hi", "c1"));
  }
  SUBCASE("a conflict in the same batch leaves its neighbours") {
    const auto results =
        store.append({draft("ann", "bob", "hi", "c1"), draft("ann", "bob", "ho", "c1"),
                      draft("ann", "bob", "third", "c2")});
    REQUIRE_FALSE(results[1].has_value());
    CHECK(results[1].error().code == Errc::conflict);
    REQUIRE(results[2].has_value());
    CHECK(std::get<Message>(results[2]->change).sequence == Sequence{2});
  }
}

}  // namespace chatrt::testing
