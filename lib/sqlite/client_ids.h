// The index of client ids: which messages have a client id of this hash.
//
// The newest are kept in memory, from where thousands at once make a run of the file. What no run
// has is in the log, from where it is taken at the start. Only the writer looks here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "client_id_runs.h"
#include "database.h"
#include "pending_ids.h"

namespace chatrt::sqlite {

class ClientIds {
 public:
  // Throws SQLite::Exception, as every member that may touch the file.
  explicit ClientIds(Statements& statements);

  // In a transaction, until it says false: takes in a part of the log that no run has, and says
  // whether there is more.
  bool catch_up();

  // What the others know an id by.
  std::uint64_t hash(std::string_view client_id) const noexcept;
  // That this one will be looked for, soon: makes it quicker.
  void expect(std::int64_t author, std::uint64_t hash) const noexcept;
  // Positions of messages of this author whose ids have this hash; perhaps others.
  std::vector<std::int64_t> find(std::int64_t author, std::uint64_t hash);
  void add(std::int64_t author, std::uint64_t hash, std::int64_t position);

  // A transaction begins.
  void begin() noexcept;
  // Before its end: makes a run if there are enough, and merges some.
  void write_some(std::int64_t last_position);
  // It has not come about. Takes no memory: the lack of it may be why.
  void roll_back() noexcept;

 private:
  void make_run(std::int64_t last_position);

  Statements& statements_;
  std::array<unsigned char, 16> hash_key_{};
  ClientIdRuns runs_;
  PendingIds pending_;            // of the log after complete_to_
  std::int64_t complete_to_ = 0;  // runs have all of the log up to this position
  std::int64_t read_to_ = 0;      // by catch_up()
  // To take back the transaction.
  std::size_t pending_before_ = 0;
  PendingIds in_run_;
  std::int64_t complete_to_before_ = 0;
};

}  // namespace chatrt::sqlite
