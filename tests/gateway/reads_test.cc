#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "chat_fixture.h"
#include "chatrt/socketio/json.h"

namespace chatrt::gateway {
namespace {

// Ann has sent bob the messages "1" to "5".
struct FiveMessages : ChatFixture {
  FiveMessages() {
    for (const char* text : {"1", "2", "3", "4", "5"}) {
      ann.ask("send_message",
              R"({"selectedUser":"bob","textMessage":")" + std::string(text) + "\"}");
    }
    ann.skip();
    bob.skip();
  }

  // "2 3 more" for an answer with the messages "2" and "3" of which there are more.
  std::string texts(const std::string& answer) {
    socketio::Json json;
    REQUIRE(json.parse(answer) == socketio::Json::ParseStatus::ok);
    REQUIRE_MESSAGE(json.root().find("ok").as_bool() == true, answer);
    const socketio::JsonView messages = json.root().find("messages");
    std::string found;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      found += std::string(*messages.at(i).find("textMessage").as_string()) + ' ';
    }
    return found + (json.root().find("more").as_bool().value() ? "more" : "end");
  }

  Client& ann = join("ann", 0);
  Client& bob = join("bob", 1);
};

constexpr const char* kFirst =
    R"({"_id":"6b049ec40000000000000001","conversationId":"1","seq":1,"senderId":"ann",)"
    R"("receiverId":"bob","textMessage":"1","createdAt":"2026-11-23T20:15:00.123Z",)"
    R"("updatedAt":"2026-11-23T20:15:00.123Z"})";

}  // namespace

TEST_SUITE("history") {
  TEST_CASE_FIXTURE(FiveMessages, "gives messages as they were sent") {
    CHECK(bob.ask("history", R"({"conversationId":"1","before":2})") ==
          std::string(R"({"ok":true,"messages":[)") + kFirst + R"(],"more":false})");
  }

  TEST_CASE_FIXTURE(FiveMessages, "pages both ways, with exclusive bounds") {
    CHECK(texts(bob.ask("history", R"({"conversationId":1})")) == "1 2 3 4 5 end");
    CHECK(texts(bob.ask("history", R"({"userId":"ann"})")) == "1 2 3 4 5 end");
    CHECK(texts(ann.ask("history", R"({"userId":"bob","limit":2})")) == "4 5 more");
    CHECK(texts(ann.ask("history", R"({"userId":"bob","limit":2,"before":4})")) == "2 3 more");
    CHECK(texts(ann.ask("history", R"({"userId":"bob","limit":2,"after":1})")) == "2 3 more");
    CHECK(texts(ann.ask("history", R"({"userId":"bob","after":1,"before":4})")) == "2 3 end");
    CHECK(texts(ann.ask("history", R"({"userId":"bob","before":1})")) == "end");
    CHECK(texts(ann.ask("history", R"({"userId":"nobody"})")) == "end");
  }

  TEST_CASE_FIXTURE(FiveMessages, "gives 50 where no limit is named") {
    for (int i = 0; i < 50; ++i) {
      ann.send(R"(42["send_message",{"selectedUser":"bob","textMessage":"x"}])");
    }
    const std::string page = texts(bob.ask("history", R"({"userId":"ann"})"));
    CHECK(page.size() == 50 * 2 + 4);
    CHECK(page.ends_with("more"));
  }

  TEST_CASE_FIXTURE(FiveMessages, "refuses what is missing or of the wrong type") {
    std::string argument, message;
    SUBCASE("nothing") { argument = "", message = "the argument is not an object"; }
    SUBCASE("no target") { argument = "{}", message = "userId is missing"; }
    SUBCASE("both targets") {
      argument = R"({"userId":"ann","conversationId":"1"})",
      message = "userId names another target than the fields before it";
    }
    SUBCASE("before") {
      argument = R"({"userId":"ann","before":"2"})",
      message = "before is not a whole number from 0 up";
    }
    SUBCASE("after") {
      argument = R"({"userId":"ann","after":-2})",
      message = "after is not a whole number from 0 up";
    }
    SUBCASE("limit") {
      argument = R"({"userId":"ann","limit":1.5})",
      message = "limit is not a whole number from 0 up";
    }
    SUBCASE("limit 0") {
      argument = R"({"userId":"ann","limit":0})", message = "limit is not above 0";
    }
    CHECK(bob.ask("history", argument) == refused("invalid_argument", message));
  }

  TEST_CASE_FIXTURE(FiveMessages, "hides the conversations of others") {
    CHECK(join("eve").ask("history", R"({"conversationId":"1"})") ==
          refused("not_found", "no such conversation"));
  }

  TEST_CASE_FIXTURE(FiveMessages, "is a negative ack if the store cannot read") {
    store.fail_reads(Errc::unavailable);
    CHECK(bob.ask("history", R"({"userId":"ann"})")
              .starts_with(R"({"ok":false,"error":{"code":"unavailable",)"));
  }
}

