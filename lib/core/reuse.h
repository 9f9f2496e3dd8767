// Memory of texts and names goes around, so that a message needs none of its own: from who sends it
// through the Inbox and the store to RecentChanges, and from what is forgotten there back.
#pragma once

#include <cstddef>

#include "chatrt/message.h"

namespace chatrt {

// More is given back: what lies idle is bounded by it.
inline constexpr std::size_t kReusedBytesMax = 256;
inline constexpr std::size_t kReusedDraftsMax = 4096;

inline bool is_reusable(const std::string& text) { return text.capacity() <= kReusedBytesMax; }
inline bool is_reusable(const Change& change) {
  const auto* message = std::get_if<Message>(&change);
  return message == nullptr || (is_reusable(message->text) && is_reusable(message->client_id));
}
inline bool is_reusable(const Draft& draft) {
  const auto* post = std::get_if<PostDraft>(&draft);
  return post == nullptr || (is_reusable(post->text) && is_reusable(post->client_id));
}

// What is to be forgotten becomes memory of a draft that has given its own away.
inline void reuse(Message&& forgotten, PostDraft& draft) {
  draft.author = std::move(forgotten.author);
  draft.target = std::move(forgotten.receiver);
  draft.text = std::move(forgotten.text);
  draft.client_id = std::move(forgotten.client_id);
}

}  // namespace chatrt
