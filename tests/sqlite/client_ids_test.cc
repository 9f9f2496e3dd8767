#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "../temp_folder.h"
#include "chatrt/sqlite_store.h"
#include "chatrt/testing/contract/store_fixture.h"
#include "store_file.h"

using namespace chatrt;
using namespace chatrt::testing;

// Most of them are in memory only, until there are some 28,000, then in runs: that is what
// this is about.
TEST_CASE("client ids are found wherever they are: in memory, in the file, after a reopening") {
  constexpr int kMessages = 280'000;
  constexpr int kBatch = 4'000;
  const TempFolder folder;
  SqliteOptions options;
  options.synchronous = SqliteOptions::Synchronous::normal;
  const auto open = [&] {
    auto store = open_sqlite_store(folder / "chat.db", options);
    REQUIRE_MESSAGE(store.has_value(), store.error().detail);
    return *std::move(store);
  };
  const auto message = [](int i) {
    const std::string author = "user-" + std::to_string(i % 97);
    return draft(author, "bob", "hi", "id-" + std::to_string(i));
  };
  auto store = open();
  for (int i = 0; i < kMessages; i += kBatch) {
    std::vector<Draft> drafts;
    for (int n = i; n < i + kBatch; ++n) drafts.push_back(message(n));
    REQUIRE(store->append(drafts, kNow).has_value());
  }

  for (const bool reopened : {false, true}) {
    if (reopened) {
      store.reset();
      store = open();
    }
    std::vector<Draft> drafts;
    for (int i = 0; i < kMessages; i += 7) drafts.push_back(message(i));
    const auto results = store->append(drafts, kNow);
    REQUIRE(results.has_value());
    int wrong = 0;
    for (std::size_t i = 0; i < drafts.size(); ++i) {
      const Result<Appended>& result = (*results)[i];
      const std::uint64_t position = i * 7 + 1;
      if (!result || !result->repeated || position_of(result->change).value != position) ++wrong;
    }
    CHECK(wrong == 0);
  }
  CHECK(*store->last_position() == Position{kMessages});
}
