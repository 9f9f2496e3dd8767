#include "throttle.h"

#include <memory>

namespace chatrt::gateway {

using socketio::Socket;

namespace {

constexpr Duration kSecond{1000};
constexpr Duration kMinute{60000};

}  // namespace

Throttle::Throttle(const ChatParts& parts, const ChatOptions& options, Quotas& quotas,
                   Answers& answers)
    : parts_(parts), options_(options), quotas_(quotas), answers_(answers) {}

std::optional<Duration> Throttle::wait_for(Socket& socket, MonotonicTime now) {
  const Rate& of_connection = options_.connection_rate;
  if (of_connection.per_second <= 0 && options_.user_rate.per_second <= 0 &&
      options_.address_rate.per_second <= 0) {
    return std::nullopt;
  }
  Session& session = session_of(socket);
  if (!session.meter) session.meter = std::make_unique<Meter>();
  if (of_connection.per_second > 0) {
    if (const auto wait = session.meter->bucket.take(of_connection, now)) return wait;
  }
  return quotas_.take(session.meter->kept, session.user, socket.handshake().address, now);
}

bool Throttle::pass(Socket& socket, const socketio::Event& event) {
  const MonotonicTime now = parts_.clock.monotonic();
  const auto wait = wait_for(socket, now);
  if (!wait) return true;
  answers_.refuse({socket.connection(), event.name, event.ack_id}, Errc::rate_limited, {}, wait);
  Session& session = session_of(socket);
  if (!session.meter) session.meter = std::make_unique<Meter>();
  if (is_repeated(*session.meter, now)) {
    parts_.log.log(LogLevel::warning, "flood_closed",
                   {{"user", std::string_view{session.user.str()}},
                    {"connection", socket.connection().value},
                    {"address", std::string_view{socket.handshake().address}}});
    socket.close_connection();
  }
  return false;
}

// A burst is one offence, however many events it had: a client that was away sends all it kept.
bool Throttle::is_repeated(Meter& meter, MonotonicTime now) const {
  if (now - meter.minute >= kMinute) {
    meter.minute = now;
    meter.offences = 0;
  }
  if (meter.offences > 0 && now - meter.offended < kSecond) return false;
  meter.offended = now;
  return ++meter.offences >= options_.offences_max;
}

}  // namespace chatrt::gateway
