// Delivered marks and offline delivery: what has reached a client that acks nothing.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "chat_fixture.h"

namespace chatrt::gateway {
namespace {

constexpr std::string_view kDelivered = R"(42["message_delivered",)";

}  // namespace

TEST_SUITE("fences") {
  TEST_CASE_FIXTURE(ChatFixture, "tell both sides what was delivered, once for many messages") {
    Client& ann = join("ann");
    Client& bob = join("bob", 1);
    for (int i = 0; i < 10; ++i) ann.ask("send_message", to("bob", "hello"));
    ann.skip();
    bob.skip();

    advance(Duration{1000});

    CHECK(bob.pings() == 1);
    for (Client* client : {&ann, &bob}) {
      const Packets packets = client->take();
      REQUIRE(packets.size() == 1);
      CHECK(packets[0].starts_with(
          R"(42["message_delivered",{"conversationId":"1","userId":"bob","seq":10,"at":")"));
    }
  }

  TEST_CASE_FIXTURE(ChatFixture, "go out behind the messages that are still in the mailbox") {
    Client& ann = join("ann");
    Client& bob = join("bob", 1);
    ann.push(R"(42["send_message",)" + to("bob", "hello") + "]");
    turn_end.run_all();
    commit_lane.run_all();

    CHECK_FALSE(chat.on_tick(1, clock.monotonic()));

    const std::vector<std::string> frames = bob.take_frames();
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].starts_with(R"(42["receive_message",)"));
    CHECK(frames[1] == "2");
  }

  TEST_CASE_FIXTURE(ChatFixture, "are not sent without new messages") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    ann.ask("send_message", to("bob", "hello"));
    advance(Duration{1000});
    const std::size_t pings = bob.pings();

    for (int i = 0; i < 5; ++i) advance(Duration{1000});

    CHECK(pings == 1);
    CHECK(bob.pings() == pings);
    CHECK(ann.pings() == 0);
  }

  TEST_CASE_FIXTURE(ChatFixture,
                    "of many connections go out a few at a time, all within a second") {
    Client& ann = join("ann");
    std::vector<Client*> devices;
    for (int i = 0; i < 1000; ++i) devices.push_back(&join("bob", 1));
    ann.ask("send_message", to("bob", "hello"));
    const auto pings = [&] {
      settle();
      std::size_t sum = 0;
      for (Client* device : devices) {
        CHECK(device->pings() <= 1);
        sum += device->pings();
      }
      return sum;
    };

    clock.advance(Duration{1000});
    std::size_t before = 0;
    int goes = 0;
    for (bool more = chat.on_tick(1, clock.monotonic());; more = chat.send_fences(1)) {
      const std::size_t sent = pings();
      CHECK(sent - before <= 60);
      before = sent;
      ++goes;
      if (!more) break;
    }

    CHECK(before == devices.size());
    CHECK(goes < 20);
  }

  TEST_CASE_FIXTURE(ChatFixture, "prove nothing without a pong, and at most one is in flight") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    bob.answers_pings = false;
    ann.ask("send_message", to("bob", "1"));
    advance(Duration{1000});
    ann.ask("send_message", to("bob", "2"));
    ann.skip();

    advance(Duration{1000});

    CHECK(bob.pings() == 1);
    CHECK(count(ann.take(), kDelivered) == 0);

    SUBCASE("the pong is for what was before the ping") {
      bob.send("3");
      const Packets packets = ann.take();
      CHECK(count(packets, kDelivered) == 1);
      CHECK(count(packets, R"("seq":1)") == 1);
      bob.answers_pings = true;
      advance(Duration{1000});
      CHECK(count(ann.take(), R"("seq":2)") == 1);
    }
    SUBCASE("a connection that is gone leaves all undelivered") {
      bob.drop();
      Client& page = connect();
      page.skip();
      page.send(R"(42["register","bob"])");
      CHECK(count(page.take(), "receive_message") == 2);
    }
  }

  TEST_CASE_FIXTURE(ChatFixture, "count for all devices of the user") {
    Client& ann = join("ann");
    Client& dead = join("bob", 1);
    Client& alive = join("bob", 2);
    dead.answers_pings = false;
    ann.ask("send_message", to("bob", "hello"));
    ann.skip();

    advance(Duration{1000});

    CHECK(alive.pings() == 1);
    CHECK(count(ann.take(), kDelivered) == 1);
  }
}

TEST_SUITE("register without an offset") {
  TEST_CASE_FIXTURE(ChatFixture, "gives what no device has confirmed, in order, then ready") {
    Client& ann = join("ann");
    for (const char* text : {"1", "2", "3"}) ann.ask("send_message", to("bob", text));
    Client& bob = connect();
    bob.skip();

    bob.send(R"(42["register","bob"])");

    const Packets packets = bob.take();
    REQUIRE(packets.size() == 4);
    CHECK(packets[0].find(R"("textMessage":"1")") != std::string::npos);
    CHECK(packets[1].find(R"("textMessage":"2")") != std::string::npos);
    CHECK(packets[2].find(R"("textMessage":"3")") != std::string::npos);
    CHECK(packets[3].starts_with(R"(42["ready",)"));

    advance(Duration{1000});
    bob.drop();
    Client& page = connect();
    page.skip();
    page.send(R"(42["register","bob"])");
    CHECK(count(page.take(), "receive_message") == 0);  // a fence has confirmed them
  }

  TEST_CASE_FIXTURE(ChatFixture, "leaves out nothing and sends nothing twice while others write") {
    Client& ann = join("ann");
    for (int i = 0; i < 3; ++i) ann.ask("send_message", to("bob", "waiting"));
    Client& bob = connect(1);
    bob.skip();
    bob.push(R"(42["register","bob"])");
    ann.push(R"(42["send_message",)" + to("bob", "during") + "]");

    settle();
    ann.ask("send_message", to("bob", "after"));

    const Packets packets = bob.take();
    CHECK(count(packets, "receive_message") == 5);
    for (int seq = 1; seq <= 5; ++seq) {
      CHECK(count(packets, R"("seq":)" + std::to_string(seq) + ',') == 1);
    }
  }
}

}  // namespace chatrt::gateway
