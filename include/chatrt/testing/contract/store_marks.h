// Part of message_store_contract.h: what append() makes of MarkDrafts, and the counts that follow.
#pragma once

#include "chatrt/testing/contract/store_fixture.h"

namespace chatrt::testing {

inline void check_marks(StoreFixture& store) {
  const ConversationId conversation = store.post("ann", "bob", "1").conversation;
  store.post("ann", "bob", "2");
  store.post("ann", "bob", "3");
  const auto marks_of = [&](std::string_view who) { return store.conversations(who).items.at(0); };
  const auto expect_repeat = [&](MarkKind kind, std::uint64_t sequence, Sequence standing) {
    const Position before = store.last_position();
    const Result<Appended> again = store.mark("bob", conversation, kind, sequence);
    REQUIRE(again.has_value());
    CHECK(again->repeated);
    CHECK(std::get<MarkAdvanced>(again->change).sequence == standing);
    CHECK(store.last_position() == before);
  };

  SUBCASE("a mark that rises is a change with a position and no sequence of its own") {
    store.pass(Duration{1000});
    const Result<Appended> result = store.mark("bob", conversation, MarkKind::delivered, 2);

    REQUIRE(result.has_value());
    CHECK_FALSE(result->repeated);
    const auto& mark = std::get<MarkAdvanced>(result->change);
    CHECK(mark == MarkAdvanced{.position = Position{4},
                               .conversation = conversation,
                               .kind = MarkKind::delivered,
                               .sequence = Sequence{2},
                               .user = user("bob"),
                               .peer = user("ann"),
                               .at = store.now()});
    CHECK(std::get<MarkAdvanced>(store.log(3).items.at(0)) == mark);
    CHECK(std::get<MarkAdvanced>(store.changes_of("ann", 3).items.at(0)) == mark);
    CHECK(std::get<MarkAdvanced>(store.changes_of("bob", 3).items.at(0)) == mark);
    CHECK(store.post("bob", "ann", "4").sequence == Sequence{4});
  }
  SUBCASE("both members see a mark in their conversations") {
    store.advance("bob", conversation, MarkKind::delivered, 2);
    CHECK(marks_of("bob").mine == Marks{Sequence{2}, Sequence{0}});
    CHECK(marks_of("bob").peers == Marks{});
    CHECK(marks_of("ann").peers == Marks{Sequence{2}, Sequence{0}});
    CHECK(marks_of("ann").mine == Marks{});
  }
  SUBCASE("a mark at or below the one that stands stores nothing") {
    store.advance("bob", conversation, MarkKind::delivered, 2);
    expect_repeat(MarkKind::delivered, 2, Sequence{2});
    expect_repeat(MarkKind::delivered, 1, Sequence{2});
    expect_repeat(MarkKind::read, 0, Sequence{0});
  }
  SUBCASE("a mark above the last sequence counts as the last") {
    CHECK(store.advance("bob", conversation, MarkKind::delivered, 99).sequence == Sequence{3});
    expect_repeat(MarkKind::delivered, 100, Sequence{3});
    store.post("ann", "bob", "4");
    CHECK(store.advance("bob", conversation, MarkKind::delivered, 4).sequence == Sequence{4});
  }
  SUBCASE("the largest number there is counts as the last") {
    CHECK(store.advance("bob", conversation, MarkKind::read, ~std::uint64_t{0}).sequence ==
          Sequence{3});
  }
  SUBCASE("`read` raises `delivered` with it, as one change") {
    store.advance("bob", conversation, MarkKind::read, 2);
    CHECK(store.last_position() == Position{4});
    CHECK(marks_of("bob").mine == Marks{Sequence{2}, Sequence{2}});
    expect_repeat(MarkKind::delivered, 2, Sequence{2});
  }
  SUBCASE("`read` below `delivered` leaves it where it is") {
    store.advance("bob", conversation, MarkKind::delivered, 3);
    store.advance("bob", conversation, MarkKind::read, 1);
    CHECK(marks_of("bob").mine == Marks{Sequence{3}, Sequence{1}});
  }
  SUBCASE("marks of the same batch see each other and the messages before them") {
    const auto results =
        store.append({MarkDraft{user("bob"), conversation, MarkKind::read, Sequence{2}},
                      MarkDraft{user("bob"), conversation, MarkKind::read, Sequence{1}},
                      draft("ann", "bob", "4"),
                      MarkDraft{user("bob"), conversation, MarkKind::read, Sequence{4}}});
    REQUIRE(results[1].has_value());
    CHECK(results[1]->repeated);
    REQUIRE(results[3].has_value());
    CHECK(std::get<MarkAdvanced>(results[3]->change).sequence == Sequence{4});
    CHECK(position_of(results[3]->change) == Position{6});
  }
  SUBCASE("marks of the two members are apart") {
    store.advance("bob", conversation, MarkKind::read, 3);
    const MarkAdvanced anns = store.advance("ann", conversation, MarkKind::read, 1);
    CHECK(anns.user == user("ann"));
    CHECK(anns.peer == user("bob"));
    CHECK(marks_of("ann").mine == Marks{Sequence{1}, Sequence{1}});
    CHECK(marks_of("ann").peers == Marks{Sequence{3}, Sequence{3}});
  }
  SUBCASE("a conversation of others, or of nobody, is not_found") {
    const auto foreign = store.mark("eve", conversation, MarkKind::read, 1);
    REQUIRE_FALSE(foreign.has_value());
    CHECK(foreign.error().code == Errc::not_found);
    store.post("eve", "cid", "eve is known by now");
    CHECK_FALSE(store.mark("eve", conversation, MarkKind::read, 1).has_value());
    const auto absent = store.mark("bob", ConversationId{77}, MarkKind::read, 1);
    REQUIRE_FALSE(absent.has_value());
    CHECK(absent.error().code == Errc::not_found);
  }
  SUBCASE("a conversation with oneself has one pair of marks") {
    const ConversationId notes = store.post("ann", "ann", "note").conversation;
    const MarkAdvanced mark = store.advance("ann", notes, MarkKind::read, 1);
    CHECK(mark.peer == user("ann"));
    CHECK(marks_of("ann").mine == Marks{Sequence{1}, Sequence{1}});
    CHECK(positions_of(store.changes_of("ann", 3)) == Numbers{4, 5});
  }
}

inline void check_unread(StoreFixture& store) {
  const auto unread = [&](std::string_view who) {
    return store.conversations(who).items.at(0).unread;
  };
  const ConversationId conversation = store.post("ann", "bob", "1").conversation;
  store.post("bob", "ann", "2");
  store.post("ann", "bob", "3");

  SUBCASE("messages of others above the read mark are unread") {
    CHECK(unread("bob") == 2);
    CHECK(unread("ann") == 1);
  }
  SUBCASE("a read mark takes off what it passes, but not one's own") {
    store.advance("bob", conversation, MarkKind::read, 2);
    CHECK(unread("bob") == 1);
    store.advance("bob", conversation, MarkKind::read, 3);
    CHECK(unread("bob") == 0);
    CHECK(unread("ann") == 1);
  }
  SUBCASE("a delivered mark takes off nothing") {
    store.advance("bob", conversation, MarkKind::delivered, 3);
    CHECK(unread("bob") == 2);
  }
  SUBCASE("messages after the mark are unread again") {
    store.advance("bob", conversation, MarkKind::read, 3);
    store.post("ann", "bob", "4");
    CHECK(unread("bob") == 1);
  }
  SUBCASE("in a conversation with oneself nothing is unread") {
    store.post("cid", "cid", "note");
    CHECK(unread("cid") == 0);
  }
}

}  // namespace chatrt::testing
