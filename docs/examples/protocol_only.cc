// The protocol by itself, without a server or a socket: the body of a polling request goes in, the
// packets in it come out, and the answers are put together as the body of the next poll.
#include <cstdio>
#include <string>
#include <string_view>
#include <variant>

#include "chatrt/engineio/packet.h"
#include "chatrt/socketio/packet.h"
#include "chatrt/socketio/session.h"

namespace engineio = chatrt::engineio;
namespace socketio = chatrt::socketio;

// One client's connection: its messages in, text messages for it out.
class Conversation {
 public:
  // Appends the answer to `message`; false if the client has broken the protocol.
  bool on_message(const engineio::Packet& message, std::string& answer) {
    const socketio::Received received = message.binary ? session_.on_binary(message.data, json_)
                                                       : session_.on_text(message.data, json_);
    if (const auto* connect = std::get_if<socketio::ConnectReceived>(&received)) {
      session_.accept(connect->nsp);
      socketio::encode({.type = socketio::PacketType::connect, .nsp = connect->nsp},
                       R"({"sid":"s1"})", answer);
    } else if (const auto* event = std::get_if<socketio::EventReceived>(&received)) {
      std::printf("event %s with %zu arguments\n", std::string{event->name()}.c_str(),
                  event->args.size() - 1);
      if (event->id) {
        socketio::encode({.type = socketio::PacketType::ack, .nsp = event->nsp, .id = event->id},
                         R"(["thank you"])", answer);
      }
    }
    return !std::holds_alternative<socketio::Violation>(received);
  }

 private:
  socketio::Session session_;
  socketio::Json json_;
};

// Takes the body of a POST; the body of the poll that answers it, or nothing if it was wrong.
std::string on_body(Conversation& conversation, std::string_view body) {
  std::string answers;
  engineio::PayloadReader reader(body);
  for (;;) {
    const auto packet = reader.next();
    if (!packet) return {};
    if (!packet->has_value()) return answers;
    if ((*packet)->type != engineio::PacketType::message) continue;
    std::string answer;
    if (!conversation.on_message(**packet, answer)) return {};
    if (answer.empty()) continue;
    if (!answers.empty()) answers.push_back(engineio::kRecordSeparator);
    engineio::encode_for_polling({false, answer}, answers);
  }
}

int main() {
  Conversation conversation;
  const std::string connected = on_body(conversation, R"(40{"token":"t"})");
  const std::string answered = on_body(conversation,
                                       "427[\"greet\",\"ann\"]\x1e"
                                       "451-[\"photo\",{\"_placeholder\":true,\"num\":0}]\x1e"
                                       "bAQID");
  const std::string refused = on_body(conversation, "42{}");
  std::printf("%s\n%s\n", connected.c_str(), answered.c_str());
  return connected == R"(40{"sid":"s1"})" && answered == R"(437["thank you"])" && refused.empty()
             ? 0
             : 1;
}
