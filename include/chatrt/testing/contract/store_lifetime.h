// Part of message_store_contract.h: reads beside a writer, and what survives.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "chatrt/testing/contract/store_fixture.h"

namespace chatrt::testing {

// doctest's assertions are kept to the main thread; the readers count what they find wrong.
inline void check_threads(StoreFixture& store) {
  SUBCASE("readers beside append() see whole batches, in order, without gaps") {
    constexpr int kBatches = 50;
    constexpr std::size_t kBatch = 8;
    const UserId bob = user("bob");
    store.post("ann", "bob", "first");
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0};
    std::atomic<int> looks{0};
    const auto look = [&] {
      std::uint64_t seen = 0;
      do {
        const auto position = store->last_position();
        const auto page = store->read_for_user(bob, Position{0}, 10000);
        const auto history = store->read_conversation(bob, user("ann"), {}, 10000);
        if (!position || !page || !history) {
          ++wrong;
          return;
        }
        // Whatever was committed before a read began is in it, and batches are there as a whole.
        if (position->value < seen || page->items.size() < position->value) ++wrong;
        if ((page->items.size() - 1) % kBatch != 0) ++wrong;
        for (std::size_t i = 0; i < page->items.size(); ++i) {
          if (position_of(page->items[i]).value != i + 1) ++wrong;
        }
        for (std::size_t i = 0; i < history->items.size(); ++i) {
          if (history->items[i].sequence.value != i + 1) ++wrong;
        }
        seen = position->value;
        ++looks;
      } while (!done);
    };
    std::thread one(look);
    std::thread two(look);

    bool appended = true;
    for (int i = 0; i < kBatches; ++i) {
      std::vector<Draft> batch(kBatch, Draft{draft("ann", "bob", "more")});
      const auto results = store->append(batch, store.now());
      appended = appended && results.has_value();
    }
    done = true;
    one.join();
    two.join();

    CHECK(appended);
    CHECK(wrong == 0);
    CHECK(looks >= 2);
    CHECK(store.last_position() == Position{1 + kBatches * kBatch});
  }
  SUBCASE("what append() has returned is in a read of another thread") {
    for (std::uint64_t i = 1; i <= 20; ++i) {
      store.post("ann", "bob", std::to_string(i));
      std::size_t found = 0;
      std::thread reader([&] {
        const auto page = store->read_for_user(user("bob"), Position{0}, 100);
        if (page) found = page->items.size();
      });
      reader.join();
      REQUIRE(found == i);
    }
  }
}

inline void check_reopened(StoreFixture& store) {
  const Message first = store.post(draft("ann", "bob", "hi \xF0\x9F\x98\x80", "c1"));
  const Message note = store.post("ann", "ann", "note");
  const MarkAdvanced mark = store.advance("bob", first.conversation, MarkKind::read, 1);
  store.reopen();

  SUBCASE("the log is the same") {
    const Page<Change> log = store.log();
    REQUIRE(log.items.size() == 3);
    CHECK(std::get<Message>(log.items[0]) == first);
    CHECK(std::get<Message>(log.items[1]) == note);
    CHECK(std::get<MarkAdvanced>(log.items[2]) == mark);
  }
  SUBCASE("positions, sequences and conversations go on") {
    CHECK(store.last_position() == Position{3});
    const Message next = store.post("bob", "ann", "back");
    CHECK(next.position == Position{4});
    CHECK(next.sequence == Sequence{2});
    CHECK(next.conversation == first.conversation);
    const Message other = store.post("ann", "cid", "new");
    CHECK(other.conversation != first.conversation);
    CHECK(other.conversation != note.conversation);
  }
  SUBCASE("a repeat from before is a repeat, and a conflict a conflict") {
    const auto results =
        store.append({draft("ann", "bob", first.text, "c1"), draft("ann", "bob", "ho", "c1")});
    REQUIRE(results[0].has_value());
    CHECK(results[0]->repeated);
    CHECK(std::get<Message>(results[0]->change) == first);
    REQUIRE_FALSE(results[1].has_value());
    CHECK(results[1].error().code == Errc::conflict);
  }
  SUBCASE("marks and counts stand") {
    CHECK(store.conversations("bob").items.at(0).mine == Marks{Sequence{1}, Sequence{1}});
    CHECK(store.conversations("bob").items.at(0).unread == 0);
    CHECK(store.undelivered("bob").items.empty());
  }
}

}  // namespace chatrt::testing
