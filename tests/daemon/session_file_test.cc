// What clients resume by, over the end of the process.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "../temp_folder.h"
#include "session_file.h"

using namespace chatd;
using chatrt::Duration;
using chatrt::Timestamp;
using chatrt::UserId;
using chatrt::gateway::SessionId;

namespace {

struct SessionsFixture {
  std::unique_ptr<SessionFile> open(Timestamp at) {
    auto opened = SessionFile::open({folder + "/key", folder + "/notes"}, at);
    REQUIRE(opened);
    return *std::move(opened);
  }
  static unsigned mode_of(const std::string& file) {
    struct stat status {};
    REQUIRE(::stat(file.c_str(), &status) == 0);
    return status.st_mode & 0777U;
  }

  const chatrt::testing::TempFolder temp;
  const std::string folder = temp.path().string();
  const Timestamp now{Duration{1'000'000}};
  const Timestamp later = now + Duration{10'000};
  const UserId ann = *UserId::parse("ann");
  const SessionId one{1, 2}, two{3, 4}, three{5, 6};
};

}  // namespace

TEST_SUITE("session file") {
  TEST_CASE_FIXTURE(SessionsFixture, "gives what was noted, also after a kill") {
    const auto before = open(now);
    before->bind(one, ann, later);
    before->bind(two, ann, later);
    before->end(two, later);
    // Not closed: a process that is killed closes nothing.
    const auto after = open(now);

    for (const SessionFile* file : {before.get(), after.get()}) {
      REQUIRE(file->find(one));
      CHECK(file->find(one)->user == ann);
      CHECK_FALSE(file->find(one)->ended);
      REQUIRE(file->find(two));
      CHECK(file->find(two)->ended);
      CHECK_FALSE(file->find(three));
    }
  }

  TEST_CASE_FIXTURE(SessionsFixture, "leaves out what has expired, and what is no note") {
    open(now)->bind(one, ann, now + Duration{1});
    open(now)->bind(two, ann, later);
    std::ofstream(folder + "/notes", std::ios::app) << "nonsense\n{\"session\":\"xy\"}\n{\"sess";

    const auto file = open(now + Duration{100});

    CHECK_FALSE(file->find(one));
    CHECK(file->find(two));
    file->bind(three, ann, later);
    CHECK(open(now + Duration{100})->find(three));
  }

  TEST_CASE_FIXTURE(SessionsFixture,
                    "forgets the oldest, in memory and in files, and nothing newer") {
    const auto numbered = [](std::uint64_t number) { return SessionId{number, number}; };
    const auto open_small = [&] {
      auto opened = SessionFile::open({folder + "/key", folder + "/notes", 100}, now);
      REQUIRE(opened);
      return *std::move(opened);
    };
    auto file = open_small();
    for (std::uint64_t i = 1; i <= 1050; ++i) {
      if (i % 300 == 0) file = open_small();
      file->bind(numbered(i), ann, later);
    }

    for (const bool reopened : {false, true}) {
      CAPTURE(reopened);
      if (reopened) file = open_small();
      CHECK_FALSE(file->find(numbered(1)));
      CHECK_FALSE(file->find(numbered(849)));
      for (std::uint64_t i = 951; i <= 1050; ++i) CHECK(file->find(numbered(i)));
    }
    for (const char* name : {"/notes", "/notes.old"}) {
      CHECK(std::filesystem::file_size(folder + name) < 110 * 110);
      CHECK(mode_of(folder + name) == 0600U);
    }
  }

  TEST_CASE_FIXTURE(SessionsFixture,
                    "gives the last word on a session that an older file knows too") {
    const auto file = SessionFile::open({folder + "/key", folder + "/notes", 2}, now);
    REQUIRE(file);
    (*file)->bind(one, ann, later);
    (*file)->bind(two, ann, later);
    (*file)->end(one, later);

    CHECK((*file)->find(one)->ended);
    CHECK(open(now)->find(one)->ended);
    CHECK_FALSE(open(now)->find(two)->ended);
  }

  TEST_CASE_FIXTURE(SessionsFixture,
                    "signs alike for as long as the key is there, for itself alone") {
    const auto mac = open(now)->sign("text");
    CHECK(open(now)->sign("text") == mac);
    CHECK(open(now)->sign("test") != mac);
    std::filesystem::remove(folder + "/key");
    CHECK(open(now)->sign("text") != mac);
    CHECK(mode_of(folder + "/key") == 0600U);
    CHECK(mode_of(folder + "/notes") == 0600U);
  }

  // What clients have holds across versions: HMAC-SHA256, by Python's.
  TEST_CASE_FIXTURE(SessionsFixture, "signs as RFC 2104 says") {
    std::ofstream(folder + "/key") << "0123456789abcdef0123456789abcdef";
    std::string hex;
    for (const std::byte byte : open(now)->sign("text")) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      hex += kDigits[std::to_integer<unsigned>(byte) >> 4];
      hex += kDigits[std::to_integer<unsigned>(byte) & 15];
    }
    CHECK(hex == "84919e7e08fb5a126d5f7263c112392d79bc659bf88c0e56376738ef436ea165");
  }

  TEST_CASE_FIXTURE(SessionsFixture, "says which file it cannot use") {
    std::ofstream(folder + "/key") << "short";
    const auto refused = SessionFile::open({folder + "/key", folder + "/notes"}, now);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.find(folder + "/key") != std::string::npos);
    const auto absent = SessionFile::open({folder + "/none/key", folder + "/notes"}, now);
    REQUIRE_FALSE(absent);
    CHECK(absent.error().detail.find(folder + "/none/key") != std::string::npos);
  }

  TEST_CASE_FIXTURE(SessionsFixture, "without files is for this process alone") {
    const auto file = SessionFile::open({}, now);
    REQUIRE(file);
    (*file)->bind(one, ann, later);
    CHECK((*file)->find(one));
    CHECK((*file)->sign("text") != (*SessionFile::open({}, now))->sign("text"));
  }
}
