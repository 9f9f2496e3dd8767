// Connection state recovery as the stock client asks for it: {pid, offset} in CONNECT.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "chat_fixture.h"
#include "chatrt/socketio/json.h"
#include "recovery.h"

namespace chatrt::gateway {
namespace {

// The texts of the messages among `packets` that came as `event`, in order.
std::string texts(const Packets& packets, const std::string& event = "receive_message") {
  constexpr std::string_view kText = R"("textMessage":")";
  std::string all;
  for (const std::string& packet : packets) {
    if (!packet.starts_with("42[\"" + event + '"')) continue;
    const std::size_t at = packet.find(kText) + kText.size();
    all += (all.empty() ? "" : " ") + packet.substr(at, packet.find('"', at) - at);
  }
  return all;
}

// As the stock client tells: the pid it had has come back.
bool recovered(Client& client, Client& before) { return client.pid() == before.pid(); }

}  // namespace

TEST_SUITE("recovery") {
  TEST_CASE_FIXTURE(ChatFixture, "sends what was missed, in order, then goes on live") {
    Client& ann = join("ann");
    Client& bob = join("bob", 1);
    ann.ask("send_message", to("bob", "1"));
    bob.skip();
    bob.drop();
    ann.ask("send_message", to("bob", "2"));
    ann.ask("send_message", to("bob", "3"));

    Client& back = reconnect(bob, 2);
    const Packets packets = back.take();
    ann.ask("send_message", to("bob", "4"));

    CHECK(recovered(back, bob));
    CHECK(texts(packets) == "2 3");
    CHECK(count(packets, R"("complete":true)") == 1);
    CHECK(texts(back.take()) == "4");
  }

  TEST_CASE_FIXTURE(ChatFixture, "needs no register, which repeats nothing") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    bob.drop();
    ann.ask("send_message", to("bob", "1"));
    Client& back = reconnect(bob);
    CHECK(texts(back.take()) == "1");

    CHECK(back.ask("register", R"("bob")").starts_with(R"({"ok":true,"userId":"bob")"));

    CHECK(back.take().empty());
  }

  TEST_CASE_FIXTURE(ChatFixture, "sends what came since the session began if no event has come") {
    Client& ann = join("ann");
    Client& bob = connect();
    bob.skip();
    bob.send(R"(42["register","bob"])");
    bob.drop();  // before it has read its `ready`
    ann.ask("send_message", to("bob", "1"));

    Client& back = reconnect(bob);

    REQUIRE(bob.offset().empty());
    CHECK(recovered(back, bob));
    CHECK(texts(back.take()) == "1");
  }

  TEST_CASE_FIXTURE(ChatFixture, "takes a poisoned offset for none") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    ann.ask("send_message", to("bob", "1"));
    SUBCASE("and goes on from what a fence has confirmed") { advance(Duration{1000}); }
    SUBCASE("and goes on from the session's begin where there was no fence") {}
    const bool fenced = bob.pings() > 0;
    bob.drop();
    ann.ask("send_message", to("bob", "2"));

    Client& back = connect(0, R"({"pid":")" + bob.pid() + R"(","offset":"typing"})");

    CHECK(recovered(back, bob));
    CHECK(texts(back.take()) == (fenced ? "2" : "1 2"));
  }

  TEST_CASE_FIXTURE(ChatFixture, "takes over a connection that is not known to be dead") {
    Client& ann = join("ann");
    Client& bob = join("bob", 1);

    Client& back = reconnect(bob, 2);

    CHECK(recovered(back, bob));
    CHECK(bob.closed());
    for (const std::string& packet : bob.take()) CHECK_FALSE(packet.starts_with("41"));
    CHECK(hub.stats().connections == 2);
    CHECK(logged("taken_over"));
    ann.ask("send_message", to("bob", "1"));
    CHECK(texts(back.take()) == "1");
  }

  TEST_CASE_FIXTURE(ChatFixture,
                    "goes on although the connection that was taken over then leaves") {
    Client& ann = join("ann");
    Client& bob = join("bob", 1);
    Client& back = connect(2);
    back.push("41");
    back.push(R"(40{"pid":")" + bob.pid() + R"("})");
    bob.push("41");  // before it is closed
    settle();
    REQUIRE(recovered(back, bob));
    back.drop();
    ann.ask("send_message", to("bob", "1"));

    Client& again = reconnect(back);

    CHECK(recovered(again, bob));
    CHECK(texts(again.take()) == "1");
  }

  TEST_CASE_FIXTURE(ChatFixture, "is over once the server has sent the client away") {
    authorizer.expires_at = clock.now();
    Client& bob = connect(0, R"({"token":"bob's token"})");
    advance(ChatOptions{}.token_grace);
    REQUIRE(bob.closed());

    Client& back = reconnect(bob);

    CHECK_FALSE(recovered(back, bob));
    CHECK(hub.stats().connections == 0);
  }

  TEST_CASE_FIXTURE(ChatFixture,
                    "is not of a log that has been set back, though the key is its own") {
    Client& ann = join("ann");
    for (const char* text : {"1", "2"}) ann.ask("send_message", to("bob", text));
    Client& bob = join("bob");
    ChatFixture restored;
    restored.vault.key = vault.key;
    restored.vault.notes = vault.notes;
    restored.join("ann").ask("send_message", to("bob", "1"));

    Client& back = restored.reconnect(bob);

    CHECK_FALSE(recovered(back, bob));
    back.send(R"(42["register","bob"])");
    CHECK(count(back.take(), R"("complete":false)") == 1);
  }

  TEST_CASE_FIXTURE(ChatFixture, "is over once the client has left by itself") {
    Client& bob = join("bob");
    bob.leave();

    Client& back = reconnect(bob);

    CHECK_FALSE(recovered(back, bob));
    CHECK(hub.stats().connections == 0);
    back.send(R"(42["register","bob"])");
    CHECK(count(back.take(), R"("complete":false)") == 1);
  }

  TEST_CASE_FIXTURE(ChatFixture, "gives a new pid for one that does not hold") {
    Client& bob = join("bob");
    bob.drop();
    SUBCASE("because it is too old") { clock.advance(ChatOptions{}.recovery_window + Duration{1}); }
    SUBCASE("because another key has signed it") { vault.key = "other"; }

    Client& back = reconnect(bob);

    CHECK_FALSE(recovered(back, bob));
    CHECK_FALSE(back.pid().empty());
    back.send(R"(42["register","bob"])");
    CHECK(count(back.take(), R"("complete":false)") == 1);
  }

  TEST_CASE_FIXTURE(ChatFixture, "takes nothing that was changed or is no pid") {
    Client& bob = join("bob");
    bob.drop();
    std::string pid = bob.pid();
    SUBCASE("one character") { pid[10] = pid[10] == 'A' ? 'B' : 'A'; }
    SUBCASE("cut short") { pid.resize(pid.size() - 4); }
    SUBCASE("empty") { pid.clear(); }
    SUBCASE("no hexadecimal") { pid = "%"; }

    Client& back = connect(0, R"({"pid":")" + pid + R"(","offset":"0"})");

    CHECK(back.pid() != pid);
    CHECK_FALSE(back.pid().empty());
    CHECK(hub.stats().connections == 0);
  }

  TEST_CASE_FIXTURE(ChatFixture, "authorises first") {
    Client& ann = join("ann");
    Client& bob = connect(0, R"({"token":"bob's token"})");
    bob.skip();
    bob.drop();
    ann.ask("send_message", to("bob", "secret"));
    std::string token;
    SUBCASE("with another user's token it is another session") { token = "eve's token"; }
    SUBCASE("with a token that does not hold it is refused") { token = "nonsense"; }

    Client& back = connect(0, R"({"token":")" + token + R"(","pid":")" + bob.pid() +
                                  R"(","offset":")" + bob.offset() + R"("})");

    CHECK_FALSE(recovered(back, bob));
    CHECK(texts(back.take()) == "");
  }

  TEST_CASE_FIXTURE(ChatFixture, "is not for a connection that never registered") {
    Client& nobody = connect();
    nobody.skip();
    nobody.drop();

    Client& back = reconnect(nobody);

    CHECK_FALSE(recovered(back, nobody));
    back.send(R"(42["register","bob"])");
    CHECK(count(back.take(), R"("complete":true)") == 1);
  }

  TEST_CASE_FIXTURE(ChatFixture, "attributes what is sent before register to the session's user") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    bob.drop();
    Client& back = reconnect(bob);

    back.send(R"(42["send_message",)" + to("ann", "early") + "]");

    const Packets received = ann.take();
    CHECK(texts(received) == "early");
    CHECK(count(received, R"("senderId":"bob")") == 1);
  }

  TEST_CASE_FIXTURE(ChatFixture, "ends where register says that the page is another user's now") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    bob.drop();
    ann.ask("send_message", to("eve", "for eve"));
    Client& back = reconnect(bob);

    back.send(R"(42["register","eve"])");

    REQUIRE(back.closed());
    CHECK(texts(back.take()) == "");
    Client& eve = reconnect(back);
    CHECK_FALSE(recovered(eve, back));
    eve.send(R"(42["register","eve"])");
    CHECK(texts(eve.take()) == "for eve");
    ann.ask("send_message", to("bob", "for bob"));
    CHECK(texts(eve.take()) == "");
    CHECK(hub.stats().connections == 2);
  }

  TEST_CASE_FIXTURE(ChatFixture, "takes no offset of the session before for one of its own") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    ann.ask("send_message", to("eve", "for eve"));
    ann.ask("send_message", to("bob", "for bob"));
    bob.skip();
    bob.leave();
    const auto auth = [&bob](const std::string& pid) {
      return R"({"pid":")" + pid + R"(","offset":")" + bob.offset() + R"("})";
    };
    // The same page, which goes on as eve, and loses its connection before it has read anything.
    Client& eve = connect(0, auth(bob.pid()));
    eve.send(R"(42["register","eve"])");
    eve.drop();

    Client& back = connect(0, auth(eve.pid()));

    CHECK(recovered(back, eve));
    CHECK(texts(back.take()) == "for eve");
  }

  TEST_CASE_FIXTURE(ChatFixture, "goes in pages that wait for the client") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    bob.drop();
    const std::string text(50'000, 'x');
    for (int i = 0; i < 20; ++i) ann.ask("send_message", to("bob", text));
    Client& back = connect();
    back.skip();
    back.answers_pings = false;

    back.send(R"(42["register","bob"])");
    const std::size_t first = back.take().size();
    CHECK(first < 10);  // and no more until it has answered

    ann.ask("send_message", to("bob", "live"));
    CHECK(back.take().empty());
    back.answers_pings = true;
    back.send("3");
    const Packets rest = back.take();
    CHECK(count(rest, "receive_message") == 21 - first);
    CHECK(count(rest, R"("textMessage":"live")") == 1);
  }
}

