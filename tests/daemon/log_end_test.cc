// How far the log has got, over the end of the process.
#include "log_end.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "../temp_folder.h"

using chatd::LogEnd;
using chatrt::Position;

namespace {

struct LogEndFixture {
  Position before() const {
    const auto end = LogEnd::open(file);
    REQUIRE(end);
    return (*end)->before();
  }

  const chatrt::testing::TempFolder temp;
  const std::string file = (temp.path() / "chat.db.position").string();
};

}  // namespace

TEST_SUITE("LogEnd") {
  TEST_CASE_FIXTURE(LogEndFixture, "is what was noted last, also where that is less") {
    CHECK(before() == Position{});
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
    for (const std::uint64_t position :
         {std::uint64_t{7}, kMost, std::uint64_t{10}, std::uint64_t{0}}) {
      (*LogEnd::open(file))->note(Position{position});
      CHECK(before() == Position{position});
    }
    struct stat status {};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600);
  }

  TEST_CASE_FIXTURE(LogEndFixture, "is nothing where the file says nothing") {
    for (const char* text : {"", "\n", "x12", "99999999999999999999"}) {
      CAPTURE(text);
      std::ofstream(file, std::ios::trunc) << text;
      CHECK(before() == Position{});
    }
  }

  TEST_CASE_FIXTURE(LogEndFixture, "says which file it cannot use") {
    std::filesystem::create_directory(file);
    const auto refused = LogEnd::open(file);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.find(file) != std::string::npos);
  }
}
