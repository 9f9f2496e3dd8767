// engineio::Session: any sequence of calls keeps its promises. Each step is a byte that chooses the
// call, and a chunk where the call takes bytes.

#include "chatrt/engineio/session.h"

#include "input.h"

namespace {

using namespace chatrt::engineio;
using Kind = Action::Kind;

struct Host {
  bool poll = false;
  bool post = false;
  bool probe = false;
  bool websocket = false;
  bool closed = false;

  // Carries out what the session wants, and checks that it may want it.
  void perform(Session::Actions& actions, const Session& session) {
    for (const Action& action : actions) {
      REQUIRE_THAT(!closed || action.kind == Kind::refuse);
      switch (action.kind) {
        case Kind::answer_poll:
          REQUIRE_THAT(poll && !action.body.empty());
          poll = false;
          break;
        case Kind::answer_post:
        case Kind::abort_post:
          REQUIRE_THAT(post);
          post = false;
          break;
        case Kind::refuse: REQUIRE_THAT(action.status == 400); break;
        case Kind::send: REQUIRE_THAT(websocket); break;
        case Kind::close_websocket:
          REQUIRE_THAT(websocket);
          websocket = false;
          break;
        case Kind::send_probe: REQUIRE_THAT(probe); break;
        case Kind::close_probe:
          REQUIRE_THAT(probe);
          probe = false;
          break;
        case Kind::adopt_probe:
          REQUIRE_THAT(probe && !websocket && !poll && !post);
          probe = false;
          websocket = true;
          break;
        case Kind::closed:
          closed = true;
          REQUIRE_THAT(!poll && !post && !websocket && !probe);
          break;
        case Kind::message:
        case Kind::pong: break;
      }
    }
    actions.clear();
    REQUIRE_THAT(session.is_closed() == closed);
    REQUIRE_THAT((session.next_deadline() == chatrt::MonotonicTime::max()) == closed);
    REQUIRE_THAT(closed || session.is_websocket() == websocket);
  }
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chatrt::fuzz::Input input(data, size);
  Options options;
  options.queued_bytes_max = 4000;
  options.payload_bytes_max = 500;
  Host host;
  chatrt::MonotonicTime now{chatrt::Duration{1000}};
  host.websocket = (input.byte() & 1) != 0;
  host.poll = !host.websocket;
  Session session(options, "sid", host.websocket, now);
  Session::Actions actions;
  session.open(actions);
  host.perform(actions, session);
  while (!input.empty()) {
    switch (input.byte() % 18) {
      case 0:
        if (session.on_poll(now, actions)) host.poll = true;
        break;
      case 1:
        if (!host.poll) break;
        host.poll = false;
        session.on_poll_aborted(actions);
        break;
      case 2:
        if (session.on_post_head(false, actions)) host.post = true;
        break;
      case 3: session.on_post_head(true, actions); break;
      case 4: session.on_post_body(input.chunk(), now, actions); break;
      case 5: session.on_post_too_large(actions); break;
      case 6:
        if (!host.post) break;
        host.post = false;
        session.on_post_aborted(actions);
        break;
      case 7:
        if (host.websocket) session.on_websocket_message(false, input.chunk(), now, actions);
        break;
      case 8:
        if (host.websocket) session.on_websocket_message(true, input.chunk(), now, actions);
        break;
      case 9:
        if (!host.websocket) break;
        host.websocket = false;
        session.on_websocket_closed((input.byte() & 1) != 0, actions);
        break;
      case 10:
        if (session.on_probe_open(now)) host.probe = true;
        break;
      case 11:
        if (host.probe) session.on_probe_message(false, input.chunk(), now, actions);
        break;
      case 12:
        if (!host.probe) break;
        host.probe = false;
        session.on_probe_closed();
        break;
      case 13: {
        const std::uint8_t how = input.byte();
        const std::string bytes(std::size_t{how} * 4 + 1, '4');
        session.send({(how & 1) != 0, bytes}, (how & 2) != 0, how, actions);
        break;
      }
      case 14: session.flush(actions); break;
      case 15: session.ping(now, actions); break;
      case 16:
        (input.byte() & 1) != 0 ? session.close(now, actions) : session.close_now(actions);
        break;
      case 17:
        now += chatrt::Duration{input.byte() * 200};
        session.on_tick(now, actions);
        break;
    }
    host.perform(actions, session);
  }
  return 0;
}