TEST_SUITE("sessions without a connection") {
  TEST_CASE_FIXTURE(ChatFixture, "are remembered up to a number, the oldest are forgotten first") {
    const ChatOptions options;
    Recovery recovery({.authorizer = authorizer, .clock = clock, .log = log, .vault = &vault},
                      options);
    const auto end_one = [&](std::uint64_t number) {
      const auto issued = recovery.begin({number}, {}, {}, {});
      recovery.confirm(issued.pid.session, Position{number});
      recovery.end(issued.pid, {number}, false);
      return issued.pid;
    };
    const Recovery::Pid oldest = end_one(1);
    const Recovery::Pid second = end_one(2);
    for (std::uint64_t number = 3; number <= 65537; ++number) end_one(number);
    socketio::Json broken;
    REQUIRE(broken.parse(R"("typing")") == socketio::Json::ParseStatus::ok);

    CHECK(recovery.resume(second, broken.root(), {}, {1}).since.position == Position{2});
    CHECK(recovery.resume(oldest, broken.root(), {}, {2}).undelivered);
  }
}

// Faults of the reference, by their issue.
TEST_SUITE("upstream") {
  TEST_CASE_FIXTURE(ChatFixture, "#4880: recovery works again after the old socket has timed out") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    Client& second = reconnect(bob);
    second.skip();
    bob.drop();  // the ping timeout of the one that was taken over
    second.drop();
    ann.ask("send_message", to("bob", "1"));

    Client& third = reconnect(second);

    CHECK(recovered(third, bob));
    CHECK(texts(third.take()) == "1");
  }

  TEST_CASE_FIXTURE(ChatFixture, "#5538: a client that has got no event is recovered") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    bob.drop();
    ann.ask("send_message", to("bob", "1"));

    Client& back = connect(0, R"({"pid":")" + bob.pid() + R"("})");

    CHECK(recovered(back, bob));
    CHECK(texts(back.take()) == "1");
  }

  TEST_CASE_FIXTURE(ChatFixture, "#5539: no event spoils the offset") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    ann.ask("send_message", to("bob", "1"));
    bob.skip();
    const std::string offset = bob.offset();

    ann.ask("typing", R"({"receiverId":"bob","typing":true})");
    bob.ask("nonsense", R"("text")");

    CHECK(count(bob.take(), "42[\"typing\"") == 1);  // take() checks what it ends in
    CHECK(bob.offset() == offset);
  }

  TEST_CASE_FIXTURE(ChatFixture, "#5419: what is replayed moves the offset on") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    bob.drop();
    ann.ask("send_message", to("bob", "1"));
    Client& second = reconnect(bob);
    CHECK(texts(second.take()) == "1");
    second.drop();
    ann.ask("send_message", to("bob", "2"));

    CHECK(texts(reconnect(second).take()) == "2");
  }

  TEST_CASE_FIXTURE(ChatFixture, "of a message to oneself each of its two events comes once") {
    Client& ann = join("ann");
    ann.ask("send_message", to("bob", "before"));
    ann.ask("send_message", to("ann", "note"));
    const Packets live = ann.take();
    REQUIRE(live.size() == 3);
    CHECK(live[1].starts_with(R"(42["receive_message",)"));
    CHECK(live[1].ends_with(R"(,"02"])"));
    CHECK(live[2].starts_with(R"(42["message_sent",)"));
    CHECK(live[2].ends_with(R"(,"2"])"));
    const auto comes_back_with = [&](const std::string& offset) {
      Client& back = connect(0, R"({"pid":")" + ann.pid() + R"(","offset":")" + offset + "\"}");
      const Packets packets = back.take();
      return std::pair{count(packets, "receive_message"), count(packets, "message_sent")};
    };
    CHECK(comes_back_with("1") == std::pair<std::size_t, std::size_t>{1, 1});
    CHECK(comes_back_with("02") == std::pair<std::size_t, std::size_t>{0, 1});
    CHECK(comes_back_with("2") == std::pair<std::size_t, std::size_t>{0, 0});
    // Only to oneself are there two: who says so of another message gets it all the same.
    CHECK(comes_back_with("01") == std::pair<std::size_t, std::size_t>{1, 2});
    CHECK(comes_back_with("0") == std::pair<std::size_t, std::size_t>{1, 2});
  }

  TEST_CASE_FIXTURE(ChatFixture, "redis-streams-adapter #27: a killed process recovers all") {
    Client& ann = join("ann");
    Client& bob = join("bob");
    ann.ask("send_message", to("bob", "1"));
    bob.skip();
    ChatFixture after(*this);  // the store and the vault's notes are all there is left
    Client& ann_too = after.join("ann");
    ann_too.ask("send_message", to("bob", "2"));

    Client& back = after.reconnect(bob);

    CHECK(recovered(back, bob));
    CHECK(texts(back.take()) == "2");
  }
}

}  // namespace chatrt::gateway
