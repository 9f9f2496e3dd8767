#include <doctest/doctest.h>
#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <set>
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

std::unique_ptr<MessageStore> open(const std::filesystem::path& file, SqliteOptions options = {}) {
  auto store = open_sqlite_store(file, options);
  REQUIRE_MESSAGE(store.has_value(), store.error().detail);
  return *std::move(store);
}

// Every SQL statement that connections opened from here on run.
class SqlTrace {
 public:
  SqlTrace() {
    current = this;
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&SqlTrace::attach));
  }
  ~SqlTrace() {
    sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&SqlTrace::attach));
    current = nullptr;
  }
  SqlTrace(const SqlTrace&) = delete;

  std::set<std::string> statements;

 private:
  static int attach(sqlite3* database, char**, const sqlite3_api_routines*) {
    return sqlite3_trace_v2(
        database, SQLITE_TRACE_STMT,
        [](unsigned, void* trace, void* statement, void*) {
          const char* sql = sqlite3_sql(static_cast<sqlite3_stmt*>(statement));
          static_cast<SqlTrace*>(trace)->statements.insert(sql);
          return 0;
        },
        current);
  }
  static inline SqlTrace* current = nullptr;
};

std::string plan_of(sqlite3* database, const std::string& sql) {
  std::string plan;
  const auto add = [](void* to, int columns, char** values, char**) {
    *static_cast<std::string*>(to) += std::string{values[columns - 1]} + "\n";
    return 0;
  };
  REQUIRE(sqlite3_exec(database, ("EXPLAIN QUERY PLAN " + sql).c_str(), add, &plan, nullptr) ==
          SQLITE_OK);
  return plan;
}

bool starts_with_any(const std::string& sql, std::initializer_list<const char*> words) {
  for (const char* word : words) {
    if (sql.starts_with(word)) return true;
  }
  return false;
}

// Enough for the index of client ids to be merged.
void append_many(MessageStore& store) {
  for (int i = 0; i < 280'000;) {
    std::vector<Draft> drafts;
    for (const int end = i + 4'000; i < end; ++i) {
      drafts.push_back(draft("ann", "bob", "hi", "many-" + std::to_string(i)));
    }
    REQUIRE(store.append(drafts, kNow).has_value());
  }
}

void use_all(MessageStore& store) {
  std::vector<Draft> drafts;
  for (int i = 1; i <= 80; ++i) {
    drafts.push_back(draft("ann", "bob", "hi", "c" + std::to_string(i)));
  }
  drafts.push_back(draft("ann", "bob", "hi", "c1"));
  REQUIRE(store.append(drafts, kNow).has_value());
  const ConversationId conversation{1};
  const std::vector<Draft> more{draft("bob", conversation, "by its id"),
                                MarkDraft{user("bob"), conversation, MarkKind::delivered, {40}},
                                MarkDraft{user("bob"), conversation, MarkKind::read, {41}}};
  REQUIRE(append_to(store, more).has_value());
  CHECK(store.last_position().has_value());
  CHECK(store.read_for_user(user("bob"), Position{3}, 10).has_value());
  CHECK(store.read_undelivered(user("bob"), Position{3}, 10).has_value());
  CHECK(store.read_conversation(user("bob"), user("ann"), {.before = Sequence{9}}, 5).has_value());
  CHECK(store.read_conversation(user("bob"), conversation, {.after = Sequence{9}}, 5).has_value());
  CHECK(store.conversations_of(user("bob"), Position{99}, 10).has_value());
  CHECK(store.contacts_of(user("bob")).has_value());
  CHECK(store.contacts_among(user("bob"), std::vector{user("ann")}).has_value());
  CHECK(store.read_log(Position{3}, 10).has_value());
}

}  // namespace

TEST_SUITE("query plans") {
  TEST_CASE("every statement finds its rows by a key, and none sorts") {
    const TempFolder folder;
    SqlTrace trace;
    { use_all(*open(folder / "chat.db")); }
    trace.statements.clear();  // those that make the schema
    {
      const auto store = open(folder / "chat.db");
      append_many(*store);
      use_all(*store);
    }

    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open((folder / "chat.db").c_str(), &database) == SQLITE_OK);
    const std::set<std::string> statements = trace.statements;
    CHECK(std::any_of(statements.begin(), statements.end(), [](const std::string& sql) {
      return sql.starts_with("DELETE FROM client_ids ");  // by a merge alone
    }));
    int planned = 0;
    for (const std::string& sql : statements) {
      if (starts_with_any(sql, {"PRAGMA", "BEGIN", "COMMIT", "ROLLBACK"})) continue;
      const std::string plan = plan_of(database, sql);
      INFO(sql, "\n", plan);
      // The runs of client ids are some dozens, and read once.
      if (plan != "SCAN client_id_runs\n") CHECK(plan.find("SCAN") == std::string::npos);
      CHECK(plan.find("TEMP B-TREE") == std::string::npos);
      CHECK(plan.find("AUTOMATIC") == std::string::npos);
      ++planned;
    }
    CHECK(planned >= 20);
    sqlite3_close(database);
  }
  // The control.
  TEST_CASE("a statement that does not is told by its plan") {
    const TempFolder folder;
    open(folder / "chat.db").reset();
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open((folder / "chat.db").c_str(), &database) == SQLITE_OK);
    CHECK(plan_of(database, "SELECT * FROM log WHERE at = 1").find("SCAN") != std::string::npos);
    CHECK(plan_of(database, "SELECT * FROM log ORDER BY at").find("TEMP B-TREE") !=
          std::string::npos);
    sqlite3_close(database);
  }
}

