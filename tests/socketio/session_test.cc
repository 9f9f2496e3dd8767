// socketio::Session: which packets a connection may send, and when.

#include "chatrt/socketio/session.h"

#include <doctest/doctest.h>

#include <string>

namespace chatrt::socketio {
namespace {

struct SessionFixture {
  Session session;
  Json json;

  Received text(std::string_view data) { return session.on_text(data, json); }
  Received binary(std::string_view data) { return session.on_binary(data, json); }
};

bool violates(const Received& received) { return std::holds_alternative<Violation>(received); }
bool incomplete(const Received& received) { return std::holds_alternative<Incomplete>(received); }

TEST_SUITE("socketio::Session: namespaces") {
  TEST_CASE_FIXTURE(SessionFixture,
                    "a namespace is joined with accept() and left with DISCONNECT") {
    REQUIRE(std::holds_alternative<ConnectReceived>(text("0/a,{\"t\":1}")));
    CHECK_FALSE(session.joined("/a"));
    CHECK(violates(text("2/a,[\"m\"]")));  // not before the answer
    session.accept("/a");
    CHECK(std::holds_alternative<EventReceived>(text("2/a,[\"m\"]")));
    CHECK(std::holds_alternative<DisconnectReceived>(text("1/a,")));
    CHECK(session.joined_count() == 0);
    CHECK(violates(text("2/a,[\"m\"]")));
    CHECK(std::holds_alternative<ConnectReceived>(text("0/a,")));
  }

  TEST_CASE_FIXTURE(SessionFixture, "each namespace is for itself") {
    session.accept("/a");
    CHECK(violates(text("2[\"m\"]")));
    CHECK(violates(text("1")));
    CHECK(violates(text("30[]")));
    CHECK(violates(text("0/a,")));
    CHECK(std::holds_alternative<ConnectReceived>(text("0")));
  }

  TEST_CASE_FIXTURE(SessionFixture, "leave() is the server's own way out") {
    session.accept("/");
    session.leave("/");
    session.leave("/never");
    CHECK(violates(text("2[\"m\"]")));
  }

  TEST_CASE_FIXTURE(SessionFixture, "auth is an object or absent") {
    const auto connect = std::get<ConnectReceived>(text("0{\"token\":\"x\"}"));
    CHECK(connect.auth.find("token").as_string() == "x");
    CHECK_FALSE(std::get<ConnectReceived>(text("0")).auth.present());
    CHECK(violates(text("0[]")));
    CHECK(violates(text("0{\"a\":\"\\ud800\"}")));
  }
}

TEST_SUITE("socketio::Session: events and acks") {
  TEST_CASE_FIXTURE(SessionFixture, "an event has its name, its arguments and its id") {
    session.accept("/");
    const auto event = std::get<EventReceived>(text("27[\"m\",1]"));
    CHECK(event.name() == "m");
    CHECK(event.args.at(1).as_int64() == 1);
    CHECK(event.id == 7U);
    CHECK(std::get<EventReceived>(text("2[5]")).name().empty());
  }

  TEST_CASE_FIXTURE(SessionFixture,
                    "what is JSON but cannot be taken is refused, not a violation") {
    session.accept("/");
    CHECK(std::get<EventRefused>(text("27[\"m\",\"\\ud800\"]")).id == 7U);
    CHECK_FALSE(std::get<EventRefused>(text("2[\"m\",1e999]")).id);
  }

  TEST_CASE_FIXTURE(SessionFixture, "an ack without an id is nothing") {
    session.accept("/");
    CHECK(incomplete(text("3[1]")));
    CHECK(std::get<AckReceived>(text("35[1]")).id == 5);
    CHECK(violates(text("35[\"\\ud800\"]")));
  }
}

TEST_SUITE("socketio::Session: binary") {
  TEST_CASE_FIXTURE(SessionFixture, "an event is complete with its last attachment") {
    session.accept("/");
    CHECK(incomplete(text(R"(52-9["m",{"_placeholder":true,"num":1}])")));
    CHECK(session.awaiting_attachments());
    CHECK(incomplete(binary("zero")));
    const auto event = std::get<EventReceived>(binary("one"));
    CHECK_FALSE(session.awaiting_attachments());
    CHECK(event.id == 9U);
    REQUIRE(event.attachments.size() == 2);
    CHECK(event.attachments[1] == "one");
    session.release();
    CHECK(std::holds_alternative<EventReceived>(text("2[\"m\"]")));
  }

  TEST_CASE_FIXTURE(SessionFixture, "a packet that is wrong already is refused with its header") {
    session.accept("/");
    SUBCASE("no array") { CHECK(violates(text("51-{}"))); }
    SUBCASE("a reserved name") { CHECK(violates(text("51-[\"disconnect\"]"))); }
    SUBCASE("no JSON") { CHECK(violates(text("51-[\"m\""))); }
    SUBCASE("an ack of no array") { CHECK(violates(text("61-5{}"))); }
    SUBCASE("a namespace that is not joined") { CHECK(violates(text("51-/x,[\"m\"]"))); }
    CHECK_FALSE(session.awaiting_attachments());
    CHECK(violates(binary("x")));
  }

  TEST_CASE_FIXTURE(SessionFixture, "a refused event takes its attachments with it") {
    session.accept("/");
    CHECK(incomplete(text("51-4[\"m\",\"\\ud800\"]")));
    CHECK(std::get<EventRefused>(binary("x")).id == 4U);
    session.release();
    CHECK(std::holds_alternative<EventReceived>(text("2[\"m\"]")));
  }

  TEST_CASE_FIXTURE(SessionFixture, "an ack without an id takes its attachments with it") {
    session.accept("/");
    CHECK(incomplete(text("61-[1]")));
    CHECK(incomplete(binary("x")));
    session.release();
    CHECK(std::holds_alternative<EventReceived>(text("2[\"m\"]")));
  }

  TEST_CASE_FIXTURE(SessionFixture, "text between, even of another namespace, is a violation") {
    session.accept("/");
    session.accept("/a");
    CHECK(incomplete(text("51-[\"m\"]")));
    CHECK(violates(text("2/a,[\"m\"]")));
  }

  TEST_CASE_FIXTURE(SessionFixture, "attachments have a limit together") {
    session.accept("/");
    const std::string half(kAttachmentBytesMax / 2, 'x');
    CHECK(incomplete(text("53-[\"m\"]")));
    CHECK(incomplete(binary(half)));
    CHECK(incomplete(binary(half)));
    CHECK(violates(binary("x")));
  }

  TEST_CASE_FIXTURE(SessionFixture, "a placeholder names an attachment that is there") {
    session.accept("/");
    const auto violates_with = [&](const std::string& num) {
      Session fresh;
      fresh.accept("/");
      const std::string packet = "51-[\"m\",[{\"_placeholder\":true" + num + "}]]";
      CHECK(incomplete(fresh.on_text(packet, json)));
      return violates(fresh.on_binary("x", json));
    };
    CHECK_FALSE(violates_with(",\"num\":0"));
    CHECK_FALSE(violates_with(",\"num\":0.0"));
    CHECK(violates_with(",\"num\":1"));
    CHECK(violates_with(",\"num\":-1"));
    CHECK(violates_with(",\"num\":0.5"));
    CHECK(violates_with(",\"num\":\"0\""));
    CHECK(violates_with(""));
  }

  TEST_CASE_FIXTURE(SessionFixture, "a placeholder in an event without attachments is plain data") {
    session.accept("/");
    CHECK(std::holds_alternative<EventReceived>(text(R"(2["m",{"_placeholder":true,"num":7}])")));
  }
}

}  // namespace
}  // namespace chatrt::socketio
