// A client's device: it sends, loses its connection, comes back with its offset, and checks each
// event against the log.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "chatrt/hub.h"
#include "report.h"

namespace chatrt::sim {

// What travels to a device, in order. It is lost with the connection.
struct Arrival {
  Change change;
  bool received;  // as ReceiveMessage
};
struct Ack {
  std::string client_id;
  Result<Message> result;
};
using Packet = std::variant<Arrival, Ack, Result<Hub::Attached>>;

class Device {
 public:
  // `log` is what survives; the device compares with it and does not learn from it.
  Device(UserId user, const MessageStore& log, Report& report)
      : user_(std::move(user)), log_(log), report_(report) {}

  struct Outgoing {
    UserId to;
    std::string text;
    std::optional<Position> acked;  // the first answer
  };

  const UserId& user() const { return user_; }
  // What it resumes from; none: it has never been attached.
  std::optional<Position> offset() const { return offset_; }
  bool connected() const { return connection_.has_value(); }
  std::optional<ConnectionId> connection() const { return connection_; }
  std::map<std::string, Outgoing>& outgoing() { return outgoing_; }

  void connect(ConnectionId connection);
  void cut();
  void push(Packet packet) { packets_.push_back(std::move(packet)); }
  bool has_packets() const { return !packets_.empty(); }
  // Takes one packet. False: the device hangs up, for attaching was refused.
  bool take_one();

  // At the end, connected and with all packets taken: nothing is missing.
  void check_complete();
  // P1 and P2 for what it has sent.
  void check_sent(const std::map<std::string, std::vector<const Message*>>& stored);

 private:
  void arrived(const Arrival& arrival);
  void acked(const Ack& ack);
  bool attached(const Result<Hub::Attached>& result);
  // The user's first change above the offset.
  std::optional<Change> next() const;
  void violation(const std::string& what);

  UserId user_;
  const MessageStore& log_;
  Report& report_;
  std::optional<ConnectionId> connection_;
  bool attached_ = false;
  std::optional<Position> offset_;
  std::map<std::string, Outgoing> outgoing_;  // by client id
  std::deque<Packet> packets_;
};

}  // namespace chatrt::sim
