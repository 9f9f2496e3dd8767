#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "chat_fixture.h"

namespace chatrt::gateway {
namespace {

std::string ready(const std::string& user, int position, bool complete = true) {
  const std::string at = std::to_string(position);
  return R"(42["ready",{"userId":")" + user + R"(","position":)" + at + R"(,"complete":)" +
         (complete ? "true" : "false") + "},\"" + at + "\"]";
}

std::string registered(const std::string& user, int position) {
  return R"({"ok":true,"userId":")" + user + R"(","position":)" + std::to_string(position) + '}';
}

}  // namespace

TEST_SUITE("register") {
  TEST_CASE_FIXTURE(ChatFixture, "answers with the user and the position, then sends ready") {
    Client& ann = connect();
    ann.skip();

    SUBCASE("for a plain user id") {
      CHECK(ann.ask("register", R"("ann")") == registered("ann", 0));
    }
    SUBCASE("for an object") {
      CHECK(ann.ask("register", R"({"userId":"ann"})") == registered("ann", 0));
    }

    CHECK(ann.take() == Packets{ready("ann", 0)});
    CHECK(ann.offset() == "0");
    CHECK(logged("info register user=ann connection="));
  }

  TEST_CASE_FIXTURE(ChatFixture, "sends ready without an ack to stock clients") {
    Client& ann = connect();
    ann.skip();

    ann.send(R"(42["register","ann"])");

    CHECK(ann.take() == Packets{ready("ann", 0)});
  }

  TEST_CASE_FIXTURE(ChatFixture, "is idempotent: a repeat is answered, and ready comes once") {
    Client& ann = connect();
    ann.skip();
    ann.send(R"(420["register","ann"])");
    ann.skip();

    CHECK(ann.ask("register", R"("ann")") == registered("ann", 0));
    ann.send(R"(42["register","ann"])");

    CHECK(ann.take().empty());
    Client& bob = join("bob");
    CHECK(bob.ask("send_message", R"({"selectedUser":"ann","textMessage":"1"})") != "");
    CHECK(ann.take().size() == 1);  // not doubled
    CHECK(ann.ask("register", R"("ann")") == registered("ann", 1));
  }

  TEST_CASE_FIXTURE(ChatFixture, "answers all of several that come before the Hub has") {
    Client& ann = connect();
    ann.skip();
    ann.push(R"(420["register","ann"])");

    ann.send(R"(421["register","ann"])");

    CHECK(ann.take() == Packets{"430[" + registered("ann", 0) + ']',
                                "431[" + registered("ann", 0) + ']', ready("ann", 0)});
  }

  TEST_CASE_FIXTURE(ChatFixture, "refuses another user on the same connection") {
    Client& ann = join("ann");

    CHECK(ann.ask("register", R"("bob")") ==
          refused("conflict", "this connection is registered as another user"));

    CHECK(ann.take().empty());
    CHECK(ann.ask("register", R"("ann")") == registered("ann", 0));
  }

  TEST_CASE_FIXTURE(ChatFixture, "says what is wrong with an argument, and may be tried again") {
    Client& ann = connect();
    ann.skip();
    std::string argument, message;
    SUBCASE("of another type") {
      argument = "7", message = "the argument is neither a user id nor an object";
    }
    SUBCASE("left out") { argument = "", message = "userId is missing"; }
    SUBCASE("null") { argument = "null", message = "userId is missing"; }
    SUBCASE("empty") { argument = R"("")", message = "this is not a user id"; }
    SUBCASE("with a control character") {
      argument = R"("a\nb")", message = "this is not a user id";
    }
    SUBCASE("too long") {
      argument = '"' + std::string(129, 'a') + '"', message = "this is not a user id";
    }
    SUBCASE("without a user") { argument = R"({"since":1})", message = "userId is missing"; }
    SUBCASE("with a user of another type") {
      argument = R"({"userId":7})", message = "userId is not a string";
    }
    SUBCASE("with a since of another type") {
      argument = R"({"userId":"ann","since":{}})", message = "since is not a position";
    }
    SUBCASE("with a since below 0") {
      argument = R"({"userId":"ann","since":-1})", message = "since is not a position";
    }

    CHECK(ann.ask("register", argument) == refused("invalid_argument", message));

    CHECK(ann.take() == Packets{R"(42["unregistered",{"reason":"invalid_argument","message":")" +
                                message + R"("}])"});
    CHECK(ann.ask("register", R"("ann")") == registered("ann", 0));
  }

  TEST_CASE_FIXTURE(ChatFixture, "replays what came after `since`, before the ack and ready") {
    Client& bob = join("bob");
    for (const char* text : {"1", "2", "3"}) {
      bob.ask("send_message",
              R"({"selectedUser":"ann","textMessage":")" + std::string(text) + "\"}");
    }
    std::string auth, argument;
    SUBCASE("as a number") { argument = R"({"userId":"ann","since":1})"; }
    SUBCASE("as the offset of an event") { argument = R"({"userId":"ann","since":"1"})"; }
    SUBCASE("as CONNECT gave it") { auth = R"({"since":1})", argument = R"("ann")"; }
    SUBCASE("as register gave it, over CONNECT") {
      auth = R"({"since":3})", argument = R"({"userId":"ann","since":1})";
    }
    Client& ann = connect(1, auth);
    ann.skip();

    ann.send("420[\"register\"," + argument + ']');

    const Packets packets = ann.take();
    REQUIRE(packets.size() == 4);
    CHECK(packets[0].starts_with(R"(42["receive_message",)"));
    CHECK(packets[0].find(R"("textMessage":"2")") != std::string::npos);
    CHECK(packets[1].find(R"("textMessage":"3")") != std::string::npos);
    CHECK(packets[2] == "430[" + registered("ann", 3) + ']');
    CHECK(packets[3] == ready("ann", 3));
  }

  TEST_CASE_FIXTURE(ChatFixture, "is incomplete if `since` is none of our positions") {
    std::string auth, argument = R"("ann")";
    SUBCASE("a poisoned offset") { argument = R"({"userId":"ann","since":"alice"})"; }
    SUBCASE("above the log's end") { argument = R"({"userId":"ann","since":999})"; }
    SUBCASE("in CONNECT") { auth = R"({"since":"alice"})"; }
    SUBCASE("of another type in CONNECT") { auth = R"({"since":[1]})"; }
    Client& ann = connect(0, auth);
    ann.skip();

    ann.send("42[\"register\"," + argument + ']');

    CHECK(ann.take() == Packets{ready("ann", 0, false)});
  }

  TEST_CASE_FIXTURE(ChatFixture, "starts anew after the namespace was left and joined again") {
    Client& ann = join("ann");
    ann.leave();
    ann.send("40");
    ann.skip();

    CHECK(ann.ask("register", R"("bob")") == registered("bob", 0));

    CHECK(ann.take() == Packets{ready("bob", 0)});
  }

  TEST_CASE_FIXTURE(ChatFixture, "is not answered to a socket that came after it") {
    Client& ann = connect();
    ann.skip();
    ann.push(R"(420["register","ann"])");
    ann.push("41");
    ann.push("40");

    settle();

    REQUIRE(ann.take().size() == 1);  // the answer to CONNECT
    CHECK(ann.ask("register", R"("bob")") == registered("bob", 0));
    CHECK(ann.take() == Packets{ready("bob", 0)});
  }

  TEST_CASE_FIXTURE(ChatFixture, "ends with the connection") {
    Client& ann = join("ann");
    CHECK(hub.stats().connections == 1);
    ann.drop();
    CHECK(hub.stats().connections == 0);
  }

  TEST_CASE_FIXTURE(ChatFixture, "that the Hub cannot take sends the client away to come back") {
    Client& ann = connect();
    ann.skip();
    store.fail_reads(Errc::unavailable);

    ann.send(R"(420["register","ann"])");

    CHECK(ann.take() ==
          Packets{R"(430[{"ok":false,"error":{"code":"unavailable","message":)"
                  R"("The server cannot do this now; try again later.","retryAfterMs":1000}}])",
                  R"(42["unregistered",{"reason":"unavailable","message":)"
                  R"("the server cannot register anybody now"}])"});
    CHECK(ann.closed());
  }
}

