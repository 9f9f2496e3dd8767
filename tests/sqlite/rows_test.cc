#include "rows.h"

#include <doctest/doctest.h>

#include "../temp_folder.h"
#include "chatrt/testing/contract/store_fixture.h"
#include "database.h"
#include "store_file.h"

using namespace chatrt;
using namespace chatrt::testing;

TEST_SUITE("rows of the log") {
  TEST_CASE("a link that does not lead downwards is damage, so that nobody goes in circles") {
    const TempFolder folder;
    const auto file = folder / "chat.db";
    {
      const auto store = open_sqlite_store(file);
      REQUIRE(store.has_value());
      for (int i = 0; i < 3; ++i) REQUIRE(append_to(**store, {draft("ann", "bob", "hi")}));
    }
    const auto database = sqlite::open_writer(file, {});
    sqlite::Statements statements(*database);
    sqlite::Rows rows(statements);
    REQUIRE(rows.link(3, 1).previous == 2);
    REQUIRE(rows.link(3, 1).previous_message == 2);
    SUBCASE("to the change before, to itself") {
      database->exec("UPDATE log SET previous = 3 WHERE position = 3");
    }
    SUBCASE("to the message before, to itself") {
      database->exec("UPDATE log SET previous_message = 3 WHERE position = 3");
    }

    CHECK_THROWS_AS(rows.link(3, 1), SQLite::Exception);
  }
}
