// What a user has missed, of all conversations, in the order of the log: a merge of the
// conversations' chains. It reads what it gives and at most kStep links of each conversation
// beside.
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

  // Of this conversation what lies above the position `after` and the sequence `above`, up to the
  // position `last`.
  void add(std::int64_t conversation, std::int64_t after, std::int64_t above, std::int64_t last);
  // The next one of all.
  std::optional<Place> next();

 private:
  struct Chain {
    std::int64_t conversation = 0;
    std::int64_t after = 0;
    std::int64_t above = 0;
    std::int64_t last = 0;
    std::vector<std::int64_t> ready = {};  // newest first
  };

  void refill(Chain& chain);
  // The next message with a step, or else the end.
  std::int64_t end_of_stretch(const Chain& chain);

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