TEST_SUITE("a token") {
  TEST_CASE_FIXTURE(ChatFixture, "registers by itself") {
    authorizer.tokens_needed = true;
    Client* ann = nullptr;
    SUBCASE("in CONNECT") { ann = &connect(0, R"({"token":"ann's token"})"); }
    SUBCASE("in the Authorization header") { ann = &connect(0, {}, {}, "Bearer ann's token"); }
    SUBCASE("in CONNECT before the header") {
      ann = &connect(0, R"({"token":"ann's token"})", {}, "bearer bob's token");
    }

    const Packets packets = ann->take();
    REQUIRE(packets.size() == 2);
    CHECK(packets[0].starts_with(R"(40{"sid":)"));
    CHECK(packets[1] == ready("ann", 0));
    CHECK(ann->ask("register", R"("ann")") == registered("ann", 0));
    CHECK(ann->ask("register", "") == registered("ann", 0));
    CHECK(ann->ask("register", R"("bob")") ==
          refused("permission_denied", "the token names another user"));
  }

  TEST_CASE_FIXTURE(ChatFixture, "takes `since` from CONNECT") {
    authorizer.tokens_needed = true;
    Client& bob = connect(0, R"({"token":"bob's token"})");
    bob.ask("send_message", R"({"selectedUser":"ann","textMessage":"1"})");
    bob.ask("send_message", R"({"selectedUser":"ann","textMessage":"2"})");

    Client& ann = connect(0, R"({"token":"ann's token","since":"1"})");

    const Packets packets = ann.take();
    REQUIRE(packets.size() == 3);
    CHECK(packets[1].find(R"("textMessage":"2")") != std::string::npos);
    CHECK(packets[2] == ready("ann", 2));
  }

  TEST_CASE_FIXTURE(ChatFixture, "that does not hold refuses the CONNECT for good") {
    authorizer.tokens_needed = true;
    Client& ann = connect(0, R"({"token":"nonsense"})");
    CHECK(ann.take() ==
          Packets{R"(44{"message":"the token is not valid","data":{"code":"unauthenticated"}})"});
    Client& bob = connect(0, R"({"token":7})");
    CHECK(
        bob.take() ==
        Packets{R"(44{"message":"auth.token is not a string","data":{"code":"token_malformed"}})"});
    CHECK(logged("info refused reason=the token is not valid connection="));
  }

  TEST_CASE_FIXTURE(ChatFixture,
                    "that cannot be checked now closes, so that the client comes back") {
    authorizer.fault = Errc::unavailable;
    Client& ann = connect(0, R"({"token":"ann's token"})");
    CHECK(ann.take().empty());
    CHECK(ann.closed());
  }

  TEST_CASE_FIXTURE(ChatFixture, "that is needed and not there refuses register") {
    authorizer.tokens_needed = true;
    Client& ann = connect(0, R"({"token":null})");
    ann.skip();
    CHECK(ann.ask("register", R"("ann")") ==
          refused("unauthenticated", "this user id was not accepted"));
    CHECK(ann.take() == Packets{R"(42["unregistered",{"reason":"unauthenticated",)"
                                R"("message":"this user id was not accepted"}])"});
  }
}

TEST_SUITE("userId in the query") {
  struct DevFixture : ChatFixture {
    DevFixture() : ChatFixture({.register_from_query = true}) {}
  };

  TEST_CASE_FIXTURE(DevFixture, "registers by itself") {
    Client& ann = connect(0, {}, "userId=ann%20lee");
    const Packets packets = ann.take();
    REQUIRE(packets.size() == 2);
    CHECK(packets[1] == ready("ann lee", 0));
    CHECK(ann.ask("register", R"("ann lee")") == registered("ann lee", 0));
  }

  TEST_CASE_FIXTURE(DevFixture,
                    "is passed over if it is none, and so is a token that does not hold") {
    Client& ann = connect(0, R"({"token":"of another system"})", "userId=");
    CHECK(ann.take().size() == 1);
    CHECK(ann.ask("register", R"("ann")") == registered("ann", 0));
  }

  TEST_CASE_FIXTURE(DevFixture, "does not stand in for a token that is needed") {
    authorizer.tokens_needed = true;
    Client& ann = connect(0, {}, "userId=ann");
    CHECK(ann.take().size() == 1);
  }

  TEST_CASE_FIXTURE(ChatFixture, "means nothing without the option") {
    Client& ann = connect(0, {}, "userId=ann");
    CHECK(ann.take().size() == 1);
    CHECK(hub.stats().connections == 0);
  }
}

}  // namespace chatrt::gateway
