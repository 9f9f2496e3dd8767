#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "chat_fixture.h"
#include "quotas.h"

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

  TEST_CASE_FIXTURE(QuotaFixture,
                    "of connections is not used up by registers that the store fails") {
    store.fail_reads(Errc::busy);
    for (int i = 0; i < 3; ++i) CHECK_FALSE(is_ok(connect().ask("register", R"("ann")")));
    store.heal();

    CHECK(is_ok(connect().ask("register", R"("ann")")));
  }

  TEST_CASE_FIXTURE(QuotaFixture, "of connections refuses a session that comes back, every time") {
    Client& gone = join("ann");
    gone.drop();
    for (std::size_t shard = 0; shard < 3; ++shard) join("ann", shard);

    for (int i = 0; i < 2; ++i) CHECK(reconnect(gone).pid() != gone.pid());

    CHECK(hub.stats().connections == 3);
  }

  TEST_CASE("is none by default") {
    ChatFixture chat;
    Client& ann = chat.join("ann");
    for (int i = 0; i < 500; ++i) CHECK(is_ok(ann.ask("presence", R"({"userIds":[]})")));
  }
}

TEST_SUITE("a bucket") {
  TEST_CASE("has its burst, and what time brings, in any time at once") {
    Bucket bucket;
    const Rate rate{.per_second = 4, .burst = 2};
    MonotonicTime now{Duration{5000}};
    CHECK_FALSE(bucket.take(rate, now));
    CHECK_FALSE(bucket.take(rate, now));
    CHECK(bucket.take(rate, now) == Duration{250});
    CHECK_FALSE(bucket.is_full(now));
    now += Duration{249};
    CHECK(bucket.take(rate, now) == Duration{1});
    now += Duration{1};
    CHECK_FALSE(bucket.take(rate, now));
    CHECK(bucket.take(rate, now) == Duration{250});
    now += Duration{3'600'000};
    CHECK(bucket.is_full(now));
    CHECK_FALSE(bucket.take(rate, now));
    CHECK_FALSE(bucket.take(rate, now));
    CHECK(bucket.take(rate, now));
  }

  TEST_CASE("takes any rate") {
    const MonotonicTime now{Duration{1}};
    for (const double per_second : {1e-300, 1e-9, 1e9, 1e300}) {
      Bucket bucket;
      const Rate rate{.per_second = per_second, .burst = 1e12};
      for (int i = 0; i < 100; ++i) CHECK_FALSE(bucket.take(rate, now));
    }
    Bucket slow;
    CHECK_FALSE(slow.take({.per_second = 1e-300, .burst = 1}, now));
    CHECK(slow.take({.per_second = 1e-300, .burst = 1}, now) > Duration{1'000'000});
  }

  // For TSan too.
  TEST_CASE("gives many threads no more than there is") {
    ChatOptions options;
    options.user_rate = {.per_second = 1, .burst = 500};
    Quotas quotas(options);
    const MonotonicTime now{Duration{1000}};
    const UserId ann = *UserId::parse("ann");
    std::atomic<int> taken{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        const auto kept = quotas.of_user(ann, now);
        for (int i = 0; i < 300; ++i) {
          const bool is_refused = t % 2 == 0 ? kept->take(options.user_rate, now).has_value()
                                             : quotas.take(ann, {}, now).has_value();
          if (!is_refused) ++taken;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(taken == 500);
  }

  TEST_CASE("is kept while somebody has it or it is not full, and then forgotten") {
    const ChatOptions options;
    Quotas quotas(options);
    MonotonicTime now{Duration{1000}};
    const Rate rate{.per_second = 1, .burst = 10};
    const auto of = [&](const char* name) { return quotas.of_user(*UserId::parse(name), now); };
    const auto held = of("held");
    const std::weak_ptr<Bucket> used = of("used");
    const std::weak_ptr<Bucket> idle = of("idle");
    CHECK_FALSE(used.lock()->take(rate, now));
    const auto others_come = [&](const char* prefix) {
      for (int i = 0; i < 3000; ++i) of((prefix + std::to_string(i)).c_str());
    };

    others_come("a");
    CHECK(idle.expired());
    CHECK(of("used") == used.lock());
    CHECK(of("held") == held);

    now += Duration{1000};
    others_come("b");
    CHECK(used.expired());
    CHECK(of("held") == held);
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
