// Outgoing: what the Hub says after a commit, as packets for the shards.
//
// Threads: the Hub's commit lane. What is written here leaves with Delivery::flush(), in order.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/outlet.h"
#include "chatrt/socketio/packet.h"
#include "delivery.h"

namespace chatrt::gateway {

class Outgoing {
 public:
  explicit Outgoing(Delivery& delivery) : delivery_(delivery) {}
  void start();

  void send(std::span<const ConnectionId> connections, const Event& event);

  // {"ok":true,"message":{...}}
  void ack_message(ConnectionId connection, socketio::AckId id, const Message& message);
  // {"ok":true}
  void ack_done(ConnectionId connection, socketio::AckId id);

 private:
  // The JSON of a message, written once for the ack and all events of it.
  std::string_view body_of(const Message& message);
  // Gives the packet to each of `connections`: one copy and one list for each shard.
  void fan_out(std::span<const ConnectionId> connections, std::string_view packet, bool ephemeral);

  void write(const ReceiveMessage& event);
  void write(const MessageSent& event);
  void write(const MarkMoved& event);
  void write(const TypingNotice& event);
  void write(const PresenceChanged& event);

  Delivery& delivery_;
  Position body_position_;  // of the message that body_ shows
  std::string body_;
  std::string packet_;
  std::vector<std::optional<std::size_t>> index_in_shard_;  // of packet_; none: not there yet
};

}  // namespace chatrt::gateway
