// Part of message_store_contract.h: the reads, their order, limits and rights.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "chatrt/testing/contract/store_fixture.h"

namespace chatrt::testing {

inline void check_change_reads(StoreFixture& store) {
  const ConversationId conversation = store.post("ann", "bob", "1").conversation;  // position 1
  store.post("cid", "dan", "not ann's");                                           // 2
  store.post("cid", "ann", "2");                                                   // 3
  store.advance("bob", conversation, MarkKind::read, 1);                           // 4
  store.post("ann", "bob", "3");                                                   // 5

  SUBCASE("a user's changes are those of the user's conversations, oldest first") {
    CHECK(positions_of(store.changes_of("ann")) == Numbers{1, 3, 4, 5});
    CHECK(positions_of(store.changes_of("dan")) == Numbers{2});
  }
  SUBCASE("`after` is exclusive and may lie at, between or above the user's changes") {
    CHECK(positions_of(store.changes_of("ann", 1)) == Numbers{3, 4, 5});
    CHECK(positions_of(store.changes_of("ann", 2)) == Numbers{3, 4, 5});
    CHECK(store.changes_of("ann", 5).items.empty());
    CHECK(store.changes_of("ann", ~std::uint64_t{0} / 2).items.empty());
  }
  SUBCASE("a page ends at the limit and says whether there is more") {
    const Page<Change> first = store.changes_of("ann", 0, 3);
    CHECK(positions_of(first) == Numbers{1, 3, 4});
    CHECK(first.more);
    const Page<Change> last = store.changes_of("ann", 4, 1);
    CHECK(positions_of(last) == Numbers{5});
    CHECK_FALSE(last.more);
    CHECK_FALSE(store.changes_of("ann", 0, 4).more);
  }
  SUBCASE("a page ends at the limit of its text, which has one item at least") {
    const Page<Change> page = store.changes_of("ann", 0, {10, 2});  // a mark has no text
    CHECK(positions_of(page) == Numbers{1, 3, 4});
    CHECK(page.more);
    CHECK_FALSE(store.changes_of("ann", 0, {10, 3}).more);
    CHECK(positions_of(store.changes_of("ann", 0, {10, 0})) == Numbers{1});
    CHECK(positions_of(store.log(0, {10, 12})) == Numbers{1, 2, 3, 4, 5});
    CHECK(positions_of(store.log(0, {10, 9})) == Numbers{1});
    CHECK(store.log(0, {10, 9}).more);
  }
  SUBCASE("a user nobody has heard of has none") {
    const Page<Change> page = store.changes_of("nobody");
    CHECK(page.items.empty());
    CHECK_FALSE(page.more);
  }
  SUBCASE("the log is everybody's, without gaps") {
    CHECK(positions_of(store.log()) == Numbers{1, 2, 3, 4, 5});
    CHECK(positions_of(store.log(3)) == Numbers{4, 5});
    const Page<Change> page = store.log(1, 2);
    CHECK(positions_of(page) == Numbers{2, 3});
    CHECK(page.more);
    CHECK_FALSE(store.log(3, 2).more);
    CHECK(store.log(5).items.empty());
  }
}

inline void check_undelivered(StoreFixture& store) {
  const ConversationId with_ann = store.post("ann", "bob", "a1").conversation;
  const ConversationId with_cid = store.post("cid", "bob", "c1").conversation;
  store.post("bob", "ann", "bob's own");
  store.post("ann", "bob", "a3");
  store.post("cid", "bob", "c2");

  SUBCASE("it is the messages of others, of all conversations, oldest first") {
    CHECK(texts_of(store.undelivered("bob")) == Texts{"a1", "c1", "a3", "c2"});
    CHECK(texts_of(store.undelivered("ann")) == Texts{"bob's own"});
    CHECK(store.undelivered("cid").items.empty());
  }
  SUBCASE("what a mark passed is delivered, in that conversation alone") {
    store.advance("bob", with_ann, MarkKind::delivered, 1);
    CHECK(texts_of(store.undelivered("bob")) == Texts{"c1", "a3", "c2"});
    store.advance("bob", with_cid, MarkKind::read, 2);
    CHECK(texts_of(store.undelivered("bob")) == Texts{"a3"});
  }
  SUBCASE("`after` is exclusive") {
    CHECK(texts_of(store.undelivered("bob", 2)) == Texts{"a3", "c2"});
    CHECK(store.undelivered("bob", 5).items.empty());
  }
  SUBCASE("a page ends at the limit and says whether there is more") {
    const Page<Message> page = store.undelivered("bob", 0, 3);
    CHECK(texts_of(page) == Texts{"a1", "c1", "a3"});
    CHECK(page.more);
    CHECK(texts_of(store.undelivered("bob", 4, 3)) == Texts{"c2"});
    CHECK_FALSE(store.undelivered("bob", 0, 4).more);
  }
  SUBCASE("a page ends at the limit of its text, which has one item at least") {
    const Page<Message> page = store.undelivered("bob", 0, {10, 5});
    CHECK(texts_of(page) == Texts{"a1", "c1"});
    CHECK(page.more);
    CHECK_FALSE(store.undelivered("bob", 0, {10, 8}).more);
    CHECK(texts_of(store.undelivered("bob", 2, {10, 1})) == Texts{"a3"});
  }
  SUBCASE("notes to oneself are not among them") {
    store.post("bob", "bob", "note");
    CHECK(store.undelivered("bob", 5).items.empty());
  }
  SUBCASE("a user nobody has heard of has none") { CHECK(store.undelivered("eve").items.empty()); }
}

inline void check_conversation_reads(StoreFixture& store) {
  ConversationId conversation;
  for (int i = 1; i <= 6; ++i) {
    conversation = store.post("ann", "bob", std::to_string(i)).conversation;
    store.post("ann", "cid", "in between");
  }
  const auto read = [&](SequenceRange range, PageLimit limit) {
    return store.messages("bob", conversation, range, limit);
  };

  SUBCASE("without bounds it is the newest page, in rising sequence") {
    const Page<Message> page = read({}, 2);
    CHECK(texts_of(page) == Texts{"5", "6"});
    CHECK(page.more);
    CHECK_FALSE(read({}, 6).more);
    CHECK(texts_of(read({}, 100)) == Texts{"1", "2", "3", "4", "5", "6"});
  }
  SUBCASE("`before` is exclusive and gives the newest below it") {
    const Page<Message> page = read({.before = Sequence{5}}, 2);
    CHECK(texts_of(page) == Texts{"3", "4"});
    CHECK(page.more);
    const Page<Message> rest = read({.before = Sequence{3}}, 2);
    CHECK(texts_of(rest) == Texts{"1", "2"});
    CHECK_FALSE(rest.more);
    CHECK(read({.before = Sequence{1}}, 2).items.empty());
    CHECK(read({.before = Sequence{0}}, 2).items.empty());
    CHECK(texts_of(read({.before = Sequence{~std::uint64_t{0} / 2}}, 1)) == Texts{"6"});
  }
  SUBCASE("`after` alone is exclusive and gives the oldest above it; `more` are newer ones") {
    const Page<Message> page = read({.after = Sequence{2}}, 2);
    CHECK(texts_of(page) == Texts{"3", "4"});
    CHECK(page.more);
    const Page<Message> rest = read({.after = Sequence{4}}, 2);
    CHECK(texts_of(rest) == Texts{"5", "6"});
    CHECK_FALSE(rest.more);
    CHECK(read({.after = Sequence{6}}, 2).items.empty());
    CHECK(texts_of(read({.after = Sequence{0}}, 1)) == Texts{"1"});
  }
  SUBCASE("both bounds give the newest between them; `more` are older ones between them") {
    const Page<Message> page = read({.before = Sequence{6}, .after = Sequence{2}}, 2);
    CHECK(texts_of(page) == Texts{"4", "5"});
    CHECK(page.more);
    const Page<Message> all = read({.before = Sequence{6}, .after = Sequence{2}}, 3);
    CHECK(texts_of(all) == Texts{"3", "4", "5"});
    CHECK_FALSE(all.more);
    CHECK(read({.before = Sequence{3}, .after = Sequence{2}}, 3).items.empty());
    CHECK(read({.before = Sequence{2}, .after = Sequence{4}}, 3).items.empty());
  }
  SUBCASE("a page ends at the limit of its text, on the side that it was read to") {
    const Page<Message> newest = read({}, {10, 2});
    CHECK(texts_of(newest) == Texts{"5", "6"});
    CHECK(newest.more);
    CHECK_FALSE(read({}, {10, 6}).more);
    const Page<Message> oldest = read({.after = Sequence{1}}, {10, 3});
    CHECK(texts_of(oldest) == Texts{"2", "3", "4"});
    CHECK(oldest.more);
    CHECK_FALSE(read({.after = Sequence{1}}, {10, 5}).more);
    CHECK(texts_of(read({.before = Sequence{6}, .after = Sequence{2}}, {10, 2})) ==
          Texts{"4", "5"});
    CHECK(texts_of(read({}, {10, 0})) == Texts{"6"});
    CHECK(texts_of(read({.after = Sequence{0}}, {10, 0})) == Texts{"1"});
  }
  SUBCASE("both members may name each other instead") {
    CHECK(texts_of(store.messages("ann", user("bob"), {}, 1)) == Texts{"6"});
    CHECK(texts_of(store.messages("bob", user("ann"), {}, 1)) == Texts{"6"});
  }
  SUBCASE("somebody who is no member cannot tell it from one that is not there") {
    const auto foreign = store->read_conversation(user("cid"), conversation, {}, 10);
    REQUIRE_FALSE(foreign.has_value());
    CHECK(foreign.error().code == Errc::not_found);
    const auto stranger = store->read_conversation(user("eve"), conversation, {}, 10);
    REQUIRE_FALSE(stranger.has_value());
    CHECK(stranger.error().code == Errc::not_found);
    const auto absent = store->read_conversation(user("bob"), ConversationId{777}, {}, 10);
    REQUIRE_FALSE(absent.has_value());
    CHECK(absent.error().code == Errc::not_found);
    CHECK_FALSE(store->read_conversation(user("bob"), ConversationId{0}, {}, 10).has_value());
  }
  SUBCASE("a direct conversation in which nobody has written yet is empty") {
    CHECK(store.messages("bob", user("cid")).items.empty());
    CHECK(store.messages("bob", user("nobody")).items.empty());
    CHECK(store.messages("nobody", user("bob")).items.empty());
    CHECK(store.messages("bob", user("bob")).items.empty());
    CHECK_FALSE(store.messages("bob", user("cid")).more);
  }
}

inline void check_overviews(StoreFixture& store) {
  const Message to_bob = store.post("ann", "bob", "to bob");
  const Message to_cid = store.post("ann", "cid", "to cid");
  const Message from_dan = store.post("dan", "ann", "from dan");
  const auto peers = [&](std::optional<Position> before, PageLimit limit) {
    std::vector<UserId> found;
    for (const Conversation& one : store.conversations("ann", before, limit).items) {
      found.push_back(one.peer);
    }
    return found;
  };
  const auto contacts = [&](std::string_view who) {
    auto found = store->contacts_of(user(who));
    REQUIRE(found.has_value());
    std::vector<UserId> sorted = *std::move(found);
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  };
  using Users = std::vector<UserId>;
  const auto contacts_among = [&](std::string_view who, const Users& users) {
    auto found = store->contacts_among(user(who), users);
    REQUIRE(found.has_value());
    std::vector<UserId> sorted = *std::move(found);
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  };

  SUBCASE("conversations come newest first, by their last message") {
    CHECK(peers({}, 10) == Users{user("dan"), user("cid"), user("bob")});
    store.post("bob", "ann", "back");
    CHECK(peers({}, 10) == Users{user("bob"), user("dan"), user("cid")});
  }
  SUBCASE("a mark does not move a conversation") {
    store.advance("bob", to_bob.conversation, MarkKind::read, 1);
    CHECK(peers({}, 10) == Users{user("dan"), user("cid"), user("bob")});
  }
  SUBCASE("a conversation shows its last message and the peer, to each member their own") {
    const Message back = store.post("bob", "ann", "back");
    const Conversation anns = store.conversations("ann").items.at(0);
    CHECK(anns.id == to_bob.conversation);
    CHECK(anns.peer == user("bob"));
    CHECK(anns.last_message == back);
    CHECK(store.conversations("bob").items.at(0).peer == user("ann"));
  }
  SUBCASE("`before` is exclusive, and pages go on where the last one ended") {
    CHECK(peers(from_dan.position, 10) == Users{user("cid"), user("bob")});
    CHECK(peers(to_cid.position, 10) == Users{user("bob")});
    CHECK(peers(to_bob.position, 10).empty());
  }
  SUBCASE("a page ends at the limit and says whether there is more") {
    CHECK(peers({}, 2) == Users{user("dan"), user("cid")});
    CHECK(store.conversations("ann", {}, 2).more);
    CHECK_FALSE(store.conversations("ann", {}, 3).more);
    CHECK_FALSE(store.conversations("ann", to_cid.position, 1).more);
  }
  SUBCASE("a page ends at the limit of its text, which has one item at least") {
    CHECK(peers({}, {10, 14}) == Users{user("dan"), user("cid")});
    CHECK(store.conversations("ann", {}, {10, 14}).more);
    CHECK_FALSE(store.conversations("ann", {}, {10, 20}).more);
    CHECK(peers({}, {10, 1}) == Users{user("dan")});
  }
  SUBCASE("a user nobody has heard of has no conversations") {
    CHECK(store.conversations("nobody").items.empty());
  }
  SUBCASE("contacts are those who share a conversation, each once") {
    store.post("bob", "ann", "back");
    CHECK(contacts("ann") == Users{user("bob"), user("cid"), user("dan")});
    CHECK(contacts("cid") == Users{user("ann")});
    CHECK(contacts("nobody").empty());
  }
  SUBCASE("contacts among some are those of them who share a conversation, each once") {
    const Users some{user("bob"), user("nobody"), user("dan"), user("ann"), user("bob")};
    CHECK(contacts_among("ann", some) == Users{user("bob"), user("dan")});
    CHECK(contacts_among("cid", some) == Users{user("ann")});
    CHECK(contacts_among("ann", {}).empty());
    CHECK(contacts_among("nobody", some).empty());
    CHECK(contacts_among("nobody", {user("nobody"), user("nobody else")}).empty());
  }
  SUBCASE("one is no contact of oneself") {
    store.post("eve", "eve", "note");
    CHECK(contacts("eve").empty());
    CHECK(contacts_among("eve", {user("eve")}).empty());
    CHECK(store.conversations("eve").items.at(0).peer == user("eve"));
  }
}

}  // namespace chatrt::testing
