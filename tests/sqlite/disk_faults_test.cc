// A disk that is full or whose sync fails: what was acknowledged stays, and nothing else is.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <cstdlib>

#include "../temp_folder.h"
#include "client_id_bucket.h"
#include "heads.h"
#include "simulated_disk.h"
#include "workload.h"
#include "writer.h"

using namespace chatrt;
using namespace chatrt::testing;

namespace {

// SYNC_FAILURES=200 is the full form.
std::uint64_t sync_failures() {
  const char* text = std::getenv("SYNC_FAILURES");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 30;
}

struct DiskFixture {
  std::unique_ptr<MessageStore> open(SqliteOptions options = {}) {
    options.readers = 1;
    auto store = open_sqlite_store(file, options);
    REQUIRE_MESSAGE(store.has_value(), store.error().detail);
    return *std::move(store);
  }

  TempFolder folder;
  std::filesystem::path file = folder / "chat.db";
  SimulatedDisk disk{1};
  Workload workload{1};
};

void forget_client_ids(const std::filesystem::path& file) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &database) == SQLITE_OK);
  CHECK(sqlite3_exec(database,
                     "UPDATE client_ids_state SET complete_to = 0; DELETE FROM client_ids;"
                     "DELETE FROM client_id_runs",
                     nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

}  // namespace

TEST_SUITE("a failed sync") {
  TEST_CASE("is not acknowledged, is never tried again, and is told once") {
    for (std::uint64_t n = 1; n <= sync_failures(); ++n) {
      INFO("sync ", n);
      DiskFixture fixture;
      std::vector<std::string> told;
      SqliteOptions options;
      options.wal_bytes = 64 << 10;  // write-backs sync as well
      options.on_failure = [&](const std::string& why) { told.push_back(why); };
      auto store = fixture.open(options);
      fixture.disk.fail_sync_after(n);

      std::optional<Error> refused;
      for (int i = 0; i < 500 && !refused; ++i) refused = fixture.workload.append(*store);

      REQUIRE(refused);
      CHECK(refused->code == Errc::unavailable);
      REQUIRE(told.size() == 1);
      CHECK(told[0] == refused->detail);
      CHECK(told[0].starts_with(fixture.file.string()));
      CHECK(told[0].find('\n') == std::string::npos);
      // Every later append is refused, without a look at the disk; reads go on.
      const std::uint64_t operations = fixture.disk.operations();
      CHECK(fixture.workload.append(*store)->code == Errc::unavailable);
      CHECK(fixture.disk.operations() == operations);
      CHECK(told.size() == 1);
      CHECK(fixture.workload.check(*store) == std::vector<std::string>{});
      store.reset();
      CHECK(fixture.disk.syncs_after_failure() == 0);

      fixture.disk.cut_power();
      fixture.disk.restart();
      store = fixture.open();
      CHECK(fixture.workload.check(*store) == std::vector<std::string>{});
      CHECK_FALSE(fixture.workload.append(*store));
    }
  }
  TEST_CASE("while the file is opened ends that, and nothing is synced after it") {
    DiskFixture fixture;
    SqliteOptions options;
    options.wal_bytes = 16 << 10;
    {
      const auto store = fixture.open(options);
      for (int batch = 0; batch < 30; ++batch) {
        std::vector<Draft> drafts;
        for (int i = 0; i < 1000; ++i) {
          const std::string id = std::to_string(batch) + "-" + std::to_string(i);
          drafts.push_back(PostDraft{*UserId::parse("ann"), *UserId::parse("bob"), "hi", id});
        }
        REQUIRE(store->append(drafts, Timestamp{Duration{1}}));
      }
    }
    std::vector<std::string> told;
    options.on_failure = [&](const std::string& why) { told.push_back(why); };
    std::uint64_t failed = 0;
    for (std::uint64_t n = 1; n <= 20; ++n) {
      INFO("sync ", n);
      forget_client_ids(fixture.file);  // which an open then reads anew
      fixture.disk.fail_sync_after(n);
      const std::uint64_t before = fixture.disk.syncs_after_failure();
      {
        options.readers = 1;
        const auto store = open_sqlite_store(fixture.file, options);
        if (!store) ++failed;
        CHECK(fixture.disk.syncs_after_failure() == before);
      }
      CHECK(told.empty());
      fixture.disk.cut_power();
      fixture.disk.restart();
      CHECK(*fixture.open()->last_position() == Position{30'000});
    }
    CHECK(failed > 2);
  }
  TEST_CASE_FIXTURE(DiskFixture, "of a writer that begins is followed by none as it is closed") {
    auto store = open();
    for (int i = 0; i < 20; ++i) REQUIRE_FALSE(workload.append(*store));
    disk.cut_power();  // so that there is something to write back
    store.reset();
    disk.restart();
    const SqliteOptions options{.tail_max = 8};  // and rows of conversations to commit
    sqlite::Heads heads(options.tail_max);
    disk.fail_sync_after(1);

    CHECK_THROWS_AS(sqlite::Writer(sqlite::open_writer(file, options), options, heads),
                    SQLite::Exception);

    CHECK(disk.syncs_after_failure() == 0);
    CHECK(workload.check(*open()) == std::vector<std::string>{});
  }
  // The control: a sync that fails and is taken for one that worked loses messages.
  TEST_CASE("loses acknowledged messages if nobody notices it") {
    std::size_t lost = 0;
    for (std::uint64_t n = 1; n <= 10; ++n) {
      DiskFixture fixture;
      auto store = fixture.open();
      fixture.disk.fail_sync_after(n, true);
      for (std::uint64_t i = 0; i < n + 1; ++i) {
        static_cast<void>(fixture.workload.append(*store));
      }
      fixture.disk.cut_power();
      store.reset();
      fixture.disk.restart();
      store = fixture.open();
      lost += fixture.workload.check(*store).size();
    }
    CHECK(lost > 0);
  }
}

TEST_SUITE("a full disk") {
  TEST_CASE_FIXTURE(DiskFixture, "is storage_full; reads go on; it resumes when there is space") {
    auto store = open();
    for (int i = 0; i < 20; ++i) REQUIRE_FALSE(workload.append(*store));
    for (const std::uint64_t space : {0U, 1000U, 30'000U}) {
      disk.set_capacity(disk.used() + space);
      std::optional<Error> refused;
      for (int i = 0; i < 500 && !refused; ++i) refused = workload.append(*store);

      REQUIRE(refused);
      CHECK(refused->code == Errc::storage_full);
      CHECK(workload.check(*store) == std::vector<std::string>{});

      disk.set_capacity(std::nullopt);
      for (int i = 0; i < 20; ++i) REQUIRE_FALSE(workload.append(*store));
      CHECK(workload.check(*store) == std::vector<std::string>{});
      CHECK(workload.check_repeats(*store) == std::vector<std::string>{});
    }
    store.reset();
    store = open();
    CHECK(workload.check(*store) == std::vector<std::string>{});
  }
  TEST_CASE_FIXTURE(DiskFixture, "takes a message that it has refused once there is space") {
    auto store = open();
    const auto append = [&](const char* id) {
      std::vector<Draft> drafts{PostDraft{*UserId::parse("ann"), *UserId::parse("bob"), "hi", id}};
      return store->append(drafts, Timestamp{Duration{1}});
    };
    REQUIRE(append("of an author who is known then"));
    disk.set_capacity(disk.used());
    const auto refused = append("its id");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::storage_full);

    disk.set_capacity(std::nullopt);

    for (const bool repeated : {false, true}) {
      const auto taken = append("its id");
      REQUIRE_MESSAGE(taken.has_value(), taken.error().detail);
      CHECK((*taken)[0]->repeated == repeated);
    }
  }
  TEST_CASE_FIXTURE(DiskFixture, "forgets no client id where it cannot write those in memory") {
    constexpr int kBatches = 8;
    constexpr std::size_t kInMemory = std::size_t{64} * sqlite::ClientIdBuckets::kEntries;
    auto store = open();
    const auto append = [&](int batch) {
      std::vector<Draft> drafts;
      for (std::size_t i = 0; i < kInMemory / kBatches; ++i) {
        const std::string id = std::to_string(batch) + "-" + std::to_string(i);
        drafts.push_back(PostDraft{*UserId::parse("ann"), *UserId::parse("bob"), "hi", id});
      }
      return store->append(drafts, Timestamp{Duration{1}});
    };
    for (int batch = 1; batch < kBatches; ++batch) REQUIRE(append(batch));
    disk.set_capacity(disk.used());
    REQUIRE_FALSE(append(kBatches));
    disk.set_capacity(std::nullopt);

    for (int batch = 1; batch <= kBatches; ++batch) {
      const auto again = append(batch);
      REQUIRE(again);
      for (const Result<Appended>& one : *again) REQUIRE(one->repeated == (batch < kBatches));
    }
  }
  TEST_CASE_FIXTURE(DiskFixture, "is opened, though rows of conversations are due") {
    auto store = open();
    for (int i = 0; i < 20; ++i) REQUIRE_FALSE(workload.append(*store));
    store.reset();
    disk.set_capacity(disk.used());

    store = open({.tail_max = 8});

    CHECK(workload.check(*store) == std::vector<std::string>{});
    const auto refused = workload.append(*store);
    REQUIRE(refused);
    CHECK(refused->code == Errc::storage_full);
    disk.set_capacity(std::nullopt);
    CHECK_FALSE(workload.append(*store));
    CHECK(workload.check(*store) == std::vector<std::string>{});
  }
  TEST_CASE_FIXTURE(DiskFixture, "loses nothing in a power cut while it is full") {
    auto store = open();
    for (int i = 0; i < 10; ++i) REQUIRE_FALSE(workload.append(*store));
    disk.set_capacity(disk.used() + 20'000);
    std::optional<Error> refused;
    while (!refused) refused = workload.append(*store);
    disk.cut_power();
    store.reset();
    disk.restart();
    disk.set_capacity(std::nullopt);

    store = open();
    CHECK(workload.check(*store) == std::vector<std::string>{});
  }
}
