#include "chatrt/gateway/chat_json.h"

#include <doctest/doctest.h>

#include <string>

#include "chatrt/socketio/json.h"

namespace chatrt::gateway {
namespace {

constexpr Timestamp kTime{Duration{1'795'464'900'123}};

Message message(std::string text = "hi", std::string client_id = {}) {
  return {.position = Position{7},
          .conversation = ConversationId{3},
          .sequence = Sequence{2},
          .author = *UserId::parse("ann"),
          .receiver = *UserId::parse("bob"),
          .text = std::move(text),
          .client_id = std::move(client_id),
          .created_at = kTime};
}

template <typename... Args>
std::string written(void (*append)(std::string&, Args...), const auto&... values) {
  std::string out = "before ";
  append(out, values...);
  REQUIRE(out.starts_with("before "));
  return out.substr(7);
}

constexpr const char* kMessage =
    R"({"_id":"6b049ec40000000000000007","conversationId":"3","seq":2,"senderId":"ann",)"
    R"("receiverId":"bob","textMessage":"hi","createdAt":"2026-11-23T20:15:00.123Z",)"
    R"("updatedAt":"2026-11-23T20:15:00.123Z"})";

}  // namespace

TEST_SUITE("append_message") {
  TEST_CASE("writes every field in its order") {
    CHECK(written(append_message, message()) == kMessage);
  }

  TEST_CASE("writes the client's id where there is one") {
    CHECK(written(append_message, message("hi", "c\"1")).find(R"(,"clientMessageId":"c\"1",)") !=
          std::string::npos);
  }

  TEST_CASE("writes a text that reads back byte for byte") {
    for (const std::string text :
         {"", "\"quoted\" \\ back/slash", "\x01\x02\b\f\n\r\t\x1f\x7f", "\u2028\u2029\uFEFF",
          "\U0001F469\u200D\U0001F469\u200D\U0001F467 \u05E9\u05DC\u05D5\u05DD e\u0301"}) {
      socketio::Json json;
      REQUIRE(json.parse(written(append_message, message(text))) ==
              socketio::Json::ParseStatus::ok);
      CHECK(json.root().find("textMessage").as_string() == text);
    }
  }
}

TEST_SUITE("append_mark") {
  TEST_CASE("names whose mark, which, and up to where") {
    MarkAdvanced mark{.position = Position{8},
                      .conversation = ConversationId{3},
                      .kind = MarkKind::delivered,
                      .sequence = Sequence{2},
                      .user = *UserId::parse("bob"),
                      .peer = *UserId::parse("ann"),
                      .at = kTime};
    CHECK(written(append_mark, mark) ==
          R"({"conversationId":"3","userId":"bob","kind":"delivered","seq":2,)"
          R"("at":"2026-11-23T20:15:00.123Z"})");
    mark.kind = MarkKind::read;
    CHECK(written(append_mark, mark).find(R"("kind":"read")") != std::string::npos);
  }
}

TEST_SUITE("append_change") {
  TEST_CASE("says what kind of change it is") {
    CHECK(written(append_change, Change{message()}) ==
          std::string(R"({"position":7,"type":"message","message":)") + kMessage + '}');
    MarkAdvanced advanced;
    advanced.position = Position{8};
    const std::string mark = written(append_change, Change{advanced});
    CHECK(mark.starts_with(R"({"position":8,"type":"mark","mark":{"conversationId":)"));
  }
}

TEST_SUITE("append_conversation") {
  TEST_CASE("has the peer, the last message, unread as a number, and all marks") {
    const Conversation conversation{.id = ConversationId{3},
                                    .peer = *UserId::parse("bob"),
                                    .last_message = message(),
                                    .mine = {.delivered = Sequence{2}, .read = Sequence{1}},
                                    .peers = {.delivered = Sequence{4}, .read = Sequence{3}},
                                    .unread = 12};
    CHECK(written(append_conversation, conversation) ==
          std::string(R"({"conversationId":"3","userId":"bob","lastMessage":)") + kMessage +
              R"(,"unread":12,"delivered":2,"read":1,"peerDelivered":4,"peerRead":3})");
  }
}

TEST_SUITE("append_presence") {
  TEST_CASE("tells when somebody was last seen, if they are away and it is known") {
    Presence presence{.user = *UserId::parse("bob"), .online = true, .last_seen = {}};
    CHECK(written(append_presence, presence) == R"({"userId":"bob","online":true})");
    presence.online = false;
    CHECK(written(append_presence, presence) == R"({"userId":"bob","online":false})");
    presence.last_seen = kTime;
    CHECK(written(append_presence, presence) ==
          R"({"userId":"bob","online":false,"lastSeen":"2026-11-23T20:15:00.123Z"})");
  }
}

constexpr std::optional<Duration> kNoWait;

TEST_SUITE("append_failure") {
  TEST_CASE("has a sentence for every code, and a wait where waiting helps") {
    for (int code = 1; code <= static_cast<int>(kErrcLast); ++code) {
      const Errc errc = static_cast<Errc>(code);
      socketio::Json json;
      REQUIRE(json.parse(written(append_failure, errc, std::string_view{}, kNoWait)) ==
              socketio::Json::ParseStatus::ok);
      CHECK(json.root().find("ok").as_bool() == false);
      const socketio::JsonView error = json.root().find("error");
      CHECK(error.find("code").as_string() == error_name(errc));
      CHECK_FALSE(error.find("message").as_string().value_or("").empty());
      CHECK(error.find("retryAfterMs").present() == retry_after(errc).has_value());
    }
    CHECK(retry_after(Errc::busy) == Duration{1000});
    CHECK_FALSE(retry_after(Errc::not_found).has_value());
  }

  TEST_CASE("shows the detail it is given") {
    CHECK(written(append_failure, Errc::invalid_argument, std::string_view("\"seq\" is missing"),
                  kNoWait) ==
          R"({"ok":false,"error":{"code":"invalid_argument","message":"\"seq\" is missing"}})");
  }

  TEST_CASE("says the wait it is given") {
    CHECK(written(append_failure, Errc::rate_limited, std::string_view("x"),
                  std::optional<Duration>{70}) ==
          R"({"ok":false,"error":{"code":"rate_limited","message":"x","retryAfterMs":70}})");
  }
}

TEST_SUITE("parse_conversation_id") {
  TEST_CASE("reads back what format_conversation_id() wrote") {
    for (const std::uint64_t id : {std::uint64_t{1}, std::uint64_t{90}, UINT64_MAX}) {
      const auto parsed = parse_conversation_id(format_conversation_id(ConversationId{id}));
      REQUIRE(parsed);
      CHECK(parsed->value == id);
    }
  }

  TEST_CASE("refuses anything else") {
    for (const char* text :
         {"", "0", "01", "-1", "+1", " 1", "1 ", "1.0", "0x1", "one", "18446744073709551616"}) {
      const auto parsed = parse_conversation_id(text);
      REQUIRE_FALSE(parsed);
      CHECK(parsed.error().code == Errc::invalid_argument);
    }
  }
}

}  // namespace chatrt::gateway
