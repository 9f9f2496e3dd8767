// What the rows of conversations do not say yet is told all the same: with any length of the tail,
// across reopenings, and to readers that are slower than the writer.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../temp_folder.h"
#include "chatrt/sqlite_store.h"
#include "chatrt/testing/contract/store_fixture.h"
#include "store_file.h"

using namespace chatrt;
using namespace chatrt::testing;

namespace {

std::unique_ptr<MessageStore> open_with(const std::filesystem::path& file, std::size_t tail_max) {
  SqliteOptions options;
  options.synchronous = SqliteOptions::Synchronous::normal;
  options.tail_max = tail_max;
  auto store = open_sqlite_store(file, options);
  REQUIRE_MESSAGE(store.has_value(), store.error().detail);
  return *std::move(store);
}

// One value of the file, read past the store.
std::int64_t value_in(const std::filesystem::path& file, const char* sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
  std::int64_t found = -1;
  const auto take = [](void* to, int, char** values, char**) {
    *static_cast<std::int64_t*>(to) = values[0] == nullptr ? -1 : std::stoll(values[0]);
    return 0;
  };
  CHECK(sqlite3_exec(database, sql, take, &found, nullptr) == SQLITE_OK);
  sqlite3_close(database);
  return found;
}

// Of conversations of 40 users each with one other, in lives of so many changes.
std::int64_t behind_after(const std::filesystem::path& file, int lives, int changes) {
  int next = 0;
  for (int life = 0; life < lives; ++life) {
    const auto store = open_with(file, 64);
    for (int i = 0; i < changes; ++i) {
      const std::string author = "author-" + std::to_string(next++ % 40);
      REQUIRE(append_to(*store, {draft(author, "reader", "hi")}));
    }
  }
  return value_in(file, "SELECT (SELECT max(position) FROM log) - complete_to FROM heads_state");
}

constexpr int kPeople = 12;

UserId person(std::uint64_t number) { return user("user-" + std::to_string(number)); }

// Messages and marks of users who all know each other.
std::vector<Draft> some_drafts(std::mt19937_64& random, ConversationId known) {
  std::vector<Draft> drafts;
  for (std::uint64_t count = 1 + random() % 12; count > 0; --count) {
    const UserId author = person(random() % kPeople);
    if (random() % 6 == 0) {
      drafts.push_back(MarkDraft{author, known,
                                 random() % 2 == 0 ? MarkKind::delivered : MarkKind::read,
                                 Sequence{random() % 60}});
    } else {
      drafts.push_back(PostDraft{author, person(random() % kPeople), "hi", {}});
    }
  }
  return drafts;
}

// All that a user is told, in every way.
void check_same(const MessageStore& store, const MessageStore& expected, Position after) {
  for (std::uint64_t i = 0; i < kPeople; ++i) {
    const UserId who = person(i);
    const auto changes = store.read_for_user(who, after, 1000);
    REQUIRE_MESSAGE(changes.has_value(), changes.error().detail);
    CHECK(changes->items == expected.read_for_user(who, after, 1000)->items);
    const auto undelivered = store.read_undelivered(who, after, 1000);
    REQUIRE_MESSAGE(undelivered.has_value(), undelivered.error().detail);
    CHECK(undelivered->items == expected.read_undelivered(who, after, 1000)->items);
    const auto list = store.conversations_of(who, {}, 1000);
    const auto list_expected = expected.conversations_of(who, {}, 1000);
    REQUIRE_MESSAGE(list.has_value(), list.error().detail);
    REQUIRE(list->items.size() == list_expected->items.size());
    for (std::size_t n = 0; n < list->items.size(); ++n) {
      const Conversation& one = list->items[n];
      const Conversation& other = list_expected->items[n];
      CHECK(one.last_message == other.last_message);
      CHECK(one.mine == other.mine);
      CHECK(one.peers == other.peers);
      CHECK(one.unread == other.unread);
      CHECK(store.read_conversation(who, one.id, {}, 1000)->items ==
            expected.read_conversation(who, other.id, {}, 1000)->items);
    }
    const auto older = store.conversations_of(who, Position{after.value + 1}, 3);
    const auto older_expected = expected.conversations_of(who, Position{after.value + 1}, 3);
    REQUIRE(older.has_value());
    CHECK(older->items.size() == older_expected->items.size());
    CHECK(older->more == older_expected->more);
  }
}

}  // namespace

