// Socket.IO packets with their attachments: an event or ack that is taken can be sent back, and is
// then taken again as the same. Chunks are frames; one that begins with 'b' is binary.

#include <string>
#include <vector>

#include "chatrt/socketio/packet.h"
#include "chatrt/socketio/session.h"
#include "chatrt/utf8.h"
#include "input.h"

namespace {

using namespace chatrt::socketio;

std::string text_of(JsonView args) {
  std::string text;
  args.append_to(text);
  return text;
}

// The event as a server would send it back, read by another session.
void send_back(PacketType type, std::string_view nsp, std::optional<AckId> id, JsonView args,
               std::span<const std::string> attachments) {
  Arguments arguments;
  for (std::size_t i = 0; i < args.size(); ++i) arguments.value(args.at(i), attachments);
  Header header{.type = type, .attachments = arguments.attachments().size(), .nsp = nsp, .id = id};
  if (header.attachments > 0) {
    header.type = type == PacketType::ack ? PacketType::binary_ack : PacketType::binary_event;
  }
  std::string packet;
  encode(header, "[" + std::string{arguments.list()} + "]", packet);
  REQUIRE_THAT(chatrt::is_valid_utf8(arguments.list()));

  Session session;
  Json json;
  session.accept(nsp);
  Received received = session.on_text(std::string_view{packet}.substr(1), json);
  for (const std::string& bytes : arguments.attachments()) {
    REQUIRE_THAT(std::holds_alternative<Incomplete>(received));
    received = session.on_binary(bytes, json);
  }
  if (type == PacketType::ack) {
    const auto* ack = std::get_if<AckReceived>(&received);
    REQUIRE_THAT(ack != nullptr && ack->id == id && ack->nsp == nsp);
    REQUIRE_THAT(ack->attachments.size() == arguments.attachments().size());
  } else {
    const auto* event = std::get_if<EventReceived>(&received);
    REQUIRE_THAT(event != nullptr && event->id == id && event->nsp == nsp);
    REQUIRE_THAT(text_of(event->args.at(0)) == text_of(args.at(0)));
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chatrt::fuzz::Input input(data, size);
  Session session;
  Json json;
  session.accept("/");
  session.accept("/a");
  while (!input.empty()) {
    const std::string_view frame = input.chunk();
    const Received received = frame.starts_with('b') ? session.on_binary(frame.substr(1), json)
                                                     : session.on_text(frame, json);
    if (std::holds_alternative<Violation>(received)) return 0;
    if (const auto* connect = std::get_if<ConnectReceived>(&received)) {
      session.accept(connect->nsp);
    } else if (const auto* left = std::get_if<DisconnectReceived>(&received)) {
      REQUIRE_THAT(!session.joined(left->nsp));
    } else if (const auto* event = std::get_if<EventReceived>(&received)) {
      REQUIRE_THAT(!is_reserved_event(event->name()));
      send_back(PacketType::event, event->nsp, event->id, event->args, event->attachments);
    } else if (const auto* ack = std::get_if<AckReceived>(&received)) {
      send_back(PacketType::ack, ack->nsp, ack->id, ack->args, ack->attachments);
    }
    session.release();
  }
  return 0;
}
