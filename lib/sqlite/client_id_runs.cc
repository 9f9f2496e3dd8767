#include "client_id_runs.h"

#include <algorithm>
#include <array>
#include <limits>

#include "bytes.h"

namespace chatrt::sqlite {
namespace {

constexpr std::size_t kFanIn = 8;
// Runs up to this size share filters: those of the lowest two levels, as a rule.
constexpr std::int64_t kSharingMax = 300'000;
// Filters of larger runs only as long as all filters are within the bound: 16 million entries.
constexpr std::int64_t kAlwaysFiltered = 1'000'000;
constexpr std::size_t kFilterBytesMax = 32U << 20;

constexpr const char* kDamaged = "the index of client ids is damaged";

using Entry = ClientIdRuns::Entry;

std::int64_t row_of(std::int64_t run, std::uint64_t bucket) noexcept {
  return run << 32 | static_cast<std::int64_t>(bucket);
}

// Covers the place as well, so that no row is taken for another one.
std::int64_t checksum(std::int64_t row, std::string_view entries) noexcept {
  std::array<char, kNumberBytes> place;
  write_number(place.data(), static_cast<std::uint64_t>(row));
  return crc32_of({{place.data(), place.size()}, entries});
}

}  // namespace

ClientIdRuns::ClientIdRuns(Statements& statements) : statements_(statements) {
  {
    Query row = statements_.get(
        "SELECT id, level, entries, bucket_bits, first_position, last_position, step_bits, steps,"
        " merged_into FROM client_id_runs ORDER BY id");
    while (row.next()) {
      const Run run{row.integer(0), row.integer(1),
                    row.integer(2), {row.integer(3), row.integer(4), row.integer(5)},
                    row.integer(6), row.integer(7),
                    row.integer(8), nullptr};
      const bool sound = run.buckets.is_sound() && run.step_bits >= 0 &&
                         run.step_bits <= run.buckets.bits && run.steps >= 0 &&
                         run.steps <= std::int64_t{1} << run.step_bits && run.entries >= 0 &&
                         run.entries <= ClientIdBuckets::kEntries << run.buckets.bits;
      if (!sound) throw_damaged(kDamaged);
      runs_.push_back(run);
    }
  }
  std::vector<Run*> by_size;
  for (Run& run : runs_) {
    if (run.merged_into != 0 && !can_merge(run, find_run(run.merged_into))) throw_damaged(kDamaged);
    by_size.push_back(&run);
  }
  // Those of one size in the order in which they came; sources before what they are merged into.
  std::stable_sort(by_size.begin(), by_size.end(),
                   [](const Run* a, const Run* b) { return a->entries < b->entries; });
  for (Run* run : by_size) {
    run->filter = filter_for(*run);
    fill_filter(*run);
  }
}

bool ClientIdRuns::can_merge(const Run& source, const Run& into) noexcept {
  return source.buckets.bits <= into.step_bits &&
         source.buckets.first_position >= into.buckets.first_position &&
         source.buckets.last_position <= into.buckets.last_position;
}

const ClientIdRuns::Run& ClientIdRuns::find_run(std::int64_t id) const {
  const auto found =
      std::lower_bound(runs_.begin(), runs_.end(), id,
                       [](const Run& run, std::int64_t key) { return run.id < key; });
  if (found == runs_.end() || found->id != id) throw_damaged(kDamaged);
  return *found;
}

// ---------------------------------------------------------------------------------------- reading

std::size_t ClientIdRuns::filter_bytes() const {
  std::vector<const Filter*> filters;
  for (const Run& run : runs_) {
    if (run.filter) filters.push_back(run.filter.get());
  }
  std::sort(filters.begin(), filters.end());
  filters.erase(std::unique(filters.begin(), filters.end()), filters.end());
  std::size_t bytes = 0;
  for (const Filter* filter : filters) bytes += filter->bytes();
  return bytes;
}

std::shared_ptr<Filter> ClientIdRuns::filter_for(const Run& run) const {
  const auto entries = static_cast<std::size_t>(run.entries);
  if (run.entries > kSharingMax) {
    std::shared_ptr<Filter> of_sources = filter_of_sources(run.id);
    const std::size_t more = of_sources ? 0 : Filter::bytes_for(entries);
    if (run.entries > kAlwaysFiltered && filter_bytes() + more > kFilterBytesMax) return nullptr;
    return of_sources ? std::move(of_sources) : std::make_shared<Filter>(entries);
  }
  for (const Run& other : runs_) {
    const bool together = other.level == run.level && other.merged_into == run.merged_into;
    if (together && other.filter && other.filter->take_room(entries)) return other.filter;
  }
  auto filter = std::make_shared<Filter>((kFanIn + 1) * entries);  // others may be larger
  filter->take_room(entries);
  return filter;
}

// None, if they have several.
std::shared_ptr<Filter> ClientIdRuns::filter_of_sources(std::int64_t id) const {
  std::shared_ptr<Filter> filter;
  for (const Run& run : runs_) {
    if (run.merged_into != id) continue;
    if (!run.filter || (filter && filter != run.filter)) return nullptr;
    filter = run.filter;
  }
  return filter;
}

void ClientIdRuns::fill_filter(const Run& run) {
  if (!run.filter) return;
  Query rows = statements_.get(
      "SELECT id, checksum, entries FROM client_ids WHERE id >= ? AND id < ? ORDER BY id",
      row_of(run.id, 0), row_of(run.id + 1, 0));
  while (rows.next()) {
    entries_.clear();
    take(run, rows.integer(0), rows.integer(1), rows.text(2));
    for (const Entry& entry : entries_) run.filter->add(entry.hash);
  }
}

bool ClientIdRuns::has_part_of(const Run& run, std::uint64_t hash) const {
  const auto has_come_to = [hash](const Run& made) {
    return static_cast<std::int64_t>(first_bits(made.step_bits, hash)) < made.steps;
  };
  if (run.merged_into != 0 && has_come_to(find_run(run.merged_into))) return false;
  return has_come_to(run);
}

void ClientIdRuns::prefetch(std::uint64_t hash) const noexcept {
  const Filter* last = nullptr;
  for (const Run& run : runs_) {
    if (run.filter && run.filter.get() != last) run.filter->prefetch(hash);
    last = run.filter.get();
  }
}

void ClientIdRuns::find(std::uint64_t hash, std::vector<std::int64_t>& positions) {
  const Filter* asked = nullptr;  // runs that share one are neighbours, as a rule
  bool may_have = true;
  for (const Run& run : runs_) {
    if (run.filter.get() != asked) {
      asked = run.filter.get();
      may_have = asked == nullptr || asked->may_have(hash);
    }
    if (!may_have || !has_part_of(run, hash)) continue;
    entries_.clear();
    read(run, run.buckets.of(hash));
    for (const Entry& entry : entries_) {
      if (entry.hash == kept_of(hash)) positions.push_back(entry.position);
    }
  }
}

// An empty bucket has no row.
void ClientIdRuns::read(const Run& run, std::uint64_t bucket) {
  const std::int64_t id = row_of(run.id, bucket);
  Query row = statements_.get("SELECT checksum, entries FROM client_ids WHERE id = ?", id);
  if (row.next()) take(run, id, row.integer(0), row.text(1));
}

void ClientIdRuns::take(const Run& run, std::int64_t row, std::int64_t sum,
                        std::string_view bytes) {
  const auto bucket = static_cast<std::uint64_t>(row - row_of(run.id, 0));
  if (checksum(row, bytes) != sum || !run.buckets.read(bucket, bytes, entries_)) {
    throw_damaged(kDamaged);
  }
}

// ---------------------------------------------------------------------------------------- writing

void ClientIdRuns::roll_back() noexcept {
  if (changed_) runs_.swap(before_);
  for (Run& run : runs_) {
    if (!run.is_complete()) run.owed -= owed_now_;
  }
  owed_now_ = 0;
}

// Before any change. What a filter has more than it should does no harm.
void ClientIdRuns::change() {
  if (changed_) return;
  before_ = runs_;
  changed_ = true;
}

void ClientIdRuns::add(std::span<const Entry> entries) {
  if (entries.empty()) return;
  const auto count = static_cast<std::int64_t>(entries.size());
  Run run;
  run.entries = count;
  run.buckets =
      ClientIdBuckets::for_run(count, entries.front().position, entries.back().position, 0);
  entries_.assign(entries.begin(), entries.end());
  write_step(start_run(std::move(run)));
  start_merge(0);
}

ClientIdRuns::Run& ClientIdRuns::start_run(Run run) {
  change();
  run.id = next_id();
  run.filter = filter_for(run);
  statements_.run(
      "INSERT INTO client_id_runs (id, level, entries, bucket_bits, first_position, last_position,"
      " step_bits, steps, merged_into) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      run.id, run.level, run.entries, run.buckets.bits, run.buckets.first_position,
      run.buckets.last_position, run.step_bits, run.steps, run.merged_into);
  runs_.push_back(std::move(run));
  return runs_.back();
}

// All entries of the next step.
void ClientIdRuns::write_step(Run& run) {
  const std::int64_t part_bits = run.buckets.bits - run.step_bits;
  const auto first_bucket = static_cast<std::uint64_t>(run.steps) << part_bits;
  const std::size_t buckets = std::size_t{1} << part_bits;
  if (buckets_.size() < buckets) buckets_.resize(buckets);
  for (std::string& bucket : buckets_) bucket.clear();
  for (const Entry& entry : entries_) {
    run.buckets.append(buckets_[run.buckets.of(entry.hash) - first_bucket], entry);
    if (run.filter) run.filter->add(entry.hash);
  }
  for (std::size_t i = 0; i < buckets; ++i) {
    if (buckets_[i].empty()) continue;
    const std::int64_t row = row_of(run.id, first_bucket + i);
    statements_.run("INSERT INTO client_ids (id, checksum, entries) VALUES (?, ?, ?)", row,
                    checksum(row, buckets_[i]), Blob{buckets_[i]});
  }
  ++run.steps;
  statements_.run("UPDATE client_id_runs SET steps = ? WHERE id = ?", run.steps, run.id);
}

void ClientIdRuns::start_merge(std::int64_t level) {
  const auto is_source = [level](const Run& run) {
    return run.level == level && run.merged_into == 0 && run.is_complete();
  };
  Run into;
  into.level = level + 1;
  std::size_t sources = 0;
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = 0;
  for (const Run& run : runs_) {
    if (!is_source(run)) continue;
    ++sources;
    into.entries += run.entries;
    into.step_bits = std::max(into.step_bits, run.buckets.bits);
    first = std::min(first, run.buckets.first_position);
    last = std::max(last, run.buckets.last_position);
  }
  if (sources < kFanIn) return;
  into.buckets = ClientIdBuckets::for_run(into.entries, first, last, into.step_bits);
  change();
  for (Run& run : runs_) {
    if (!is_source(run)) continue;
    run.merged_into = next_id();
    statements_.run("UPDATE client_id_runs SET merged_into = ? WHERE id = ?", run.merged_into,
                    run.id);
  }
  start_run(std::move(into));
}

// A merge of a level is done before its next one begins if it takes more than one entry for each
// new one; it takes two.
void ClientIdRuns::merge(std::size_t entries) {
  owed_now_ = 2 * entries;
  for (Run& run : runs_) {
    if (!run.is_complete()) run.owed += owed_now_;
  }
  for (Run& run : runs_) {
    if (run.is_complete()) continue;
    const std::size_t step = (static_cast<std::size_t>(run.entries) >> run.step_bits) + 1;
    for (; run.owed >= step && !run.is_complete(); run.owed -= step) merge_step(run);
  }
  end_merges();
}

void ClientIdRuns::merge_step(Run& into) {
  change();
  const auto step = static_cast<std::uint64_t>(into.steps);
  entries_.clear();
  for (const Run& run : runs_) {
    if (run.merged_into != into.id) continue;
    // Of a bucket of a smaller run a step takes a part.
    const std::int64_t part_bits = into.step_bits - run.buckets.bits;
    const std::uint64_t bucket = step >> part_bits;
    read(run, bucket);
    if (bucket != (step + 1) >> part_bits) {
      statements_.run("DELETE FROM client_ids WHERE id = ?", row_of(run.id, bucket));
    }
  }
  std::erase_if(entries_,
                [&](const Entry& entry) { return first_bits(into.step_bits, entry.hash) != step; });
  write_step(into);
}

void ClientIdRuns::end_merges() {
  const auto is_done = [this](const Run& run) {
    return run.merged_into != 0 && find_run(run.merged_into).is_complete();
  };
  for (auto source = runs_.begin();
       (source = std::find_if(runs_.begin(), runs_.end(), is_done)) != runs_.end();) {
    const std::int64_t id = source->merged_into;
    const std::int64_t level = source->level + 1;
    statements_.run("DELETE FROM client_id_runs WHERE merged_into = ?", id);
    std::erase_if(runs_, [id](const Run& run) { return run.merged_into == id; });
    start_merge(level);
  }
}

}  // namespace chatrt::sqlite