TEST_SUITE("heads") {
  TEST_CASE("every read is right, whatever of it the rows have") {
    for (const std::size_t tail_max : {1U, 2U, 7U, 40U, 300U, 65536U}) {
      CAPTURE(tail_max);
      std::mt19937_64 random(tail_max);
      const TempFolder folder;
      const auto file = folder / "chat.db";
      const auto expected = make_memory_store();
      auto store = open_with(file, tail_max);
      ConversationId known{1};
      for (int round = 0; round < 150; ++round) {
        const std::vector<Draft> drafts = some_drafts(random, known);
        const auto results = append_to(*store, drafts);
        REQUIRE_MESSAGE(results.has_value(), results.error().detail);
        const auto same = append_to(*expected, drafts);
        for (std::size_t i = 0; i < results->size(); ++i) {
          REQUIRE((*results)[i].has_value() == (*same)[i].has_value());
          if (!(*results)[i]) continue;
          REQUIRE((*results)[i]->change == (*same)[i]->change);
          if (const auto* message = std::get_if<Message>(&(*results)[i]->change)) {
            known = message->conversation;
          }
        }
        if (round % 40 == 39) {
          store.reset();
          store = open_with(file, tail_max);
        }
        if (round % 15 == 14) {
          const std::uint64_t end = store->last_position()->value;
          check_same(*store, *expected, Position{random() % (end + 1)});
        }
      }
    }
  }

  // The control: if the rows had it all, the tests above and below would say nothing.
  TEST_CASE("rows are behind, and follow when the tail is full") {
    const TempFolder folder;
    const auto file = folder / "chat.db";
    const auto store = open_with(file, 100);
    const auto append = [&](int count) {
      for (int i = 0; i < count; ++i) {
        REQUIRE(append_to(*store, {draft("ann", "bob", "hi"), draft("ann", "cid", "hi")}));
      }
    };
    append(49);
    CHECK(value_in(file, "SELECT max(last_position) FROM conversations") == 0);
    append(1);  // closes the tail
    append(2);  // one row each, at least
    CHECK(value_in(file, "SELECT min(last_position) FROM conversations") > 100);
    CHECK(value_in(file, "SELECT complete_to FROM heads_state") == 100);
    CHECK(value_in(file, "SELECT sum(last_sequence) FROM conversations") < 104);
    CHECK(store->read_conversation(user("ann"), user("bob"), {}, 1000)->items.size() == 52);
  }

  TEST_CASE("a process that ends without a word has lost none of it") {
    const TempFolder folder;
    const auto store = open_with(folder / "chat.db", 65536);
    for (int i = 0; i < 50; ++i) {
      REQUIRE(append_to(*store, {draft("ann", "bob", std::to_string(i))}));
    }
    // The file and its WAL as they are in the middle of a life.
    for (const char* suffix : {"", "-wal"}) {
      std::filesystem::copy_file((folder / "chat.db").string() + suffix,
                                 (folder / "copy.db").string() + suffix);
    }
    const auto copy = open_with(folder / "copy.db", 65536);
    const auto page = copy->read_conversation(user("bob"), user("ann"), {}, 1000);
    REQUIRE(page.has_value());
    REQUIRE(page->items.size() == 50);
    CHECK(page->items.back().text == "49");
    const auto next = append_to(*copy, {draft("bob", "ann", "50")});
    REQUIRE(next.has_value());
    CHECK(std::get<Message>((*next)[0]->change).sequence == Sequence{51});
  }

  TEST_CASE("a file that says it has more than it has is refused") {
    for (const char* damage :
         {"UPDATE heads_state SET complete_to = complete_to + 8",
          "UPDATE heads_state SET inverse = inverse - 4",
          "UPDATE conversations SET last_position = last_position + 16",
          "UPDATE log SET previous = previous + 1 WHERE position = 9",
          "UPDATE log SET kind = 1 WHERE position = 9",
          "UPDATE log SET conversation = 2 WHERE position = 9", "DELETE FROM heads_state"}) {
      CAPTURE(damage);
      const TempFolder folder;
      const auto file = folder / "chat.db";
      {
        const auto store = open_with(file, 65536);
        for (int i = 0; i < 5; ++i) {
          REQUIRE(append_to(*store, {draft("ann", "bob", "hi"), draft("ann", "cid", "hi")}));
        }
      }
      CHECK(*open_with(file, 65536)->last_position() == Position{10});  // the control
      value_in(file, damage);
      const auto store = open_sqlite_store(file);
      REQUIRE_FALSE(store.has_value());
      CHECK(store.error().code == Errc::corrupt);
    }
  }

  // One commit changes two conversations of bob's, and both or none of it is seen; what is seen of
  // a page has no gap; and unread() counts what belongs to the marks of the same moment.
  TEST_CASE("readers see one commit, however quickly rows follow and tails change") {
    const TempFolder folder;
    const auto store = open_with(folder / "chat.db", 9);
    std::atomic<bool> over{false};
    std::atomic<int> wrong{0};
    std::atomic<int> reads{0};
    const auto fail_if = [&](bool is_wrong) { wrong += is_wrong ? 1 : 0; };
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
      readers.emplace_back([&] {
        Position seen;
        do {
          const auto end = store->last_position();
          const auto page = store->read_for_user(user("bob"), seen, 1000);
          fail_if(!end || !page);
          if (!end || !page) continue;
          // Every change of this store is bob's.
          std::uint64_t next = seen.value;
          for (const Change& change : page->items) fail_if(position_of(change).value != ++next);
          fail_if(next < end->value && !page->more);
          if (!page->items.empty()) seen = position_of(page->items.back());
          const auto list = store->conversations_of(user("bob"), {}, 10);
          fail_if(!list);
          if (list) {
            std::uint64_t newest = 0, oldest = UINT64_MAX;
            for (const Conversation& one : list->items) {
              newest = std::max(newest, one.last_message.sequence.value);
              oldest = std::min(oldest, one.last_message.sequence.value);
              // ann and cid write, bob reads all: what is unread is above the mark.
              fail_if(one.unread != one.last_message.sequence.value - one.mine.read.value);
            }
            fail_if(!list->items.empty() && (list->items.size() != 2 || newest != oldest));
          }
          ++reads;
        } while (!over);
      });
    }
    for (std::uint64_t i = 0; i < 3000; ++i) {
      std::vector<Draft> drafts{draft("ann", "bob", "hi"), draft("cid", "bob", "hi")};
      if (i % 5 == 4) {
        drafts.push_back(MarkDraft{user("bob"), ConversationId{1 + i % 2}, MarkKind::read, {i}});
      }
      REQUIRE(append_to(*store, drafts).has_value());
    }
    over = true;
    for (std::thread& reader : readers) reader.join();
    CHECK(wrong == 0);
    CHECK(reads > 3);
  }
}

