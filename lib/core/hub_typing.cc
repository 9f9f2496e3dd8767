#include "hub_typing.h"

#include <utility>

namespace chatrt {
namespace {

// Above it, what is known is forgotten as a whole and read again when it is asked for.
constexpr std::size_t kKnownMax = 16384;

std::size_t mix(std::size_t a, std::size_t b) { return (a * 0x9E3779B97F4A7C15U) ^ b; }

}  // namespace

std::size_t Typings::AimHash::operator()(const Aim& aim) const noexcept {
  return mix(std::hash<UserId>{}(aim.from), std::hash<Target>{}(aim.target));
}

std::size_t Typings::KeyHash::operator()(const Key& key) const noexcept {
  return mix(std::hash<UserId>{}(key.from), std::hash<ConversationId>{}(key.conversation));
}

void Typings::request(const UserId& from, const Target& target, bool typing, Done done) {
  Aim aim{from, target};
  if (const auto known = known_.find(aim); known != known_.end()) {
    lanes_.answer(done, Status{});
    apply(known->second, from, typing);
    return;
  }
  // What waits is bounded as reads are.
  if (waiting_ >= lanes_.options.reads_max) {
    return lanes_.answer(done, Status{Error{Errc::busy, "too many reads"}});
  }
  ++waiting_;
  std::vector<Waiting>& waiting = looking_up_[aim];
  waiting.push_back({typing, std::move(done)});
  if (waiting.size() == 1) look_up(aim);
}

void Typings::look_up(const Aim& aim) {
  lanes_.read_then(
      aim.from,
      [this, aim] { return lanes_.parts.store.read_conversation(aim.from, aim.target, {}, 1); },
      [this, aim](const Result<Page<Message>>& newest) { found(aim, newest); });
}

void Typings::found(const Aim& aim, const Result<Page<Message>>& newest) {
  const auto waiting = std::move(looking_up_.extract(aim).mapped());
  waiting_ -= waiting.size();
  if (!newest) {
    for (const Waiting& one : waiting) lanes_.answer(one.done, Status{newest.error()});
    return;
  }
  std::optional<Known> known;
  if (!newest->items.empty()) {
    const Message& message = newest->items.back();
    const bool own = message.author == aim.from;
    known = {message.conversation, own ? message.receiver : message.author};
    if (known_.size() >= kKnownMax) known_.clear();
    known_.emplace(aim, *known);
  }
  // Without a conversation it is no error, and nobody is told: strangers cannot ring at the door.
  for (const Waiting& one : waiting) {
    lanes_.answer(one.done, Status{});
    if (known) apply(*known, aim.from, one.typing);
  }
}

void Typings::apply(const Known& known, const UserId& from, bool typing) {
  if (known.peer == from) return;
  const Key key{known.conversation, from};
  Typing* current = typing_.find(key);
  if (typing) {
    start(known, key, current);
  } else if (current != nullptr && current->active) {
    stop(key, *current);
  }
}

void Typings::start(const Known& known, const Key& key, Typing* current) {
  if (current == nullptr && typing_.size() >= lanes_.options.typing_max) return;
  const MonotonicTime now = lanes_.parts.clock.monotonic();
  const bool too_soon =
      current != nullptr && now - current->told_at < lanes_.options.typing_interval;
  if (too_soon && !current->active) return;
  const MonotonicTime told_at = too_soon ? current->told_at : now;
  typing_.set(key, {known.peer, true, told_at}, now + lanes_.options.typing_ttl);
  if (!too_soon) tell(key, known.peer, true);
}

void Typings::stop(const Key& key, Typing& current) {
  const Typing ended{current.peer, false, current.told_at};
  typing_.set(key, ended, ended.told_at + lanes_.options.typing_interval);
  tell(key, ended.peer, false);
}

void Typings::tell(const Key& key, const UserId& peer, bool typing) {
  lanes_.send_to(peer, TypingNotice{key.from, key.conversation, typing});
}

void Typings::ended_by(const Message& message) {
  // Also what came before it and is not told yet.
  if (!looking_up_.empty()) {
    for (const Target& target : {Target{message.receiver}, Target{message.conversation}}) {
      const auto found = looking_up_.find({message.author, target});
      if (found == looking_up_.end()) continue;
      for (Waiting& one : found->second) one.typing = false;
    }
  }
  if (typing_.size() > 0) typing_.erase({message.conversation, message.author});
}

void Typings::tick(MonotonicTime now) {
  while (const auto over = typing_.pop_due(now)) {
    if (over->second.active) tell(over->first, over->second.peer, false);
  }
}

}  // namespace chatrt
