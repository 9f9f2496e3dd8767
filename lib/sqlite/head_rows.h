// HeadRows: the columns of `conversations` that follow the log, and the way from the log to the
// Heads at the start. The writer's.
#pragma once

#include <cstdint>

#include "database.h"
#include "heads.h"
#include "rows.h"

namespace chatrt::sqlite {

// The columns of a Head in order, for head_of(). Of the row, which may be behind: see Heads.
#define CHATRT_HEAD "c.last_sequence, c.last_position, c.last_message, c.sent_a, c.sent_b"
inline constexpr int kHeadColumns = 5;
Head head_of(const Query& row, int first_column);

class HeadRows {
 public:
  HeadRows(Statements& statements, Rows& rows, Heads& heads)
      : statements_(statements), rows_(rows), heads_(heads) {}

  // At the start: gives the Heads what the log has above what all rows have. Throws
  // SQLite::Exception, as write_some() does.
  void catch_up();
  // In a transaction that has made so many changes: writes some rows.
  void write_some(std::int64_t changes);

 private:
  Statements& statements_;
  Rows& rows_;
  Heads& heads_;
};

}  // namespace chatrt::sqlite
