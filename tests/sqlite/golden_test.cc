// Files that older versions have written stay readable, in full.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "../temp_folder.h"
#include "chatrt/sqlite_store.h"
#include "golden_traffic.h"
#include "schema.h"
#include "store_file.h"

using namespace chatrt;
using namespace chatrt::testing;

namespace {

// A file of that version, to be changed.
std::filesystem::path copy_of(const std::string& version, const TempFolder& folder) {
  const char* golden = std::getenv("GOLDEN");
  REQUIRE_MESSAGE(golden != nullptr, "GOLDEN names the folder tests/sqlite/golden");
  const std::filesystem::path copy = folder / "chat.db";
  std::filesystem::copy_file(std::filesystem::path{golden} / version, copy);
  return copy;
}

}  // namespace

TEST_CASE("a file of each schema version has all that was written to it") {
  std::string version;
  SUBCASE("1") { version = "v1.db"; }
  SUBCASE("2") { version = "v2.db"; }
  SUBCASE("3") { version = "v3.db"; }
  SUBCASE("4") { version = "v4.db"; }
  const TempFolder folder;
  const std::filesystem::path file = copy_of(version, folder);
  const auto memory = make_memory_store();
  REQUIRE(append_to(*memory, golden_traffic(), kGoldenTime).has_value());

  const auto opened = open_sqlite_store(file);

  REQUIRE_MESSAGE(opened.has_value(), opened.error().detail);
  MessageStore& store = **opened;
  const auto log = store.read_log(Position{0}, 1000);
  REQUIRE_MESSAGE(log.has_value(), log.error().detail);
  CHECK(log->items.size() > 150);
  CHECK(log->items == memory->read_log(Position{0}, 1000)->items);
  for (int i = 0; i < 5; ++i) {
    const UserId user = *UserId::parse("user-" + std::to_string(i));
    CHECK(store.read_for_user(user, Position{20}, 50)->items ==
          memory->read_for_user(user, Position{20}, 50)->items);
    CHECK(store.read_undelivered(user, Position{0}, 500)->items ==
          memory->read_undelivered(user, Position{0}, 500)->items);
    const auto found = store.conversations_of(user, {}, 10);
    const auto expected = memory->conversations_of(user, {}, 10);
    REQUIRE(found->items.size() == expected->items.size());
    for (std::size_t n = 0; n < found->items.size(); ++n) {
      CHECK(found->items[n].last_message == expected->items[n].last_message);
      CHECK(found->items[n].mine == expected->items[n].mine);
      CHECK(found->items[n].peers == expected->items[n].peers);
      CHECK(found->items[n].unread == expected->items[n].unread);
    }
  }
  // It goes on from there, and knows what it has had.
  const auto again = append_to(store, golden_traffic(), kGoldenTime);
  REQUIRE(again.has_value());
  CHECK((*again)[1]->repeated);
  CHECK_FALSE((*again)[0]->repeated);
  CHECK(position_of((*again)[0]->change).value == log->items.size() + 1);
}

// Which looks at the header of the file alone.
TEST_CASE("a file that is lifted to this version is known as newer by an older program at once") {
  for (const char* version : {"v1.db", "v2.db", "v3.db"}) {
    CAPTURE(version);
    const TempFolder folder;
    const std::filesystem::path file = copy_of(version, folder);
    const auto open = open_sqlite_store(file);
    REQUIRE(open.has_value());
    CHECK(contents(file).substr(60, 4) == std::string{0, 0, 0, char{sqlite::kSchemaVersion}});
  }
}