TEST_SUITE("reads") {
  TEST_CASE("do not wait for a transaction that writes") {
    const TempFolder folder;
    const auto store = open(folder / "chat.db");
    REQUIRE(append_to(*store, {draft("ann", "bob", "hi")}).has_value());
    sqlite3* other = nullptr;
    REQUIRE(sqlite3_open((folder / "chat.db").c_str(), &other) == SQLITE_OK);
    REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE; UPDATE log SET at = 0", nullptr, nullptr,
                         nullptr) == SQLITE_OK);

    const auto log = store->read_log(Position{0}, 10);

    REQUIRE(log.has_value());
    CHECK(std::get<Message>(log->items.at(0)).created_at == kNow);
    sqlite3_close(other);
  }
  TEST_CASE("of as many callers as there are, with fewer connections, all get their answer") {
    const TempFolder folder;
    SqliteOptions options;
    options.readers = 2;
    const auto store = open(folder / "chat.db", options);
    const std::vector<Draft> drafts(100, draft("ann", "bob", "hi"));
    REQUIRE(append_to(*store, drafts).has_value());
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 20; ++n) {
          const auto page = store->read_conversation(user("bob"), user("ann"), {}, 100);
          if (page && page->items.size() == 100) ++right;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(right == 160);
  }
  // What lies beyond is damaged: whoever looked at it would say so.
  TEST_CASE("of a page that its texts fill look at nothing beyond the one that was too much") {
    const TempFolder folder;
    const auto file = folder / "chat.db";
    {
      std::vector<Draft> drafts;
      for (int i = 1; i <= 9; ++i) {
        drafts.push_back(draft("ann", "bob", "12345"));                    // 1, 3, 5, ...
        drafts.push_back(draft("bob", "c" + std::to_string(i), "12345"));  // 2, 4, 6, ...
      }
      REQUIRE(open(file)->append(drafts, kNow).has_value());
    }
    const auto damage = [&](const char* where) {
      sqlite3* database = nullptr;
      REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
      const std::string sql = std::string{"UPDATE log SET text = 'other' WHERE "} + where;
      CHECK(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
      CHECK(sqlite3_close(database) == SQLITE_OK);
      return open(file);
    };
    const PageLimit two{500, 14};
    const auto is_damaged = [](const auto& page) {
      return !page.has_value() && page.error().code == Errc::corrupt;
    };
    const auto is_two = [](const auto& page) {
      return page.has_value() && page->items.size() == 2 && page->more;
    };
    SUBCASE("upwards") {
      const auto store = damage("position BETWEEN 7 AND 16");
      CHECK(is_two(store->read_log(Position{0}, two)));
      CHECK(is_damaged(store->read_log(Position{0}, 500)));
      CHECK(is_two(store->read_for_user(user("bob"), Position{0}, two)));
      CHECK(is_damaged(store->read_for_user(user("bob"), Position{0}, 500)));
      CHECK(is_two(store->read_undelivered(user("bob"), Position{0}, two)));
      CHECK(is_damaged(store->read_undelivered(user("bob"), Position{0}, 500)));
      const SequenceRange all{.after = Sequence{0}};
      CHECK(is_two(store->read_conversation(user("bob"), user("ann"), all, two)));
      CHECK(is_damaged(store->read_conversation(user("bob"), user("ann"), all, 500)));
    }
    SUBCASE("downwards") {
      const auto store = damage("position BETWEEN 3 AND 12");
      CHECK(is_two(store->read_conversation(user("bob"), user("ann"), {}, two)));
      CHECK(is_damaged(store->read_conversation(user("bob"), user("ann"), {}, 500)));
      CHECK(is_two(store->conversations_of(user("bob"), {}, two)));
      CHECK(is_damaged(store->conversations_of(user("bob"), {}, 500)));
    }
  }

  TEST_CASE("of long conversations are right at every boundary of their steps") {
    const TempFolder folder;
    const auto store = open(folder / "chat.db");
    std::vector<Draft> drafts;
    for (int i = 1; i <= 130; ++i) {
      drafts.push_back(draft("ann", "bob", std::to_string(i)));
      drafts.push_back(draft("cid", "bob", "between"));
      drafts.push_back(MarkDraft{user("bob"), ConversationId{1}, MarkKind::delivered,
                                 Sequence{static_cast<std::uint64_t>(i / 2)}});
    }
    REQUIRE(append_to(*store, drafts).has_value());

    for (std::uint64_t after = 0; after <= 130; ++after) {
      const auto up =
          store->read_conversation(user("bob"), user("ann"), {.after = Sequence{after}}, 3);
      const auto down =
          store->read_conversation(user("bob"), user("ann"), {.before = Sequence{after + 1}}, 3);
      REQUIRE(up.has_value());
      REQUIRE(down.has_value());
      CHECK(up->items.size() == std::min<std::uint64_t>(3, 130 - after));
      CHECK(up->more == (after + 3 < 130));
      CHECK(down->items.size() == std::min<std::uint64_t>(3, after));
      CHECK(down->more == (after > 3));
      if (!up->items.empty()) CHECK(up->items[0].text == std::to_string(after + 1));
      if (!down->items.empty()) CHECK(down->items.back().text == std::to_string(after));
    }
    // In pages of any size the changes of a user are those of the log, in its order.
    const auto log = store->read_log(Position{0}, 1000);
    REQUIRE(log.has_value());
    for (const std::size_t limit : {1U, 7U, 1000U}) {
      std::vector<Change> all;
      Position after;
      for (bool more = true; more;) {
        const auto page = store->read_for_user(user("bob"), after, limit);
        REQUIRE(page.has_value());
        all.insert(all.end(), page->items.begin(), page->items.end());
        if (!all.empty()) after = position_of(all.back());
        more = page->more;
      }
      CHECK(all == log->items);
    }
    // And what is not delivered starts above the mark.
    for (std::uint64_t after = 0; after < 390; after += 13) {
      const auto page = store->read_undelivered(user("bob"), Position{after}, 1000);
      REQUIRE(page.has_value());
      std::vector<Message> expected;
      for (const Change& change : log->items) {
        const auto* message = std::get_if<Message>(&change);
        if (message == nullptr || message->position.value <= after) continue;
        if (message->conversation == ConversationId{1} && message->sequence.value <= 65) continue;
        expected.push_back(*message);
      }
      CHECK(page->items == expected);
    }
  }
}

