#include "device.h"

#include <utility>

namespace chatrt::sim {

void Device::connect(ConnectionId connection) {
  connection_ = connection;
  attached_ = false;
  packets_.clear();
}

void Device::cut() {
  connection_.reset();
  packets_.clear();
}

bool Device::take_one() {
  const Packet packet = std::move(packets_.front());
  packets_.pop_front();
  if (const auto* arrival = std::get_if<Arrival>(&packet)) {
    arrived(*arrival);
  } else if (const auto* ack = std::get_if<Ack>(&packet)) {
    acked(*ack);
  } else {
    return attached(std::get<Result<Hub::Attached>>(packet));
  }
  return true;
}

std::optional<Change> Device::next() const {
  const auto page = log_.read_for_user(user_, *offset_, 1);
  if (!page || page->items.empty()) return std::nullopt;
  return page->items.front();
}

// P3, P4, P5 in one: whatever comes is the user's next change in the log.
void Device::arrived(const Arrival& arrival) {
  const Position at = position_of(arrival.change);
  report_.note(at.value);
  ++report_.events;
  if (!offset_) return violation("an event before the connection is attached");
  const auto* message = std::get_if<Message>(&arrival.change);
  // A message to oneself comes as both: the second is no news.
  const bool own = message != nullptr && message->author == message->receiver;
  if (own && !arrival.received && at == *offset_) return;
  const auto expected = next();
  if (!expected) return violation("an event that is no change above the offset");
  if (position_of(*expected) != at) {
    return violation("expected " + std::to_string(position_of(*expected).value) + ", got " +
                     std::to_string(at.value));
  }
  if (*expected != arrival.change) violation("an event with another content than the log");
  if (message != nullptr && (arrival.received ? message->receiver : message->author) != user_) {
    violation("an event for somebody else");
  }
  offset_ = at;
}

void Device::acked(const Ack& ack) {
  Outgoing& sent = outgoing_.at(ack.client_id);
  if (!ack.result) {
    const Errc code = ack.result.error().code;
    report_.note(error_name(code));
    if (code != Errc::unavailable && code != Errc::busy && code != Errc::shutting_down) {
      violation("refused with " + std::string(error_name(code)));
    }
    return;
  }
  ++report_.acks;
  report_.note(ack.result->position.value);
  if (ack.result->text != sent.text) violation("P2: acked with another text");
  if (sent.acked && *sent.acked != ack.result->position) violation("P2: acked as two messages");
  if (!sent.acked) sent.acked = ack.result->position;
}

bool Device::attached(const Result<Hub::Attached>& result) {
  if (!result) {
    report_.note(error_name(result.error().code));
    return false;
  }
  report_.note(result->position.value);
  if (attached_) violation("attached twice");
  attached_ = true;
  if (!offset_) {
    offset_ = result->position;
    return true;
  }
  if (!result->complete) violation("P5: resumed incompletely");
  const auto missing = next();
  if (missing && position_of(*missing) <= result->position) violation("P5: attached with a gap");
  if (*offset_ > result->position) violation("P5: replayed beyond where it was attached");
  offset_ = result->position;
  return true;
}

void Device::check_complete() {
  if (!attached_) return violation("never attached");
  if (const auto missing = next()) {
    violation("P4: never got " + std::to_string(position_of(*missing).value));
  }
}

void Device::check_sent(const std::map<std::string, std::vector<const Message*>>& stored) {
  for (const auto& [client_id, sent] : outgoing_) {
    if (!sent.acked) violation("never acked " + client_id);
    const auto found = stored.find(client_id);
    if (found == stored.end()) {
      violation("P1: acked and not stored: " + client_id);
      continue;
    }
    if (found->second.size() != 1) violation("P2: stored twice: " + client_id);
    const Message& message = *found->second.front();
    if (sent.acked && message.position != *sent.acked) violation("P1: acked as another message");
    if (message.text != sent.text || message.receiver != sent.to || message.author != user_) {
      violation("P1: stored with another content");
    }
  }
}

void Device::violation(const std::string& what) { report_.violation(user_.str() + ": " + what); }

}  // namespace chatrt::sim
