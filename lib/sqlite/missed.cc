#include "missed.h"

#include <utility>

#include "schema.h"

namespace chatrt::sqlite {

void Missed::add(const Part& part) {
  Chain chain{part, first_step(part)};
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
  return Place{head.position, chain.part.conversation};
}

std::int64_t Missed::position_of_step(const Part& part, std::int64_t step) {
  Query found =
      statements_.get("SELECT position FROM steps WHERE conversation = ? AND sequence = ?",
                      part.conversation, step * kStep);
  if (!found.next()) throw_damaged("a step of a conversation is missing");
  return found.integer(0);
}

// From the end, in strides that double: as a rule what has been missed is short.
std::int64_t Missed::first_step(const Part& part) {
  const auto is_above = [&](std::int64_t step) {
    return position_of_step(part, step) > part.after;
  };
  std::int64_t above = part.last_sequence / kStep + 1;
  // Steps up to that of the sequence `above` are below, whatever their position.
  std::int64_t below = what_ == What::messages_of_others ? part.above / kStep : 0;
  for (std::int64_t stride = 1; above - stride > below; stride *= 2) {
    if (!is_above(above - stride)) {
      below = above - stride;
      break;
    }
    above -= stride;
  }
  while (above - below > 1) {
    const std::int64_t middle = below + (above - below) / 2;
    (is_above(middle) ? above : below) = middle;
  }
  return above;
}

// The links lead downwards, and we want to go up: so from the end of a short stretch to its begin.
void Missed::refill(Chain& chain) {
  Part& part = chain.part;
  while (chain.ready.empty() && part.after < part.last) {
    const std::int64_t end = end_of_stretch(chain);
    for (std::int64_t position = end; position > part.after;) {
      const Link link = rows_.link(position, part.conversation);
      if (what_ == What::changes) {
        chain.ready.push_back(position);
        position = link.previous;
      } else {
        if (link.sequence <= part.above) break;
        if (link.author != user_) chain.ready.push_back(position);
        position = link.previous_message;
      }
    }
    part.after = end;
  }
}

std::int64_t Missed::end_of_stretch(Chain& chain) {
  const Part& part = chain.part;
  const bool is_last = chain.step > part.last_sequence / kStep;
  const std::int64_t end = is_last ? part.last : position_of_step(part, chain.step);
  // Ends above what has been read, or damage would have us read it forever.
  if (end <= part.after || end > part.last) {
    throw_damaged("the steps of a conversation are damaged");
  }
  ++chain.step;
  return end;
}

}  // namespace chatrt::sqlite
