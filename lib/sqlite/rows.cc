#include "rows.h"

#include "database.h"
#include "schema.h"

namespace chatrt::sqlite {
namespace {

std::string_view text_of(const SQLite::Column& column) {
  const char* text = column.getText();  // before its size, by SQLite's rules
  return {text, static_cast<std::size_t>(column.getBytes())};
}

}  // namespace

Result<Change> read_change(SQLite::Statement& row) {
  const std::int64_t position = row.getColumn(0).getInt64();
  const std::int64_t conversation = row.getColumn(1).getInt64();
  const int kind = row.getColumn(2).getInt();
  const std::int64_t sequence = row.getColumn(3).getInt64();
  const std::int64_t at = row.getColumn(5).getInt64();
  const SQLite::Column text_column = row.getColumn(6);
  const SQLite::Column client_column = row.getColumn(7);
  const std::string_view text = text_of(text_column);
  const std::string_view client_id = text_of(client_column);
  const std::uint32_t checksum = row_checksum(position, conversation, kind, sequence,
                                              row.getColumn(4).getInt64(), at, text, client_id);
  const auto author = UserId::parse(text_of(row.getColumn(9)));
  const auto peer = UserId::parse(text_of(row.getColumn(10)));
  if (checksum != row.getColumn(8).getUInt() || !author || !peer || kind < kMessage ||
      kind > kRead) {
    return Error{Errc::corrupt, "log position " + std::to_string(position) + " is damaged"};
  }
  const Position where{static_cast<std::uint64_t>(position)};
  const ConversationId in{static_cast<std::uint64_t>(conversation)};
  const Sequence number{static_cast<std::uint64_t>(sequence)};
  const Timestamp when{Duration{at}};
  if (kind == kMessage) {
    return Change{Message{where, in, number, *author, *peer, std::string{text},
                          std::string{client_id}, when}};
  }
  return Change{MarkAdvanced{where, in, kind == kRead ? MarkKind::read : MarkKind::delivered,
                             number, *author, *peer, when}};
}

}  // namespace chatrt::sqlite
