// engineio::Server: the table of sessions, the handshake, and what goes to whom.

#include "chatrt/engineio/server.h"

#include <set>
#include <string>

#include "engine_fixture.h"

namespace chatrt::engineio {
namespace {

Options with_shard(unsigned shard) {
  Options options;
  options.shard = shard;
  return options;
}

TEST_SUITE("Server: handshake") {
  TEST_CASE_FIXTURE(EngineFixture, "a session id is secret, unlike others, and says its shard") {
    const std::string one = open_polling();
    const std::string two = open_polling();

    CHECK(one != two);
    CHECK(one.size() == 26);
    CHECK(Server::shard_of("EIO=4&transport=polling&sid=" + one) == 0U);
  }

  TEST_CASE("every shard finds itself in its ids") {
    for (const unsigned shard : {0U, 1U, 63U, 64U, 255U}) {
      EngineFixture engine(with_shard(shard));
      const std::string sid = engine.open_polling();

      CHECK(Server::shard_of("sid=" + sid) == shard);
      CHECK(Server::shard_of(engine.application.opened.back()) == shard);
    }
  }

  TEST_CASE("no shard for who has no id, or one that we never gave") {
    CHECK_FALSE(Server::shard_of("EIO=4&transport=polling"));
    CHECK_FALSE(Server::shard_of("sid="));
    CHECK_FALSE(Server::shard_of("sid=A"));
    CHECK_FALSE(Server::shard_of("sid=!!xxxx"));
    CHECK_FALSE(Server::shard_of("sid=E-xxxx"));  // 318
  }

  TEST_CASE_FIXTURE(EngineFixture, "the application may refuse it") {
    application.allowed = Error{Errc::permission_denied, "not \"you\""};

    const auto exchange = request("GET", "EIO=4&transport=polling");
    const auto refusal = server.check_websocket(websocket_request("EIO=4&transport=websocket"));

    CHECK(answer(exchange).status == 403);
    CHECK(answer(exchange).body == R"({"code":4,"message":"not \"you\""})");
    REQUIRE(refusal);
    CHECK(refusal->status == 403);
    CHECK(refusal->body == "not \"you\"");
    CHECK(server.session_count() == 0);
  }

  TEST_CASE("a transport that is off is unknown") {
    Options options;
    options.polling = false;
    EngineFixture engine(options);
    CHECK(engine.answer(engine.request("GET", "EIO=4&transport=polling")).body ==
          R"({"code":0,"message":"Transport unknown"})");

    Options no_websocket;
    no_websocket.websocket = false;
    EngineFixture other(no_websocket);
    const auto refusal =
        other.server.check_websocket(EngineFixture::websocket_request("EIO=4&transport=websocket"));
    REQUIRE(refusal);
    CHECK(refusal->status == 400);
    CHECK(refusal->body == "Transport unknown");
  }

  TEST_CASE_FIXTURE(EngineFixture, "a WebSocket that is refused gets plain text before the 101") {
    const std::string sid = open_polling();
    const auto refused = [&](const std::string& query, std::string_view method = "GET") {
      Request head = websocket_request(query);
      head.method = method;
      const auto refusal = server.check_websocket(head);
      REQUIRE(refusal);
      CHECK(refusal->status == 400);
      return refusal->body;
    };
    CHECK(refused("EIO=4&transport=abc") == "Transport unknown");
    CHECK(refused("EIO=4&transport=polling") == "Bad request");
    CHECK(refused("EIO=3&transport=websocket") == "Unsupported protocol version");
    CHECK(refused("transport=websocket") == "Unsupported protocol version");
    CHECK(refused("EIO=4&transport=websocket&sid=unknown") == "Session ID unknown");
    CHECK(refused("EIO=3&transport=websocket&sid=" + sid) == "Bad request");
    CHECK(refused("EIO=4&transport=websocket", "POST") == "Bad handshake method");
  }

  TEST_CASE("above sessions_max, handshakes are answered 503") {
    Options options;
    options.sessions_max = 2;
    EngineFixture engine(options);
    engine.open_polling();
    engine.open_polling();

    CHECK(engine.answer(engine.request("GET", "EIO=4&transport=polling")).status == 503);
    const auto refusal = engine.server.check_websocket(
        EngineFixture::websocket_request("EIO=4&transport=websocket"));
    REQUIRE(refusal);
    CHECK(refusal->status == 503);
  }

