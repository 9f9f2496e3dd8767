// Registration: who a socket is. From CONNECT, the query or `register` to the Hub's attach(), and
// what comes in before that.
//
// Threads: every member on the thread of the socket's shard.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "answers.h"
#include "chatrt/gateway/chat.h"
#include "grants.h"
#include "pace.h"
#include "recovery.h"
#include "session.h"

namespace chatrt::gateway {

class Registration {
 public:
  // Takes up an event that was held.
  using Replay = std::function<void(socketio::Socket&, const socketio::Event&)>;

  Registration(const ChatParts& parts, const ChatOptions& options, Delivery& delivery,
               Answers& answers, Grants& grants, Quotas& quotas, Recovery& recovery, Pace& pace,
               Replay replay);
  void start(Hub& hub);

  void on_connect(socketio::Socket& socket, socketio::JsonView auth);
  void on_disconnect(socketio::Socket& socket, socketio::DisconnectReason reason);
  // `register`: answers it, now or after attach().
  void on_register(socketio::Socket& socket, const socketio::Event& event);
  // Keeps the event until the socket is attached and may ask for it.
  void hold(socketio::Socket& socket, const socketio::Event& event);
  // Takes up what may be.
  void take_up_held(socketio::Socket& socket);
  void on_tick(unsigned shard, MonotonicTime now);

 private:
  void refuse_connect(socketio::Socket& socket, const Error& error);
  std::optional<Identity> identity_from_query(const socketio::Socket& socket) const;
  // Answers CONNECT with the session that it asks for. False: a new one has to begin.
  bool resume(socketio::Socket& socket, socketio::JsonView auth, const UserId* user);
  void begin(socketio::Socket& socket, const UserId& user, socketio::JsonView offset);
  // The client has come back on another connection.
  void retire(ConnectionId connection);
  Status register_user(socketio::Socket& socket, const socketio::Event& event);

  // `undelivered`: see Hub::AttachRequest.
  void attach(socketio::Socket& socket, UserId user, std::optional<Offset> since, bool undelivered);
  void on_attached(socketio::Socket& socket, const Hub::Attached& attached);
  void on_attach_failed(socketio::Socket& socket, Errc code);
  void repeat(socketio::Socket& socket, std::optional<socketio::AckId> ack);

  void refuse_held(socketio::Socket& socket, Errc code);

  void send_ready(ConnectionId connection, const UserId& user, const Hub::Attached& attached);
  void tell_unregistered(ConnectionId connection, Errc code, std::string_view message);
  void send(ConnectionId connection, std::string_view packet);

  const ChatParts parts_;
  const ChatOptions& options_;
  Delivery& delivery_;
  Answers& answers_;
  Grants& grants_;
  Quotas& quotas_;
  Recovery& recovery_;
  Pace& pace_;
  Replay replay_;
  Hub* hub_ = nullptr;
  std::atomic<std::uint64_t> last_attempt_ = 0;
  // By shard, each used on its own thread: until when a connection with early events may register.
  std::vector<std::unordered_map<ConnectionId, MonotonicTime>> deadlines_;
};

}  // namespace chatrt::gateway
