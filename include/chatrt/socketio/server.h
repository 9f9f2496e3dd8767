// socketio::Server: the Socket.IO connections of one thread, on top of an engineio::Server. A host
// gives it the namespaces it serves; every one of them is handled by a Namespace of the host's.
//
// Source: Socket.IO protocol v5. Threads: one Server belongs to one thread (its shard); deliver()
// and nothing else may be called from others. A Namespace shared by several Servers is called on
// all their threads at once, but for one Socket always on the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/clock.h"
#include "chatrt/engineio/server.h"
#include "chatrt/export.h"
#include "chatrt/log.h"
#include "chatrt/message.h"
#include "chatrt/socketio/packet.h"
#include "chatrt/socketio/session.h"

namespace chatrt::socketio {

class Socket;

// Why a Socket ended. Names are those of the reference: disconnect_reason_name().
enum class DisconnectReason {
  transport_close,
  transport_error,
  ping_timeout,
  parse_error,
  forced_close,  // the client broke the protocol
  client_namespace_disconnect,
  server_namespace_disconnect,
  server_shutting_down,
  slow_reader,
};
CHATRT_EXPORT std::string_view disconnect_reason_name(DisconnectReason reason) noexcept;

// What the connection's handshake said; kept as long as a Socket may ask for it.
struct Handshake {
  std::string query;          // raw
  std::string authorization;  // the header
  std::string address;
  // The decoded value of a query parameter; the last one if there are several.
  CHATRT_EXPORT std::optional<std::string> query_value(std::string_view name) const;
};

// An event as its handler sees it.
struct Event {
  std::string_view name;
  JsonView args;  // the whole array: [0] is the name, see arg()
  std::span<const std::string> attachments;
  std::optional<AckId> ack_id;

  JsonView arg(std::size_t index) const noexcept { return args.at(index + 1); }
  std::size_t arg_count() const noexcept { return args.size() > 0 ? args.size() - 1 : 0; }
};

// Host data attached to a Socket; destroyed with it.
class CHATRT_EXPORT SocketData {
 public:
  SocketData() = default;
  SocketData(const SocketData&) = delete;
  SocketData& operator=(const SocketData&) = delete;
  virtual ~SocketData();
};

// Handles the sockets of one namespace. Views are valid during the call alone; a Socket until
// on_disconnect() of it returns. A connection that ends while a member runs (a slow reader, or
// close_connection()) is told of after it: one may send to a list of sockets that on_disconnect()
// changes. What a member throws is logged, and an event is then answered with a negative ack.
class CHATRT_EXPORT Namespace {
 public:
  Namespace() = default;
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;
  virtual ~Namespace();

  // A client asks to join. Call socket.accept() or socket.refuse(), now or later (through
  // Server::deliver); on_disconnect() follows only what was accepted. `auth` may be absent.
  virtual void on_connect(Socket& socket, JsonView auth) = 0;
  // An event with an ack id must be answered once with socket.ack(): clients with `retries` wait
  // for it.
  virtual void on_event(Socket& socket, const Event& event) = 0;
  // An event that was refused by the JSON rules (see EventRefused). The default acks
  // {"ok":false,"error":{"code":"invalid_argument",...}} if an ack was asked for.
  virtual void on_refused_event(Socket& socket, std::optional<AckId> ack_id);
  // Everything sent to this connection before its last ping has reached the client.
  virtual void on_pong(Socket& socket);
  virtual void on_disconnect(Socket& socket, DisconnectReason reason);
};

// Runs before a namespace's on_connect(), in the order added. Returns an error to refuse: its
// detail is the message of the CONNECT_ERROR, data["code"] is error_name(code). What it throws is
// logged, and refuses with `internal`.
using Middleware =
    std::function<Status(std::string_view nsp, const Handshake& handshake, JsonView auth)>;

// One client in one namespace. Used on the Server's thread alone.
class CHATRT_EXPORT Socket {
 public:
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  ConnectionId connection() const noexcept;  // one for all namespaces of a connection
  std::string_view nsp() const noexcept;
  std::string_view id() const noexcept;  // the public Socket.IO id; empty until accept()
  const Handshake& handshake() const noexcept;

  // Answers the CONNECT: {"sid":...} and, if not empty, "pid". REQUIRES: not answered yet
  void accept(std::string_view pid = {});
  // Answers the CONNECT with CONNECT_ERROR; stock clients then stay away until told otherwise. The
  // Socket is gone after this. `data_json`: JSON text, or empty for none.
  void refuse(std::string_view message, std::string_view data_json = {});

