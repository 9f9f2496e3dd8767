// A Shard: one thread with its connections and the socketio::Server behind them. No locks inside;
// other threads post().
//
// Threads: what is marked "any thread" may be called from any, the rest on the shard's own.
#pragma once

#include <asio/io_context.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "answer_box.h"
#include "chatrt/clock.h"
#include "chatrt/engineio/server.h"
#include "chatrt/log.h"
#include "chatrt/socketio/server.h"
#include "doorman.h"
#include "http.h"
#include "origin.h"
#include "socket_batch.h"
#include "tls.h"

namespace chatd::transport {

class Connection;

struct ShardOptions {
  std::string engine_path = "/socket.io/";  // requests below it with an EIO or transport parameter
  std::size_t message_bytes_max = 1'000'000;  // of a WebSocket message or a POST to the engine
  std::size_t queued_bytes_max = 4 << 20;     // waiting to be written; above: closed
  chatrt::Duration head_timeout{5000};
  chatrt::Duration body_timeout{10000};
  chatrt::Duration message_timeout{20000};  // of a WebSocket message, from its first byte
  chatrt::Duration idle_timeout{75000};     // keep-alive between requests
  chatrt::Duration write_timeout{10000};  // nothing could be written for so long, with data waiting
  OriginPolicy origins;
  std::shared_ptr<const TlsKeyring> tls;  // none: plain TCP
  bool io_uring = true;                   // receive and send by it, where the kernel lets us
  std::shared_ptr<Doorman> doorman = std::make_shared<Doorman>(DoormanOptions{});
  // What may wait in all connections behind one doorman; above, whoever has more than 64 KB of it
  // is closed. 0: no limit.
  std::size_t queued_bytes_total_max = 0;
};

struct ShardCounters {
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> websockets{0};
  std::atomic<std::size_t> sessions{0};
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> bytes_in{0};
  std::atomic<std::uint64_t> bytes_out{0};
};

class Shard final : public chatrt::engineio::Transport {
 public:
  Shard(ShardOptions options, const chatrt::Clock& clock, HttpHandler& http, chatrt::LogSink& log);
  ~Shard() override;  // stops

  // Before start(): the protocol stack behind this shard, and all shards by their number.
  void connect(chatrt::socketio::Server& server, std::vector<Shard*> shards);
  // The same with Engine.IO alone.
  void connect(chatrt::engineio::Server& engine, std::vector<Shard*> shards);
  void start(const std::string& thread_name);

  // What runs on the shard's thread between its turns: the Acceptor.
  asio::io_context& context() noexcept;
  // Any thread: runs `task` on the shard's.
  void post(std::function<void()> task);
  // On the shard's thread, outside of its turns: one of `task` alone.
  void run_turn(const std::function<void()>& task);
  // Any thread: has the mailboxes emptied soon.
  void wake();
  // The shard whose thread this is, or nullptr.
  static Shard* current() noexcept;
  // On the shard's thread: runs `task` when what has come in this turn is taken.
  void at_turn_end(std::function<void()> task) { at_turn_end_.push_back(std::move(task)); }
  // On the shard's thread, outside of what the sessions call: what wake() has announced, now.
  void empty_mailboxes();
  // Any thread: takes over a socket that was just connected; or one of another shard, from which
  // `bytes` were read already. On the shard's own thread: within a turn.
  void adopt(int fd, std::string address);
  void adopt(int fd, std::unique_ptr<TlsStream> tls, std::string address, std::string bytes);
  // Any thread: closes all sessions and connections, once what is queued has left or `patience` is
  // over, and ends the thread; join() waits for that.
  void shut_down(chatrt::Duration patience);
  void join();

  // Among those that connect() was given.
  unsigned number() const noexcept { return number_; }

  // Before start(): called on the shard's thread at the time that it returned last.
  void set_tick(std::function<chatrt::MonotonicTime(chatrt::MonotonicTime)> tick);

  // --- chatrt::engineio::Transport
  void respond(chatrt::engineio::Carrier exchange,
               const chatrt::engineio::Response& response) override;
  void abort(chatrt::engineio::Carrier exchange) override;
  void send(chatrt::engineio::Carrier websocket, chatrt::engineio::Encoded packet) override;
  std::size_t queued_bytes(chatrt::engineio::Carrier websocket) const override;
  void close(chatrt::engineio::Carrier websocket, std::uint16_t code) override;

