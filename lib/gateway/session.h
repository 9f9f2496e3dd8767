// Session: what the chat knows of one socket, from CONNECT to its end. Kept small: every idle
// connection has one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chatrt/message.h"
#include "chatrt/socketio/server.h"
#include "fields.h"
#include "quotas.h"
#include "recovery.h"

namespace chatrt::gateway {

// What came in before the user was known, or faster than its answers go out, in order.
struct HeldEvents {
  struct Held {
    std::string args;  // the whole array as JSON
    std::optional<socketio::AckId> ack;
  };
  std::deque<Held> events;
  std::size_t bytes = 0;
  bool overflow_told = false;
};

// How much a connection has sent of late.
struct Meter {
  Bucket bucket;
  Quotas::Kept kept;         // of `Session::user` and of the connection's address
  MonotonicTime minute{};    // when the count of offences began
  MonotonicTime offended{};  // the last second that counts as one
  unsigned offences = 0;
};

struct Session final : socketio::SocketData {
  enum class State : std::uint8_t {
    unknown,    // nobody has said who this is
    attaching,  // the user is known, the Hub has not answered yet
    attached,
  };

  State state = State::unknown;
  bool by_token = false;        // `user` is the token's subject
  bool resumed = false;         // `user` is whose session it was; `register` of another ends it
  bool lost = false;            // the client had a session that could not be resumed
  bool asked_pages = false;     // since the last fence of Pace was begun
  Recovery::Pid pid;            // if there is recovery at all
  UserId user;                  // empty while unknown
  std::optional<Offset> since;  // as CONNECT gave it, for the `register` to come
  std::uint64_t attempt = 0;    // of attach(): an answer to another one is not for this session
  std::vector<socketio::AckId> registers;  // acks that the answer of attach() owes
  std::uint32_t asked = 0;                 // bytes that answers will have, see Pace
  std::uint32_t asked_before = 0;  // of those that the fence under way is behind; 0: none is
  std::unique_ptr<HeldEvents> held;
  std::unique_ptr<Meter> meter;  // where there are quotas
};

inline Session& session_of(const socketio::Socket& socket) {
  return static_cast<Session&>(*socket.data());
}

}  // namespace chatrt::gateway