TEST_SUITE("conversations") {
  TEST_CASE_FIXTURE(FiveMessages, "come newest first, with unread and marks") {
    advance(Duration{1000});
    join("eve").ask("send_message", R"({"selectedUser":"bob","textMessage":"psst"})");
    bob.ask("mark_read", R"({"conversationId":"1","seq":2})");

    std::string all;
    SUBCASE("without an argument") { all = bob.ask("conversations", ""); }
    SUBCASE("with null") { all = bob.ask("conversations", "null"); }
    SUBCASE("with an object") { all = bob.ask("conversations", "{}"); }

    socketio::Json json;
    REQUIRE(json.parse(all) == socketio::Json::ParseStatus::ok);
    CHECK(json.root().find("more").as_bool() == false);
    const socketio::JsonView list = json.root().find("conversations");
    REQUIRE(list.size() == 2);
    CHECK(list.at(0).find("userId").as_string() == "eve");
    CHECK(list.at(0).find("unread").as_uint64() == 1);
    CHECK(list.at(1).find("userId").as_string() == "ann");
    CHECK(list.at(1).find("lastMessage").find("textMessage").as_string() == "5");
    CHECK(list.at(1).find("unread").as_uint64() == 3);
    CHECK(list.at(1).find("read").as_uint64() == 2);
  }

  TEST_CASE_FIXTURE(FiveMessages, "go on from a position, or from the last message's id") {
    join("eve").ask("send_message", R"({"selectedUser":"bob","textMessage":"psst"})");
    const std::string first = bob.ask("conversations", R"({"limit":1})");
    CHECK(first.find(R"("userId":"eve")") != std::string::npos);
    CHECK(first.ends_with(R"("more":true})"));
    for (const char* before : {"6", R"("6")", R"("6b049ec40000000000000006")"}) {
      const std::string next =
          bob.ask("conversations", R"({"limit":1,"before":)" + std::string(before) + '}');
      CHECK(next.find(R"("userId":"ann")") != std::string::npos);
      CHECK(next.ends_with(R"("more":false})"));
    }
  }

  TEST_CASE_FIXTURE(FiveMessages, "refuse what is of the wrong type") {
    CHECK(bob.ask("conversations", "7") ==
          refused("invalid_argument", "the argument is not an object"));
    CHECK(bob.ask("conversations", R"({"limit":"7"})") ==
          refused("invalid_argument", "limit is not a whole number from 0 up"));
    CHECK(bob.ask("conversations", R"({"before":{}})") ==
          refused("invalid_argument", "before is not a position"));
    CHECK(bob.ask("conversations", R"({"before":"yesterday"})") ==
          refused("invalid_argument", "before is neither a position nor a message id"));
  }
}

TEST_SUITE("sync") {
  TEST_CASE_FIXTURE(FiveMessages, "gives the changes since a position, and the next position") {
    bob.ask("mark_read", R"({"conversationId":"1","seq":5})");

    CHECK(bob.ask("sync", R"({"since":0,"limit":1})") ==
          std::string(R"({"ok":true,"changes":[{"position":1,"type":"message","message":)") +
              kFirst + R"(}],"position":1,"more":true})");
    CHECK(ann.ask("sync", R"({"since":"5"})") ==
          R"({"ok":true,"changes":[{"position":6,"type":"mark","mark":{"conversationId":"1",)"
          R"("userId":"bob","kind":"read","seq":5,"at":"2026-11-23T20:15:00.123Z"}}],)"
          R"("position":6,"more":false})");
    CHECK(ann.ask("sync", R"({"since":6})") ==
          R"({"ok":true,"changes":[],"position":6,"more":false})");
    CHECK(join("eve").ask("sync", R"({"since":0})") ==
          R"({"ok":true,"changes":[],"position":6,"more":false})");
  }

  TEST_CASE_FIXTURE(FiveMessages, "refuses what is missing or of the wrong type") {
    CHECK(bob.ask("sync", "") == refused("invalid_argument", "the argument is not an object"));
    CHECK(bob.ask("sync", "{}") == refused("invalid_argument", "since is missing"));
    CHECK(bob.ask("sync", R"({"since":"alice"})") ==
          refused("invalid_argument", "since is not a position"));
    CHECK(bob.ask("sync", R"({"since":true})") ==
          refused("invalid_argument", "since is not a position"));
    CHECK(bob.ask("sync", R"({"since":0,"limit":[]})") ==
          refused("invalid_argument", "limit is not a whole number from 0 up"));
  }
}

TEST_SUITE("presence") {
  TEST_CASE_FIXTURE(FiveMessages, "tells of people one shares a conversation with, and no others") {
    Client& eve = join("eve");
    CHECK(ann.ask("presence", R"({"userIds":["bob","eve","nobody"]})") ==
          R"({"ok":true,"users":[{"userId":"bob","online":true}]})");
    CHECK(eve.ask("presence", R"({"userIds":["bob"]})") == R"({"ok":true,"users":[]})");
    bob.drop();
    advance(Duration{5000});
    CHECK(ann.ask("presence", R"({"userIds":["bob"]})") ==
          R"({"ok":true,"users":[{"userId":"bob","online":false,)"
          R"("lastSeen":"2026-11-23T20:15:00.123Z"}]})");
  }

  TEST_CASE_FIXTURE(FiveMessages, "refuses what is missing, of the wrong type, or too much") {
    CHECK(ann.ask("presence", "") == refused("invalid_argument", "the argument is not an object"));
    CHECK(ann.ask("presence", "{}") == refused("invalid_argument", "userIds is missing"));
    CHECK(ann.ask("presence", R"({"userIds":"bob"})") ==
          refused("invalid_argument", "userIds is not an array"));
    CHECK(ann.ask("presence", R"({"userIds":["bob",7]})") ==
          refused("invalid_argument", "userIds holds something that is not a user id"));
    std::string many = R"("bob")";
    for (int i = 0; i < 500; ++i) many += R"(,"bob")";
    CHECK(ann.ask("presence", R"({"userIds":[)" + many + "]}") ==
          refused("too_large", "too many users"));
  }
}

TEST_SUITE("unknown events") {
  TEST_CASE_FIXTURE(ChatFixture, "are refused") {
    Client& ann = join("ann");
    CHECK(ann.ask("shout", "1") == refused("unknown_event", "There is no such event."));
    CHECK(ann.ask("", "1") == refused("unknown_event", "There is no such event."));
    ann.send(R"(42[7,"a number for a name"])");
    CHECK(ann.take().empty());
    CHECK_FALSE(ann.closed());
  }
}

}  // namespace chatrt::gateway
