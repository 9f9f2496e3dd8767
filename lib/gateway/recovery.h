// Recovery: the sessions that clients resume, and the `pid` that names one.
//
// Threads: any. What is kept in memory is bounded: sessions of open connections, and of those that
// have ended lately.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "chatrt/gateway/chat.h"
#include "chatrt/gateway/session_vault.h"
#include "chatrt/socketio/json.h"
#include "fields.h"

namespace chatrt::gateway {

class Recovery {
 public:
  Recovery(const ChatParts& parts, const ChatOptions& options)
      : vault_(parts.vault), clock_(parts.clock), window_(options.recovery_window) {}

  // Whether sessions are given out at all.
  bool enabled() const noexcept { return vault_ != nullptr; }

  // What a pid says.
  struct Pid {
    SessionId session;
    Timestamp issued;
    Position start;    // of the log, when the session began
    Position brought;  // the offset that the client had then; kNoPosition: none
    UserId user;       // empty: only `register` will say
  };
  Timestamp expiry_of(const Pid& pid) const { return pid.issued + window_; }

  // A session that begins now, on `connection`. `offset`: of an earlier session of the client,
  // which brings it until it has an event of this one. That may have been another user's session.
  struct Issued {
    Pid pid;
    std::string text;
  };
  Issued begin(ConnectionId connection, const UserId& user, Position head,
               socketio::JsonView offset);

  // The session that CONNECT asks to resume. Nothing if it names none, or one of which nobody has
  // said whose it is: who has not registered has nothing to resume.
  struct Asked {
    bool valid = false;  // false: forged, expired, or ended
    Pid pid;             // with its user
  };
  std::optional<Asked> read(socketio::JsonView auth) const;

  // Goes on with the session on `connection`. `head`: the log's end, where known.
  struct Resumed {
    Offset since;
    bool undelivered;                    // see Hub::AttachRequest
    std::optional<ConnectionId> before;  // the connection that had the session until now
  };
  Resumed resume(const Pid& pid, socketio::JsonView offset, std::optional<Position> head,
                 ConnectionId connection);

  // `register` has said whose session it is.
  void bind(const Pid& pid, const UserId& user);
  // All up to `position` has reached the client.
  void confirm(SessionId session, Position position);
  // The connection has ended; `for_good`: the client has left, or was sent away. Where another
  // connection has the session by now, that goes on.
  void end(const Pid& pid, ConnectionId connection, bool for_good);

 private:
  struct Known {
    std::optional<ConnectionId> connection;
    std::optional<Position> confirmed;
  };

  std::string write(const Pid& pid) const;
  std::optional<Pid> parse(std::string_view text) const;

  SessionVault* const vault_;
  const Clock& clock_;
  const Duration window_;

  std::mutex mutex_;
  std::unordered_map<SessionId, Known> known_;
  std::deque<SessionId> ended_;  // may be resumed; the oldest are forgotten first
};

}  // namespace chatrt::gateway
