// Throttle: refuses what is above the quotas, and closes connections that keep at it.
//
// Threads: on the thread of the socket's shard.
#pragma once

#include "answers.h"
#include "chatrt/gateway/chat.h"
#include "quotas.h"
#include "session.h"

namespace chatrt::gateway {

class Throttle {
 public:
  Throttle(const ChatParts& parts, const ChatOptions& options, Quotas& quotas, Answers& answers);

  // True: the event is within the quotas. False: it is refused, and that is answered.
  bool pass(socketio::Socket& socket, const socketio::Event& event);

 private:
  std::optional<Duration> wait_for(socketio::Socket& socket, MonotonicTime now);
  bool is_repeated(Meter& meter, MonotonicTime now) const;

  const ChatParts parts_;
  const ChatOptions& options_;
  Quotas& quotas_;
  Answers& answers_;
};

}  // namespace chatrt::gateway
