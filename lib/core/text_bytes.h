// How much text there is in what the store keeps: what bounds of memory and of pages count.
#pragma once

#include <cstddef>
#include <variant>

#include "chatrt/message_store.h"

namespace chatrt {

inline std::size_t text_bytes(const Message& message) { return message.text.size(); }
inline std::size_t text_bytes(const Conversation& conversation) {
  return conversation.last_message.text.size();
}
inline std::size_t text_bytes(const Change& change) {
  const auto* message = std::get_if<Message>(&change);
  return message != nullptr ? text_bytes(*message) : 0;
}

}  // namespace chatrt