TEST_SUITE("a conversation") {
  TEST_CASE("whose row does not fit the log is not written on") {
    const TempFolder folder;
    const auto file = folder / "chat.db";
    {
      const auto store = open_with(file, 1);
      for (const char* author : {"ann", "ann", "ann", "eve", "eve"}) {
        REQUIRE(append_to(*store, {draft(author, "bob", "hi")}));
      }
    }
    REQUIRE(value_in(file, "SELECT last_sequence FROM conversations WHERE id = 1") == 3);
    value_in(file, "UPDATE conversations SET last_sequence = 2 WHERE id = 1");
    const auto store = open_with(file, 1);

    const auto refused = append_to(*store, {draft("ann", "bob", "hi")});

    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::corrupt);
  }
}

TEST_SUITE("the tail of the log") {
  TEST_CASE("is bounded also where every life is shorter than it") {
    const TempFolder folder;
    CHECK(behind_after(folder / "chat.db", 100, 20) < 2 * 64);
    CHECK(*open_with(folder / "chat.db", 64)->last_position() == Position{2000});
  }
  TEST_CASE("is as long as the largest number says, which is never") {
    const TempFolder folder;
    for (const std::size_t tail_max : {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 2}) {
      SqliteOptions options;
      options.tail_max = tail_max;
      options.wal_bytes = SIZE_MAX;
      const auto store = open_sqlite_store(folder / "chat.db", options);
      REQUIRE(store);
      for (int i = 0; i < 10; ++i) REQUIRE(append_to(**store, {draft("ann", "bob", "hi")}));
    }
    CHECK(value_in(folder / "chat.db", "SELECT complete_to FROM heads_state") == 0);
  }
}
