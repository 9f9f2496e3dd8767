#include "chatrt/gateway/chat_json.h"

#include <charconv>
#include <system_error>

#include "chatrt/socketio/json.h"

namespace chatrt::gateway {
namespace {

using socketio::append_json_number;
using socketio::append_json_string;

// A conversation id is a string on the wire: nobody is to calculate with it.
void append_conversation_id(std::string& out, ConversationId id) {
  out += '"';
  append_json_number(out, id.value);
  out += '"';
}

void append_quoted(std::string& out, Timestamp time) {
  out += '"';
  append_timestamp(out, time);
  out += '"';
}

std::string_view kind_name(MarkKind kind) { return kind == MarkKind::read ? "read" : "delivered"; }

// What a client is told when nothing more is known: one sentence for each code.
std::string_view sentence(Errc code) {
  switch (code) {
    case Errc::invalid_argument: return "The request is malformed, or something in it is missing.";
    case Errc::unauthenticated:
      return "Nobody has said who this is, or the credentials do not hold.";
    case Errc::permission_denied: return "This is not allowed.";
    case Errc::not_found: return "There is no such thing, or it is not yours to see.";
    case Errc::conflict: return "This id is taken already, with another content.";
    case Errc::too_large: return "This is larger than the limit.";
    case Errc::rate_limited: return "Too many requests in too short a time; try again later.";
    case Errc::busy: return "The server has too much to do; try again later.";
    case Errc::storage_full: return "The server's storage is full; nothing was stored.";
    case Errc::unavailable: return "The server cannot do this now; try again later.";
    case Errc::corrupt: return "The server's data is damaged; its operator has to look.";
    case Errc::gone: return "The connection is gone.";
    case Errc::shutting_down: return "The server is going down; connect again.";
    case Errc::unknown_event: return "There is no such event.";
    case Errc::internal: return "Something went wrong in the server; its log has more.";
    case Errc::token_missing: return "A token is needed, and there is none.";
    case Errc::token_malformed: return "The token is not one that this server takes.";
    case Errc::token_expired: return "The token has expired; get a new one.";
    case Errc::token_revoked: return "The token was taken back.";
  }
  return "Something went wrong in the server; its log has more.";
}

}  // namespace

void append_message(std::string& out, const Message& message) {
  out += R"({"_id":")";
  append_message_id(out, message.created_at, message.position);
  out += R"(","conversationId":)";
  append_conversation_id(out, message.conversation);
  out += R"(,"seq":)";
  append_json_number(out, message.sequence.value);
  out += R"(,"senderId":)";
  append_json_string(out, message.author.str());
  out += R"(,"receiverId":)";
  append_json_string(out, message.receiver.str());
  out += R"(,"textMessage":)";
  append_json_string(out, message.text);
  if (!message.client_id.empty()) {
    out += R"(,"clientMessageId":)";
    append_json_string(out, message.client_id);
  }
  out += R"(,"createdAt":)";
  const std::size_t time = out.size();
  append_quoted(out, message.created_at);
  const std::size_t time_bytes = out.size() - time;
  out += R"(,"updatedAt":)";
  out.append(out, time, time_bytes);  // a message does not change
  out += '}';
}

void append_mark(std::string& out, const MarkAdvanced& mark) {
  out += R"({"conversationId":)";
  append_conversation_id(out, mark.conversation);
  out += R"(,"userId":)";
  append_json_string(out, mark.user.str());
  out += R"(,"kind":")";
  out += kind_name(mark.kind);
  out += R"(","seq":)";
  append_json_number(out, mark.sequence.value);
  out += R"(,"at":)";
  append_quoted(out, mark.at);
  out += '}';
}

void append_change(std::string& out, const Change& change) {
  out += R"({"position":)";
  append_json_number(out, position_of(change).value);
  if (const auto* message = std::get_if<Message>(&change)) {
    out += R"(,"type":"message","message":)";
    append_message(out, *message);
  } else {
    out += R"(,"type":"mark","mark":)";
    append_mark(out, std::get<MarkAdvanced>(change));
  }
  out += '}';
}

void append_conversation(std::string& out, const Conversation& conversation) {
  out += R"({"conversationId":)";
  append_conversation_id(out, conversation.id);
  out += R"(,"userId":)";
  append_json_string(out, conversation.peer.str());
  out += R"(,"lastMessage":)";
  append_message(out, conversation.last_message);
  out += R"(,"unread":)";
  append_json_number(out, conversation.unread);
  out += R"(,"delivered":)";
  append_json_number(out, conversation.mine.delivered.value);
  out += R"(,"read":)";
  append_json_number(out, conversation.mine.read.value);
  out += R"(,"peerDelivered":)";
  append_json_number(out, conversation.peers.delivered.value);
  out += R"(,"peerRead":)";
  append_json_number(out, conversation.peers.read.value);
  out += '}';
}

void append_presence(std::string& out, const Presence& presence) {
  out += R"({"userId":)";
  append_json_string(out, presence.user.str());
  out += presence.online ? R"(,"online":true)" : R"(,"online":false)";
  if (presence.last_seen) {
    out += R"(,"lastSeen":)";
    append_quoted(out, *presence.last_seen);
  }
  out += '}';
}

void append_failure(std::string& out, Errc code, std::string_view detail,
                    std::optional<Duration> wait) {
  out += R"({"ok":false,"error":{"code":")";
  out += error_name(code);
  out += R"(","message":)";
  append_json_string(out, detail.empty() ? sentence(code) : detail);
  if (!wait) wait = retry_after(code);
  if (wait) {
    out += R"(,"retryAfterMs":)";
    append_json_number(out, static_cast<std::uint64_t>(wait->count()));
  }
  out += "}}";
}

std::optional<Duration> retry_after(Errc code) noexcept {
  switch (code) {
    case Errc::rate_limited:
    case Errc::busy:
    case Errc::unavailable:
    case Errc::shutting_down: return Duration{1000};
    case Errc::storage_full: return Duration{10000};
    default: return std::nullopt;
  }
}

std::string format_conversation_id(ConversationId id) { return std::to_string(id.value); }

Result<ConversationId> parse_conversation_id(std::string_view text) {
  ConversationId id;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, id.value);
  // One spelling each: no leading zeros, and so no 0, which names nothing.
  if (error != std::errc{} || rest != end || text.front() == '0') {
    return Error{Errc::invalid_argument, "a conversation id is a decimal number above 0"};
  }
  return id;
}

}  // namespace chatrt::gateway
