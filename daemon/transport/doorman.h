// The Doorman: who may open a connection or a session at all - quotas of each address, and what a
// trusted proxy says of whom it brings.
//
// Threads: any. A peer that is a trusted proxy stands for many: it has no quota of its own.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "chatrt/clock.h"

namespace chatd::transport {

// Why somebody was turned away.
enum class TurnedAway : std::uint8_t {
  origin,           // 403: the page's origin is not allowed
  connections,      // closed at once: all connections are taken
  address,          // closed at once: those of this address are
  handshakes,       // 429: too many of this address in a short time
  unauthenticated,  // 503: too many sessions that have not said who they are
  slow_reader,      // closed: it did not read what was sent
  memory,           // closed: it had most waiting when all that may wait was reached
  slow_request,     // 408: the head or body did not come in time
  bad_request,      // 4xx: not HTTP as we read it
  kCount,
};
std::string_view turned_away_name(TurnedAway reason) noexcept;

struct DoormanOptions {
  std::size_t connections_per_address = 0;        // at a time; 0: no limit
  std::size_t handshakes_per_address = 0;         // a second, twice that at once; 0: no limit
  std::vector<std::string> trusted_proxies = {};  // addresses whose X-Forwarded-For is believed
  // Are there too many sessions of nobody? Asked at each handshake.
  std::function<bool()> unauthenticated_full = [] { return false; };
};

class Doorman {
 public:
  explicit Doorman(DoormanOptions options) : options_(std::move(options)) {}

  // A connection comes; false: it is one too many, and leave() must not follow.
  bool enter(const std::string& address);
  void leave(const std::string& address);

  enum class Handshake { welcome, too_many, full };
  Handshake take_handshake(const std::string& address, chatrt::MonotonicTime now);

  // Whom a request is from: the peer, or who a trusted proxy says it is - the last address in
  // X-Forwarded-For that is no trusted proxy itself.
  std::string address_of(const std::string& peer, std::string_view forwarded_for) const;

  // What waits to be written to all connections: adds to it (modulo 2^64), and says how much it is.
  std::size_t add_queued(std::size_t bytes) noexcept { return queued_ += bytes; }
  std::size_t queued() const noexcept { return queued_; }

  void count(TurnedAway reason) noexcept { turned_away_[static_cast<std::size_t>(reason)] += 1; }
  std::uint64_t turned_away(TurnedAway reason) const noexcept {
    return turned_away_[static_cast<std::size_t>(reason)];
  }

 private:
  struct Visits {
    std::size_t connections = 0;
    double handshakes = 0;  // taken and not yet made up for by time
    chatrt::MonotonicTime at{};
  };
  bool is_trusted(std::string_view address) const;
  // Forgets who has neither connections nor anything to make up for.
  void forget_idle(chatrt::MonotonicTime now);
  double owed(const Visits& visits, chatrt::MonotonicTime now) const;

  const DoormanOptions options_;
  std::atomic<std::size_t> queued_{0};
  std::mutex mutex_;
  std::unordered_map<std::string, Visits> addresses_;  // guarded by mutex_
  std::size_t forget_at_ = 1024;                       // entries; guarded by mutex_
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(TurnedAway::kCount)>
      turned_away_{};
};

}  // namespace chatd::transport
