#include "outgoing.h"

#include <algorithm>
#include <variant>

#include "answers.h"
#include "chatrt/gateway/chat_json.h"
#include "chatrt/socketio/json.h"

namespace chatrt::gateway {

using socketio::append_json_number;
using socketio::append_json_string;

void Outgoing::start() { index_in_shard_.resize(delivery_.size()); }

void Outgoing::send(std::span<const ConnectionId> connections, const Event& event) {
  if (connections.empty()) return;
  packet_.clear();
  std::visit([this](const auto& it) { write(it); }, event);
  const bool ephemeral =
      std::holds_alternative<TypingNotice>(event) || std::holds_alternative<PresenceChanged>(event);
  fan_out(connections, packet_, ephemeral);
  if (const auto* received = std::get_if<ReceiveMessage>(&event)) {
    const Message& message = received->message;
    for (const ConnectionId connection : connections) {
      delivery_.note_written(
          {connection, message.conversation, message.sequence, message.position});
    }
  }
}

void Outgoing::ack_message(ConnectionId connection, socketio::AckId id, const Message& message) {
  const std::string_view body = body_of(message);
  socketio::Batch& batch = delivery_.pending(Delivery::shard_of(connection));
  std::string& packet = batch.begin_packet();
  begin_ack(packet, id);
  packet += R"({"ok":true,"message":)";
  packet += body;
  packet += '}';
  end_ack(packet);
  batch.target(connection, batch.end_packet());
}

void Outgoing::ack_done(ConnectionId connection, socketio::AckId id) {
  socketio::Batch& batch = delivery_.pending(Delivery::shard_of(connection));
  std::string& packet = batch.begin_packet();
  begin_ack(packet, id);
  packet += R"({"ok":true})";
  end_ack(packet);
  batch.target(connection, batch.end_packet());
}

std::string_view Outgoing::body_of(const Message& message) {
  if (body_position_ != message.position || body_.empty()) {
    body_.clear();
    append_message(body_, message);
    body_position_ = message.position;
  }
  return body_;
}

void Outgoing::fan_out(std::span<const ConnectionId> connections, std::string_view packet,
                       bool ephemeral) {
  std::fill(index_in_shard_.begin(), index_in_shard_.end(), std::nullopt);
  for (const ConnectionId connection : connections) {
    const std::size_t shard = Delivery::shard_of(connection);
    socketio::Batch& batch = delivery_.pending(shard);
    std::optional<std::size_t>& index = index_in_shard_[shard];
    if (!index) index = batch.packet(packet);
    batch.target(connection, *index, ephemeral);
  }
}

void Outgoing::write(const ReceiveMessage& event) {
  const Message& message = event.message;
  begin_event(packet_, "receive_message");
  packet_ += body_of(message);
  end_logged_event(packet_, message.position, message.author == message.receiver);
}

void Outgoing::write(const MessageSent& event) {
  begin_event(packet_, "message_sent");
  packet_ += body_of(event.message);
  end_logged_event(packet_, event.message.position);
}

void Outgoing::write(const MarkMoved& event) {
  const MarkAdvanced& mark = event.mark;
  begin_event(packet_, mark.kind == MarkKind::read ? "message_read" : "message_delivered");
  packet_ += R"({"conversationId":")";
  append_json_number(packet_, mark.conversation.value);
  packet_ += R"(","userId":)";
  append_json_string(packet_, mark.user.str());
  packet_ += R"(,"seq":)";
  append_json_number(packet_, mark.sequence.value);
  packet_ += R"(,"at":")";
  append_timestamp(packet_, mark.at);
  packet_ += R"("})";
  end_logged_event(packet_, mark.position);
}

void Outgoing::write(const TypingNotice& event) {
  begin_event(packet_, "typing");
  packet_ += '{';
  if (event.conversation) {
    packet_ += R"("conversationId":")";
    append_json_number(packet_, event.conversation->value);
    packet_ += R"(",)";
  }
  packet_ += R"("userId":)";
  append_json_string(packet_, event.from.str());
  packet_ += event.typing ? R"(,"typing":true})" : R"(,"typing":false})";
  end_event(packet_);
}

void Outgoing::write(const PresenceChanged& event) {
  begin_event(packet_, "presence");
  packet_ += '[';
  for (const Presence& presence : event.users) {
    if (packet_.back() == '}') packet_ += ',';
    append_presence(packet_, presence);
  }
  packet_ += ']';
  end_event(packet_);
}

}  // namespace chatrt::gateway
