// engineio::Session by itself: what comes in, and the actions it asks for.

#include "chatrt/engineio/session.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace chatrt::engineio {
namespace {

using Kind = Action::Kind;

struct SessionFixture {
  Options options;
  MonotonicTime now{Duration{5000}};
  Session::Actions actions;

  Session make(bool websocket) {
    Session session(options, "sid", websocket, now);
    session.open(actions);
    actions.clear();
    return session;
  }
  // The kinds since the last call.
  std::vector<Kind> kinds() {
    std::vector<Kind> all;
    for (const Action& action : actions) all.push_back(action.kind);
    actions.clear();
    return all;
  }
  std::string body(Kind kind) const {
    for (const Action& action : actions) {
      if (action.kind == kind) return std::string{action.data()};
    }
    return "none";
  }
  CloseReason reason() const {
    REQUIRE_FALSE(actions.empty());
    REQUIRE(actions.back().kind == Kind::closed);
    return actions.back().reason;
  }
};

using Kinds = std::vector<Kind>;

TEST_SUITE("Session::open") {
  TEST_CASE_FIXTURE(SessionFixture, "is the open packet with exactly five keys") {
    Session polling(options, "abc", false, now);
    polling.open(actions);
    CHECK(body(Kind::answer_poll) ==
          R"(0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,)"
          R"("maxPayload":1000000})");
    actions.clear();

    Session websocket(options, "abc", true, now);
    websocket.open(actions);
    CHECK(body(Kind::send) ==
          R"(0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000,)"
          R"("maxPayload":1000000})");
  }

  TEST_CASE_FIXTURE(SessionFixture, "offers no upgrade to a transport that is off") {
    options.websocket = false;
    Session session(options, "abc", false, now);
    session.open(actions);
    CHECK(body(Kind::answer_poll).find("\"upgrades\":[]") != std::string::npos);
  }
}

TEST_SUITE("Session: heartbeat") {
  TEST_CASE_FIXTURE(SessionFixture, "pings when the interval is over, not before") {
    Session session = make(true);
    CHECK(session.next_deadline() == now + Duration{25000});

    session.on_tick(now + Duration{24999}, actions);
    CHECK(kinds() == Kinds{});

    session.on_tick(now + Duration{25000}, actions);
    CHECK(body(Kind::send) == "2");
    CHECK(session.next_deadline() == now + Duration{45000});
  }

  TEST_CASE_FIXTURE(SessionFixture, "ends with the ping's timeout, to the millisecond") {
    Session session = make(true);
    session.on_tick(now + Duration{25000}, actions);
    kinds();

    session.on_tick(now + Duration{44999}, actions);
    CHECK(kinds() == Kinds{});

    session.on_tick(now + Duration{45000}, actions);
    CHECK(reason() == CloseReason::ping_timeout);
    CHECK(kinds() == Kinds{Kind::close_websocket, Kind::closed});
    CHECK(session.next_deadline() == MonotonicTime::max());
  }

  TEST_CASE_FIXTURE(SessionFixture, "the next ping is due an interval after the pong") {
    Session session = make(true);
    session.on_tick(now + Duration{25000}, actions);
    session.on_websocket_message(false, "3", now + Duration{25100}, actions);

    CHECK(actions.back().kind == Kind::pong);
    CHECK(session.next_deadline() == now + Duration{50100});
  }

  TEST_CASE_FIXTURE(SessionFixture, "a timer a little late does not move the deadlines") {
    Session session = make(true);

    session.on_tick(now + Duration{25080}, actions);

    CHECK(session.next_deadline() == now + Duration{45000});
  }

  TEST_CASE_FIXTURE(SessionFixture, "a process that slept gives its clients the whole timeout") {
    Session session = make(true);

    session.on_tick(now + Duration{60000}, actions);

    CHECK(kinds() == Kinds{Kind::send});
    CHECK(session.next_deadline() == now + Duration{80000});
  }

  TEST_CASE_FIXTURE(SessionFixture, "a pong without a ping is harmless and no receipt") {
    Session session = make(true);

    session.on_websocket_message(false, "3", now + Duration{100}, actions);

    CHECK(kinds() == Kinds{});
    CHECK(session.next_deadline() == now + Duration{25000});
  }

  TEST_CASE_FIXTURE(SessionFixture, "an early ping counts as one, and there is one at a time") {
    Session session = make(true);

    CHECK(session.ping(now + Duration{10}, actions));
    CHECK_FALSE(session.ping(now + Duration{20}, actions));
    CHECK(kinds() == Kinds{Kind::send});
    CHECK(session.next_deadline() == now + Duration{20010});
  }

  TEST_CASE_FIXTURE(SessionFixture, "a client's ping is an error") {
    Session session = make(true);
    SUBCASE("plain") { session.on_websocket_message(false, "2", now, actions); }
    SUBCASE("a probe on an established WebSocket") {
      session.on_websocket_message(false, "2probe", now, actions);
    }
    CHECK(reason() == CloseReason::transport_error);
  }
}

TEST_SUITE("Session: polling") {
  TEST_CASE_FIXTURE(SessionFixture, "a poll is held until something is there") {
    Session session = make(false);
    CHECK(session.on_poll(now, actions));
    CHECK(kinds() == Kinds{});

    session.send({false, "4hello"}, false, 0, actions);
    CHECK(kinds() == Kinds{});
    session.flush(actions);

    CHECK(body(Kind::answer_poll) == "4hello");
  }

  TEST_CASE_FIXTURE(SessionFixture, "an answer has at most poll_packets_max packets, in order") {
    Session session = make(false);
    for (int i = 0; i < 20; ++i) {
      session.send({false, "4" + std::to_string(i)}, false, 0, actions);
    }

    session.on_poll(now, actions);
    const std::string first = body(Kind::answer_poll);
    CHECK(std::count(first.begin(), first.end(), kRecordSeparator) == 15);
    CHECK(
        first.starts_with("40\x1e"
                          "41"));
    kinds();

    session.on_poll(now, actions);
    CHECK(body(Kind::answer_poll) ==
          "416\x1e"
          "417\x1e"
          "418\x1e"
          "419");
  }

  TEST_CASE_FIXTURE(SessionFixture, "an answer is no longer than maxPayload, if it can be") {
    options.payload_bytes_max = 10;
    Session session = make(false);
    session.send({false, "41234"}, false, 0, actions);
    session.send({false, "4abcd"}, false, 0, actions);
    session.send({false, "4" + std::string(20, 'x')}, false, 0, actions);

    session.on_poll(now, actions);
    CHECK(body(Kind::answer_poll) == "41234");
    kinds();
    session.on_poll(now, actions);
    CHECK(body(Kind::answer_poll) == "4abcd");
    kinds();
    session.on_poll(now, actions);
    CHECK(body(Kind::answer_poll).size() == 21);
  }

  TEST_CASE_FIXTURE(SessionFixture, "binary goes as base64") {
    Session session = make(false);
    session.send({true, "\x01\x02\x03\x04"}, false, 0, actions);

    session.on_poll(now, actions);

    CHECK(body(Kind::answer_poll) == "bAQIDBA==");
  }

  TEST_CASE_FIXTURE(SessionFixture, "a second poll ends the session, and the first with it") {
    Session session = make(false);
    session.on_poll(now, actions);

    CHECK_FALSE(session.on_poll(now, actions));

    CHECK(body(Kind::answer_poll) == "1");
    CHECK(reason() == CloseReason::transport_error);
    CHECK(kinds() == Kinds{Kind::refuse, Kind::answer_poll, Kind::closed});
  }

  TEST_CASE_FIXTURE(SessionFixture, "a second POST ends the session, the first is cut off") {
    Session session = make(false);
    CHECK(session.on_post_head(false, actions));

    CHECK_FALSE(session.on_post_head(false, actions));

    CHECK(reason() == CloseReason::transport_error);
    CHECK(kinds() == Kinds{Kind::refuse, Kind::abort_post, Kind::closed});
  }

  TEST_CASE_FIXTURE(SessionFixture, "what comes before a malformed packet is taken") {
    Session session = make(false);
    session.on_post_head(false, actions);

    session.on_post_body(
        "4good\x1e"
        "xbad\x1e"
        "4never",
        now, actions);

    CHECK(body(Kind::message) == "good");
    CHECK(reason() == CloseReason::parse_error);
    CHECK(kinds() == Kinds{Kind::message, Kind::answer_post, Kind::closed});
  }

  TEST_CASE_FIXTURE(SessionFixture, "a close packet ends it; what follows is ignored") {
    Session session = make(false);
    session.on_poll(now, actions);
    session.on_post_head(false, actions);

    session.on_post_body(
        "4a\x1e"
        "1\x1e"
        "4b",
        now, actions);

    CHECK(body(Kind::answer_poll) == "6");
    CHECK(reason() == CloseReason::transport_close);
    CHECK(kinds() == Kinds{Kind::message, Kind::answer_post, Kind::answer_poll, Kind::closed});
  }

  TEST_CASE_FIXTURE(SessionFixture, "an octet stream ends it") {
    Session session = make(false);
    CHECK_FALSE(session.on_post_head(true, actions));
    CHECK(reason() == CloseReason::transport_error);
  }

  TEST_CASE_FIXTURE(SessionFixture, "a body that is too large is refused, the session goes on") {
    Session session = make(false);
    session.on_post_head(false, actions);

    session.on_post_too_large(actions);

    REQUIRE(actions.size() == 1);
    CHECK(actions[0].status == 413);
    CHECK(session.is_open());
    CHECK(session.on_post_head(false, actions));
  }

  TEST_CASE_FIXTURE(SessionFixture, "an aborted poll or POST ends it") {
    Session session = make(false);
    SUBCASE("poll") {
      session.on_poll(now, actions);
      session.on_poll_aborted(actions);
    }
    SUBCASE("POST") {
      session.on_post_head(false, actions);
      session.on_post_aborted(actions);
    }
    CHECK(reason() == CloseReason::transport_error);
    CHECK(kinds() == Kinds{Kind::closed});
  }

  TEST_CASE_FIXTURE(SessionFixture, "an abort of what is not pending changes nothing") {
    Session session = make(false);
    session.on_poll_aborted(actions);
    session.on_post_aborted(actions);
    CHECK(session.is_open());
    CHECK(kinds() == Kinds{});
  }
}

TEST_SUITE("Session: slow readers") {
  TEST_CASE_FIXTURE(SessionFixture,
                    "on polling, ephemeral packets are dropped as soon as one waits") {
    Session session = make(false);
    session.send({false, "4a"}, true, 0, actions);
    session.send({false, "4b"}, true, 0, actions);
    session.send({false, "4c"}, false, 0, actions);

    session.on_poll(now, actions);

    CHECK(body(Kind::answer_poll) ==
          "4a\x1e"
          "4c");
  }

  TEST_CASE_FIXTURE(SessionFixture, "on a WebSocket, they are dropped at a quarter of the limit") {
    options.queued_bytes_max = 1000;
    Session session = make(true);

    session.send({false, "4a"}, true, 250, actions);
    CHECK(kinds() == Kinds{Kind::send});
    session.send({false, "4b"}, true, 251, actions);
    CHECK(kinds() == Kinds{});
    session.send({false, "4c"}, false, 251, actions);
    CHECK(kinds() == Kinds{Kind::send});
  }

  TEST_CASE_FIXTURE(SessionFixture, "more than the limit ends the session") {
    options.queued_bytes_max = 1000;
    SUBCASE("WebSocket") {
      Session session = make(true);
      session.send({false, "4" + std::string(899, 'x')}, false, 100, actions);
      CHECK(kinds() == Kinds{Kind::send});
      session.send({false, "4" + std::string(900, 'x')}, false, 100, actions);
      CHECK(reason() == CloseReason::slow_reader);
    }
    SUBCASE("polling") {
      Session session = make(false);
      session.send({false, "4" + std::string(799, 'x')}, false, 0, actions);
      session.send({false, "4" + std::string(71, 'x')}, false, 0, actions);
      CHECK(kinds() == Kinds{});
      session.send({false, "4"}, false, 0, actions);
      CHECK(reason() == CloseReason::slow_reader);
    }
    SUBCASE("polling, packets of nothing") {
      Session session = make(false);
      int queued = 0;
      while (session.is_open() && queued < 1000) {
        session.send({true, ""}, false, 0, actions);
        ++queued;
      }
      CHECK(queued < 1000);
      CHECK(reason() == CloseReason::slow_reader);
    }
  }

  TEST_CASE_FIXTURE(SessionFixture, "one packet above the limit is sent to who is not behind") {
    options.queued_bytes_max = 1000;
    Session session = make(true);
    session.send({false, "4" + std::string(5000, 'x')}, false, 0, actions);
    CHECK(kinds() == Kinds{Kind::send});
  }
}

TEST_SUITE("Session::close") {
  TEST_CASE_FIXTURE(SessionFixture, "a WebSocket is closed behind what was sent") {
    Session session = make(true);
    session.send({false, "4bye"}, false, 0, actions);
    session.close(now, actions);
    CHECK(reason() == CloseReason::forced_close);
    CHECK(kinds() == Kinds{Kind::send, Kind::close_websocket, Kind::closed});
  }

  TEST_CASE_FIXTURE(SessionFixture, "a pending poll is answered with the close packet") {
    Session session = make(false);
    session.on_poll(now, actions);
    session.close(now, actions);
    CHECK(body(Kind::answer_poll) == "1");
    CHECK(reason() == CloseReason::forced_close);
  }

  TEST_CASE_FIXTURE(SessionFixture, "without a poll it waits: the queue first, then the end") {
    Session session = make(false);
    session.send({false, "4bye"}, false, 0, actions);
    session.close(now, actions);
    CHECK(kinds() == Kinds{});
    CHECK_FALSE(session.is_open());

    session.on_poll(now, actions);
    CHECK(body(Kind::answer_poll) == "4bye");
    kinds();

    session.on_poll(now, actions);
    CHECK(body(Kind::answer_poll) ==
          "6\x1e"
          "1");
    CHECK(reason() == CloseReason::forced_close);
  }

  TEST_CASE_FIXTURE(SessionFixture, "gives up after closing_timeout, whatever pongs come") {
    Session session = make(false);
    session.ping(now, actions);
    session.close(now, actions);
    kinds();
    session.on_post_head(false, actions);
    session.on_post_body("3", now + Duration{29000}, actions);
    kinds();
    CHECK(session.next_deadline() == now + Duration{30000});

    session.on_tick(now + Duration{30000}, actions);
    CHECK(reason() == CloseReason::forced_close);
  }

  TEST_CASE_FIXTURE(SessionFixture, "what the client sends while it closes is not delivered") {
    Session session = make(false);
    session.close(now, actions);
    session.on_post_head(false, actions);
    session.on_post_body("4late", now, actions);
    CHECK(kinds() == Kinds{Kind::answer_post});
  }

  TEST_CASE_FIXTURE(SessionFixture, "close_now answers a poll with what fits, and the end") {
    Session session = make(false);
    session.on_poll(now, actions);
    for (int i = 0; i < 20; ++i) session.send({false, "4x"}, false, 0, actions);

    session.close_now(actions);

    const std::string answer = body(Kind::answer_poll);
    CHECK(std::count(answer.begin(), answer.end(), kRecordSeparator) == 15);
    CHECK(
        answer.ends_with("\x1e"
                         "1"));
    CHECK(reason() == CloseReason::forced_close);
  }
}

}  // namespace
}  // namespace chatrt::engineio
