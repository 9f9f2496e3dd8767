#include <doctest/doctest.h>

#include "chatrt/registry.h"

namespace chatrt {

TEST_SUITE("make_memory_registry") {
  const UserId ann = *UserId::parse("ann");
  const UserId bob = *UserId::parse("bob");

  TEST_CASE("counts and lists connections in the order they came") {
    const auto registry = make_memory_registry();
    CHECK(registry->add(ann, {3}) == 1);
    CHECK(registry->add(ann, {1}) == 2);
    CHECK(registry->add(bob, {2}) == 1);

    std::vector<ConnectionId> found{{9}};
    registry->connections_of(ann, found);
    CHECK(found == std::vector<ConnectionId>{{9}, {3}, {1}});
    CHECK(registry->user_of({2}) == bob);
    CHECK(registry->connection_count(ann) == 2);
    CHECK(registry->connection_count() == 3);
    CHECK(registry->user_count() == 2);
  }

  TEST_CASE("a connection stays under the same user and moves to another") {
    const auto registry = make_memory_registry();
    registry->add(ann, {1});
    CHECK(registry->add(ann, {1}) == 1);
    CHECK(registry->add(bob, {1}) == 1);

    CHECK(registry->connection_count(ann) == 0);
    CHECK(registry->user_of({1}) == bob);
    CHECK(registry->user_count() == 1);
  }

  TEST_CASE("remove says whose it was and how many are left, once") {
    const auto registry = make_memory_registry();
    registry->add(ann, {1});
    registry->add(ann, {2});

    auto removed = registry->remove({1});
    REQUIRE(removed);
    CHECK(removed->user == ann);
    CHECK(removed->remaining == 1);
    CHECK_FALSE(registry->remove({1}));
    CHECK(registry->remove({2})->remaining == 0);
    CHECK(registry->user_count() == 0);
    CHECK_FALSE(registry->user_of({2}));
  }
}

}  // namespace chatrt
