// How the chat's values look as JSON, on sockets and over HTTP alike. Each function appends to
// `out`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "chatrt/clock.h"
#include "chatrt/export.h"
#include "chatrt/message.h"
#include "chatrt/message_store.h"
#include "chatrt/outlet.h"
#include "chatrt/result.h"

namespace chatrt::gateway {

// {"_id","conversationId","seq","senderId","receiverId","textMessage","clientMessageId"?,
//  "createdAt","updatedAt"}; conversationId is a string, seq a number.
CHATRT_EXPORT void append_message(std::string& out, const Message& message);
// {"conversationId","userId","kind":"delivered"|"read","seq","at"}
CHATRT_EXPORT void append_mark(std::string& out, const MarkAdvanced& mark);
// {"position",  "type":"message", "message":{...}} or {"position", "type":"mark", "mark":{...}}
CHATRT_EXPORT void append_change(std::string& out, const Change& change);
// {"conversationId","userId" (the peer),"lastMessage","unread","delivered","read","peerDelivered",
//  "peerRead"}
CHATRT_EXPORT void append_conversation(std::string& out, const Conversation& conversation);
// {"userId","online","lastSeen"?}
CHATRT_EXPORT void append_presence(std::string& out, const Presence& presence);
// {"ok":false,"error":{"code","message","retryAfterMs"?}}: the message is a fixed sentence for each
// code; `detail`, where given, is one that the client may see instead, and `wait` goes before
// retry_after(). REQUIRES: detail is UTF-8
CHATRT_EXPORT void append_failure(std::string& out, Errc code, std::string_view detail = {},
                                  std::optional<Duration> wait = {});
// What clients are told to wait before they try again; none: trying again will not help.
CHATRT_EXPORT std::optional<Duration> retry_after(Errc code) noexcept;

// The conversation id in its wire form, and back; invalid_argument for anything but a decimal
// number above 0 without leading zeros.
CHATRT_EXPORT std::string format_conversation_id(ConversationId id);
CHATRT_EXPORT Result<ConversationId> parse_conversation_id(std::string_view text);

}  // namespace chatrt::gateway
