// engineio::Server: the Engine.IO sessions of one thread - from complete HTTP requests and
// WebSocket messages to the messages of sessions, and back. No sockets, no threads, no clock
// inside.
//
// Source: Engine.IO protocol v4. Threads: one Server belongs to one thread; a host with several
// threads has one Server on each, told apart by Options::shard. Calls into Transport and
// Application are made from within the calls on the Server; Application may call send() and close()
// back from there, Transport must not call back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "chatrt/clock.h"
#include "chatrt/engineio/packet.h"
#include "chatrt/export.h"
#include "chatrt/message.h"

namespace chatrt::engineio {

// One HTTP exchange or one WebSocket of the host's transport; the host chooses the value, and
// reuses it only after the exchange or WebSocket is over. The low 32 bits index a table here: keep
// them small and dense (a slot number); the high 32 bits are the host's, for a generation say.
struct Carrier {
  std::uint64_t value = 0;
  friend auto operator<=>(const Carrier&, const Carrier&) = default;
};

// The head of an HTTP request as far as Engine.IO and the application are concerned. Views are
// valid during the call alone.
struct Request {
  std::string_view method;              // "GET"
  std::string_view query;               // raw, without '?': "EIO=4&transport=polling"
  std::string_view content_type = {};   // empty: none
  std::string_view authorization = {};  // empty: none
  std::string_view origin = {};         // empty: none
  std::string_view address = {};        // of the peer, for logs and quotas
};

// A complete answer to an HTTP request. The host adds Content-Length, Connection and CORS headers.
struct Response {
  int status = 200;
  std::string_view content_type;  // empty: none
  std::string_view body;
  bool no_store = false;  // add "Cache-Control: no-store"
};

// Why a session ended. The names are those of the reference.
enum class CloseReason {
  transport_close,  // the peer closed, or sent a close packet
  transport_error,  // overlapping or aborted requests, a bad frame, a wrong heartbeat
  ping_timeout,
  parse_error,
  forced_close,  // close() was called
  slow_reader,   // more than Options::queued_bytes_max waited for it
};
CHATRT_EXPORT std::string_view reason_name(CloseReason reason) noexcept;  // "transport close", ...

// What the host's sockets must be able to do.
class CHATRT_EXPORT Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport();

  // Answers the HTTP request of `exchange`; the exchange is over with it.
  virtual void respond(Carrier exchange, const Response& response) = 0;
  // Closes the TCP connection of `exchange` without an answer; the exchange is over.
  virtual void abort(Carrier exchange) = 0;
  // Sends one WebSocket message. The bytes are copied; they need not leave at once.
  virtual void send(Carrier websocket, Encoded packet) = 0;
  // How many bytes given to send() have not left yet.
  virtual std::size_t queued_bytes(Carrier websocket) const = 0;
  // Sends what is queued, then a close frame (`code` 0: without a status), then closes. The
  // WebSocket is over for the Server: on_websocket_closed() need not follow and is ignored.
  virtual void close(Carrier websocket, std::uint16_t code) = 0;
};

// The layer above.
class CHATRT_EXPORT Application {
 public:
  Application() = default;
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;
  virtual ~Application();

  // Asked before a session is made; an Error refuses it with code 4 and the error's detail.
  virtual Status allow(const Request& handshake) = 0;
  virtual void on_open(ConnectionId session, const Request& handshake, MonotonicTime now) = 0;
  virtual void on_message(ConnectionId session, bool binary, std::string_view data,
                          MonotonicTime now) = 0;
  // Everything sent to the session before its last ping has reached the client.
  virtual void on_pong(ConnectionId session, MonotonicTime now) = 0;
  // The session is no more. Called exactly once for each on_open().
  virtual void on_close(ConnectionId session, CloseReason reason, MonotonicTime now) = 0;
};

// Fills a buffer with bytes that nobody can guess; session ids are made of them.
using RandomSource = std::function<void(std::span<std::byte>)>;

struct Options {
  Duration ping_interval{25000};
  Duration ping_timeout{20000};
  Duration upgrade_timeout{10000};
  Duration closing_timeout{30000};            // for a polling client to fetch the last packets
  std::size_t payload_bytes_max = 1'000'000;  // of a request body or a WebSocket message
  std::size_t payload_packets_max = 16'384;   // in a request body; above: 413, parse_error
  std::size_t poll_packets_max = 16;          // in one polling answer: python-engineio's default
  std::size_t queued_bytes_max = 1 << 20;     // waiting for one client; above: slow_reader
  std::size_t sessions_max = 100'000;         // above: handshakes are answered 503
  bool polling = true;
  bool websocket = true;
  unsigned shard = 0;  // of this Server; in the session ids and the ConnectionIds it gives. < 256
};

class CHATRT_EXPORT Server {
 public:
  // REQUIRES: transport and application outlive the Server; options.shard < 256
  Server(Options options, Transport& transport, Application& application, RandomSource random);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The shard that a request with this query belongs to; none: any, it opens a session or is wrong.
  static std::optional<unsigned> shard_of(std::string_view query) noexcept;
  static unsigned shard_of(ConnectionId session) noexcept {
    return static_cast<unsigned>(session.value >> 56);
  }

  // --- HTTP. Every request is answered through Transport::respond() or abort(), now or later.

  // A request without a body (GET and everything that is refused).
  void on_request(Carrier exchange, const Request& request, MonotonicTime now);
  // The head of a POST. True: read the body (at most payload_bytes_max) and pass it to
  // on_post_body(), or call on_post_too_large(). False: it is answered already; skip the body.
  bool on_post_head(Carrier exchange, const Request& request, MonotonicTime now);
  void on_post_body(Carrier exchange, std::string_view body, MonotonicTime now);
  void on_post_too_large(Carrier exchange, MonotonicTime now);
  // The client has gone before the exchange was answered.
  void on_request_aborted(Carrier exchange, MonotonicTime now);

  // --- WebSocket

  // A request to upgrade. An answer (a plain text body, Connection: close) refuses it before the
  // 101; none: send the 101 and then call on_websocket_open().
  struct Refusal {
    int status;
    std::string body;
  };
  std::optional<Refusal> check_websocket(const Request& request);
  void on_websocket_open(Carrier websocket, const Request& request, MonotonicTime now);
  void on_websocket_message(Carrier websocket, bool binary, std::string_view data,
                            MonotonicTime now);
  // The WebSocket has ended, by the peer or by a violation of RFC 6455 (`error`).
  void on_websocket_closed(Carrier websocket, bool error, MonotonicTime now);

  // --- from above. A session that is gone is ignored.

  // Sends one message; text starts with '4'. `ephemeral`: dropped if the client is behind.
  void send(ConnectionId session, Encoded message, MonotonicTime now, bool ephemeral = false);
  // Sends a ping beside the regular ones: its pong is a receipt for what was sent before it. False
  // if one is in flight already (its pong says nothing of what was sent since) or the session is
  // closing.
  bool ping(ConnectionId session, MonotonicTime now);
  // Ends the session: queued packets leave first, then the transport is closed.
  void close(ConnectionId session, MonotonicTime now);
  // The same without waiting for a polling client to fetch what is queued.
  void close_now(ConnectionId session, MonotonicTime now);
  // Ends all of them for a shutdown, so that clients reconnect; handshakes are refused from now on.
  void close_all(MonotonicTime now);

  std::optional<MonotonicTime> next_deadline() const;
  // Does what is due. A late call does no harm: deadlines are also compared when a request arrives.
  void on_tick(MonotonicTime now);

  std::size_t session_count() const noexcept;
  std::size_t websocket_count() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chatrt::engineio
