// Rows of `log` as changes, checked against their checksum.
#pragma once

#include <SQLiteCpp/Statement.h>

#include "chatrt/message.h"
#include "chatrt/result.h"

namespace chatrt::sqlite {

// The columns that read_change() expects, from a query over `log` l, `users` author, and `users` a
// and b, the members of conversation c.
#define CHATRT_CHANGE_COLUMNS                                                             \
  " l.position, l.conversation, l.kind, l.sequence, l.author, l.at, l.text, l.client_id," \
  " l.checksum, author.name, CASE WHEN l.author = c.user_a THEN b.name ELSE a.name END "
#define CHATRT_CHANGE_JOINS                                                                  \
  " JOIN conversations c ON c.id = l.conversation JOIN users author ON author.id = l.author" \
  " JOIN users a ON a.id = c.user_a JOIN users b ON b.id = c.user_b "
inline constexpr int kChangeColumns = 11;

// `corrupt` if the checksum does not fit.
Result<Change> read_change(SQLite::Statement& row);

}  // namespace chatrt::sqlite
