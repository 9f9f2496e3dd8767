#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "chat_fixture.h"

namespace chatrt::gateway {
namespace {

std::string send_to_bob(const std::string& id, const std::string& text) {
  return "42" + id + R"(["send_message",{"selectedUser":"bob","textMessage":")" + text + R"("}])";
}

}  // namespace

TEST_SUITE("events before register") {
  TEST_CASE_FIXTURE(ChatFixture, "are held, and taken up in order once the user is known") {
    Client& bob = join("bob");
    Client& ann = connect(1);
    ann.skip();
    ann.send(send_to_bob("", "1"));
    ann.send(send_to_bob("7", "2"));
    ann.send(R"(428["history",{"userId":"bob"}])");
    CHECK(ann.take().empty());
    CHECK(bob.take().empty());

    ann.send(R"(42["register","ann"])");

    const Packets received = bob.take();
    REQUIRE(received.size() == 2);
    CHECK(received[0].find(R"("senderId":"ann")") != std::string::npos);
    CHECK(received[0].find(R"("textMessage":"1")") != std::string::npos);
    CHECK(received[1].find(R"("textMessage":"2")") != std::string::npos);
    const Packets sent = ann.take();
    REQUIRE(sent.size() == 5);
    CHECK(sent[0].starts_with(R"(42["ready",)"));
    CHECK(count(sent, R"(42["message_sent",)") == 2);
    CHECK(count(sent, R"(437[{"ok":true,"message":{)") == 1);
    CHECK(count(sent, R"(438[{"ok":true,"messages":[)") == 1);
  }

  TEST_CASE_FIXTURE(ChatFixture, "stay behind those that came before them while the Hub attaches") {
    Client& bob = join("bob");
    Client& ann = connect(1);
    ann.skip();
    ann.push(send_to_bob("", "1"));
    ann.push(R"(42["register","ann"])");
    ann.push(send_to_bob("", "2"));

    settle();

    const Packets received = bob.take();
    REQUIRE(received.size() == 2);
    CHECK(received[0].find(R"("textMessage":"1")") != std::string::npos);
    CHECK(received[1].find(R"("textMessage":"2")") != std::string::npos);
  }

  TEST_CASE_FIXTURE(ChatFixture, "that nobody knows are refused at once") {
    Client& ann = connect();
    ann.skip();
    CHECK(ann.ask("shout", "1") == R"({"ok":false,"error":{"code":"unknown_event",)"
                                   R"("message":"There is no such event."}})");
  }

  TEST_CASE_FIXTURE(ChatFixture, "are refused if nobody registers in time") {
    Client& ann = connect();
    ann.skip();
    ann.send(send_to_bob("0", "1"));
    advance(Duration{20000});
    ann.send(send_to_bob("1", "2"));
    ann.send(send_to_bob("", "3"));
    advance(Duration{8900});
    CHECK(ann.take().empty());

    advance(Duration{1000});

    const std::string refusal =
        R"([{"ok":false,"error":{"code":"unauthenticated",)"
        R"("message":"Nobody has said who this is, or the credentials do not hold."}}])";
    CHECK(ann.take() == Packets{"430" + refusal, "431" + refusal,
                                R"(42["unregistered",{"reason":"unauthenticated",)"
                                R"("message":"nobody has registered in time"}])"});
    CHECK(logged("warning early_events_refused connection="));
    CHECK_FALSE(ann.closed());

    SUBCASE("and are gone then") {
      advance(Duration{60000});
      ann.send(R"(42["register","ann"])");
      CHECK(count(ann.take(), "message_sent") == 0);
    }
    SUBCASE("and the next ones get as long") {
      ann.send(send_to_bob("2", "4"));
      advance(Duration{28000});
      CHECK(ann.take().empty());
      advance(Duration{2000});
      CHECK(ann.take().size() == 2);
    }
  }

  TEST_CASE_FIXTURE(ChatFixture, "have no deadline any more once somebody has registered") {
    Client& ann = connect();
    ann.send(send_to_bob("0", "1"));
    ann.send(R"(42["register","ann"])");
    ann.skip();

    advance(Duration{60000});

    CHECK(count(ann.take(), "unregistered") == 0);
  }

  TEST_CASE_FIXTURE(ChatFixture, "that are left when the connection ends are forgotten") {
    Client& ann = connect();
    ann.send(send_to_bob("0", "1"));
    ann.drop();
    advance(Duration{60000});
    CHECK_FALSE(logged("early_events_refused"));
  }

  struct SmallFixture : ChatFixture {
    SmallFixture() : ChatFixture({.early_events_max = 2, .early_bytes_max = 300}) {}
  };

  TEST_CASE_FIXTURE(SmallFixture, "above the limit are busy, and the others are kept") {
    Client& ann = connect();
    ann.skip();
    std::string last = send_to_bob("2", "3");
    SUBCASE("in number") { ann.send(send_to_bob("1", "2")); }
    SUBCASE("in bytes") { last = send_to_bob("2", std::string(300, 'x')); }
    ann.send(send_to_bob("0", "1"));
    REQUIRE(ann.take().empty());

    ann.send(last);
    ann.send(last);

    const std::string refusal =
        R"(432[{"ok":false,"error":{"code":"busy","message":)"
        R"("too much came before this connection was registered","retryAfterMs":1000}}])";
    CHECK(ann.take() == Packets{refusal,
                                R"(42["unregistered",{"reason":"busy",)"
                                R"("message":"too much came before register"}])",
                                refusal});
    ann.send(R"(42["register","ann"])");
    CHECK(count(ann.take(), R"(430[{"ok":true)") == 1);
  }

  TEST_CASE_FIXTURE(ChatFixture, "are refused when the Hub cannot attach") {
    Client& ann = connect();
    ann.skip();
    ann.send(send_to_bob("0", "1"));
    store.fail_reads(Errc::busy);

    ann.send(R"(42["register","ann"])");

    CHECK(count(ann.take(), R"(430[{"ok":false,"error":{"code":"busy")") == 1);
    CHECK(ann.closed());
  }
}

}  // namespace chatrt::gateway
