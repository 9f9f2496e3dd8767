// The part of the index of client ids that is in the file: hash of a client id -> position of the
// message.
//
// Hashes lie anywhere: in a table in their order each new one would have a page of its own written,
// once the table is large. Here they are written by the thousand instead, as runs, which never
// change. Eight runs of a level are merged into one of the next level, part by part along with the
// commits, so that an entry is written once a level. A run is in buckets by the first bits of the
// hashes, a row of the table each: a look at a run reads one page.
//
// Filters in memory say which runs need no look. Small runs that will be merged together share one,
// which goes on to what they are merged into; beyond a bound of memory the largest runs have none.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client_id_bucket.h"
#include "database.h"
#include "filter.h"

namespace chatrt::sqlite {

class ClientIdRuns {
 public:
  using Entry = ClientIdEntry;

  // Reads all that gets a filter: some 50 ns an entry. Throws SQLite::Exception, as every member
  // that touches the file.
  explicit ClientIdRuns(Statements& statements);

  // Has the processor load what a find() of this hash looks at in memory, a cache line of each run.
  void prefetch(std::uint64_t hash) const noexcept;
  // Appends the positions of the entries with this hash, perhaps of others.
  void find(std::uint64_t hash, std::vector<std::int64_t>& positions);
  // A new run of these, which are in the order of their positions and behind those of all others.
  void add(std::span<const Entry> entries);
  // Does the part of the merging that so many new entries owe. Once in a transaction.
  void merge(std::size_t entries);

  // A transaction begins.
  void begin() noexcept {
    changed_ = false;
    owed_now_ = 0;
  }
  // It has not come about.
  void roll_back() noexcept;

 private:
  struct Run {
    std::int64_t id = 0;
    std::int64_t level = 0;    // the merges it has behind it
    std::int64_t entries = 0;  // of a merge: that it will have
    ClientIdBuckets buckets;
    std::int64_t step_bits = 0;      // it is made in 2^step_bits steps, in the order of the hashes
    std::int64_t steps = 0;          // done of these
    std::int64_t merged_into = 0;    // id of the run that it is a source of; 0: of none
    std::shared_ptr<Filter> filter;  // perhaps of other runs too
    std::size_t owed = 0;            // entries that are to be merged into it by now

    bool is_complete() const noexcept { return steps == std::int64_t{1} << step_bits; }
  };

  static bool can_merge(const Run& source, const Run& into) noexcept;
  const Run& find_run(std::int64_t id) const;
  // Whether the run's part of the hashes that this one is of is made, and not merged away.
  bool has_part_of(const Run& run, std::uint64_t hash) const;
  std::size_t filter_bytes() const;
  // For a run that has none yet.
  std::shared_ptr<Filter> filter_for(const Run& run) const;
  std::shared_ptr<Filter> filter_of_sources(std::int64_t id) const;
  std::int64_t next_id() const noexcept { return runs_.empty() ? 1 : runs_.back().id + 1; }
  void fill_filter(const Run& run);
  void read(const Run& run, std::uint64_t bucket);
  void take(const Run& run, std::int64_t row, std::int64_t checksum, std::string_view bytes);

  void change();
  Run& start_run(Run run);
  void write_step(Run& run);
  void start_merge(std::int64_t level);
  void merge_step(Run& into);
  void end_merges();

  Statements& statements_;
  std::vector<Run> runs_;    // by id
  std::vector<Run> before_;  // the transaction, if changed_
  bool changed_ = false;
  std::size_t owed_now_ = 0;    // what the transaction has added to each merge's
  std::vector<Entry> entries_;  // read, or to be written
  std::vector<std::string> buckets_;
};

}  // namespace chatrt::sqlite
