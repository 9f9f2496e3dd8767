// A SessionVault is the host's part of connection state recovery: the secret that signs what a
// client brings back, and the little that has to outlive the process.
//
// A session is what a client resumes after its connection has ended. Its `pid` is a signed token,
// which every process with the same key accepts. The user is in it where CONNECT says who that is
// (by a token or in the query). Where only `register` does, the user is known too late for the
// token, and is noted here.
//
// Threads: every member may be called from any thread, and on shards' threads: none waits for a
// disk to sync. Ownership: the host owns it and outlives the Chat with it.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "chatrt/clock.h"
#include "chatrt/export.h"
#include "chatrt/message.h"

namespace chatrt::gateway {

// Random, so that sessions of several processes do not meet.
struct SessionId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const SessionId&, const SessionId&) = default;
};

class CHATRT_EXPORT SessionVault {
 public:
  SessionVault() = default;
  SessionVault(const SessionVault&) = delete;
  SessionVault& operator=(const SessionVault&) = delete;
  virtual ~SessionVault();

  using Mac = std::array<std::byte, 32>;
  // HMAC-SHA256 of `text` under the key. The key belongs to one log: a log that begins anew, or
  // goes on from a copy, needs a new one, since positions of the other mean nothing in it.
  virtual Mac sign(std::string_view text) const = 0;
  // Bytes that nobody can guess.
  virtual void fill_random(std::span<std::byte> bytes) const = 0;

  // Notes until `expires` whose session it is, in place of what was noted before, or that it has
  // ended for good. A note outlives a kill of the process; losing it (to a power cut, say) makes
  // clients begin anew.
  virtual void bind(SessionId session, const UserId& user, Timestamp expires) = 0;
  virtual void end(SessionId session, Timestamp expires) = 0;
  struct Note {
    bool ended = false;
    UserId user;  // empty if ended
  };
  virtual std::optional<Note> find(SessionId session) const = 0;
};

}  // namespace chatrt::gateway

template <>
struct std::hash<chatrt::gateway::SessionId> {
  std::size_t operator()(const chatrt::gateway::SessionId& id) const noexcept {
    return static_cast<std::size_t>(id.high ^ id.low);  // random already
  }
};
