#include "auth/revocations.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
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

// As long as it is there no file gets longer than this.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) : ignored_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, ignored_);
  }

 private:
  void (*const ignored_)(int);
  rlimit before_{};
};

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

  TEST_CASE("leave nothing of a line that the disk took half of") {
    const File file;
    const auto list = *Revocations::open(file.path, kNow);
    REQUIRE(list->add(of_token("t1")));
    const std::string half(100, 'h');
    const auto refused = [&] {
      const FileLimit limit(50);
      return list->add(of_token(half));
    }();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.starts_with(file.path));
    CHECK(list->covers(identity("ann", kNow, half)));  // until a restart
    REQUIRE(list->add(of_token("t2")));

    const auto again = Revocations::open(file.path, kNow);
    REQUIRE(again);
    for (const std::string id : {"t1", "t2"}) CHECK((*again)->covers(identity("ann", kNow, id)));
    CHECK_FALSE((*again)->covers(identity("ann", kNow, half)));
  }

  TEST_CASE("are a million at most; what is there already is taken all the same") {
    const auto list = *Revocations::open("", kNow);
    bool taken = list->add(of_user("ann", kNow)).has_value();
    for (int i = 1; i < 1'000'000; ++i) {
      taken = taken && list->add(of_token(std::to_string(i)));
    }
    REQUIRE(taken);

    for (const Revocation& more : {of_token("more"), of_user("bob", kNow)}) {
      const auto refused = list->add(more);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == chatrt::Errc::too_large);
    }
    CHECK_FALSE(list->covers(identity("bob", kNow, "more")));
    CHECK(list->add(of_token("1")));
    CHECK(list->add(of_user("ann", kNow + Duration{1})));
    Revocation all;
    all.issued_until = kNow;
    CHECK(list->add(all));
  }

  TEST_CASE("say that a file cannot be written") {
    const auto list = Revocations::open("/nonexistent/folder/x", kNow);
    REQUIRE_FALSE(list);
    CHECK(list.error().detail.starts_with("/nonexistent/folder/x"));
  }
}

}  // namespace chatd::auth
