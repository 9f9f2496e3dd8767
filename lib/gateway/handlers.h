// Handlers: the events that clients send, each as a call on the Hub and its answer.
//
// Threads: dispatch() on the thread of the socket's shard.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "answers.h"
#include "chatrt/gateway/chat.h"
#include "chatrt/socketio/server.h"
#include "outgoing.h"
#include "pace.h"
#include "posts.h"

namespace chatrt::gateway {

class Grants;
class Registration;

class Handlers {
 public:
  Handlers(const ChatParts& parts, const ChatOptions& options, Delivery& delivery, Answers& answers,
           Outgoing& outgoing, Posts& posts, Pace& pace, Registration& registration,
           Grants& grants);
  void start(Hub& hub) { hub_ = &hub; }

  // Answers the event, has it held, or refuses it.
  void dispatch(socketio::Socket& socket, const socketio::Event& event);
  // The same for one that was held.
  void take_up(socketio::Socket& socket, const socketio::Event& event);

 private:
  struct Call {
    socketio::Socket& socket;
    const UserId& user;
    socketio::JsonView argument;
    std::string_view event;  // a name of the table: it stays
    std::optional<socketio::AckId> ack;

    ConnectionId connection() const { return socket.connection(); }
    Answers::To answer_to() const { return {connection(), event, ack}; }
  };
  // Takes the event up and sees to its answer; an Error is not answered yet, and its detail is for
  // the client.
  using Handler = Status (Handlers::*)(const Call&);
  struct Entry {
    std::string_view name;
    Handler handler;
  };
  static std::span<const Entry> table();
  void run(const Entry& entry, socketio::Socket& socket, const socketio::Event& event);

  // Answers a read: {"ok":true, and what `append` writes}.
  template <typename T, typename Append>
  void answer(const Answers::To& to, const Result<T>& result, Append append);

  // The Hub, for what is to come behind the messages that came before it.
  Hub& hub_for(const Call& call);

  Status send_message(const Call& call);
  Status typing(const Call& call);
  Status mark_read(const Call& call);
  Status history(const Call& call);
  Status conversations(const Call& call);
  Status sync(const Call& call);
  Status presence(const Call& call);

  const ChatParts parts_;
  const ChatOptions& options_;
  Delivery& delivery_;
  Answers& answers_;
  Outgoing& outgoing_;
  Posts& posts_;
  Pace& pace_;
  Registration& registration_;
  Grants& grants_;
  Hub* hub_ = nullptr;
  std::string message_id_;  // of a log line; commit lane
};

}  // namespace chatrt::gateway
