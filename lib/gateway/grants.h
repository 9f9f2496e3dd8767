// Grants: how long what a token gave holds - until it expires, with a grace to bring the next one,
// or is taken back.
//
// Threads: every member on the thread of the socket's shard.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "answers.h"
#include "chatrt/gateway/chat.h"
#include "session.h"

namespace chatrt::gateway {

class Grants {
 public:
  Grants(const ChatParts& parts, const ChatOptions& options, Delivery& delivery, Answers& answers);
  void start();

  // `connection` is who a token says; changes what an earlier one gave.
  void put(ConnectionId connection, Identity identity);
  void erase(ConnectionId connection);
  // `auth_refresh`: takes the next token of the same user, and answers.
  void on_refresh(socketio::Socket& socket, const socketio::Event& event);
  // Sends those away whose time is over or whose grant was taken back.
  void on_tick(unsigned shard, MonotonicTime now);

 private:
  struct Grant {
    Identity identity;
    MonotonicTime ends;
  };
  struct Shard {
    std::unordered_map<ConnectionId, Grant> grants;
    std::uint64_t revision = 0;  // of the Authorizer when `grants` were last checked
  };
  Result<Identity> refresh(const socketio::Socket& socket, socketio::JsonView argument);
  void end(socketio::Socket& socket, Errc code);

  const ChatParts parts_;
  const ChatOptions& options_;
  Delivery& delivery_;
  Answers& answers_;
  std::vector<Shard> shards_;
};

}  // namespace chatrt::gateway