  // Sends an event. REQUIRES: name not reserved
  void emit(std::string_view name, const Arguments& arguments = {});
  // The same, dropped if the client is behind.
  void emit_volatile(std::string_view name, const Arguments& arguments = {});
  // Sends an event and asks for an ack; `done` gets its arguments (an array), or an error: `busy`
  // after `timeout`, `gone` if the client left before (at once if it is not in the namespace).
  void emit_with_ack(std::string_view name, const Arguments& arguments, Duration timeout,
                     std::function<void(Result<JsonView>, std::span<const std::string>)> done);
  // Answers an event. A handler answers each id once: clients ignore a second answer.
  void ack(AckId id, const Arguments& arguments);

  // Sends DISCONNECT: the client leaves the namespace and does not come back by itself.
  void disconnect();
  // Closes the whole connection without a word: stock clients come back by themselves.
  void close_connection();

  SocketData* data() const noexcept;
  void set_data(std::unique_ptr<SocketData> data) noexcept;

  struct Impl;  // the library's own, which every Socket is

 protected:
  Socket() = default;
  ~Socket() = default;

 private:
  Impl& impl() noexcept;
  const Impl& impl() const noexcept;
};

// Things to do on a Server's thread, gathered by another thread: packets and tasks, in order.
// Packets lie in one buffer, so a batch of thousands costs a handful of allocations.
class CHATRT_EXPORT Batch {
 public:
  // Adds a packet (as encode() gives it, with its '4') and returns its index for target().
  std::size_t packet(std::string_view encoded);
  // Begins a packet that is written in place: append to the returned string, then end_packet().
  std::string& begin_packet();
  std::size_t end_packet();
  // Sends packet `index` to `connection`, unless that has left the packet's namespace meanwhile.
  // Who has joined it again by then, on the same connection, gets it.
  void target(ConnectionId connection, std::size_t index, bool ephemeral = false);
  // Runs `task` with the connection's socket of the main namespace, if it is there still.
  void task(ConnectionId connection, std::function<void(Socket&)> task);

  bool empty() const noexcept { return operations_.empty(); }
  void clear() noexcept;  // keeps the memory
  // Appends `other` behind what is here.
  void append(const Batch& other);

 private:
  friend class Server;
  struct Slice {
    std::size_t offset;
    std::size_t size;
  };
  struct Operation {
    ConnectionId connection;
    std::uint32_t index;  // of the packet or the task
    bool is_task;
    bool ephemeral;
  };
  std::string bytes_;
  std::size_t begun_ = 0;
  std::vector<Slice> packets_;
  std::vector<Operation> operations_;
  std::vector<std::function<void(Socket&)>> tasks_;
};

struct Options {
  engineio::Options engine;
  Duration connect_timeout{45000};     // to join a namespace; then the connection is closed
  Duration attachment_timeout{10000};  // for the attachments of a binary packet
};

class CHATRT_EXPORT Server {
 public:
  // By name ("/", "/admin"). The Namespaces outlive the Server.
  using Namespaces = std::map<std::string, Namespace*, std::less<>>;

  // `wake` is called, from any thread, when deliver() has put something into an empty mailbox: the
  // host then has run_deliveries() called on the Server's thread.
  Server(Options options, Namespaces namespaces, std::vector<Middleware> middleware,
         engineio::Transport& transport, engineio::RandomSource random, LogSink& log,
         std::function<void()> wake);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Requests, WebSockets and time go in here.
  engineio::Server& engine() noexcept;
  std::optional<MonotonicTime> next_deadline() const;
  void on_tick(MonotonicTime now);

  // Any thread: puts `batch` in the mailbox and leaves it empty (its memory may be swapped).
  void deliver(Batch& batch);
  void run_deliveries(MonotonicTime now);

  // The socket of a connection in a namespace, or nullptr.
  Socket* find(ConnectionId connection, std::string_view nsp) noexcept;
  // Sends an encoded packet to one connection at once, unless that has left its namespace.
  void send(ConnectionId connection, std::string_view encoded, bool ephemeral = false);
  // Sends an early ping; see Namespace::on_pong() and engineio::Server::ping().
  bool ping(ConnectionId connection);

  // Closes one connection; see Socket::close_connection().
  void close_connection(ConnectionId connection);
  // Closes every connection without DISCONNECT, so that clients come back elsewhere or later.
  void close_all(MonotonicTime now);

  class Impl;  // the library's own

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace chatrt::socketio
