// What the golden files hold. Never changed: a later version adds traffic of its own.
#pragma once

#include <string>
#include <vector>

#include "chatrt/message_store.h"

namespace chatrt::testing {

constexpr Timestamp kGoldenTime{Duration{1'795'464'900'123}};

// One batch of messages and marks of five users, with and without client ids, also to oneself.
inline std::vector<Draft> golden_traffic() {
  const auto user = [](int number) { return *UserId::parse("user-" + std::to_string(number)); };
  std::vector<Draft> drafts;
  for (int i = 0; i < 150; ++i) {
    const std::string number = std::to_string(i);
    drafts.push_back(PostDraft{user(i % 5), user(i * i % 5), "golden \xC3\xA9 " + number,
                               i % 3 == 0 ? std::string{} : "id-" + number});
    if (i % 10 != 9) continue;
    const ConversationId conversation{static_cast<std::uint64_t>(i / 10 % 4 + 1)};
    drafts.push_back(MarkDraft{user(i / 10 % 5), conversation,
                               i % 20 == 9 ? MarkKind::delivered : MarkKind::read,
                               Sequence{static_cast<std::uint64_t>(i / 10)}});
  }
  return drafts;
}

}  // namespace chatrt::testing
