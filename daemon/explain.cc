#include "explain.h"

#include "chatrt/gateway/chat_json.h"
#include "chatrt/socketio/json.h"

namespace chatd {
namespace {

using chatrt::Message;
using chatrt::Position;
using chatrt::socketio::append_json_number;
using chatrt::socketio::append_json_string;

void append_time(std::string& out, std::string_view name, chatrt::Timestamp time) {
  out.append(",\"").append(name).append("\":\"");
  chatrt::append_timestamp(out, time);
  out.push_back('"');
}

void append_text(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  append_json_string(out, text);
}

// Its ids alone: what was written is nobody's but its readers'.
void append_ids(std::string& out, const Message& message) {
  out.append(R"({"_id":")").append(message.id()).append(R"(","conversationId":")");
  append_json_number(out, message.conversation.value);
  out.append(R"(","seq":)");
  append_json_number(out, message.sequence.value);
  out.append(R"(,"position":)");
  append_json_number(out, message.position.value);
  append_text(out, "senderId", message.author.str());
  append_text(out, "receiverId", message.receiver.str());
  if (!message.client_id.empty()) append_text(out, "clientMessageId", message.client_id);
  append_time(out, "committedAt", message.created_at);
  out.push_back('}');
}

std::string_view truth(bool is) { return is ? "true" : "false"; }

}  // namespace

chatrt::Result<std::optional<Message>> Explain::find(std::string_view id) const {
  const auto position = chatrt::parse_message_id(id);
  if (!position || position->value == 0) return std::optional<Message>{};
  auto page = store_.read_log(Position{position->value - 1}, 1);
  if (!page) return std::move(page).error();
  if (page->items.empty()) return std::optional<Message>{};
  auto* message = std::get_if<Message>(&page->items.front());
  if (message == nullptr || message->id() != id) return std::optional<Message>{};
  return std::optional{std::move(*message)};
}

// By the page of conversations that begins with this one.
chatrt::Result<std::optional<chatrt::Marks>> Explain::marks_of_receiver(
    const Message& message) const {
  constexpr int kTries = 3;  // while new messages come in between
  for (int i = 0; i < kTries; ++i) {
    const auto last = store_.read_conversation(message.receiver, message.conversation, {}, 1);
    if (!last) return last.error();
    if (last->items.empty()) break;
    const Position end{last->items.front().position.value + 1};
    const auto found = store_.conversations_of(message.receiver, end, 1);
    if (!found) return found.error();
    if (!found->items.empty() && found->items.front().id == message.conversation) {
      return std::optional{found->items.front().mine};
    }
  }
  return std::optional<chatrt::Marks>{};
}

void Explain::append_ways(std::string& out, const Message& message) const {
  const TraceLog::Ways found = trace_.ways_of(message.position);
  out.append(R"(,"connections":[)");
  for (const TraceLog::Way& way : found.ways) {
    if (out.back() == '}') out.push_back(',');
    const chatrt::UserId& user = way.to_author ? message.author : message.receiver;
    out.append(R"({"id":")");
    append_json_number(out, way.connection.value);
    out.push_back('"');
    append_text(out, "userId", user.str());
    out.append(R"(,"open":)").append(truth(registry_.user_of(way.connection) == user));
    out.append(R"(,"replayed":)").append(truth(way.replayed));
    append_time(out, "sentAt", way.sent);
    if (way.written) append_time(out, "writtenAt", *way.written);
    if (way.confirmed) append_time(out, "confirmedAt", *way.confirmed);
    out.push_back('}');
  }
  out.append(R"(],"otherConnections":)");
  append_json_number(out, std::uint64_t{found.others});
}

chatrt::Status Explain::append_message(std::string& out, const Message& message) const {
  const auto marks = marks_of_receiver(message);
  if (!marks) return marks.error();
  out.append(R"({"message":)");
  append_ids(out, message);
  if (*marks) {
    out.append(R"(,"delivered":)").append(truth((*marks)->delivered >= message.sequence));
    out.append(R"(,"read":)").append(truth((*marks)->read >= message.sequence));
  }
  append_ways(out, message);
  return {};
}

chatrt::Status Explain::append_refused(std::string& out, std::string_view client_id) const {
  const auto refused = trace_.refused(client_id);
  if (refused.empty()) return chatrt::Error{chatrt::Errc::not_found, "no such message"};
  out.append(R"({"refused":[)");
  for (const TraceLog::Refused& one : refused) {
    if (out.back() == '}') out.push_back(',');
    out.append(R"({"code":")").append(chatrt::error_name(one.code)).append("\"");
    append_text(out, "senderId", one.author.str());
    append_text(out, "clientMessageId", one.client_id);
    append_time(out, "at", one.at);
    out.push_back('}');
  }
  out.push_back(']');
  return {};
}

chatrt::Result<std::string> Explain::message(std::string_view id) const {
  const auto found = find(id);
  if (!found) return found.error();
  std::string out;
  const chatrt::Status known = *found ? append_message(out, **found) : append_refused(out, id);
  if (!known) return known.error();
  append_time(out, "rememberedSince", trace_.remembers_since());
  out.push_back('}');
  return out;
}

}  // namespace chatd
