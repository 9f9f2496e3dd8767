// The runs of client ids against a map, over merges of several levels, transactions that are rolled
// back, and new beginnings.
#include "client_id_runs.h"

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "../temp_folder.h"
#include "database.h"

using namespace chatrt;
using namespace chatrt::sqlite;
using namespace chatrt::testing;

namespace {

using Model = std::multimap<std::uint64_t, std::int64_t>;

struct Opened {
  explicit Opened(const std::filesystem::path& file)
      : database(open_writer(file, {.synchronous = SqliteOptions::Synchronous::normal})),
        statements(*database),
        runs(statements) {}

  std::unique_ptr<SQLite::Database> database;
  Statements statements;
  ClientIdRuns runs;
};

std::vector<std::int64_t> sorted(std::vector<std::int64_t> positions) {
  std::ranges::sort(positions);
  return positions;
}

std::int64_t pages_looked_at(SQLite::Database& database) {
  std::int64_t pages = 0;
  for (const int counter : {SQLITE_DBSTATUS_CACHE_HIT, SQLITE_DBSTATUS_CACHE_MISS}) {
    int count = 0;
    int highest = 0;
    REQUIRE(sqlite3_db_status(database.getHandle(), counter, &count, &highest, 0) == SQLITE_OK);
    pages += count;
  }
  return pages;
}

int wrong_answers(ClientIdRuns& runs, const Model& model) {
  int wrong = 0;
  for (const auto& [hash, position] : model) {
    std::vector<std::int64_t> found;
    runs.find(hash, found);
    std::vector<std::int64_t> expected;
    const auto [begin, end] = model.equal_range(hash);
    for (auto entry = begin; entry != end; ++entry) expected.push_back(entry->second);
    if (sorted(found) != sorted(expected)) ++wrong;
    found.clear();
    const std::uint64_t other = hash ^ std::uint64_t{1} << 24;
    runs.find(other, found);
    if (!found.empty() && !model.contains(other)) ++wrong;
  }
  return wrong;
}

}  // namespace

