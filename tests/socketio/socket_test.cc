// socketio::Socket and Batch: events, acks and binary in both directions, and other threads.

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "chatrt/socketio/server.h"
#include "recording_namespace.h"
#include "socket_fixture.h"

namespace chatrt::socketio {
namespace {

using Texts = std::vector<std::string>;
using Frames = std::vector<Frame>;

struct ConnectedFixture {
  RecordingNamespace main;
  RecordingNamespace admin;
  SocketFixture io{{{"/", &main}, {"/admin", &admin}}};
  std::uint64_t websocket = io.join();

  // What came back for acks asked of the client.
  Texts results;
  auto keep_result() {
    return [this](const Result<JsonView>& args, std::span<const std::string> attachments) {
      if (!args) {
        results.emplace_back(error_name(args.error().code));
        return;
      }
      std::string text;
      args->append_to(text);
      for (const std::string& bytes : attachments) text += "+" + bytes;
      results.push_back(text);
    };
  }
};

TEST_SUITE("Socket::emit") {
  TEST_CASE_FIXTURE(ConnectedFixture, "sends an event, in its namespace") {
    main.last->emit("m", Arguments{}.string("x"));
    main.last->emit("bare");
    io.text(websocket, "40/admin,");
    admin.last->emit("m");
    const Texts got = io.texts(websocket);
    REQUIRE(got.size() == 4);
    CHECK(got[0] == "42[\"m\",\"x\"]");
    CHECK(got[1] == "42[\"bare\"]");
    CHECK(got[3] == "42/admin,[\"m\"]");
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "sends binary as one unit, header first") {
    main.last->emit("m", Arguments{}.binary("\x01").binary(""));
    CHECK(
        io.received(websocket) ==
        Frames{{false, R"(452-["m",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])"},
               {true, "\x01"},
               {true, ""}});
  }

  TEST_CASE_FIXTURE(ConnectedFixture,
                    "volatile is dropped for who is behind; binary never in half") {
    io.transport.sockets[websocket].queued = 600'000;
    main.last->emit_volatile("gone");
    CHECK(io.received(websocket).empty());
    main.last->emit_volatile("kept", Arguments{}.binary("x"));
    CHECK(io.received(websocket).size() == 2);
    io.transport.sockets[websocket].queued = 0;
    main.last->emit_volatile("there");
    CHECK(io.texts(websocket) == Texts{"42[\"there\"]"});
  }
}

TEST_SUITE("Namespace::on_event") {
  TEST_CASE_FIXTURE(ConnectedFixture, "gets name, arguments, attachments and id, and may ack") {
    main.event_hook = [](Socket& socket, const Event& event) {
      CHECK(event.arg_count() == 2);
      CHECK(event.arg(0).as_string() == "a");
      CHECK(event.attachments.size() == 1);
      socket.ack(*event.ack_id, Arguments{}.value(event.arg(1), event.attachments));
    };
    io.text(websocket, R"(451-7["m","a",{"_placeholder":true,"num":0}])");
    io.binary(websocket, "\x05");
    CHECK(io.received(websocket) ==
          Frames{{false, R"(461-7[{"_placeholder":true,"num":0}])"}, {true, "\x05"}});
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "that throws is logged, and acked if nothing was") {
    main.event_hook = [](Socket&, const Event&) { throw std::runtime_error("secret"); };
    io.text(websocket, "42[\"m\"]");
    CHECK(io.texts(websocket).empty());
    io.text(websocket, "423[\"m\"]");
    CHECK(io.texts(websocket) ==
          Texts{R"(433[{"ok":false,"error":{"code":"internal","message":"internal error"}}])"});
    main.event_hook = [](Socket& socket, const Event& event) {
      socket.ack(*event.ack_id, Arguments{}.null());
      throw 1;
    };
    io.text(websocket, "424[\"m\"]");
    CHECK(io.texts(websocket) == Texts{"434[null]"});
    CHECK_FALSE(io.closed(websocket));
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "is not called for an event that JSON cannot carry on") {
    io.text(websocket, "425[\"m\",\"\\ud800\"]");
    const Texts got = io.texts(websocket);
    REQUIRE(got.size() == 1);
    CHECK(got[0].starts_with(R"(435[{"ok":false,"error":{"code":"invalid_argument")"));
    io.text(websocket, "42[\"m\",\"\\ud800\"]");
    CHECK(io.texts(websocket).empty());
    CHECK(main.events.empty());
    CHECK_FALSE(io.closed(websocket));
  }
}

TEST_SUITE("Socket::emit_with_ack") {
  TEST_CASE_FIXTURE(ConnectedFixture, "gets the client's answer, each id its own, in any order") {
    main.last->emit_with_ack("one", {}, Duration{1000}, keep_result());
    main.last->emit_with_ack("two", {}, Duration{1000}, keep_result());
    CHECK(io.texts(websocket) == Texts{"420[\"one\"]", "421[\"two\"]"});

    io.text(websocket, "431[\"second\"]");
    io.text(websocket, "430[]");
    io.text(websocket, "430[\"again\"]");
    io.text(websocket, "439[\"unknown\"]");

    CHECK(results == Texts{"[\"second\"]", "[]"});
    CHECK_FALSE(io.closed(websocket));
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "gets binary answers too") {
    main.last->emit_with_ack("one", {}, Duration{1000}, keep_result());
    io.text(websocket, R"(461-0[{"_placeholder":true,"num":0}])");
    io.binary(websocket, "x");
    CHECK(results == Texts{R"([{"_placeholder":true,"num":0}]+x)"});
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "is busy after its timeout, and a late ack is ignored") {
    main.last->emit_with_ack("one", {}, Duration{1000}, keep_result());
    main.last->emit_with_ack("two", {}, Duration{500}, keep_result());
    io.tick(499);
    CHECK(results.empty());
    io.tick(1);
    CHECK(results == Texts{"busy"});
    io.text(websocket, "431[\"late\"]");
    io.text(websocket, "430[\"in time\"]");
    CHECK(results == Texts{"busy", "[\"in time\"]"});
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "is gone when the client goes, before on_disconnect()") {
    main.last->emit_with_ack("one", {}, Duration{1000}, keep_result());
    main.disconnect_hook = [this](Socket& socket) {
      CHECK(results == Texts{"gone"});
      socket.emit_with_ack("two", {}, Duration{1000}, keep_result());
    };
    io.text(websocket, "41");
    CHECK(results == Texts{"gone", "gone"});
    io.tick(2000);
    CHECK(results.size() == 2);
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "its callback may throw") {
    main.last->emit_with_ack(
        "one", {}, Duration{1000},
        [](const Result<JsonView>&, std::span<const std::string>) { throw 1; });
    io.text(websocket, "430[]");
    io.text(websocket, "42[\"m\"]");
    CHECK(main.events == Texts{"m"});
  }
}

TEST_SUITE("Server::deliver") {
  TEST_CASE_FIXTURE(ConnectedFixture,
                    "sends packets and runs tasks in order, on run_deliveries()") {
    Batch batch;
    const ConnectionId connection = main.last->connection();
    batch.target(connection, batch.packet("42[\"one\"]"));
    batch.task(connection, [](Socket& socket) { socket.emit("two"); });
    batch.begin_packet().append("42[\"three\"]");
    batch.target(connection, batch.end_packet());

    io.server.deliver(batch);
    CHECK(batch.empty());
    CHECK(io.wakes == 1);
    CHECK(io.texts(websocket).empty());
    io.server.run_deliveries(io.now);

    CHECK(io.texts(websocket) == Texts{"42[\"one\"]", "42[\"two\"]", "42[\"three\"]"});
  }

  TEST_CASE_FIXTURE(ConnectedFixture,
                    "wakes once until the mailbox is emptied, and not for nothing") {
    Batch empty;
    io.server.deliver(empty);
    CHECK(io.wakes == 0);
    for (int i = 0; i < 3; ++i) {
      Batch batch;
      batch.target(main.last->connection(), batch.packet("42[" + std::to_string(i) + "]"));
      io.server.deliver(batch);
    }
    CHECK(io.wakes == 1);
    io.server.run_deliveries(io.now);
    CHECK(io.texts(websocket) == Texts{"42[0]", "42[1]", "42[2]"});
    Batch batch;
    batch.target(main.last->connection(), batch.packet("42[3]"));
    io.server.deliver(batch);
    CHECK(io.wakes == 2);
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "one packet goes to many") {
    const ConnectionId first = main.last->connection();
    const auto other = io.join();
    const auto left = io.join();
    const ConnectionId third = main.last->connection();
    Batch batch;
    const std::size_t index = batch.packet("42[\"m\"]");
    for (const ConnectionId connection : {first, third}) batch.target(connection, index);
    io.server.deliver(batch);
    io.server.run_deliveries(io.now);
    CHECK(io.texts(websocket).size() == 1);
    CHECK(io.texts(other).empty());
    CHECK(io.texts(left).size() == 1);
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "what comes too late for its socket is dropped") {
    const ConnectionId connection = main.last->connection();
    io.text(websocket, "40/admin,");
    io.received(websocket);
    Batch batch;
    bool ran = false;
    batch.target(connection, batch.packet("42[\"late\"]"));
    batch.target(connection, batch.packet("42/admin,[\"in time\"]"));
    batch.target(connection, batch.packet("42/never,[\"x\"]"));
    batch.task(connection, [&](Socket&) { ran = true; });
    io.server.deliver(batch);
    io.text(websocket, "41");  // the main namespace is left, the connection is not

    io.server.run_deliveries(io.now);
    io.server.send(connection, "43[\"late\"]");
    io.server.send(connection, "43/admin,[\"in time\"]");

    CHECK(io.texts(websocket) == Texts{"42/admin,[\"in time\"]", "43/admin,[\"in time\"]"});
    CHECK_FALSE(ran);
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "a task that throws does not stop the others") {
    const ConnectionId connection = main.last->connection();
    Batch batch;
    batch.task(connection, [](Socket&) { throw std::runtime_error("secret"); });
    batch.task(connection, [](Socket& socket) { socket.emit("still"); });
    io.server.deliver(batch);
    io.server.run_deliveries(io.now);
    CHECK(io.texts(websocket) == Texts{"42[\"still\"]"});
  }

  TEST_CASE_FIXTURE(ConnectedFixture, "takes from several threads, each one's in its order") {
    const ConnectionId connection = main.last->connection();
    constexpr int kThreads = 4;
    constexpr int kEach = 500;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          Batch batch;
          batch.target(connection, batch.packet("42[" + std::to_string(t * kEach + i) + "]"));
          io.server.deliver(batch);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    io.server.run_deliveries(io.now);

    std::vector<int> next(kThreads);
    const Texts got = io.texts(websocket);
    CHECK(got.size() == kThreads * kEach);
    for (const std::string& text : got) {
      const int number = std::stoi(text.substr(3));
      CHECK(number % kEach == next[static_cast<std::size_t>(number / kEach)]++);
    }
  }
}

TEST_SUITE("Batch::append") {
  TEST_CASE_FIXTURE(ConnectedFixture, "puts another batch behind what is there") {
    const ConnectionId connection = main.last->connection();
    Batch one;
    one.target(connection, one.packet("42[1]"));
    one.task(connection, [](Socket& socket) { socket.emit("a"); });
    Batch two;
    two.task(connection, [](Socket& socket) { socket.emit("b"); });
    two.target(connection, two.packet("42[2]"));
    one.append(two);
    io.server.deliver(one);
    io.server.run_deliveries(io.now);
    CHECK(io.texts(websocket) == Texts{"42[1]", "42[\"a\"]", "42[\"b\"]", "42[2]"});
  }
}

}  // namespace
}  // namespace chatrt::socketio
