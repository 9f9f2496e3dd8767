#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "chat_fixture.h"
#include "chatrt/socketio/json.h"

namespace chatrt::gateway {
namespace {

constexpr const char* kHello =
    R"({"_id":"6b049ec40000000000000001","conversationId":"1","seq":1,"senderId":"ann",)"
    R"("receiverId":"bob","textMessage":"hello","clientMessageId":"c1",)"
    R"("createdAt":"2026-11-23T20:15:00.123Z","updatedAt":"2026-11-23T20:15:00.123Z"})";

std::string code_of(const std::string& answer) {
  socketio::Json json;
  REQUIRE(json.parse(answer) == socketio::Json::ParseStatus::ok);
  CHECK(json.root().find("error").find("message").is_string());
  return std::string(json.root().find("error").find("code").as_string().value_or(""));
}

std::string text_in(const std::string& packet) {
  const std::size_t begin = packet.find('[');
  socketio::Json json;
  REQUIRE(json.parse(std::string_view(packet).substr(begin)) == socketio::Json::ParseStatus::ok);
  return std::string(json.root().at(1).find("textMessage").as_string().value_or("(none)"));
}

std::string quoted(std::string_view text) {
  std::string out;
  socketio::append_json_string(out, text);
  return out;
}

}  // namespace

TEST_SUITE("send_message") {
  TEST_CASE_FIXTURE(ChatFixture, "goes to the Hub with all of its turn, ahead of what follows it") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    const auto commits = hub.stats().commits;
    ann.push(R"(421["send_message",)" + to("bob", "1") + ']');
    bob.push(R"(421["send_message",)" + to("ann", "2") + ']');
    ann.push(R"(422["send_message",)" + to("bob", "3") + ']');
    CHECK(hub.stats().inbox == 0);
    CHECK(turn_end.size() == 1);
    CHECK(turn_end.run_all() == 1);
    CHECK(hub.stats().inbox == 3);
    settle();
    CHECK(hub.stats().commits == commits + 1);
    CHECK(count(ann.take(), R"(message_sent)") == 2);
    CHECK(count(bob.take(), R"(receive_message)") == 2);

    // A mark is not cut to the message before.
    ann.push(R"(423["send_message",)" + to("bob", "4") + ']');
    ann.push(R"(42["mark_read",{"conversationId":"1","seq":4}])");
    CHECK(hub.stats().inbox == 2);
    CHECK(turn_end.run_all() == 1);
    CHECK(hub.stats().inbox == 2);
    settle();
    const Packets packets = bob.take();
    REQUIRE(packets.size() == 2);
    CHECK(packets[0].starts_with(R"(42["receive_message")"));
    CHECK(packets[1].starts_with(
        R"(42["message_read",{"conversationId":"1","userId":"ann","seq":4)"));
  }

  TEST_CASE_FIXTURE(ChatFixture, "acks the stored message, and shows it to all of both users") {
    Client& ann = join("ann", 0);
    Client& ann_too = join("ann", 1);
    Client& bob = join("bob", 1);
    Client& bob_too = join("bob", 2);
    Client& eve = join("eve", 0);

    const std::string ack = ann.ask(
        "send_message", R"({"selectedUser":"bob","textMessage":"hello","clientMessageId":"c1"})");

    CHECK(ack == std::string(R"({"ok":true,"message":)") + kHello + '}');
    const Packets sent{std::string(R"(42["message_sent",)") + kHello + R"(,"1"])"};
    const Packets received{std::string(R"(42["receive_message",)") + kHello + R"(,"1"])"};
    CHECK(ann.take() == sent);
    CHECK(ann_too.take() == sent);
    CHECK(bob.take() == received);
    CHECK(bob_too.take() == received);
    CHECK(eve.take().empty());
    CHECK(ann.offset() == "1");
    CHECK(logged("info message message=6b049ec40000000000000001 conversation=1 author=ann"));
    CHECK_FALSE(logged("hello"));
  }

