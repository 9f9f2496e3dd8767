#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../temp_folder.h"
#include "chatrt/sqlite_store.h"

using namespace chatrt;
using namespace chatrt::testing;

namespace {

// In a process of its own, since it is for all of one.
bool counts_memory(const std::filesystem::path& file, bool stop_counting) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    sqlite3_shutdown();  // other tests have had it in use
    if (stop_counting) stop_counting_sqlite_memory();
    const auto store = open_sqlite_store(file);
    ::_exit(!store ? 2 : sqlite3_memory_used() > 0 ? 1 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) < 2);
  return WEXITSTATUS(status) == 1;
}

}  // namespace

TEST_SUITE("a process that has SQLite to itself") {
  TEST_CASE("can do without its count of memory") {
    const TempFolder folder;
    CHECK_FALSE(counts_memory(folder / "chat.db", true));
    CHECK(counts_memory(folder / "chat.db", false));
  }
}