  // Any thread: the answer to a request of the HttpHandler.
  void respond_http(std::uint64_t exchange, HttpResponse response);
  // One thread at a time, such as the Hub's commit lane: the same, but what is for another thread
  // waits for hand_over_answers().
  void respond_http_in_turn(std::uint64_t exchange, HttpResponse response);
  void hand_over_answers();

  // --- for its connections
  chatrt::MonotonicTime now() const noexcept { return now_; }
  const ShardOptions& options() const noexcept { return options_; }
  chatrt::engineio::Server& engine() noexcept { return *engine_; }
  HttpHandler& http() noexcept { return http_; }
  chatrt::LogSink& log() noexcept { return log_; }
  ShardCounters& counters() noexcept { return counters_; }
  // Has the connection flushed at the end of this turn.
  void flush_later(Connection& connection);
  // The request at the head of `bytes` belongs to another shard: moves the connection there.
  bool move_to(unsigned shard, Connection& connection, std::string bytes, std::string address);
  // Says that somebody was turned away at the door: at most once a second, with how many were.
  void log_turned_away(TurnedAway reason, std::string_view address);
  // For the head of the request at hand.
  std::string& head_buffer() noexcept { return head_buffer_; }
  // Buffers for what waits to be written, lent to those who have something waiting.
  std::string take_buffer();
  void give_buffer(std::string buffer);

 private:
  // Those who came first are answered before more are read.
  static constexpr std::size_t kEventsPerTurn = SocketBatch::kMax;

  struct Loop;  // Asio and epoll

  void run();
  void turn();
  void end_turn();
  // Reads from those that are readable.
  void read(std::span<const std::uint64_t> carriers);
  // From those that were adopted in this turn: as a rule their first request has come as well.
  void read_adopted();
  void run_at_turn_end();
  void flush();
  void flush(std::span<const std::uint64_t> carriers);
  // Sends what is first in each queue. `failed`: the answers that are no number of bytes, else 0.
  void send(std::span<const std::uint64_t> carriers, std::span<ssize_t> failed);
  void run_mailboxes();
  void answer(std::uint64_t exchange, const HttpResponse& response);
  void sweep();
  void arm_timer();
  std::optional<chatrt::MonotonicTime> next_deadline() const;
  void add(int fd, std::unique_ptr<TlsStream> tls, std::string address, std::string bytes);
  void destroy(Connection& connection);
  void update_interest(Connection& connection);
  Connection* find(std::uint64_t carrier) const noexcept;

  ShardOptions options_;
  const chatrt::Clock& clock_;
  HttpHandler& http_;
  chatrt::LogSink& log_;
  chatrt::engineio::Server* engine_ = nullptr;
  chatrt::socketio::Server* server_ = nullptr;  // on top of it; none: Engine.IO alone
  std::vector<Shard*> shards_;
  unsigned number_ = 0;
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
  std::function<chatrt::MonotonicTime(chatrt::MonotonicTime)> tick_;
  chatrt::MonotonicTime now_{};
  chatrt::MonotonicTime next_sweep_{};
  chatrt::MonotonicTime next_tick_ = chatrt::MonotonicTime::max();
  std::vector<std::unique_ptr<Connection>> connections_;  // by slot
  std::vector<std::uint32_t> generations_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint64_t> to_flush_;
  bool flush_posted_ = false;  // as there is more of it than has its turn
  std::vector<std::uint64_t> adopted_;
  SocketBatch batch_;
  std::vector<std::unique_ptr<Connection>> dead_;
  std::string read_buffer_;
  std::string head_buffer_;
  std::vector<std::string> spare_buffers_;
  ShardCounters counters_;
  std::atomic<bool> wake_pending_{false};
  std::vector<std::function<void()>> at_turn_end_;
  std::uint64_t turned_away_ = 0;  // and not in the log
  chatrt::MonotonicTime log_turned_away_at_{};
  bool shutting_down_ = false;
  chatrt::MonotonicTime give_up_at_{};
  AnswerBox answers_;  // of the HttpHandler
};

}  // namespace chatd::transport
