// The inside of socketio::Server, shared by server.cc (what comes in), socket.cc (what a handler
// asks for) and deliveries.cc (what comes from other threads).
#pragma once

#include <array>
#include <cstdint>
#include <exception>
#include <forward_list>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chatrt/socketio/server.h"

namespace chatrt::socketio {

// A namespace of the Server: its name and its handler.
using Nsp = Server::Namespaces::value_type;

struct Connection;

struct Socket::Impl final : Socket {
  enum class State : std::uint8_t { connecting, joined, gone };
  struct PendingAck {
    AckId id;
    MonotonicTime due;
    std::function<void(Result<JsonView>, std::span<const std::string>)> done;
  };
  using Id = std::array<char, 20>;

  Impl(Server::Impl& the_server, Connection& the_connection, const Nsp& the_nsp)
      : nsp(&the_nsp), server(&the_server), connection(&the_connection) {}

  std::string_view name() const noexcept { return nsp->first; }
  Namespace& handler() const noexcept { return *nsp->second; }
  std::string_view public_id() const noexcept {
    return id[0] == '\0' ? std::string_view{} : std::string_view(id.data(), id.size());
  }

  const Nsp* const nsp;
  State state = State::connecting;
  Server::Impl* const server;
  Connection* const connection;
  Id id{};                         // once joined
  std::optional<AckId> answering;  // the event that is being handled and not acked yet
  AckId next_ack = 0;
  std::vector<PendingAck> acks;
  std::unique_ptr<SocketData> data;
};

// A connection with its sockets: one for each namespace it has joined or is joining, and until the
// turn's end those that are gone.
struct Connection {
  ConnectionId id;
  std::forward_list<Socket::Impl> sockets;
  Session session;
  std::unique_ptr<Handshake> handshake;
  MonotonicTime attachments_due = MonotonicTime::max();
  bool attachments_watched = false;  // there is a Due::attachments for it
  bool was_joined = false;           // a namespace, at some time: the connect timeout is off
};

class Server::Impl final : public engineio::Application {
 public:
  Impl(Options options, Namespaces namespaces, std::vector<Middleware> middleware,
       engineio::Transport& transport, engineio::RandomSource random, LogSink& log,
       std::function<void()> wake);

  // --- engineio::Application
  Status allow(const engineio::Request& handshake) override;
  void on_open(ConnectionId session, const engineio::Request& handshake,
               MonotonicTime now) override;
  void on_message(ConnectionId session, bool binary, std::string_view data,
                  MonotonicTime now) override;
  void on_pong(ConnectionId session, MonotonicTime now) override;
  void on_close(ConnectionId session, engineio::CloseReason reason, MonotonicTime now) override;

  // --- what Server offers
  engineio::Server& engine() { return engine_; }
  std::optional<MonotonicTime> next_deadline() const;
  void on_tick(MonotonicTime now);
  void deliver(Batch& batch);
  void run_deliveries(MonotonicTime now);
  Connection* find(ConnectionId id) noexcept;
  // The socket of a connection in a namespace, or none; of no namespace there is none.
  Socket* find(ConnectionId id, const Nsp* nsp) noexcept;
  const Nsp* find_nsp(std::string_view name) const noexcept;
  // The namespace that `encoded` is of.
  const Nsp* nsp_of(std::string_view encoded) const noexcept;
  void send(ConnectionId id, std::string_view encoded, bool ephemeral);
  bool ping(ConnectionId id) { return engine_.ping(id, now_); }
  void close_all(MonotonicTime now);

  // --- what sockets ask for
  void accept(Socket::Impl& socket, std::string_view pid);
  void refuse(Socket::Impl& socket, std::string_view message, std::string_view data_json);
  // Sends a packet of `socket` with its attachments as one unit.
  void send_packet(const Socket::Impl& socket, Header header, std::string_view json,
                   const Arguments& arguments, bool ephemeral);
  void disconnect(Socket::Impl& socket);
  void close_connection(ConnectionId id) { engine_.close(id, now_); }
  void await_ack(Socket::Impl& socket, Duration timeout, Socket::Impl::PendingAck ack);

 private:
  friend class Socket;
  enum class Due : std::uint8_t { connect, attachments, ack };
  struct Deadline {
    MonotonicTime at;
    ConnectionId connection;
    Due what;
    friend bool operator<(const Deadline& a, const Deadline& b) { return a.at > b.at; }
  };

  // One call from outside or from a handler. Sockets and connections that end within it live until
  // the outermost is over, and no handler is told of a connection's end before: so none finds its
  // socket gone under its feet, or its own list of sockets changed while it sends to them.
  class Turn {
   public:
    explicit Turn(Impl& server) : server_(server) { ++server_.depth_; }
    ~Turn() {
      if (server_.depth_ == 1) server_.bury();
      --server_.depth_;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Impl& server_;
  };

  void on_received(Connection& connection, const Received& received);
  void on_connect(Connection& connection, const ConnectReceived& connect);
  void on_event(Connection& connection, const EventReceived& event);
  void on_refused(Connection& connection, const EventRefused& event);
  void on_ack(Connection& connection, const AckReceived& ack);
  void violate(Connection& connection, std::string_view what);
  void log_violation(const Connection& connection, std::string_view what);
  static Socket::Impl* socket_of(Connection& connection, const Nsp* nsp) noexcept;
  Socket::Impl* socket_of(Connection& connection, std::string_view nsp) noexcept {
    return socket_of(connection, find_nsp(nsp));
  }
  // Ends a socket: pending acks fail, the handler is told, and it is buried at the turn's end.
  void end(Socket::Impl& socket, DisconnectReason reason);
  void expire_acks(Connection& connection);
  void check_attachments(Connection& connection);
  Status ask(const Middleware& middleware, const Connection& connection,
             const ConnectReceived& connect) noexcept;
  void connect_error(ConnectionId id, std::string_view nsp, std::string_view message,
                     std::string_view data_json);
  // Calls into the host; what it throws is logged. False if it threw.
  template <typename F>
  bool guarded(ConnectionId connection, std::string_view what, F&& call) noexcept {
    try {
      call();
      return true;
    } catch (const std::exception& thrown) {
      log_throw(connection, what, thrown.what());
    } catch (...) {
      log_throw(connection, what, "unknown exception");
    }
    return false;
  }
  template <typename F>
  bool guarded(const Socket& socket, std::string_view what, F&& call) noexcept {
    return guarded(socket.connection(), what, std::forward<F>(call));
  }
  void log_throw(ConnectionId connection, std::string_view what, std::string_view error);
  Socket::Impl::Id make_id();
  // At the end of a turn: tells of connections that have ended, and frees what is no more.
  void bury();

  const Options options_;
  const Namespaces namespaces_;
  const Nsp* const main_;  // "/", which nearly all is of; nullptr if there is none
  const std::vector<Middleware> middleware_;
  engineio::RandomSource random_;
  LogSink& log_;
  const std::function<void()> wake_;
  engineio::Server engine_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by the slot in the ConnectionId
  std::priority_queue<Deadline> deadlines_;
  Json json_;
  std::string scratch_;
  MonotonicTime now_{};
  bool closing_ = false;
  std::size_t depth_ = 0;
  std::vector<std::pair<std::unique_ptr<Connection>, DisconnectReason>> ended_;
  std::vector<Connection*> with_gone_;  // they have sockets that are gone

  std::mutex mutex_;
  Batch mailbox_;  // guarded by mutex_
  Batch running_;
};

}  // namespace chatrt::socketio
