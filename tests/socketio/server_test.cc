// socketio::Server: who joins which namespace, and how it ends.

#include "chatrt/socketio/server.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "recording_namespace.h"
#include "socket_fixture.h"

namespace chatrt::socketio {
namespace {

using Texts = std::vector<std::string>;

struct ServerFixture {
  RecordingNamespace main;
  RecordingNamespace admin;
  SocketFixture io{{{"/", &main}, {"/admin", &admin}}};

  bool logged(std::string_view what) const {
    for (const std::string& line : io.log.lines()) {
      if (line.find(what) != std::string::npos) return true;
    }
    return false;
  }
};

TEST_SUITE("socketio::Server: CONNECT") {
  TEST_CASE_FIXTURE(ServerFixture,
                    "is answered with an id of 20 characters, another for each namespace") {
    const auto websocket = io.open();
    io.text(websocket, "40");
    io.text(websocket, "40/admin,");

    const Texts got = io.texts(websocket);
    REQUIRE(got.size() == 2);
    CHECK(got[0] == "40{\"sid\":\"" + std::string{main.last->id()} + "\"}");
    CHECK(got[1] == "40/admin,{\"sid\":\"" + std::string{admin.last->id()} + "\"}");
    CHECK(main.last->id().size() == 20);
    CHECK(main.last->id() != admin.last->id());
    CHECK(main.last->connection() == admin.last->connection());
    CHECK(admin.last->nsp() == "/admin");
  }

  TEST_CASE_FIXTURE(ServerFixture, "carries a pid where the host gives one") {
    main.connect_hook = [](Socket& socket, JsonView) { socket.accept("p\"1"); };
    const auto websocket = io.open();
    io.text(websocket, "40");
    CHECK(io.texts(websocket)[0].ends_with(R"(,"pid":"p\"1"})"));
  }

  TEST_CASE_FIXTURE(ServerFixture, "comes before what on_connect() emits after accept()") {
    main.connect_hook = [](Socket& socket, JsonView) {
      socket.emit("too early");
      socket.accept();
      socket.emit("hello", Arguments{}.number(std::uint64_t{1}));
    };
    const auto websocket = io.open();
    io.text(websocket, "40");
    const Texts got = io.texts(websocket);
    REQUIRE(got.size() == 2);
    CHECK(got[0].starts_with("40{"));
    CHECK(got[1] == "42[\"hello\",1]");
  }

  TEST_CASE_FIXTURE(ServerFixture, "may be answered later") {
    main.connect_hook = [](Socket&, JsonView) {};
    const auto websocket = io.open();
    io.text(websocket, "40");
    CHECK(io.texts(websocket).empty());
    Batch batch;
    batch.task(main.last->connection(), [](Socket& socket) { socket.accept(); });
    io.server.deliver(batch);
    io.server.run_deliveries(io.now);
    CHECK(io.texts(websocket).size() == 1);
  }

  TEST_CASE_FIXTURE(ServerFixture, "a second one while the first waits is a violation") {
    main.connect_hook = [](Socket&, JsonView) {};
    const auto websocket = io.open();
    io.text(websocket, "40");
    io.text(websocket, "40");
    CHECK(io.closed(websocket));
    CHECK(main.disconnected.empty());  // it had not been accepted
    CHECK(logged("violation"));
  }

  TEST_CASE_FIXTURE(ServerFixture, "to an unknown namespace is refused, the connection goes on") {
    const auto websocket = io.open();
    io.text(websocket, "40/admin?x=1,");
    CHECK(io.texts(websocket) == Texts{R"(44/admin?x=1,{"message":"Invalid namespace"})"});
    io.text(websocket, "40");
    CHECK(main.connected == 1);
    CHECK_FALSE(io.closed(websocket));
  }

  TEST_CASE_FIXTURE(ServerFixture, "may be refused by the handler, and tried again") {
    main.connect_hook = [](Socket& socket, JsonView) { socket.refuse("no", R"({"code":7})"); };
    const auto websocket = io.open();
    io.text(websocket, "40");
    CHECK(io.texts(websocket) == Texts{R"(44{"message":"no","data":{"code":7}})"});
    CHECK(main.disconnected.empty());
    main.connect_hook = nullptr;
    io.text(websocket, "40");
    CHECK(io.texts(websocket).size() == 1);
  }

  TEST_CASE_FIXTURE(ServerFixture, "a handler that throws refuses") {
    main.connect_hook = [](Socket&, JsonView) { throw std::runtime_error("secret"); };
    const auto websocket = io.open();
    io.text(websocket, "40");
    CHECK(io.texts(websocket) ==
          Texts{R"(44{"message":"internal error","data":{"code":"internal"}})"});
    CHECK(logged("handler_threw what=on_connect error=secret"));
  }

  TEST_CASE("middleware runs before the handler, in order, and may refuse with a reason") {
    RecordingNamespace main;
    std::vector<int> ran;
    Status answer;
    const auto first = [&](std::string_view nsp, const Handshake& handshake, JsonView auth) {
      ran.push_back(1);
      CHECK(nsp == "/");
      CHECK(handshake.query_value("userId") == "ann");
      CHECK(auth.find("token").as_string() == "t");
      return Status{};
    };
    const auto second = [&](std::string_view, const Handshake&, JsonView) {
      ran.push_back(2);
      return answer;
    };
    SocketFixture io({{"/", &main}}, {first, second});
    io.query += "&userId=ann";
    const auto websocket = io.open();

    answer = Error{Errc::unauthenticated, "who are you"};
    io.text(websocket, R"(40{"token":"t"})");
    CHECK(io.texts(websocket) ==
          Texts{R"(44{"message":"who are you","data":{"code":"unauthenticated"}})"});
    CHECK(main.connected == 0);

    answer = {};
    io.text(websocket, R"(40{"token":"t"})");
    CHECK(main.connected == 1);
    CHECK(ran == std::vector<int>{1, 2, 1, 2});
  }

  TEST_CASE("middleware that throws refuses, and is logged") {
    RecordingNamespace main;
    SocketFixture io({{"/", &main}}, {[](std::string_view, const Handshake&, JsonView) -> Status {
                       throw std::runtime_error("secret");
                     }});
    const auto websocket = io.open();
    io.text(websocket, "40");
    CHECK(io.texts(websocket) ==
          Texts{R"(44{"message":"internal error","data":{"code":"internal"}})"});
    CHECK(main.connected == 0);
    CHECK_FALSE(io.closed(websocket));
  }
}

TEST_SUITE("socketio::Server: timeouts") {
  TEST_CASE_FIXTURE(ServerFixture, "who joins no namespace in time is closed") {
    main.connect_hook = [](Socket& socket, JsonView) { socket.refuse("no"); };
    const auto silent = io.open();
    const auto refused = io.open();
    io.text(refused, "40");
    const auto joined = io.open();
    main.connect_hook = nullptr;
    io.text(joined, "40");
    // Heartbeats go on meanwhile.
    io.tick(25000);
    for (const auto websocket : {silent, refused, joined}) io.text(websocket, "3");

    io.tick(19999);
    CHECK_FALSE(io.closed(silent));
    io.tick(1);

    CHECK(io.closed(silent));
    CHECK(io.closed(refused));
    CHECK_FALSE(io.closed(joined));
  }

  TEST_CASE_FIXTURE(ServerFixture, "attachments that do not come close the connection") {
    const auto websocket = io.join();
    io.text(websocket, "451-[\"m\"]");
    io.tick(9999);
    CHECK_FALSE(io.closed(websocket));
    io.tick(1);
    CHECK(io.closed(websocket));
    CHECK(main.disconnected == Texts{"forced close"});
  }

  TEST_CASE_FIXTURE(ServerFixture, "each packet has the whole time for its attachments") {
    const auto websocket = io.join();
    for (int i = 0; i < 3; ++i) {
      io.text(websocket, "451-[\"m\"]");
      io.tick(6000);
      io.binary(websocket, "x");
    }
    CHECK_FALSE(io.closed(websocket));
    io.text(websocket, "451-[\"m\"]");
    io.tick(9999);
    io.text(websocket, "3");
    CHECK_FALSE(io.closed(websocket));
    io.tick(1);
    CHECK(io.closed(websocket));
    CHECK(main.events.size() == 3);
  }
}

TEST_SUITE("socketio::Server: disconnect") {
  TEST_CASE_FIXTURE(ServerFixture, "the reasons are those of the reference") {
    const auto websocket = io.join();
    std::string expected;
    SUBCASE("the client leaves") {
      io.text(websocket, "41");
      expected = "client namespace disconnect";
    }
    SUBCASE("the server lets it go") {
      main.last->disconnect();
      expected = "server namespace disconnect";
      CHECK(io.texts(websocket) == Texts{"41"});
    }
    SUBCASE("the client's transport closes") {
      io.server.engine().on_websocket_closed({websocket}, false, io.now);
      expected = "transport close";
    }
    SUBCASE("the client's transport breaks") {
      io.server.engine().on_websocket_closed({websocket}, true, io.now);
      expected = "transport error";
    }
    SUBCASE("the heartbeat is lost") {
      io.tick(25000);
      io.tick(20000);
      expected = "ping timeout";
    }
    SUBCASE("Engine.IO is broken") {
      io.text(websocket, "xyz");
      expected = "parse error";
    }
    SUBCASE("Socket.IO is broken") {
      io.text(websocket, "4abc");
      expected = "forced close";
    }
    SUBCASE("the server closes the connection") {
      main.last->close_connection();
      expected = "forced close";
      CHECK(io.texts(websocket).empty());  // not a word, so that the client comes back
      CHECK(io.closed(websocket));
    }
    SUBCASE("the server shuts down") {
      io.server.close_all(io.now);
      expected = "server shutting down";
      CHECK(io.texts(websocket).empty());
      CHECK(io.closed(websocket));
    }
    SUBCASE("the client does not read") {
      io.transport.sockets[websocket].queued = 1 << 20;
      main.last->emit("m");
      expected = "slow reader";
    }
    CHECK(main.disconnected == Texts{expected});
    CHECK(io.server.find(ConnectionId{}, "/") == nullptr);
  }

  TEST_CASE_FIXTURE(ServerFixture, "leaving one namespace leaves the others and the connection") {
    const auto websocket = io.join();
    io.text(websocket, "40/admin,");
    io.received(websocket);
    io.text(websocket, "41/admin,");
    CHECK(admin.disconnected == Texts{"client namespace disconnect"});
    CHECK(main.disconnected.empty());
    io.text(websocket, "42[\"m\"]");
    CHECK(main.events == Texts{"m"});
    io.text(websocket, "40/admin,");
    CHECK(admin.connected == 2);
    CHECK_FALSE(io.closed(websocket));
  }

  TEST_CASE_FIXTURE(ServerFixture, "ends every namespace when the connection goes") {
    const auto websocket = io.join();
    io.text(websocket, "40/admin,");
    io.server.engine().on_websocket_closed({websocket}, false, io.now);
    CHECK(admin.disconnected == Texts{"transport close"});
    CHECK(main.disconnected == Texts{"transport close"});
  }

  TEST_CASE_FIXTURE(ServerFixture, "a handler may end its socket or connection from anywhere") {
    const auto websocket = io.join();
    SUBCASE("disconnect() in on_event") {
      main.event_hook = [](Socket& socket, const Event& event) {
        socket.disconnect();
        socket.emit("nobody hears");
        if (event.ack_id) socket.ack(*event.ack_id, {});
        CHECK(event.args.at(0).as_string() == "m");  // still valid
      };
      io.text(websocket, "421[\"m\"]");
      CHECK(io.texts(websocket) == Texts{"41"});
      CHECK_FALSE(io.closed(websocket));
    }
    SUBCASE("close_connection() in on_event") {
      main.event_hook = [](Socket& socket, const Event&) { socket.close_connection(); };
      io.text(websocket, "421[\"m\"]");
      CHECK(io.closed(websocket));
    }
    SUBCASE("disconnect() in on_disconnect") {
      main.disconnect_hook = [](Socket& socket) { socket.disconnect(); };
      io.text(websocket, "41");
    }
    SUBCASE("close_connection() in on_pong") {
      io.text(websocket, "40/admin,");
      main.pong_hook = [](Socket& socket) { socket.close_connection(); };
      CHECK(io.server.ping(main.last->connection()));
      io.text(websocket, "3");
      CHECK(admin.disconnected.size() == 1);
      CHECK(main.pongs == 1);
    }
    CHECK(main.disconnected.size() == 1);
  }

  TEST_CASE_FIXTURE(ServerFixture, "who ends while a handler sends to all is told of after it") {
    const auto first = io.join();
    std::vector<Socket*> all = {main.last};
    const auto slow = io.join();
    all.push_back(main.last);
    const auto third = io.join();
    all.push_back(main.last);
    io.transport.sockets[slow].queued = 1 << 20;
    bool sending = false;
    main.disconnect_hook = [&](Socket& socket) {
      CHECK_FALSE(sending);
      std::erase(all, &socket);
    };
    main.event_hook = [&](Socket&, const Event&) {
      sending = true;
      for (Socket* socket : all) socket->emit("m", Arguments{}.binary("x"));
      sending = false;
    };

    io.text(first, "42[\"all\"]");

    CHECK(main.disconnected == Texts{"slow reader"});
    CHECK(all.size() == 2);
    CHECK(io.received(first).size() == 2);
    CHECK(io.received(third).size() == 2);
  }

  TEST_CASE_FIXTURE(ServerFixture,
                    "a socket may end by what is sent to it from outside a handler") {
    const auto websocket = io.join();
    io.transport.sockets[websocket].queued = 1 << 20;
    main.last->emit("m", Arguments{}.binary("x").binary("y"));
    CHECK(io.closed(websocket));
    CHECK(main.disconnected == Texts{"slow reader"});
  }

  TEST_CASE_FIXTURE(ServerFixture, "on_pong() reaches every namespace, though one leaves in it") {
    const auto websocket = io.join();
    io.text(websocket, "40/admin,");
    main.pong_hook = [](Socket& socket) { socket.disconnect(); };
    CHECK(io.server.ping(main.last->connection()));
    io.text(websocket, "3");
    CHECK(main.pongs == 1);
    CHECK(admin.pongs == 1);
  }

  TEST_CASE_FIXTURE(ServerFixture, "a socket's data lives until it has ended") {
    struct Data final : SocketData {
      explicit Data(bool& flag) : gone(flag) {}
      ~Data() override { gone = true; }
      bool& gone;
    };
    bool gone = false;
    const auto websocket = io.join();
    main.last->set_data(std::make_unique<Data>(gone));
    main.disconnect_hook = [&](Socket& socket) {
      CHECK(socket.data() != nullptr);
      CHECK_FALSE(gone);
    };
    io.text(websocket, "41");
    CHECK(gone);
  }
}

}  // namespace
}  // namespace chatrt::socketio
