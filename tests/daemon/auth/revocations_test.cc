#include "auth/revocations.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace chatd::auth {
namespace {

using chatrt::Duration;
using chatrt::Identity;
using chatrt::Timestamp;
using chatrt::UserId;

constexpr Timestamp kNow{Duration{1'800'000'000'000}};

struct File {
  File() { std::remove(path.c_str()); }
  ~File() { std::remove(path.c_str()); }
  std::string path = "/tmp/chatd_revocations_" + std::to_string(::getpid());

  void append(const std::string& text) const {
    std::ofstream(path, std::ios::app | std::ios::binary) << text;
  }
};

Identity identity(const std::string& user, Timestamp issued, const std::string& id = {}) {
  return {.user = *UserId::parse(user), .token_id = id, .issued_at = issued};
}

Revocation of_user(const std::string& user, Timestamp until) {
  Revocation made;
  made.user = *UserId::parse(user);
  made.issued_until = until;
  return made;
}

Revocation of_token(const std::string& id, std::optional<Timestamp> expires = {}) {
  Revocation made;
  made.token_id = id;
  made.expires_at = expires;
  return made;
}

}  // namespace

TEST_SUITE("Revocations") {
  TEST_CASE("cover a user's tokens up to a time, and no others") {
    const auto list = *Revocations::open("", kNow);
    CHECK_FALSE(list->covers(identity("ann", kNow)));

    REQUIRE(list->add(of_user("ann", kNow)));

    CHECK(list->covers(identity("ann", kNow)));
    CHECK_FALSE(list->covers(identity("ann", kNow + Duration{1})));
    CHECK_FALSE(list->covers(identity("bob", kNow)));
    CHECK(list->covers({.user = *UserId::parse("ann")}));  // from nobody knows when
    CHECK(list->revision() == 1);
  }

  TEST_CASE("never shrink: an earlier time changes nothing") {
    const auto list = *Revocations::open("", kNow);
    REQUIRE(list->add(of_user("ann", kNow)));
    REQUIRE(list->add(of_user("ann", kNow - Duration{5000})));

    CHECK(list->covers(identity("ann", kNow)));
  }

  TEST_CASE("cover one token by its id, and everybody by a time") {
    const auto list = *Revocations::open("", kNow);
    REQUIRE(list->add(of_token("t1")));
    CHECK(list->covers(identity("ann", kNow, "t1")));
    CHECK_FALSE(list->covers(identity("ann", kNow, "t2")));
    CHECK_FALSE(list->covers(identity("ann", kNow)));

    Revocation all;
    all.issued_until = kNow;
    REQUIRE(list->add(all));

    CHECK(list->covers(identity("zoe", kNow)));
    CHECK_FALSE(list->covers(identity("zoe", kNow + Duration{1})));
  }

  TEST_CASE("are there again after a restart, in a file for its owner alone") {
    const File file;
    {
      const auto list = *Revocations::open(file.path, kNow);
      REQUIRE(list->add(of_user("ann \"x\"", kNow)));
      REQUIRE(list->add(of_token("t1", kNow + Duration{1000})));
      REQUIRE(list->add(of_token("t2")));
    }
    struct stat info {};
    REQUIRE(::stat(file.path.c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);

    SUBCASE("soon") {
      const auto list = *Revocations::open(file.path, kNow);
      CHECK(list->covers(identity("ann \"x\"", kNow)));
      CHECK(list->covers(identity("bob", kNow, "t1")));
      CHECK(list->covers(identity("bob", kNow, "t2")));
    }
    SUBCASE("without what has expired by then") {
      const auto list = *Revocations::open(file.path, kNow + Duration{1000});
      CHECK_FALSE(list->covers(identity("bob", kNow, "t1")));
      CHECK(list->covers(identity("bob", kNow, "t2")));
    }
    SUBCASE("and a third time") {
      CHECK(Revocations::open(file.path, kNow));
      CHECK((*Revocations::open(file.path, kNow))->covers(identity("bob", kNow, "t2")));
    }
  }

  TEST_CASE("drop a line that a crash cut off, and refuse one that is damaged") {
    const File file;
    file.append("{\"token\":\"t1\"}\n");

    SUBCASE("cut off") {
      file.append("{\"token\":\"t2");
      const auto list = Revocations::open(file.path, kNow);
      REQUIRE(list);
      CHECK((*list)->covers(identity("ann", kNow, "t1")));
      CHECK_FALSE((*list)->covers(identity("ann", kNow, "t2")));
    }
    SUBCASE("damaged") {
      file.append("{\"token\":7}\n");
      const auto list = Revocations::open(file.path, kNow);
      REQUIRE_FALSE(list);
      CHECK(list.error().detail ==
            file.path + ":2: is no revocation; restore the file or remove the line");
    }
  }

  TEST_CASE("say that a file cannot be written") {
    const auto list = Revocations::open("/nonexistent/folder/x", kNow);
    REQUIRE_FALSE(list);
    CHECK(list.error().detail.starts_with("/nonexistent/folder/x"));
  }
}

}  // namespace chatd::auth
