// What a user has missed, of all conversations, in the order of the log: a merge of the
// conversations' chains. Beside what it gives it reads at most kStep links of each conversation,
// and steps in number as the logarithm of what has been missed there.
#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "database.h"
#include "rows.h"

namespace chatrt::sqlite {

class Missed {
 public:
  struct Place {
    std::int64_t position;
    std::int64_t conversation;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  enum class What { changes, messages_of_others };

  Missed(Statements& statements, Rows& rows, What what, std::int64_t user)
      : statements_(statements), rows_(rows), what_(what), user_(user) {}

  // What has been missed of a conversation: what lies above the position `after` and the sequence
  // `above`, up to the position `last`.
  struct Part {
    std::int64_t conversation = 0;
    std::int64_t after = 0;
    std::int64_t above = 0;
    std::int64_t last = 0;
    std::int64_t last_sequence = 0;  // of the conversation
  };
  void add(const Part& part);
  // The next one of all.
  std::optional<Place> next();

 private:
  struct Chain {
    Part part;
    std::int64_t step = 0;                 // number of the first one that has not been reached
    std::vector<std::int64_t> ready = {};  // newest first
  };

  std::int64_t position_of_step(const Part& part, std::int64_t step);
  // The number of the first step of which something is above both bounds, or of one behind the
  // last.
  std::int64_t first_step(const Part& part);
  void refill(Chain& chain);
  // The next message with a step, or else the end.
  std::int64_t end_of_stretch(Chain& chain);

  Statements& statements_;
  Rows& rows_;
  const What what_;
  const std::int64_t user_;
  std::vector<Chain> chains_;
  struct Head {
    std::int64_t position;
    std::size_t chain;
    friend auto operator<=>(const Head&, const Head&) = default;
  };
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads_;
};

}  // namespace chatrt::sqlite
