#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "chat_fixture.h"

namespace chatrt::gateway {
namespace {

constexpr Duration kGrace{25000};

std::string unregistered(const std::string& code, const std::string& message) {
  return R"(42["unregistered",{"reason":")" + code + R"(","message":")" + message + R"("}])";
}

// Every token is good for five seconds from now.
struct GrantsFixture : ChatFixture {
  GrantsFixture() { authorizer.expires_at = clock.now() + Duration{5000}; }

  Client& connect_by_token(const std::string& user) {
    Client& client = connect(0, R"({"token":")" + user + R"('s token"})");
    client.skip();
    return client;
  }
  // Does a message of bob's reach ann's connection?
  bool reaches(Client& client) {
    Client& bob = connect(1, R"({"token":"bob's token"})");
    bob.send(R"(42["send_message",{"selectedUser":"ann","textMessage":"1"}])");
    const Packets got = client.take();
    return got.size() == 1 && got[0].starts_with(R"(42["receive_message")");
  }
};

}  // namespace

TEST_SUITE("a grant") {
  TEST_CASE_FIXTURE(GrantsFixture, "holds for its grace beyond the token, and then no longer") {
    Client& ann = connect_by_token("ann");

    advance(Duration{5000} + kGrace - Duration{1});
    CHECK(reaches(ann));
    REQUIRE_FALSE(ann.closed());
    advance(Duration{1});

    CHECK(ann.take() == Packets{unregistered("token_expired", "the token has expired"), "41"});
    CHECK(ann.closed());
    CHECK_FALSE(reaches(ann));
    CHECK(logged("info sent_away user=ann connection="));
  }

  TEST_CASE_FIXTURE(GrantsFixture, "has its whole grace also if the token came in its leeway") {
    authorizer.expires_at = clock.now() - Duration{29000};
    Client& ann = connect_by_token("ann");

    advance(kGrace - Duration{1});
    CHECK_FALSE(ann.closed());
    advance(Duration{1});

    CHECK(ann.closed());
  }

  TEST_CASE_FIXTURE(GrantsFixture, "counts down by itself, whatever the time of day is set to") {
    Client& ann = connect_by_token("ann");

    clock.jump(std::chrono::hours(24));
    advance(Duration{4000});
    CHECK_FALSE(ann.closed());
    clock.jump(std::chrono::hours(-48));
    advance(Duration{1000} + kGrace);

    CHECK(ann.closed());
  }

  TEST_CASE_FIXTURE(GrantsFixture, "without an end holds as long as the connection") {
    authorizer.expires_at.reset();
    Client& ann = connect_by_token("ann");

    advance(std::chrono::hours(1000));

    CHECK(reaches(ann));
  }

  TEST_CASE_FIXTURE(GrantsFixture, "that is taken back ends at the next tick") {
    Client& ann = connect_by_token("ann");
    Client& eve = connect_by_token("eve");
    authorizer.revoked = "eve";

    SUBCASE("once the authorizer says that something changed") {
      authorizer.changes = 1;
      advance(Duration{1000});

      CHECK(eve.take() == Packets{unregistered("token_revoked", "the token was taken back"), "41"});
      CHECK(eve.closed());
    }
    SUBCASE("and not before") {
      advance(Duration{1000});
      CHECK_FALSE(eve.closed());
    }
    CHECK_FALSE(ann.closed());
  }
}

TEST_SUITE("auth_refresh") {
  TEST_CASE_FIXTURE(GrantsFixture, "prolongs the connection by the next token") {
    Client& ann = connect_by_token("ann");
    authorizer.expires_at = clock.now() + Duration{60000};

    SUBCASE("as a string") {
      CHECK(ann.ask("auth_refresh", R"("ann's token")")
                .starts_with(R"({"ok":true,"userId":"ann",)"
                             R"("expiresAt":"2)"));
    }
    SUBCASE("in an object, in the grace") {
      advance(Duration{5000} + kGrace - Duration{1});
      CHECK(ann.ask("auth_refresh", R"({"token":"ann's token"})").starts_with(R"({"ok":true)"));
    }
    advance(Duration{45000});

    CHECK(reaches(ann));
  }

  TEST_CASE_FIXTURE(GrantsFixture, "refuses what does not hold, and changes nothing") {
    Client& ann = connect_by_token("ann");
    std::string code;
    std::string argument;
    SUBCASE("another user's token") { code = "permission_denied", argument = R"("bob's token")"; }
    SUBCASE("no token") { code = "token_missing", argument = "{}"; }
    SUBCASE("an empty one") { code = "token_missing", argument = R"("")"; }
    SUBCASE("a number") { code = "token_missing", argument = "7"; }
    SUBCASE("a bad one") { code = "unauthenticated", argument = R"("rubbish")"; }

    CHECK(ann.ask("auth_refresh", argument).find(R"("code":")" + code + '"') != std::string::npos);
    advance(Duration{5000} + kGrace - Duration{1});
    CHECK_FALSE(ann.closed());
    advance(Duration{1});

    CHECK(ann.closed());
  }

  TEST_CASE_FIXTURE(GrantsFixture, "is refused on a connection that is nobody's") {
    Client& ann = connect();
    ann.skip();

    CHECK(ann.ask("auth_refresh", R"("ann's token")").find("unauthenticated") != std::string::npos);
    CHECK(chat.refused(Errc::unauthenticated) == 1);
  }
}

TEST_SUITE("CONNECT") {
  TEST_CASE_FIXTURE(GrantsFixture, "without a token is refused where one is needed") {
    authorizer.tokens_needed = true;
    authorizer.without_token = Errc::token_missing;
    std::string query;
    SUBCASE("and nothing is said") {}
    SUBCASE("and one is in the query, where it is not looked for") { query = "token=ann's token"; }

    Client& ann = connect(0, {}, query);

    CHECK(ann.take() ==
          Packets{R"(44{"message":"a token is needed","data":{"code":"token_missing"}})"});
    CHECK(chat.refused(Errc::token_missing) == 1);
  }
}

}  // namespace chatrt::gateway
