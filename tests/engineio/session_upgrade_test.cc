// engineio::Session: the upgrade from polling to WebSocket, and its races.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "chatrt/engineio/session.h"

namespace chatrt::engineio {
namespace {

using Kind = Action::Kind;
using Kinds = std::vector<Kind>;

struct UpgradeFixture {
  Options options;
  MonotonicTime now{Duration{5000}};
  Session::Actions actions;
  Session session{options, "sid", false, now};

  std::vector<std::string> texts(Kind kind) const {
    std::vector<std::string> all;
    for (const Action& action : actions) {
      if (action.kind == kind) all.emplace_back(action.data());
    }
    return all;
  }
  Kinds kinds() {
    Kinds all;
    for (const Action& action : actions) all.push_back(action.kind);
    actions.clear();
    return all;
  }
  void probe() {
    REQUIRE(session.on_probe_open(now));
    session.on_probe_message(false, "2probe", now, actions);
  }
  void upgrade() {
    probe();
    session.on_probe_message(false, "5", now, actions);
    actions.clear();
  }
};

using Texts = std::vector<std::string>;

TEST_SUITE("Session: upgrade") {
  TEST_CASE_FIXTURE(UpgradeFixture, "the probe is answered and the pending poll released") {
    session.on_poll(now, actions);

    probe();

    CHECK(texts(Kind::send_probe) == Texts{"3probe"});
    CHECK(texts(Kind::answer_poll) == Texts{"6"});
    CHECK_FALSE(session.is_websocket());
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "a poll after the probe is released at once") {
    probe();
    kinds();

    session.on_poll(now, actions);

    CHECK(texts(Kind::answer_poll) == Texts{"6"});
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "a poll after the probe takes what is queued, not a noop") {
    probe();
    kinds();
    session.send({false, "4a"}, false, 0, actions);

    session.on_poll(now, actions);

    CHECK(texts(Kind::answer_poll) == Texts{"4a"});
  }

  TEST_CASE_FIXTURE(UpgradeFixture,
                    "what is queued leaves on the WebSocket, in order, then the rest") {
    probe();
    session.send({false, "41"}, false, 0, actions);
    session.send({true, "2"}, false, 0, actions);
    kinds();

    session.on_probe_message(false, "5", now, actions);
    session.send({false, "43"}, false, 0, actions);

    CHECK(session.is_websocket());
    CHECK(texts(Kind::send) == Texts{"41", "2", "43"});
    CHECK(kinds() == Kinds{Kind::adopt_probe, Kind::send, Kind::send, Kind::send});
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "polling goes on until the upgrade packet") {
    probe();
    kinds();

    CHECK(session.on_post_head(false, actions));
    session.on_post_body("4still", now, actions);

    CHECK(kinds() == Kinds{Kind::message, Kind::answer_post});
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "a poll still pending at the upgrade is ended") {
    REQUIRE(session.on_probe_open(now));
    session.on_poll(now, actions);

    session.on_probe_message(false, "5", now, actions);  // without a probe, as the reference takes

    CHECK(texts(Kind::answer_poll) == Texts{"1"});
    CHECK(session.is_websocket());
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "a POST whose body is on its way at the upgrade is refused") {
    probe();
    session.on_post_head(false, actions);
    kinds();

    session.on_probe_message(false, "5", now, actions);

    REQUIRE(actions[0].kind == Kind::answer_post);
    CHECK(actions[0].status == 400);
    kinds();
    session.on_post_body("4late", now, actions);
    CHECK(kinds() == Kinds{});
    CHECK(session.is_open());
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "after it, HTTP requests are refused and harm nothing") {
    upgrade();

    CHECK_FALSE(session.on_poll(now, actions));
    CHECK_FALSE(session.on_post_head(false, actions));

    CHECK(kinds() == Kinds{Kind::refuse, Kind::refuse});
    CHECK(session.is_open());
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "only one WebSocket can probe, and none after the upgrade") {
    REQUIRE(session.on_probe_open(now));
    CHECK_FALSE(session.on_probe_open(now));
    session.on_probe_message(false, "5", now, actions);
    CHECK_FALSE(session.on_probe_open(now));
    CHECK(session.is_open());
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "anything else on the probe closes it; polling goes on") {
    REQUIRE(session.on_probe_open(now));
    SUBCASE("a message") { session.on_probe_message(false, "4x", now, actions); }
    SUBCASE("another ping") { session.on_probe_message(false, "2", now, actions); }
    SUBCASE("nothing") { session.on_probe_message(false, "", now, actions); }
    SUBCASE("binary") { session.on_probe_message(true, "2probe", now, actions); }

    CHECK(kinds() == Kinds{Kind::close_probe});
    CHECK(session.is_open());
    session.on_poll(now, actions);
    CHECK(kinds() == Kinds{});  // held: nobody probes any more
    CHECK(session.on_probe_open(now));
  }

  TEST_CASE_FIXTURE(UpgradeFixture,
                    "a probe that takes upgrade_timeout is closed; polling goes on") {
    REQUIRE(session.on_probe_open(now));
    CHECK(session.next_deadline() == now + Duration{10000});

    session.on_tick(now + Duration{9999}, actions);
    CHECK(kinds() == Kinds{});
    session.on_tick(now + Duration{10000}, actions);

    CHECK(kinds() == Kinds{Kind::close_probe});
    CHECK(session.is_open());
    CHECK(session.next_deadline() == now + Duration{25000});
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "a probe that is lost leaves polling as it was") {
    probe();
    kinds();
    session.on_probe_closed();

    session.on_poll(now, actions);

    CHECK(kinds() == Kinds{});
    CHECK(session.on_probe_open(now));
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "a ping sent on polling may be answered on the WebSocket") {
    session.ping(now, actions);
    session.on_poll(now, actions);
    CHECK(texts(Kind::answer_poll) == Texts{"2"});
    upgrade();

    session.on_websocket_message(false, "3", now + Duration{100}, actions);

    CHECK(kinds() == Kinds{Kind::pong});
    CHECK(session.next_deadline() == now + Duration{25100});
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "the session's end closes the probe too") {
    REQUIRE(session.on_probe_open(now));
    session.on_poll(now, actions);
    session.close(now, actions);
    CHECK(kinds() == Kinds{Kind::answer_poll, Kind::close_probe, Kind::closed});
  }

  TEST_CASE_FIXTURE(UpgradeFixture,
                    "a session that is closing ends with the upgrade, its queue sent") {
    probe();
    session.send({false, "4bye"}, false, 0, actions);
    session.close(now, actions);
    kinds();
    CHECK_FALSE(session.is_open());

    session.on_probe_message(false, "5", now, actions);

    CHECK(kinds() == Kinds{Kind::adopt_probe, Kind::send, Kind::close_websocket, Kind::closed});
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "an upgrade may not begin while the session is closing") {
    session.close(now, actions);
    CHECK_FALSE(session.on_probe_open(now));
  }
}

TEST_SUITE("Session: WebSocket") {
  TEST_CASE_FIXTURE(UpgradeFixture, "open, upgrade and noop from a client are ignored") {
    upgrade();
    for (const char* text : {"0", "5", "6"}) {
      session.on_websocket_message(false, text, now, actions);
    }
    CHECK(kinds() == Kinds{});
    CHECK(session.is_open());
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "text that begins with b is base64 binary") {
    upgrade();
    session.on_websocket_message(false, "bAQID", now, actions);
    REQUIRE(actions.size() == 1);
    CHECK(actions[0].binary);
    CHECK(actions[0].data() == "\x01\x02\x03");
  }

  TEST_CASE_FIXTURE(UpgradeFixture,
                    "a close packet, a bad one, the peer's end and an error differ") {
    upgrade();
    CloseReason expected{};
    SUBCASE("close packet") {
      session.on_websocket_message(false, "1", now, actions);
      expected = CloseReason::transport_close;
    }
    SUBCASE("no type") {
      session.on_websocket_message(false, "abc", now, actions);
      expected = CloseReason::parse_error;
    }
    SUBCASE("empty") {
      session.on_websocket_message(false, "", now, actions);
      expected = CloseReason::parse_error;
    }
    SUBCASE("closed") {
      session.on_websocket_closed(false, actions);
      expected = CloseReason::transport_close;
    }
    SUBCASE("error") {
      session.on_websocket_closed(true, actions);
      expected = CloseReason::transport_error;
    }
    REQUIRE_FALSE(actions.empty());
    CHECK(actions.back().kind == Kind::closed);
    CHECK(actions.back().reason == expected);
    CHECK(session.is_closed());
  }

  TEST_CASE_FIXTURE(UpgradeFixture, "is closed once, whatever comes after") {
    upgrade();
    session.close(now, actions);
    kinds();

    session.on_websocket_message(false, "4x", now, actions);
    session.on_websocket_closed(true, actions);
    session.close(now, actions);
    session.close_now(actions);
    session.on_tick(now + Duration{100'000}, actions);
    session.send({false, "4x"}, false, 0, actions);
    session.flush(actions);
    CHECK_FALSE(session.ping(now, actions));

    CHECK(kinds() == Kinds{});
  }
}

}  // namespace
}  // namespace chatrt::engineio
