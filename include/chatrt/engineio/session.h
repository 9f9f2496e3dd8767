// engineio::Session: one client's Engine.IO session as a state machine - polling, WebSocket, the
// upgrade between them, heartbeat and close. What comes in are method calls with the time; what has
// to be done is appended to a list of actions. No I/O, no clock, no callbacks.
//
// Source: Engine.IO protocol v4. Threads: one at a time. Most hosts use engineio::Server, which
// keeps a table of Sessions and carries their actions out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/clock.h"
#include "chatrt/engineio/packet.h"
#include "chatrt/engineio/server.h"
#include "chatrt/export.h"

namespace chatrt::engineio {

// Something to be done, in order. `data` points into what came in or is kept in `body`.
struct Action {
  enum class Kind {
    message,          // a message of the client: `binary`, `data()`
    pong,             // the client has received all that was sent before the last ping
    answer_poll,      // answer the pending GET: 200 with `body`
    answer_post,      // answer the pending POST with `status` ("ok" for 200)
    abort_post,       // close the connection of the pending POST without an answer
    refuse,           // answer the request at hand with `status` and no body
    send,             // one packet on the session's WebSocket: `binary`, `data()`
    close_websocket,  // close the session's WebSocket
    send_probe,       // one packet on the WebSocket that is probing
    close_probe,      // close the WebSocket that is probing
    adopt_probe,      // the WebSocket that was probing is the session's from now on
    closed,           // the session is no more, for `reason`
  };

  Kind kind;
  bool binary = false;
  int status = 200;
  CloseReason reason = CloseReason::transport_close;
  std::string body = {};
  std::string_view view = {};

  std::string_view data() const noexcept { return body.empty() ? view : std::string_view{body}; }
};

class CHATRT_EXPORT Session {
 public:
  using Actions = std::vector<Action>;

  // `options` outlive the Session. The open packet is queued or sent by open().
  Session(const Options& options, std::string sid, bool websocket, MonotonicTime now);

  // The handshake's answer: the open packet, for a pending poll or on the WebSocket.
  void open(Actions& out);

  // --- polling. The caller knows which exchange is the pending GET and which the pending POST.

  // False: refused, see the actions. True: this is the pending GET now.
  bool on_poll(MonotonicTime now, Actions& out);
  void on_poll_aborted(Actions& out);
  // False: the POST is refused (see the actions); its body is of no interest.
  bool on_post_head(bool octet_stream, Actions& out);
  void on_post_body(std::string_view body, MonotonicTime now, Actions& out);
  void on_post_too_large(Actions& out);
  void on_post_aborted(Actions& out);

  // --- WebSocket

  void on_websocket_message(bool binary, std::string_view data, MonotonicTime now, Actions& out);
  void on_websocket_closed(bool error, Actions& out);
  // A second WebSocket names this session. False: it cannot upgrade; close it.
  bool on_probe_open(MonotonicTime now);
  void on_probe_message(bool binary, std::string_view data, MonotonicTime now, Actions& out);
  void on_probe_closed();

  // --- from above

  // Text starts with '4'. `behind`: bytes of earlier packets that have not left the WebSocket.
  void send(Encoded packet, bool ephemeral, std::size_t behind, Actions& out);
  // Answers a pending poll with what send() has queued: called once when a turn's sends are made.
  void flush(Actions& out);
  // True if a ping was sent; false if one is in flight already or the session is closing.
  bool ping(MonotonicTime now, Actions& out);
  void close(MonotonicTime now, Actions& out);
  // As close(), without waiting for a polling client to fetch what is queued.
  void close_now(Actions& out);

  // When on_tick() is due; MonotonicTime::max() once closed.
  MonotonicTime next_deadline() const noexcept;
  void on_tick(MonotonicTime now, Actions& out);

  const std::string& sid() const noexcept { return sid_; }
  bool is_websocket() const noexcept { return websocket_; }
  bool is_closed() const noexcept { return state_ == State::closed; }
  // Open for messages in both directions.
  bool is_open() const noexcept { return state_ == State::open; }

 private:
  enum class State : std::uint8_t { open, closing, closed };
  struct Queued {
    bool binary;
    std::string bytes;
  };
  // What only a session on polling or in an upgrade needs.
  struct Polling {
    std::deque<Queued> queue;
    std::size_t queued_bytes = 0;
    bool poll_pending = false;
    bool post_pending = false;
    bool probing = false;
    bool probed = false;
    MonotonicTime probe_deadline{};
  };

  void enqueue(Encoded packet, std::size_t behind, Actions& out);
  void flush_poll(Actions& out);
  std::string take_payload(std::size_t packets_max);
  bool on_packet(const Packet& packet, MonotonicTime now, Actions& out);
  void on_pong(MonotonicTime now, Actions& out);
  void finish_upgrade(Actions& out);
  void end(CloseReason reason, Actions& out);
  std::string open_packet() const;

  const Options& options_;
  std::string sid_;
  std::unique_ptr<Polling> polling_;  // none once on a WebSocket for good
  MonotonicTime heartbeat_;           // the next ping; or, while one is in flight, its deadline
  State state_ = State::open;
  bool websocket_;
  bool upgraded_ = false;
  bool ping_in_flight_ = false;
};

}  // namespace chatrt::engineio
