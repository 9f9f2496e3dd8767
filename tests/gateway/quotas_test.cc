#include <doctest/doctest.h>

#include <string>

#include "chat_fixture.h"

namespace chatrt::gateway {
namespace {

constexpr std::string_view kToBob = R"({"selectedUser":"bob","textMessage":"1"})";

bool is_ok(const std::string& answer) { return answer.starts_with(R"({"ok":true)"); }

// Two events at once and one a second for a connection; a user may send as three connections.
struct QuotaFixture : ChatFixture {
  static ChatOptions options() {
    ChatOptions made;
    made.connection_rate = {.per_second = 1, .burst = 2};
    made.user_rate = {.per_second = 1, .burst = 4};
    made.connections_per_user = 3;
    made.offences_max = 3;
    return made;
  }
  QuotaFixture() : ChatFixture(options()) {}

  // Registered, with its quotas whole again.
  Client& rested(std::string_view user, std::size_t shard = 0) {
    Client& client = join(user, shard);
    advance(Duration{10000});
    client.skip();
    return client;
  }
};

}  // namespace

TEST_SUITE("a quota") {
  TEST_CASE_FIXTURE(QuotaFixture, "takes a burst, then refuses and says how long to wait") {
    Client& ann = rested("ann");
    CHECK(is_ok(ann.ask("send_message", kToBob)));
    CHECK(is_ok(ann.ask("send_message", kToBob)));

    const std::string refused = ann.ask("send_message", kToBob);

    CHECK(refused.find(R"("code":"rate_limited")") != std::string::npos);
    CHECK(refused.find(R"("retryAfterMs":1000)") != std::string::npos);
    CHECK(chat.refused(Errc::rate_limited) == 1);
    advance(Duration{1000});
    CHECK(is_ok(ann.ask("send_message", kToBob)));
  }

  TEST_CASE_FIXTURE(QuotaFixture, "stores nothing of what it refuses") {
    Client& ann = rested("ann");
    for (int i = 0; i < 5; ++i) ann.send(R"(42["send_message",)" + std::string(kToBob) + ']');
    advance(Duration{10000});

    const std::string page = ann.ask("history", R"({"userId":"bob"})");

    CHECK(page.find(R"("seq":2)") != std::string::npos);
    CHECK(page.find(R"("seq":3)") == std::string::npos);
  }

  TEST_CASE_FIXTURE(QuotaFixture, "of a user holds over all of its connections") {
    Client& phone = rested("ann");
    Client& laptop = rested("ann", 1);
    for (Client* client : {&phone, &phone, &laptop, &laptop}) {
      CHECK(is_ok(client->ask("send_message", kToBob)));
    }
    Client& tablet = connect(2, R"({"token":"ann's token"})");

    CHECK_FALSE(is_ok(tablet.ask("send_message", kToBob)));
    CHECK(is_ok(rested("bob").ask("send_message", R"({"selectedUser":"ann","textMessage":"1"})")));
  }

  TEST_CASE_FIXTURE(QuotaFixture, "of a user goes for requests by other ways too") {
    const UserId ann = *UserId::parse("ann");
    for (int i = 0; i < 4; ++i) CHECK_FALSE(chat.take_request(ann, "10.0.0.1"));

    CHECK(chat.take_request(ann, "10.0.0.1") == Duration{1000});
    CHECK_FALSE(chat.take_request(*UserId::parse("bob"), "10.0.0.1"));
  }

  TEST_CASE_FIXTURE(QuotaFixture, "closes a connection that keeps at it, for it to come back") {
    Client& ann = rested("ann");
    const auto flood = [&] {
      for (int i = 0; i < 10; ++i) ann.send(R"(42["presence",{"userIds":[]}])");
    };
    flood();
    flood();  // within the same second: one offence
    CHECK_FALSE(ann.closed());
    advance(Duration{1000});
    flood();
    CHECK_FALSE(ann.closed());
    ann.skip();
    advance(Duration{1000});
    flood();

    CHECK(ann.closed());
    for (const std::string& packet : ann.take()) CHECK(packet != "41");
    CHECK(logged("warning flood_closed user=ann connection="));
  }

  TEST_CASE_FIXTURE(QuotaFixture, "forgets offences after a minute") {
    Client& ann = rested("ann");
    const auto flood = [&] {
      for (int i = 0; i < 10; ++i) ann.send(R"(42["presence",{"userIds":[]}])");
    };
    for (int i = 0; i < 2; ++i) {
      flood();
      advance(Duration{1000});
    }
    advance(Duration{60000});
    flood();

    CHECK_FALSE(ann.closed());
  }

  TEST_CASE_FIXTURE(QuotaFixture, "of connections refuses one too many, until another has gone") {
    Client& first = join("ann");
    join("ann", 1);
    join("ann", 2);

    Client& fourth = connect();
    fourth.skip();
    CHECK(fourth.ask("register", R"("ann")").find("too many connections") != std::string::npos);
    CHECK(fourth.take().size() == 1);  // unregistered
    Client& by_token = connect(0, R"({"token":"ann's token"})");
    CHECK(by_token.take().back() == R"(44{"message":"too many connections of this user",)"
                                    R"("data":{"code":"rate_limited"}})");

    first.drop();
    advance(Duration{5000});
    CHECK(is_ok(fourth.ask("register", R"("ann")")));
  }

  TEST_CASE("is none by default") {
    ChatFixture chat;
    Client& ann = chat.join("ann");
    for (int i = 0; i < 500; ++i) CHECK(is_ok(ann.ask("presence", R"({"userIds":[]})")));
  }
}

TEST_SUITE("a quota of an address") {
  TEST_CASE("holds over all that come from it, known or not") {
    ChatOptions options;
    options.address_rate = {.per_second = 1, .burst = 3};
    ChatFixture chat(options);
    Client& ann = chat.join("ann");
    Client& bob = chat.join("bob", 1);
    CHECK(is_ok(ann.ask("presence", R"({"userIds":[]})")));

    CHECK_FALSE(is_ok(bob.ask("presence", R"({"userIds":[]})")));
  }
}

}  // namespace chatrt::gateway
