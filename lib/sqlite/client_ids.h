// The index of client ids: which messages have a client id of this hash.
//
// Hashes lie anywhere in the table, so each one written at once would touch a page of its own. They
// are kept in memory instead and follow in the order of the table, a stretch at each commit, so
// that a page is written once for many of them. What is not in the table yet is in the log, from
// where it is taken at the start. Only the writer looks here.
#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "database.h"

namespace chatrt::sqlite {

class ClientIds {
 public:
  // Reads the tail of the log. Throws SQLite::Exception, as every member that may touch the file.
  explicit ClientIds(Statements& statements);

  // Positions of messages of this author whose ids have the hash of this one.
  std::vector<std::int64_t> find(std::int64_t author, std::string_view client_id);
  void add(std::int64_t author, std::string_view client_id, std::int64_t position);

  // A transaction begins.
  void begin() noexcept;
  // Before its end: moves a part to the table.
  void write_some(std::int64_t last_position);
  // It has not come about. Takes no memory: the lack of it may be why.
  void roll_back() noexcept;

 private:
  struct Key {
    std::int64_t author = INT64_MIN;
    std::int64_t hash = INT64_MIN;
    std::int64_t position = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  void write(std::size_t count, std::int64_t last_position);
  void set_complete_to(std::int64_t position);

  // All that was pending when a round over the keys began is in the table when it ends.
  struct Round {
    Key next{};
    std::int64_t began_at = 0;
    std::int64_t complete_to = 0;  // as in the file
  };

  Statements& statements_;
  std::set<Key> pending_;  // not in the table yet, or not for sure
  Round round_;
  // To take back the transaction.
  Round before_;
  std::vector<Key> added_;
  std::vector<std::set<Key>::node_type> written_;
};

}  // namespace chatrt::sqlite
