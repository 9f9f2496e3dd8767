#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "chat_fixture.h"

namespace chatrt::gateway {
namespace {

// Ann and bob have written to each other.
struct Talking : ChatFixture {
  Talking() {
    ann.ask("send_message", R"({"selectedUser":"bob","textMessage":"hi"})");
    for (Client* client : {&ann, &ann_too, &bob, &eve}) client->skip();
  }

  Client& ann = join("ann", 0);
  Client& ann_too = join("ann", 1);
  Client& bob = join("bob", 2);
  Client& eve = join("eve", 0);
};

}  // namespace

TEST_SUITE("mark_read") {
  TEST_CASE_FIXTURE(Talking, "is acked, and told to all connections of both") {
    CHECK(bob.ask("mark_read", R"({"conversationId":"1","seq":1})") == R"({"ok":true})");

    const Packets told{R"(42["message_read",{"conversationId":"1","userId":"bob","seq":1,)"
                       R"("at":"2026-11-23T20:15:00.123Z"},"2"])"};
    for (Client* client : {&ann, &ann_too, &bob}) CHECK(client->take() == told);
    CHECK(eve.take().empty());
    CHECK(ann.offset() == "2");
  }

  TEST_CASE_FIXTURE(Talking, "again, or lower, is acked and told to nobody") {
    bob.ask("mark_read", R"({"conversationId":1,"seq":1})");
    bob.skip();
    CHECK(bob.ask("mark_read", R"({"conversationId":1,"seq":1})") == R"({"ok":true})");
    CHECK(bob.ask("mark_read", R"({"conversationId":1,"seq":0})") == R"({"ok":true})");
    CHECK(bob.take().empty());
  }

  TEST_CASE_FIXTURE(Talking, "refuses what is missing, wrong, or not one's own") {
    CHECK(bob.ask("mark_read", "") == refused("invalid_argument", "the argument is not an object"));
    CHECK(bob.ask("mark_read", R"({"seq":1})") ==
          refused("invalid_argument", "conversationId is missing"));
    CHECK(bob.ask("mark_read", R"({"conversationId":"1"})") ==
          refused("invalid_argument", "seq is missing"));
    CHECK(bob.ask("mark_read", R"({"conversationId":"1","seq":"1"})") ==
          refused("invalid_argument", "seq is not a whole number from 0 up"));
    CHECK(bob.ask("mark_read", R"({"conversationId":[],"seq":1})") ==
          refused("invalid_argument", "conversationId is not a conversation id"));
    CHECK(eve.ask("mark_read", R"({"conversationId":"1","seq":1})") ==
          refused("not_found", "no such conversation"));
  }

  TEST_CASE_FIXTURE(Talking, "of `delivered`, by a host, is told as message_delivered") {
    hub.mark({.user = *UserId::parse("bob"),
              .conversation = ConversationId{1},
              .kind = MarkKind::delivered,
              .sequence = Sequence{1}},
             [](const Result<MarkAdvanced>&) {});
    settle();
    CHECK(ann.take() == Packets{R"(42["message_delivered",{"conversationId":"1","userId":"bob",)"
                                R"("seq":1,"at":"2026-11-23T20:15:00.123Z"},"2"])"});
  }
}

TEST_SUITE("typing") {
  TEST_CASE_FIXTURE(Talking, "is acked, and told to the other side without an offset") {
    std::string argument;
    SUBCASE("by user") { argument = R"({"receiverId":"bob","typing":true})"; }
    SUBCASE("by the other name of the same") {
      argument = R"({"selectedUser":"bob","typing":true})";
    }
    SUBCASE("by conversation") { argument = R"({"conversationId":"1","typing":true})"; }

    advance(Duration{1000});  // until the message is marked as delivered
    bob.skip();

    CHECK(ann.ask("typing", argument) == R"({"ok":true})");

    CHECK(bob.take() ==
          Packets{R"(42["typing",{"conversationId":"1","userId":"ann","typing":true}])"});
    CHECK(eve.take().empty());
    advance(Duration{6000});
    CHECK(bob.take() ==
          Packets{R"(42["typing",{"conversationId":"1","userId":"ann","typing":false}])"});
  }

  TEST_CASE_FIXTURE(Talking, "refuses what is missing or wrong") {
    CHECK(ann.ask("typing", "") == refused("invalid_argument", "the argument is not an object"));
    CHECK(ann.ask("typing", R"({"typing":true})") ==
          refused("invalid_argument", "receiverId is missing"));
    CHECK(ann.ask("typing", R"({"receiverId":"bob"})") ==
          refused("invalid_argument", "typing is missing"));
    CHECK(ann.ask("typing", R"({"receiverId":"bob","typing":"yes"})") ==
          refused("invalid_argument", "typing is not true or false"));
  }
}

TEST_SUITE("presence events") {
  TEST_CASE_FIXTURE(Talking, "tell contacts who comes and who has gone, and do not flap") {
    bob.drop();
    advance(Duration{4000});
    Client& again = join("bob", 0);
    CHECK(ann.take().empty());

    again.drop();
    advance(Duration{5000});

    const Packets gone{R"(42["presence",[{"userId":"bob","online":false,)"
                       R"("lastSeen":"2026-11-23T20:15:04.123Z"}]])"};
    CHECK(ann.take() == gone);
    CHECK(ann_too.take() == gone);
    CHECK(eve.take().empty());
    join("bob", 1);
    CHECK(ann.take() == Packets{R"(42["presence",[{"userId":"bob","online":true}]])"});
  }
}

TEST_SUITE("a client that is behind") {
  TEST_CASE_FIXTURE(Talking, "is spared what is of the moment, and gets all else") {
    ann.fall_behind(512 * 1024);
    bob.ask("send_message", to("ann", "hi"));
    bob.ask("typing", R"({"receiverId":"ann","typing":true})");
    bob.drop();
    advance(Duration{5000});

    const Packets behind = ann.take();
    const Packets other = ann_too.take();

    CHECK(count(behind, "receive_message") == 1);
    for (const char* event : {R"(["typing")", R"(["presence")"}) {
      CHECK(count(behind, event) == 0);
      CHECK(count(other, event) == 1);
    }
  }
}

TEST_SUITE("messages of a host") {
  TEST_CASE_FIXTURE(Talking, "reach all of both users, without an ack to anybody") {
    hub.post({.author = *UserId::parse("ann"), .target = *UserId::parse("bob"), .text = "by HTTP"},
             [](const Result<Message>&) {});
    settle();

    for (Client* client : {&ann, &ann_too}) {
      const Packets packets = client->take();
      REQUIRE(packets.size() == 1);
      CHECK(packets[0].starts_with(R"(42["message_sent",)"));
      CHECK(packets[0].ends_with(R"(},"2"])"));
    }
    CHECK(bob.take().size() == 1);
  }

  TEST_CASE_FIXTURE(Talking, "do not mind connections that have just gone") {
    bob.push("41");
    hub.post({.author = *UserId::parse("ann"), .target = *UserId::parse("bob"), .text = "late"},
             [](const Result<Message>&) {});
    settle();
    CHECK(ann.take().size() == 1);
  }
}

TEST_SUITE("order") {
  TEST_CASE_FIXTURE(Talking, "is the same on every connection, whoever sends at once") {
    for (int i = 0; i < 20; ++i) {
      ann.push(R"(42["send_message",{"selectedUser":"bob","textMessage":"a"}])");
      bob.push(R"(42["send_message",{"selectedUser":"ann","textMessage":"b"}])");
      ann_too.push(R"(42["send_message",{"selectedUser":"bob","textMessage":"c"}])");
    }
    settle();

    // Every receive() has checked that offsets only rise.
    for (Client* client : {&ann, &ann_too, &bob}) {
      CHECK(client->take().size() == 60);
      CHECK(client->offset() == "61");
    }
  }
}

}  // namespace chatrt::gateway
