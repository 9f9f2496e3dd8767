#include "../temp_folder.h"
#include "chatrt/sqlite_store.h"
#include "chatrt/testing/message_store_contract.h"

TEST_CASE("the SQLite store keeps the contract, also across a reopening") {
  chatrt::SqliteOptions options;
  SUBCASE("with what is usual") {}
  SUBCASE("with a tail that changes all the time") { options.tail_max = 3; }
  const chatrt::testing::TempFolder folder;
  const auto open = [&] {
    auto store = chatrt::open_sqlite_store(folder / "chat.db", options);
    REQUIRE_MESSAGE(store.has_value(), store.error().detail);
    return *std::move(store);
  };

  chatrt::testing::check_message_store(open, [&](std::unique_ptr<chatrt::MessageStore> store) {
    store.reset();
    return open();
  });
}
