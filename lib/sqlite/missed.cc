#include "missed.h"

#include <algorithm>

#include "schema.h"

namespace chatrt::sqlite {

void Missed::add(std::int64_t conversation, std::int64_t after, std::int64_t above,
                 std::int64_t last) {
  Chain chain{conversation, after, above, last};
  refill(chain);
  if (chain.ready.empty()) return;
  heads_.push({chain.ready.back(), chains_.size()});
  chains_.push_back(std::move(chain));
}

std::optional<Missed::Place> Missed::next() {
  if (heads_.empty()) return std::nullopt;
  const Head head = heads_.top();
  heads_.pop();
  Chain& chain = chains_[head.chain];
  chain.ready.pop_back();
  refill(chain);
  if (!chain.ready.empty()) heads_.push({chain.ready.back(), head.chain});
  return Place{head.position, chain.conversation};
}

// The links lead downwards, and we want to go up: so from the end of a short stretch to its begin.
void Missed::refill(Chain& chain) {
  while (chain.ready.empty() && chain.after < chain.last) {
    const std::int64_t end = end_of_stretch(chain);
    for (std::int64_t position = end; position > chain.after;) {
      const Link link = rows_.link(position, chain.conversation);
      if (what_ == What::changes) {
        chain.ready.push_back(position);
        position = link.previous;
      } else {
        if (link.sequence <= chain.above) break;
        if (link.author != user_) chain.ready.push_back(position);
        position = link.previous_message;
      }
    }
    chain.after = end;
  }
}

std::int64_t Missed::end_of_stretch(const Chain& chain) {
  std::int64_t after = chain.after;
  if (what_ == What::messages_of_others && chain.above >= kStep) {
    // What lies above both bounds begins where the later one is.
    Query step =
        statements_.get("SELECT position FROM steps WHERE conversation = ? AND sequence = ?",
                        chain.conversation, chain.above / kStep * kStep);
    if (!step.next()) throw_damaged("a step of a conversation is missing");
    after = std::max(after, step.integer(0));
  }
  Query step = statements_.get(
      "SELECT position FROM steps INDEXED BY steps_by_position WHERE conversation = ?"
      " AND position > ? ORDER BY position LIMIT 1",
      chain.conversation, after);
  const std::int64_t end = step.next() ? std::min(step.integer(0), chain.last) : chain.last;
  // Ends above what has been read, or damage would have us read it forever.
  if (end <= chain.after) throw_damaged("the steps of a conversation are damaged");
  return end;
}

}  // namespace chatrt::sqlite
