#include "doorman.h"

#include <algorithm>

namespace chatd::transport {

std::string_view turned_away_name(TurnedAway reason) noexcept {
  switch (reason) {
    case TurnedAway::origin: return "origin";
    case TurnedAway::connections: return "connections";
    case TurnedAway::address: return "address";
    case TurnedAway::handshakes: return "handshakes";
    case TurnedAway::unauthenticated: return "unauthenticated";
    case TurnedAway::slow_reader: return "slow_reader";
    case TurnedAway::memory: return "memory";
    case TurnedAway::slow_request: return "slow_request";
    case TurnedAway::bad_request: return "bad_request";
    case TurnedAway::kCount: break;
  }
  return "other";
}

bool Doorman::is_trusted(std::string_view address) const {
  return std::find(options_.trusted_proxies.begin(), options_.trusted_proxies.end(), address) !=
         options_.trusted_proxies.end();
}

bool Doorman::enter(const std::string& address) {
  if (options_.connections_per_address == 0 || is_trusted(address)) return true;
  const std::lock_guard lock(mutex_);
  Visits& visits = addresses_[address];
  if (visits.connections >= options_.connections_per_address) {
    count(TurnedAway::address);
    return false;
  }
  ++visits.connections;
  return true;
}

void Doorman::leave(const std::string& address) {
  if (options_.connections_per_address == 0 || is_trusted(address)) return;
  const std::lock_guard lock(mutex_);
  const auto found = addresses_.find(address);
  if (found == addresses_.end()) return;
  Visits& visits = found->second;
  if (--visits.connections == 0 && visits.handshakes <= 0) addresses_.erase(found);
}

double Doorman::owed(const Visits& visits, chatrt::MonotonicTime now) const {
  const auto passed = static_cast<double>((now - visits.at).count()) / 1000;
  const auto rate = static_cast<double>(options_.handshakes_per_address);
  return std::max(0.0, visits.handshakes - passed * rate);
}

void Doorman::forget_idle(chatrt::MonotonicTime now) {
  if (addresses_.size() < forget_at_) return;
  std::erase_if(addresses_, [&](const auto& entry) {
    return entry.second.connections == 0 && owed(entry.second, now) <= 0;
  });
  forget_at_ = std::max<std::size_t>(1024, 2 * addresses_.size());
}

Doorman::Handshake Doorman::take_handshake(const std::string& address, chatrt::MonotonicTime now) {
  if (options_.handshakes_per_address > 0) {
    const std::lock_guard lock(mutex_);
    forget_idle(now);
    Visits& visits = addresses_[address];
    visits.handshakes = owed(visits, now);
    visits.at = now;
    if (visits.handshakes + 1 > 2 * static_cast<double>(options_.handshakes_per_address)) {
      count(TurnedAway::handshakes);
      return Handshake::too_many;
    }
    visits.handshakes += 1;
  }
  if (options_.unauthenticated_full()) {
    count(TurnedAway::unauthenticated);
    return Handshake::full;
  }
  return Handshake::welcome;
}

std::string Doorman::address_of(const std::string& peer, std::string_view forwarded_for) const {
  constexpr std::size_t kAddressBytesMax = 45;  // of IPv6 with an IPv4 tail
  if (!is_trusted(peer)) return peer;
  while (!forwarded_for.empty()) {
    const std::size_t comma = forwarded_for.rfind(',');
    std::string_view last =
        comma == std::string_view::npos ? forwarded_for : forwarded_for.substr(comma + 1);
    forwarded_for =
        comma == std::string_view::npos ? std::string_view{} : forwarded_for.substr(0, comma);
    while (last.starts_with(' ')) last.remove_prefix(1);
    while (last.ends_with(' ')) last.remove_suffix(1);
    if (last.empty() || last.size() > kAddressBytesMax) return peer;
    if (!is_trusted(last)) return std::string{last};
  }
  return peer;
}

}  // namespace chatd::transport