  TEST_CASE_FIXTURE(EngineFixture, "what the application sends at once follows the open packet") {
    application.opened_hook = [this](ConnectionId session) {
      server.send(session, {false, "4welcome"}, now);
    };
    const std::string sid = open_polling();
    CHECK(answer(get(sid)).body == "4welcome");

    const auto websocket = open_websocket();
    CHECK(frames(websocket).size() == 2);
    CHECK(last(websocket) == "4welcome");
  }

  TEST_CASE_FIXTURE(EngineFixture, "a session may be closed from within its own on_open") {
    application.opened_hook = [this](ConnectionId session) { server.close(session, now); };

    const auto websocket = open_websocket();

    CHECK(is_closed(websocket));
    CHECK(reason() == CloseReason::forced_close);
    CHECK(server.session_count() == 0);
    CHECK(server.websocket_count() == 0);
  }
}

TEST_SUITE("Server: polling") {
  TEST_CASE_FIXTURE(EngineFixture, "all that a turn sends leaves in one answer") {
    echo();
    const std::string sid = open_polling();
    const auto poll = get(sid);
    CHECK_FALSE(answered(poll));

    post(sid,
         "4a\x1e"
         "4b\x1e"
         "bAQ==");

    CHECK(answer(poll).body ==
          "4a\x1e"
          "4b\x1e"
          "bAQ==");
    CHECK(answer(poll).no_store);
  }

  TEST_CASE_FIXTURE(EngineFixture, "overlapping polls: 200 with the close packet, then 400") {
    const std::string sid = open_polling();
    const auto first = get(sid);
    const auto second = get(sid);
    const auto third = get(sid);

    CHECK(answer(first).status == 200);
    CHECK(answer(first).body == "1");
    CHECK(answer(second).status == 400);
    CHECK(answer(second).body.empty());
    CHECK(answer(third).body == R"({"code":1,"message":"Session ID unknown"})");
    CHECK(reason() == CloseReason::transport_error);
  }

  TEST_CASE_FIXTURE(EngineFixture, "overlapping POSTs: the first is cut off, the second 400") {
    const std::string sid = open_polling();
    const auto first = post_head(sid);
    const auto second = post(sid, "4x");

    CHECK(transport.aborted.contains(first));
    CHECK(answer(second).status == 400);
    CHECK(reason() == CloseReason::transport_error);
    CHECK(application.messages.empty());
    server.on_post_body({first}, "4x", now);  // its body comes nevertheless
    CHECK(application.messages.empty());
  }

  TEST_CASE_FIXTURE(EngineFixture, "a poll or POST that is aborted ends the session, once") {
    const std::string sid = open_polling();
    std::uint64_t exchange = 0;
    SUBCASE("poll") { exchange = get(sid); }
    SUBCASE("POST") { exchange = post_head(sid); }

    server.on_request_aborted({exchange}, now);
    server.on_request_aborted({exchange}, now);

    CHECK(application.closed.size() == 1);
    CHECK(reason() == CloseReason::transport_error);
    CHECK(answer(get(sid)).status == 400);
  }

  TEST_CASE_FIXTURE(EngineFixture, "a close packet while a poll is pending") {
    const std::string sid = open_polling();
    const auto poll = get(sid);
    const auto closing = post(sid, "1");

    CHECK(answer(closing).body == "ok");
    CHECK(answer(poll).body == "6");
    CHECK(reason() == CloseReason::transport_close);
    CHECK(answer(get(sid)).status == 400);
  }

  TEST_CASE_FIXTURE(EngineFixture, "an exchange that is over means nothing any more") {
    const std::string sid = open_polling();
    const auto poll = get(sid);
    send("4x");
    REQUIRE(answered(poll));

    server.on_request_aborted({poll}, now);

    CHECK(application.closed.empty());
  }
}

TEST_SUITE("Server: heartbeat") {
  TEST_CASE("a session is over at ping_interval + ping_timeout, whoever asks first") {
    Options options;
    options.ping_interval = Duration{300};
    options.ping_timeout = Duration{200};
    EngineFixture engine(options);
    const std::string sid = engine.open_polling();
    engine.tick(300);
    engine.advance(200);  // and no tick: the request itself is compared

    const auto late = engine.get(sid);

    CHECK(engine.answer(late).status == 400);
    CHECK(engine.reason() == CloseReason::ping_timeout);
  }

  TEST_CASE("one millisecond before, it lives") {
    Options options;
    options.ping_interval = Duration{300};
    options.ping_timeout = Duration{200};
    EngineFixture engine(options);
    const std::string sid = engine.open_polling();
    engine.tick(300);
    engine.advance(199);

    CHECK(engine.answer(engine.get(sid)).body == "2");
  }

  TEST_CASE_FIXTURE(EngineFixture, "next_deadline() is the earliest of all sessions") {
    CHECK_FALSE(server.next_deadline());
    const MonotonicTime first = now;
    open_polling();
    advance(10);
    open_websocket();
    CHECK(*server.next_deadline() == first + Duration{25000});
  }

  TEST_CASE_FIXTURE(EngineFixture, "a heartbeat goes on and on, by polling and by WebSocket") {
    const std::string sid = open_polling();
    const auto websocket = open_websocket();
    for (int i = 0; i < 5; ++i) {
      const auto poll = get(sid);
      tick(25000);
      CHECK(answer(poll).body == "2");
      CHECK(last(websocket) == "2");
      post(sid, "3");
      text(websocket, "3");
    }
    CHECK(application.closed.empty());
    CHECK(application.pongs.size() == 10);
  }

  TEST_CASE_FIXTURE(EngineFixture, "ping() is a barrier: its pong comes after all that was sent") {
    const auto websocket = open_websocket();
    send("4a");
    CHECK(server.ping(application.opened[0], now));
    CHECK_FALSE(server.ping(application.opened[0], now));
    CHECK(frames(websocket)[1].bytes == "4a");
    CHECK(frames(websocket)[2].bytes == "2");

    text(websocket, "3");

    CHECK(application.pongs.size() == 1);
    CHECK(server.ping(application.opened[0], now));
  }

  TEST_CASE_FIXTURE(EngineFixture, "who does not answer is closed, whoever else does") {
    const auto dead = open_websocket();
    const auto alive = open_websocket();
    tick(25000);
    text(alive, "3");

    tick(20000);

    CHECK(is_closed(dead));
    CHECK_FALSE(is_closed(alive));
    CHECK(transport.sockets[dead].code == 0);
    CHECK(reason() == CloseReason::ping_timeout);
  }
}

TEST_SUITE("Server: upgrade") {
  TEST_CASE_FIXTURE(EngineFixture, "from the handshake to an echo on the WebSocket") {
    echo();
    const std::string sid = open_polling();
    const auto poll = get(sid);
    const auto websocket = open_websocket(sid);

    text(websocket, "2probe");
    CHECK(last(websocket) == "3probe");
    CHECK(answer(poll).body == "6");
    text(websocket, "5");
    text(websocket, "4hello");

    CHECK(last(websocket) == "4hello");
    CHECK(server.websocket_count() == 1);
    CHECK(answer(get(sid)).body == R"({"code":3,"message":"Bad request"})");
    CHECK(application.closed.empty());
  }

  TEST_CASE_FIXTURE(EngineFixture, "another WebSocket with the id is closed, the first unharmed") {
    echo();
    const std::string sid = open_polling();
    const auto first = open_websocket(sid);
    const auto during = open_websocket(sid);
    CHECK(is_closed(during));
    text(first, "2probe");
    text(first, "5");
    const auto after = open_websocket(sid);
    CHECK(is_closed(after));
    text(after, "4stray");
    server.on_websocket_closed({after}, true, now);

    text(first, "4hello");

    CHECK(last(first) == "4hello");
    CHECK_FALSE(is_closed(first));
    CHECK(application.messages.size() == 1);
  }

  TEST_CASE_FIXTURE(EngineFixture, "a probe that is too late or lost leaves polling alone") {
    const std::string sid = open_polling();
    const auto websocket = open_websocket(sid);
    SUBCASE("too late") {
      tick(10000);
      CHECK(is_closed(websocket));
    }
    SUBCASE("lost") { server.on_websocket_closed({websocket}, true, now); }

    send("4x");
    CHECK(answer(get(sid)).body == "4x");
    CHECK(server.websocket_count() == 0);
  }

  TEST_CASE_FIXTURE(EngineFixture, "what the WebSocket says after its session's end is ignored") {
    const auto websocket = open_websocket();
    server.close(application.opened[0], now);

    text(websocket, "4x");
    server.on_websocket_closed({websocket}, false, now);

    CHECK(application.messages.empty());
    CHECK(application.closed.size() == 1);
    CHECK(server.websocket_count() == 0);
  }
}

TEST_SUITE("Server: close") {
  TEST_CASE_FIXTURE(EngineFixture, "messages behind one whose handler closes are not delivered") {
    application.message_hook = [this](ConnectionId session, bool, std::string_view) {
      server.close(session, now);
    };
    const std::string sid = open_polling();
    bool polls = true;
    SUBCASE("while a poll waits") { get(sid); }
    SUBCASE("while none does") { polls = false; }

    const auto body = post(sid,
                           "4a\x1e"
                           "4b");

    CHECK(application.messages.size() == 1);
    CHECK(answered(body));
    if (!polls) get(sid);
    CHECK(application.closed.size() == 1);
  }

  TEST_CASE_FIXTURE(EngineFixture, "close_all() ends every session and refuses new ones") {
    const std::string sid = open_polling();
    const auto poll = get(sid);
    const std::string idle = open_polling();
    const auto websocket = open_websocket();

    server.close_all(now);

    CHECK(answer(poll).body == "1");
    CHECK(is_closed(websocket));
    CHECK(application.closed.size() == 3);
    CHECK(server.session_count() == 0);
    CHECK(answer(get(idle)).status == 400);
    CHECK(answer(request("GET", "EIO=4&transport=polling")).status == 503);
  }

  TEST_CASE_FIXTURE(EngineFixture, "sends from on_close() of one reach the others that close") {
    const std::string one = open_polling();
    const std::string two = open_polling();
    const auto poll = get(two);
    application.closed_hook = [this](ConnectionId) {
      for (const ConnectionId session : application.opened) {
        server.send(session, {false, "4gone"}, now);
      }
    };

    server.close_all(now);

    CHECK(answer(poll).body ==
          "4gone\x1e"
          "1");
  }

  TEST_CASE_FIXTURE(EngineFixture, "a session that is gone is ignored") {
    open_websocket();
    const ConnectionId session = application.opened[0];
    server.close(session, now);

    server.send(session, {false, "4x"}, now);
    server.close(session, now);
    CHECK_FALSE(server.ping(session, now));

    CHECK(application.closed.size() == 1);
  }

  TEST_CASE_FIXTURE(EngineFixture, "a slow WebSocket is closed, ephemeral packets dropped before") {
    const auto websocket = open_websocket();
    transport.sockets[websocket].queued = (1 << 20) / 4 + 1;
    send("4ephemeral", true);
    CHECK(frames(websocket).size() == 1);
    send("4kept");
    CHECK(last(websocket) == "4kept");

    transport.sockets[websocket].queued = 1 << 20;
    send("4too much");

    CHECK(is_closed(websocket));
    CHECK(reason() == CloseReason::slow_reader);
  }
}

TEST_SUITE("Server: the table") {
  TEST_CASE_FIXTURE(EngineFixture, "10,000 sessions come, are told apart, and go") {
    std::vector<std::uint64_t> websockets;
    for (int i = 0; i < 10'000; ++i) websockets.push_back(open_websocket());
    CHECK(server.session_count() == 10'000);
    const std::set<ConnectionId> ids(application.opened.begin(), application.opened.end());
    CHECK(ids.size() == 10'000);
    std::set<std::string> sids;
    for (const auto websocket : websockets) sids.insert(sid_of(frames(websocket)[0].bytes));
    CHECK(sids.size() == 10'000);

    for (std::size_t i = 0; i < websockets.size(); i += 2) {
      server.on_websocket_closed({websockets[i]}, false, now);
    }
    CHECK(server.session_count() == 5'000);
    for (int i = 0; i < 5'000; ++i) open_websocket();
    CHECK(server.session_count() == 10'000);
    const std::set<ConnectionId> all(application.opened.begin(), application.opened.end());
    CHECK(all.size() == 15'000);  // a slot used again is another connection

    tick(25000);
    tick(20000);
    CHECK(server.session_count() == 0);
    CHECK(application.closed.size() == 15'000);
    CHECK_FALSE(server.next_deadline().has_value());
  }

  TEST_CASE_FIXTURE(EngineFixture,
                    "what was sent to a slot's former session does not reach the next") {
    const auto old = open_websocket();
    const ConnectionId former = application.opened[0];
    server.on_websocket_closed({old}, false, now);
    const auto websocket = open_websocket();
    CHECK(static_cast<std::uint32_t>(former.value) ==
          static_cast<std::uint32_t>(application.opened[1].value));

    server.send(former, {false, "4x"}, now);

    CHECK(frames(websocket).size() == 1);
  }
}

}  // namespace
}  // namespace chatrt::engineio