TEST_SUITE("client id runs") {
  TEST_CASE("give what a map gives, through merges, rollbacks and reopenings") {
    const TempFolder folder;
    const auto file = folder / "chat.db";
    std::mt19937_64 random{7};
    Model model;
    auto opened = std::make_unique<Opened>(file);
    std::int64_t last_position = 0;
    int rolled_back = 0;
    for (int round = 0; round < 400; ++round) {
      if (round % 50 == 49) {
        opened.reset();
        opened = std::make_unique<Opened>(file);
      }
      // Of all sizes: of one bucket, and of many.
      const std::size_t count = random() % 8 == 0 ? random() % 2'000 : random() % 40;
      std::vector<ClientIdRuns::Entry> entries;
      // Often many messages without a client id between two with one.
      const std::uint64_t gap = std::uint64_t{1} << random() % 24;
      while (entries.size() < count) {
        // Some hashes twice, some in one bucket.
        const std::uint64_t hash = random() % 50 == 0 ? random() % 4 << 24 : random();
        last_position += static_cast<std::int64_t>(1 + random() % gap);
        entries.push_back({hash, last_position});
      }
      const bool fails = random() % 4 == 0;
      {
        Transaction transaction(opened->statements, Transaction::Kind::writing);
        opened->runs.begin();
        opened->runs.merge(random() % 600);
        opened->runs.add(entries);
        if (!fails) transaction.commit();
      }
      if (fails) {
        opened->runs.roll_back();
        ++rolled_back;
      } else {
        for (const auto& entry : entries) model.emplace(entry.hash, entry.position);
      }
      if (round % 80 == 0) REQUIRE(wrong_answers(opened->runs, model) == 0);
    }
    CHECK(rolled_back > 50);
    CHECK(wrong_answers(opened->runs, model) == 0);
    // All merges done: few runs, and each entry once.
    for (int level = 0; level < 4; ++level) opened->runs.merge(model.size());
    const auto ask = [&](const char* sql) { return opened->database->execAndGet(sql).getInt64(); };
    CHECK(ask("SELECT max(level) FROM client_id_runs") >= 2);
    CHECK(ask("SELECT count(*) FROM client_id_runs") < 24);
    CHECK(ask("SELECT sum(length(entries)) FROM client_ids") ==
          static_cast<std::int64_t>(model.size() * 8));
    CHECK(wrong_answers(opened->runs, model) == 0);
  }
  TEST_CASE("merging that was taken back is not owed twice") {
    // The rows that one transaction writes, after so many that did not come about.
    const auto rows_after = [](int failed) {
      const TempFolder folder;
      Opened opened(folder / "chat.db");
      std::mt19937_64 random{5};
      std::int64_t position = 0;
      // One more than are merged: from the last one on it is under way.
      for (int run = 0; run < 9; ++run) {
        std::vector<ClientIdRuns::Entry> entries;
        for (int i = 0; i < 20'000; ++i) entries.push_back({random(), ++position});
        Transaction transaction(opened.statements, Transaction::Kind::writing);
        opened.runs.begin();
        opened.runs.add(entries);
        transaction.commit();
      }
      for (int i = 0; i < failed; ++i) {
        const Transaction transaction(opened.statements, Transaction::Kind::writing);
        opened.runs.begin();
        opened.runs.merge(2'000);
        opened.runs.roll_back();
      }
      const int before = sqlite3_total_changes(opened.database->getHandle());
      Transaction transaction(opened.statements, Transaction::Kind::writing);
      opened.runs.begin();
      opened.runs.merge(2'000);
      transaction.commit();
      return sqlite3_total_changes(opened.database->getHandle()) - before;
    };
    const int after_none = rows_after(0);
    CHECK(after_none > 0);
    CHECK(rows_after(100) == after_none);
  }
  TEST_CASE("what was never added is hardly looked for in the file, what was is found") {
    const TempFolder folder;
    auto opened = std::make_unique<Opened>(folder / "chat.db");
    std::mt19937_64 random{3};
    std::vector<ClientIdRuns::Entry> added;
    // Over three levels, up to runs that are too large to share a filter.
    for (int round = 0; round < 150; ++round) {
      if (round % 40 == 39) {
        opened.reset();
        opened = std::make_unique<Opened>(folder / "chat.db");
      }
      std::vector<ClientIdRuns::Entry> entries;
      while (entries.size() < 5'000 + random() % 200) {
        entries.push_back({random(), static_cast<std::int64_t>(added.size() + entries.size() + 1)});
      }
      Transaction transaction(opened->statements, Transaction::Kind::writing);
      opened->runs.begin();
      opened->runs.merge(entries.size());
      opened->runs.add(entries);
      transaction.commit();
      added.insert(added.end(), entries.begin(), entries.end());
      std::vector<std::int64_t> found;
      const std::int64_t before = pages_looked_at(*opened->database);
      for (int i = 0; i < 1'000; ++i) opened->runs.find(random(), found);
      // Three pages a look. Without filters each would be at eight runs or more.
      REQUIRE(pages_looked_at(*opened->database) - before < 3 * 1'000 / 10);
      for (int i = 0; i < 100; ++i) {
        const auto& entry = added[random() % added.size()];
        found.clear();
        opened->runs.find(entry.hash, found);
        REQUIRE(std::ranges::find(found, entry.position) != found.end());
      }
    }
    const auto ask = [&](const char* sql) { return opened->database->execAndGet(sql).getInt64(); };
    CHECK(ask("SELECT max(entries) FROM client_id_runs WHERE steps = 1 << step_bits") > 300'000);
  }

  TEST_CASE("a damaged bucket is told") {
    const TempFolder folder;
    auto opened = std::make_unique<Opened>(folder / "chat.db");
    const std::vector<ClientIdRuns::Entry> entries{{1ULL << 24, 2}, {3ULL << 24, 4}};
    opened->runs.add(entries);
    std::vector<std::int64_t> found;
    opened->runs.find(3ULL << 24, found);
    CHECK(found == std::vector<std::int64_t>{4});
    SUBCASE("a bit") { opened->database->exec("UPDATE client_ids SET checksum = checksum + 1"); }
    SUBCASE("another bucket's") { opened->database->exec("UPDATE client_ids SET id = id + 1"); }
    SUBCASE("cut off") { opened->database->exec("UPDATE client_ids SET entries = x'0102'"); }
    SUBCASE("a run of senseless size") {
      opened->database->exec("UPDATE client_id_runs SET entries = 1 << 60");
    }
    SUBCASE("a run of too many bits") {
      opened->database->exec("UPDATE client_id_runs SET bucket_bits = 64");
    }
    SUBCASE("a run of positions that have no room") {
      opened->database->exec("UPDATE client_id_runs SET last_position = 1 << 25");
    }
    SUBCASE("a run of more steps than there are") {
      opened->database->exec("UPDATE client_id_runs SET steps = 2");
    }
    SUBCASE("a source of finer buckets than its merge has steps") {
      opened->database->exec("INSERT INTO client_id_runs VALUES (9, 1, 9, 1, 9, 0, 0, 0, 0)");
      opened->database->exec("UPDATE client_id_runs SET merged_into = 9, bucket_bits = 1");
    }
    SUBCASE("a source of positions that its merge has no room for") {
      opened->database->exec("INSERT INTO client_id_runs VALUES (9, 1, 9, 3, 9, 0, 0, 0, 0)");
      opened->database->exec("UPDATE client_id_runs SET merged_into = 9");
    }
    SUBCASE("a run that is not there") {
      opened->database->exec("UPDATE client_id_runs SET merged_into = 77");
    }
    CHECK_THROWS_AS(Opened{folder / "chat.db"}, SQLite::Exception);
  }
}
