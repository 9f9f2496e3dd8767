// One TCP connection of a shard: bytes to HTTP requests or WebSocket messages and back. Belongs to
// its shard's thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "chatrt/clock.h"
#include "chatrt/engineio/server.h"
#include "doorman.h"
#include "http.h"
#include "http_chunks.h"
#include "http_head.h"
#include "out_queue.h"
#include "tls.h"
#include "websocket_codec.h"

namespace chatd::transport {

class Shard;

// What Engine.IO is told of a request.
inline chatrt::engineio::Request engine_request(const HttpHead& head, std::string_view client) {
  return {.method = head.method,
          .query = head.query,
          .content_type = head.header("content-type"),
          .authorization = head.header("authorization"),
          .origin = head.header("origin"),
          .address = client};
}

class Connection {
 public:
  // Takes over the descriptor. `bytes` were read already. `tls`: none for plain TCP.
  Connection(Shard& shard, int fd, std::unique_ptr<TlsStream> tls, std::string address,
             std::string bytes);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // After each of these the connection may be over, and is then to be destroyed.

  // What recv() brought: so many bytes, 0 at the end, or -errno. The bytes may be written over.
  void on_received(char* bytes, ssize_t result);
  // The same from its TLS, with this buffer. REQUIRES: is_tls()
  void read_tls(std::span<char> buffer);
  void on_sweep();
  // The process is ending: what waits for nothing is closed.
  void on_shutdown();
  // Goes on with bytes that were read before.
  void process();

  void respond(const chatrt::engineio::Response& response);
  void respond(const HttpResponse& response);
  void abort();
  void send(chatrt::engineio::Encoded packet);
  void close_websocket(std::uint16_t code);
  // Sends what there is to send, then closes.
  void finish();
  // What is to be sent first, by a SocketBatch; nothing if that cannot: TLS.
  std::string_view sendable() const noexcept;
  // So many bytes of it are sent.
  void on_sent(std::size_t bytes);
  // After the batch, `failed`: -errno if that could not, else 0. What is left goes into the next
  // one, unless the socket takes no more; TLS writes here.
  void flush(ssize_t failed);

  std::size_t queued_bytes() const noexcept { return out_.size(); }
  int fd() const noexcept { return fd_; }
  // Gives the descriptor away, to another shard, and its TLS with it.
  int release() noexcept;
  std::unique_ptr<TlsStream> release_tls() noexcept { return std::move(tls_); }
  bool is_tls() const noexcept { return tls_ != nullptr; }
  bool is_websocket() const noexcept { return state_ == State::websocket; }
  // Waits for the socket to take what is queued.
  bool wants_to_write() const noexcept {
    return !out_.empty() && (!tls_ || tls_->is_established());
  }
  // False: the peer has said that it sends nothing further.
  bool wants_to_read() const noexcept { return !peer_ended_; }
  bool is_over() const noexcept { return state_ == State::over; }

  std::uint64_t carrier = 0;   // set by the shard
  std::uint32_t interest = 0;  // the shard's: what epoll was told
  bool flush_queued = false;   // the shard's

 private:
  enum class State : std::uint8_t { head, body, answering, websocket, finishing, lingering, over };

  // Where to write what is to be sent. Its memory is the shard's while nothing waits in it.
  std::string& out();
  void on_end(bool error);
  void on_peer_end();
  // Closes it at once, for that reason.
  void turn_away(TurnedAway reason);
  // All there is, as far as the socket takes it: 0, or -errno.
  ssize_t write_tls();
  // Has what waits here counted in the sum of all.
  void account();
  // The peer, or whom a trusted proxy brings.
  std::string client_of(const HttpHead& head) const;
  // False: the session that `head` asks for is refused, and that is answered.
  bool admit(const HttpHead& head, const std::string& client);
  bool process_head();
  bool process_body();
  void await_body(const HttpHead& head, std::size_t bytes_max);
  // Once it is whole. Without it the request may have failed.
  std::optional<std::string> take_body();
  // The body will not be read, or no further.
  void fail_body(int status);
  void on_head(const HttpHead& head, std::size_t bytes);
  void begin_engine(const HttpHead& head);
  void begin_websocket(const HttpHead& head);
  void begin_route(const HttpHead& head);
  void process_websocket(char* bytes, std::size_t size);
  void end_websocket(bool error);
  // A message of the client's has begun and has not ended in time.
  void on_slow_message();
  void write_response(int status, std::string_view content_type, std::string_view body,
                      std::string_view header_lines);
  // Answers a request that is not understood, and closes.
  void fail(int status);
  void await_head();
  void time_head();  // from now on
  std::string_view unread() const { return std::string_view{in_}.substr(in_begin_); }
  void consume(std::size_t bytes);

  Shard& shard_;
  int fd_;
  std::uint32_t dropped_ = 0;       // bytes read since it is to end
  std::unique_ptr<TlsStream> tls_;  // gone before the descriptor is
  State state_ = State::head;
  bool keep_alive_ = true;
  bool is_head_ = false;    // HEAD: no body in the answer
  bool is_engine_ = false;  // the request at hand is Engine.IO's
  bool peer_ended_ = false;
  bool processing_ = false;  // process() is running: do not enter it again
  chatrt::MonotonicTime
      deadline_;    // of the head, the body, the message, the idle connection or the write
  std::string in_;  // read and not processed
  std::size_t in_begin_ = 0;
  std::size_t body_bytes_ = 0;
  OutQueue out_;
  chatrt::MonotonicTime unwritable_since_{};
  std::string cors_;           // header lines for the answer
  std::size_t accounted_ = 0;  // of queued_bytes(), in the sum of all
  std::string address_;        // of the peer
  std::unique_ptr<HttpRequest> request_;
  std::unique_ptr<ChunkedBody> chunks_;
  std::unique_ptr<WebSocketReader> reader_;
};

}  // namespace chatd::transport
