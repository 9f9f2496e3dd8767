// Clients that ask for more at once than may wait for them: it is held until they have got what was
// before it, and answered in order.
#include <doctest/doctest.h>

#include <string>

#include "chat_fixture.h"

namespace chatrt::gateway {
namespace {

constexpr std::string_view kHistory = R"(["history",{"userId":"bob","limit":50}])";

std::string id_and(int id, std::string_view event) {
  return "42" + std::to_string(id) + std::string(event);
}

// Room for the answers to three messages.
struct PaceFixture : ChatFixture {
  PaceFixture()
      : ChatFixture({.asked_bytes_max = 1600, .held_events_max = 20, .held_bytes_max = 2000}) {}

  void push_messages(Client& client, int count) {
    for (int i = 0; i < count; ++i) {
      client.push(id_and(i, R"(["send_message",)" + to("bob", std::to_string(i)) + "]"));
    }
  }
};

}  // namespace

TEST_SUITE("pace") {
  TEST_CASE_FIXTURE(PaceFixture, "what is beyond the window is answered too, in order") {
    Client& ann = join("ann");
    Client& bob = join("bob", 1);
    push_messages(ann, 12);
    settle();

    const Packets acks = ann.take();
    CHECK(count(acks, R"("ok":true)") == 12);
    int next = 0;
    for (const std::string& packet : acks) {
      if (packet.starts_with("43")) CHECK(packet.starts_with("43" + std::to_string(next++) + "["));
    }
    CHECK(count(bob.take(), "receive_message") == 12);
    CHECK(ann.pings() > 0);
  }

  TEST_CASE_FIXTURE(PaceFixture, "one that fills the window by itself is not the last") {
    Client& ann = join("ann");
    push_messages(ann, 4);
    ann.push(id_and(4, R"(["send_message",)" + to("bob", std::string(2000, 'x')) + "]"));
    push_messages(ann, 3);
    settle();
    CHECK(count(ann.take(), R"("ok":true)") == 8);
  }

  TEST_CASE_FIXTURE(PaceFixture, "nothing further is done for who does not get the answers") {
    Client& ann = join("ann");
    ann.answers_pings = false;
    push_messages(ann, 12);
    settle();
    const std::size_t answered = count(ann.take(), R"("ok":true)");
    CHECK(answered >= 3);
    CHECK(answered < 8);

    SUBCASE("and goes on when they have arrived") {
      ann.answers_pings = true;
      ann.send("3");
      CHECK(count(ann.take(), R"("ok":true)") == 12 - answered);
    }
    SUBCASE("and is forgotten with the connection") {
      ann.drop();
      settle();
      CHECK(store.last_position()->value == answered);
    }
    SUBCASE("and what is too much to hold is busy") {
      push_messages(ann, 30);
      settle();
      const Packets refused = ann.take();
      CHECK(count(refused, R"("code":"busy","message":"too much is asked for at once")") > 0);
      ann.answers_pings = true;
      ann.send("3");
      const std::size_t later = count(ann.take(), R"("ok":true)");
      CHECK(answered + count(refused, "busy") + later == 12 + 30);
    }
  }

  TEST_CASE_FIXTURE(PaceFixture, "goes on at once where another fence was under way") {
    Client& bob = join("bob");
    Client& ann = join("ann");
    ann.answers_pings = false;
    bob.ask("send_message", to("ann", "hello"));
    advance(Duration{1000});
    REQUIRE(ann.pings() == 1);
    push_messages(ann, 12);
    settle();
    ann.answers_pings = true;

    ann.send("3");

    CHECK(count(ann.take(), R"("ok":true)") == 12);
  }

  TEST_CASE_FIXTURE(PaceFixture, "what was held and is taken up makes room for more") {
    Client& ann = join("ann");
    ann.answers_pings = false;
    int pushed = 0;
    const auto push = [&](int events) {
      for (; events > 0; --events) {
        ann.push(id_and(pushed++, R"(["send_message",)" + to("bob", std::string(150, 'x')) + "]"));
      }
      settle();
    };
    push(10);
    const std::size_t answered = count(ann.take(), R"("ok":true)");
    ann.send("3");
    REQUIRE(answered + count(ann.take(), R"("ok":true)") < 10);  // the others are held yet

    push(3);
    ann.answers_pings = true;
    ann.send("3");

    const Packets rest = ann.take();
    CHECK(count(rest, "busy") == 0);
    CHECK(*store.last_position() == Position{13});
  }

  TEST_CASE_FIXTURE(PaceFixture, "holds for reads, and for what comes behind them") {
    Client& bob = join("bob");
    bob.ask("send_message", to("ann", "hello"));
    Client& ann = join("ann");
    ann.answers_pings = false;
    for (int i = 0; i < 3; ++i) ann.push(id_and(i, kHistory));
    ann.push(id_and(3, R"(["presence",{"userIds":["bob"]}])"));
    settle();
    CHECK(count(ann.take(), R"("ok":true)") == 1);
    ann.answers_pings = true;
    ann.send("3");
    CHECK(count(ann.take(), R"("ok":true)") == 3);
  }

  TEST_CASE_FIXTURE(ChatFixture, "asks for nothing in return for what is within it") {
    Client& ann = join("ann");
    for (int i = 0; i < 100; ++i) ann.ask("send_message", to("bob", "hello"));
    CHECK(ann.pings() == 0);
  }
}

}  // namespace chatrt::gateway
