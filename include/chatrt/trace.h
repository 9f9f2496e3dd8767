// A TraceSink is told the way of each message to its connections, and of each message that is
// refused: for hosts that have to explain it afterwards.
//
// Threads: on_sent() on the Hub's commit lane, the others on any thread, several at once; none may
// block or throw. References and views are valid during the call alone. Ownership: the host's; it
// outlives the Hub and the gateway. chatd's keeps a bounded number of what it is told.
#pragma once

#include <span>

#include "chatrt/export.h"
#include "chatrt/message.h"
#include "chatrt/result.h"

namespace chatrt {

class CHATRT_EXPORT TraceSink {
 public:
  TraceSink() = default;
  TraceSink(const TraceSink&) = delete;
  TraceSink& operator=(const TraceSink&) = delete;
  virtual ~TraceSink();

  struct Sent {
    Position message;
    bool to_author;  // MessageSent; else ReceiveMessage
    bool replayed;   // to a connection that came later, or came back
  };
  // Given to the Outlet for these connections. There is none where the user is away.
  virtual void on_sent(const Sent& sent, std::span<const ConnectionId> connections) = 0;
  // The gateway has written every message for `connection` up to this one to its transport.
  virtual void on_written(ConnectionId connection, Position up_to) = 0;
  // The client has received all of these.
  virtual void on_confirmed(ConnectionId connection, Position up_to) = 0;
  // Refused by the Hub: nothing is stored.
  virtual void on_refused(const PostDraft& draft, Errc code) = 0;
};

}  // namespace chatrt