TEST_SUITE("what is kept") {
  TEST_CASE("texts, user ids and client ids come back byte for byte, also after a reopening") {
    const TempFolder folder;
    const std::vector<std::string> texts = {std::string(65'536, 'x'),
                                            "'; DROP TABLE log; --",
                                            "%_\\\"`",
                                            " leading and trailing ",
                                            "e\xCC\x81 and \xC3\xA9",
                                            "\xF0\x9F\x98\x80\xE2\x80\xAE\xEF\xBB\xBF",
                                            "\r\n\t"};
    // These differ in bytes alone; none is the same user as another.
    const std::vector<std::string> names = {
        "Ann", "ann", "ann ",  "\xC3\xA9", "e\xCC\x81",          "1",
        "01",  "1.0", "x'61'", "a%",       std::string(128, 'n')};
    const std::string long_id(128, 'c');
    auto store = open(folder / "chat.db");
    std::vector<Draft> drafts;
    for (const std::string& text : texts) drafts.push_back(draft("ann", "bob", text));
    for (const std::string& name : names) drafts.push_back(draft(name, "bob", name, long_id));
    REQUIRE(append_to(*store, drafts).has_value());
    store.reset();
    store = open(folder / "chat.db");

    const auto log = store->read_log(Position{0}, 1000);
    REQUIRE(log.has_value());
    REQUIRE(log->items.size() == drafts.size());
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      const auto& message = std::get<Message>(log->items[i]);
      const auto& sent = std::get<PostDraft>(drafts[i]);
      CHECK(message.text == sent.text);
      CHECK(message.author == sent.author);
      CHECK(message.client_id == sent.client_id);
    }
    CHECK(store->contacts_of(user("bob"))->size() == names.size());
    for (const std::string& name : names) {
      CHECK(store->contacts_among(user("bob"), std::vector{user(name)})->size() == 1);
    }
    const auto again = append_to(*store, drafts);
    REQUIRE(again.has_value());
    for (std::size_t i = texts.size(); i < drafts.size(); ++i) CHECK((*again)[i]->repeated);
  }
}
