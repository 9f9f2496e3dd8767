// Answers: the packets of the chat, and the acks that do not wait for a commit.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "chatrt/log.h"
#include "chatrt/message.h"
#include "chatrt/result.h"
#include "chatrt/socketio/packet.h"
#include "delivery.h"

namespace chatrt::gateway {

// --- packets, written piece by piece: begin, one JSON value, end

void begin_ack(std::string& out, socketio::AckId id);       // 43<id>[
void end_ack(std::string& out);                             // ]
void begin_event(std::string& out, std::string_view name);  // 42["name",
void end_event(std::string& out);                           // ]   after anything but a string
// ,"<position>"]   `more`: another event tells of the same change, see Offset
void end_logged_event(std::string& out, Position position, bool more = false);
// The whole event that tells a client it is nobody's.
void append_unregistered(std::string& out, Errc code, std::string_view message);

// Threads: any.
class Answers {
 public:
  Answers(Delivery& delivery, LogSink& log) : delivery_(delivery), log_(log) {}

  // What an event is answered to.
  struct To {
    ConnectionId connection;
    std::string_view event;
    std::optional<socketio::AckId> ack;
  };
  // Logs the refusal, and answers it if an ack was asked for. `shown`, `wait`: see
  // append_failure().
  void refuse(const To& to, Errc code, std::string_view shown = {},
              std::optional<Duration> wait = {});
  // What is wrong is shown where that is the client's.
  void refuse(const To& to, const Error& error);
  // Counts one that is answered elsewhere.
  void count(Errc code) noexcept { refused_[static_cast<std::size_t>(code)] += 1; }
  std::uint64_t refused(Errc code) const noexcept {
    return refused_[static_cast<std::size_t>(code)];
  }

 private:
  void note(const To& to, Errc code, std::string_view detail);
  void answer(const To& to, Errc code, std::string_view shown, std::optional<Duration> wait);

  Delivery& delivery_;
  LogSink& log_;
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(kErrcLast) + 1> refused_{};
};

}  // namespace chatrt::gateway
