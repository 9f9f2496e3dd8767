#include "tail.h"

#include <doctest/doctest.h>

#include <vector>

namespace chatrt::sqlite {
namespace {

Head at(std::int64_t position) { return {.last_sequence = position, .last_position = position}; }

std::int64_t found(const Tail& tail, std::int64_t conversation, std::int64_t up_to) {
  const Head* head = tail.find(conversation, up_to);
  return head == nullptr ? 0 : head->last_position;
}

std::vector<std::int64_t> of(const Tail& tail, std::int64_t user, std::int64_t up_to = 99) {
  std::vector<Tail::Found> found;
  tail.find_of(user, up_to, found);
  std::vector<std::int64_t> conversations;
  for (const Tail::Found& one : found) {
    CHECK(one.members.has(user));
    CHECK(one.head.last_position == tail.find(one.conversation, up_to)->last_position);
    conversations.push_back(one.conversation);
  }
  return conversations;
}

using Ids = std::vector<std::int64_t>;

}  // namespace

TEST_SUITE("Tail") {
  TEST_CASE("has a conversation as it was at any position") {
    Tail tail(10);
    tail.add(1, {7, 8}, at(11));
    tail.add(2, {7, 9}, at(13));
    tail.add(1, {7, 8}, at(15));
    CHECK(found(tail, 1, 10) == 0);
    CHECK(found(tail, 1, 11) == 11);
    CHECK(found(tail, 1, 14) == 11);
    CHECK(found(tail, 1, 15) == 15);
    CHECK(found(tail, 1, 99) == 15);
    CHECK(found(tail, 2, 12) == 0);
    CHECK(found(tail, 2, 13) == 13);
    CHECK(found(tail, 3, 99) == 0);
  }

  TEST_CASE("knows whose they are, each once, also with oneself") {
    Tail tail(0);
    tail.add(5, {7, 8}, at(1));
    tail.add(2, {7, 7}, at(2));
    tail.add(5, {7, 8}, at(3));
    CHECK(of(tail, 7) == Ids{5, 2});
    CHECK(of(tail, 7, 1) == Ids{5});
    CHECK(of(tail, 8) == Ids{5});
    CHECK(of(tail, 9).empty());
    CHECK(tail.conversations() == Ids{2, 5});
  }

  TEST_CASE("is after a truncation as it was before") {
    Tail tail(0);
    tail.add(1, {7, 8}, at(1));
    tail.add(2, {8, 8}, at(2));
    const std::size_t size = tail.size();
    tail.add(1, {7, 8}, at(3));
    tail.add(3, {7, 9}, at(4));
    tail.add(3, {7, 9}, at(5));
    tail.add(4, {9, 9}, at(6));

    tail.truncate(size);

    CHECK(found(tail, 1, 99) == 1);
    CHECK(found(tail, 3, 99) == 0);
    CHECK(of(tail, 7) == Ids{1});
    CHECK(of(tail, 8) == Ids{1, 2});
    CHECK(of(tail, 9).empty());
    CHECK(tail.conversations() == Ids{1, 2});
    tail.add(3, {7, 9}, at(3));
    CHECK(found(tail, 3, 99) == 3);
    CHECK(of(tail, 7) == Ids{1, 3});
  }
}

}  // namespace chatrt::sqlite