  TEST_CASE_FIXTURE(ChatFixture, "acks before the events of the same commit, message by message") {
    Client& ann = join("ann");
    for (const char* packet : {R"(420["send_message",{"receiverId":"bob","textMessage":"1"}])",
                               R"(421["send_message",{"receiverId":"bob","textMessage":"2"}])"}) {
      ann.push(packet);
    }

    settle();

    const Packets packets = ann.take();
    REQUIRE(packets.size() == 4);
    CHECK(packets[0].starts_with(R"(430[{"ok":true,"message":)"));
    CHECK(text_in(packets[1]) == "1");
    CHECK(packets[2].starts_with(R"(431[{"ok":true,"message":)"));
    CHECK(text_in(packets[3]) == "2");
  }

  TEST_CASE_FIXTURE(ChatFixture, "takes the conversation's id as a string and as a number") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    ann.ask("send_message", R"({"selectedUser":"bob","textMessage":"1"})");
    bob.skip();

    for (const char* id : {R"("1")", "1", "1.0"}) {
      const std::string answer = ann.ask(
          "send_message", R"({"textMessage":"2","conversationId":)" + std::string(id) + '}');
      CHECK(answer.starts_with(R"({"ok":true,)"));
    }
    CHECK(bob.take().size() == 3);
  }

  TEST_CASE_FIXTURE(ChatFixture, "to oneself gives one of each event on each connection") {
    Client& ann = join("ann", 0);
    Client& ann_too = join("ann", 1);

    ann.send(R"(42["send_message",{"selectedUser":"ann","textMessage":"note"}])");

    for (Client* client : {&ann, &ann_too}) {
      const Packets packets = client->take();
      REQUIRE(packets.size() == 2);
      CHECK(packets[0].starts_with(R"(42["receive_message",)"));
      CHECK(packets[1].starts_with(R"(42["message_sent",)"));
    }
  }

  TEST_CASE_FIXTURE(ChatFixture, "answers a repeated clientMessageId with the same whole message") {
    Client& ann = join("ann", 0);
    Client& ann_too = join("ann", 1);
    Client& bob = join("bob", 2);
    const char* argument = R"({"selectedUser":"bob","textMessage":"hello","clientMessageId":"c1"})";
    const std::string first = ann.ask("send_message", argument);
    ann.ask("send_message", R"({"selectedUser":"bob","textMessage":"between"})");
    advance(Duration{5000});
    bob.skip();

    CHECK(ann.ask("send_message", argument) == first);
    CHECK(ann_too.ask("send_message", argument) == first);

    CHECK(bob.take().empty());
    CHECK(ann.ask("send_message",
                  R"({"selectedUser":"bob","textMessage":"other","clientMessageId":"c1"})") ==
          refused("conflict", "the client id belongs to another message"));
  }

  TEST_CASE_FIXTURE(ChatFixture, "refuses what is missing or of the wrong type, and names it") {
    Client& ann = join("ann");
    std::string argument, message;
    SUBCASE("nothing") { argument = "", message = "the argument is not an object"; }
    SUBCASE("null") { argument = "null", message = "the argument is not an object"; }
    SUBCASE("a string") { argument = R"("hi")", message = "the argument is not an object"; }
    SUBCASE("an array") { argument = "[]", message = "the argument is not an object"; }
    SUBCASE("no target") {
      argument = R"({"textMessage":"hi"})", message = "selectedUser is missing";
    }
    SUBCASE("a null target") {
      argument = R"({"selectedUser":null,"textMessage":"hi"})", message = "selectedUser is missing";
    }
    SUBCASE("a target that is a number") {
      argument = R"({"selectedUser":7,"textMessage":"hi"})",
      message = "selectedUser is not a string";
    }
    SUBCASE("a target that is no user id") {
      argument = R"({"receiverId":"","textMessage":"hi"})", message = "receiverId is not a user id";
    }
    SUBCASE("two targets") {
      argument = R"({"selectedUser":"bob","receiverId":"eve","textMessage":"hi"})",
      message = "receiverId names another target than the fields before it";
    }
    SUBCASE("a conversation and a user") {
      argument = R"({"conversationId":"1","receiverId":"eve","textMessage":"hi"})",
      message = "receiverId names another target than the fields before it";
    }
    SUBCASE("a conversation id that is none") {
      argument = R"({"conversationId":"one","textMessage":"hi"})",
      message = "conversationId is not a conversation id";
    }
    SUBCASE("a conversation id of 0") {
      argument = R"({"conversationId":0,"textMessage":"hi"})",
      message = "conversationId is not a conversation id";
    }
    SUBCASE("no text") {
      argument = R"({"selectedUser":"bob"})", message = "textMessage is missing";
    }
    SUBCASE("a text that is an object") {
      argument = R"({"selectedUser":"bob","textMessage":{}})",
      message = "textMessage is not a string";
    }
    SUBCASE("a text with a NUL") {
      argument = R"({"selectedUser":"bob","textMessage":"a\u0000b"})",
      message = "textMessage holds a NUL character";
    }
    SUBCASE("a client id that is a number") {
      argument = R"({"selectedUser":"bob","textMessage":"hi","clientMessageId":1})",
      message = "clientMessageId is not a string";
    }
    SUBCASE("a client id with a NUL") {
      argument = R"({"selectedUser":"bob","textMessage":"hi","clientMessageId":"\u0000"})",
      message = "clientMessageId holds a NUL character";
    }
    SUBCASE("a sender that is a number") {
      argument = R"({"selectedUser":"bob","textMessage":"hi","senderId":1})",
      message = "senderId is not a string";
    }

    CHECK(ann.ask("send_message", argument) == refused("invalid_argument", message));

    CHECK(ann.take().empty());
    CHECK(hub.stats().messages_committed == 0);
    CHECK(logged("info refused connection="));
    CHECK_FALSE(ann.closed());
  }

  TEST_CASE_FIXTURE(ChatFixture, "refuses another sender than the connection's user") {
    Client& ann = join("ann");
    CHECK(
        ann.ask("send_message", R"({"selectedUser":"bob","textMessage":"hi","senderId":"bob"})") ==
        refused("permission_denied", "senderId is not the user of this connection"));
    CHECK(ann.ask("send_message", R"({"selectedUser":"bob","textMessage":"hi","userId":"bob"})") ==
          refused("permission_denied", "userId is not the user of this connection"));
    CHECK(ann.ask("send_message",
                  R"({"selectedUser":"bob","textMessage":"hi","senderId":"ann","userId":"ann"})")
              .starts_with(R"({"ok":true,)"));
  }

  TEST_CASE_FIXTURE(ChatFixture, "takes 65,536 bytes of UTF-8 and no more") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    std::string text(65533, 'x');
    text += "\u20ac";  // three bytes

    const std::string fits =
        ann.ask("send_message", R"({"selectedUser":"bob","textMessage":)" + quoted(text) + '}');
    const std::string above = ann.ask(
        "send_message", R"({"selectedUser":"bob","textMessage":)" + quoted(text + 'x') + '}');

    CHECK(fits.starts_with(R"({"ok":true,)"));
    CHECK(above == refused("too_large", "the text is too long"));
    const Packets received = bob.take();
    REQUIRE(received.size() == 1);
    CHECK(text_in(received[0]) == text);
    CHECK_FALSE(ann.closed());
  }

  TEST_CASE_FIXTURE(ChatFixture, "brings every text through byte for byte") {
    Client& ann = join("ann", 0);
    Client& bob = join("bob", 1);
    std::string controls;
    for (char c = 1; c < 32; ++c) controls += c;
    for (const std::string& text :
         {std::string(" "), std::string("\U0001F600\U0001F469\u200D\U0001F467\U0001F1E9\U0001F1EA"),
          std::string("\u05E9\u05DC\u05D5\u05DD \u0645\u0631\u062D\u0628\u0627 \u202Ertl\u202C"),
          std::string("e\u0301 a\u0308\u0323 \u1112\u1161\u11AB"),
          std::string("\"double\" 'single' `back` \\ \\\\ / \\u0041 \\n"),
          std::string("\u2028\u2029\uFEFF\uFFFD\uFFFF"), controls + "\x7f\u0080\u009f",
          std::string("</script><!-- & -->"), std::string("{\"_placeholder\":true,\"num\":0}")}) {
      const std::string ack =
          ann.ask("send_message", R"({"selectedUser":"bob","textMessage":)" + quoted(text) + '}');

      socketio::Json json;
      REQUIRE(json.parse(ack) == socketio::Json::ParseStatus::ok);
      CHECK(json.root().find("message").find("textMessage").as_string() == text);
      for (Client* client : {&ann, &bob}) {
        const Packets packets = client->take();
        REQUIRE(packets.size() == 1);
        CHECK(text_in(packets[0]) == text);
      }
    }
  }

  TEST_CASE_FIXTURE(ChatFixture,
                    "refuses lone surrogates in the ack, and the connection lives on") {
    Client& ann = join("ann");
    CHECK(code_of(ann.ask("send_message", R"({"selectedUser":"bob","textMessage":"\ud800"})")) ==
          "invalid_argument");
    CHECK_FALSE(ann.closed());
  }

  TEST_CASE_FIXTURE(ChatFixture, "hides whether a conversation of others exists") {
    Client& ann = join("ann");
    ann.ask("send_message", R"({"selectedUser":"bob","textMessage":"1"})");
    Client& eve = join("eve");
    const std::string of_others =
        eve.ask("send_message", R"({"conversationId":"1","textMessage":"hi"})");
    const std::string of_nobody =
        eve.ask("send_message", R"({"conversationId":"2","textMessage":"hi"})");
    CHECK(of_others == refused("not_found", "no such conversation"));
    CHECK(of_others == of_nobody);
  }

  TEST_CASE_FIXTURE(ChatFixture, "is a negative ack, and nobody gets it, if the commit fails") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    store.fail_next_append(Errc::storage_full);

    CHECK(ann.ask("send_message", R"({"selectedUser":"bob","textMessage":"1"})") ==
          R"({"ok":false,"error":{"code":"storage_full",)"
          R"("message":"The server's storage is full; nothing was stored.",)"
          R"("retryAfterMs":10000}})");

    CHECK(ann.take().empty());
    CHECK(bob.take().empty());
    CHECK(logged("warning refused connection="));
    CHECK(ann.ask("send_message", R"({"selectedUser":"bob","textMessage":"2"})")
              .starts_with(R"({"ok":true,)"));
  }

  TEST_CASE_FIXTURE(ChatFixture, "that is refused without an ack id is logged, and no more") {
    Client& ann = join("ann");
    ann.send(R"(42["send_message",{"selectedUser":"bob"}])");
    CHECK(ann.take().empty());
    CHECK(logged("request=send_message code=invalid_argument detail=textMessage is missing"));
  }

  struct SmallInbox : ChatFixture {
    SmallInbox() : ChatFixture({}, {.inbox_max = 1}) {}
  };

  TEST_CASE_FIXTURE(SmallInbox, "is refused at the end of its turn when the Hub is busy") {
    Client& ann = join("ann");
    ann.push(R"(420["send_message",{"selectedUser":"bob","textMessage":"1"}])");
    ann.push(R"(421["send_message",{"selectedUser":"bob","textMessage":"2"}])");
    turn_end.run_all();
    CHECK(ann.take() == Packets{R"(431[{"ok":false,"error":{"code":"busy","message":)"
                                R"("The server has too much to do; try again later.",)"
                                R"("retryAfterMs":1000}}])"});
    settle();
    CHECK(ann.take().size() == 2);
  }
}

}  // namespace chatrt::gateway
