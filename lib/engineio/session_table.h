// The sessions of one Server: the ids they are found by, and the carriers each one has.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "chatrt/clock.h"
#include "chatrt/engineio/server.h"
#include "chatrt/engineio/session.h"
#include "chatrt/message.h"

namespace chatrt::engineio {

// Where a session lives in the table; used again once the session is gone.
using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = 0xffffffff;

// What a carrier is to its session.
enum class Role : std::uint8_t { poll, post, websocket, probe };

// The shard that a session id names, if it is one of ours.
std::optional<unsigned> shard_of_sid(std::string_view sid) noexcept;

class SessionTable {
 public:
  struct Entry {
    Entry(const Options& options, std::string sid, bool websocket_first, MonotonicTime now,
          ConnectionId connection)
        : session(options, std::move(sid), websocket_first, now), id(connection) {}
    Session session;
    ConnectionId id;
    std::optional<Carrier> poll, post, websocket, probe;
    MonotonicTime scheduled = MonotonicTime::max();  // its entry in the Server's deadlines
    bool reported = false;                           // on_open() was called, on_close() not yet
    bool flush_queued = false;
    bool dismissed = false;  // close() was called: the application hears no message any more
  };
  struct Ref {
    std::uint64_t carrier = 0;
    Slot slot = kNoSlot;
    Role role = Role::poll;
  };

  SessionTable(unsigned shard, RandomSource random);
  SessionTable(const SessionTable&) = delete;
  SessionTable& operator=(const SessionTable&) = delete;

  // Sessions that are open.
  std::size_t size() const noexcept { return by_sid_.size(); }
  // All slots there ever were are below this; has() tells which are taken.
  Slot slots_end() const noexcept { return static_cast<Slot>(entries_.size()); }
  bool has(Slot slot) const noexcept { return entries_[slot] != nullptr; }
  // REQUIRES: has(slot)
  Entry& operator[](Slot slot) noexcept { return *entries_[slot]; }
  const Entry& operator[](Slot slot) const noexcept { return *entries_[slot]; }

  Slot add(const Options& options, bool websocket, MonotonicTime now);
  // The session has closed and is not found by its id any more; release() frees it.
  void close(Slot slot) { by_sid_.erase(slot); }
  void release(Slot slot);

  // kNoSlot: there is no such session, or it has closed.
  Slot find(std::string_view sid) const;
  Slot find(ConnectionId session) const;

  Ref find(Carrier carrier) const;
  Slot find(Carrier carrier, Role role) const;
  void set_carrier(Carrier carrier, Slot slot, Role role);
  void forget(Carrier carrier);
  // Empties one of an entry's carriers and returns what it was.
  Carrier take(std::optional<Carrier>& carrier);

 private:
  struct SidHash {
    using is_transparent = void;
    const SessionTable* table;
    std::size_t operator()(std::string_view sid) const {
      return std::hash<std::string_view>{}(sid);
    }
    std::size_t operator()(Slot slot) const { return (*this)((*table)[slot].session.sid()); }
  };
  struct SidEqual {
    using is_transparent = void;
    const SessionTable* table;
    bool operator()(Slot a, Slot b) const { return a == b; }
    bool operator()(std::string_view sid, Slot slot) const {
      return (*table)[slot].session.sid() == sid;
    }
    bool operator()(Slot slot, std::string_view sid) const { return (*this)(sid, slot); }
  };

  std::string make_sid();

  const unsigned shard_;
  RandomSource random_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::vector<std::uint32_t> generations_;
  std::vector<Slot> free_;
  std::unordered_set<Slot, SidHash, SidEqual> by_sid_{0, SidHash{this}, SidEqual{this}};
  std::vector<Ref> carriers_;
};

}  // namespace chatrt::engineio
