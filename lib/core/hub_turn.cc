// The commit lane of a Hub: one commit for all that came while it was busy, then everything in the
// order of its arrival.
#include <algorithm>
#include <utility>

#include "hub_impl.h"
#include "reuse.h"

namespace chatrt {

Hub::Impl::Impl(HubParts the_parts, const HubOptions& the_options)
    : lanes(
          the_parts, the_options, [this] { drain(); }, [this] { drain_others(); }),
      delivery(lanes),
      presences(lanes),
      typings(lanes),
      replays(lanes, delivery, presences) {}

void Hub::Impl::drain() { work_off(lanes.inbox.take(requests_).stopping); }

void Hub::Impl::drain_others() {
  if (!delivery.is_current()) return lanes.inbox.hand_over();
  const auto taken = lanes.inbox.take_without_drafts(requests_);
  if (!taken) return lanes.inbox.hand_over();
  work_off(taken->stopping);
}

void Hub::Impl::work_off(bool stopping) {
  const std::size_t batch_max = lanes.options.batch_max;
  std::span<Draft> drafts = requests_.waiting_drafts();
  std::span<Entry> entries(requests_.entries);
  while (!entries.empty()) {
    std::size_t entry_count = 0;
    std::size_t draft_count = 0;
    while (entry_count < entries.size() && draft_count < batch_max) {
      if (!std::holds_alternative<LaneTask>(entries[entry_count++])) ++draft_count;
    }
    turn(drafts.first(draft_count), entries.first(entry_count));
    drafts = drafts.subspan(draft_count);
    entries = entries.subspan(entry_count);
  }
  if (stopping) replays.cancel_all();
  note_deadline();
  requests_.clear();  // The callbacks end here, before anybody may think that all is over.
  lanes.inbox.finish();
}

// The commit comes first for all drafts; what they bring about, and all else, comes in the order of
// arrival. So whoever attaches between two messages sees the log between them.
void Hub::Impl::turn(std::span<Draft> drafts, std::span<Entry> entries) {
  // Before the commit, so that what it adds is seen as new. It fails where the commit will.
  static_cast<void>(delivery.find_head().has_value());
  if (!drafts.empty()) commit(drafts);
  std::size_t next = 0;  // of drafts, and of their results
  for (Entry& entry : entries) {
    if (const auto* post = std::get_if<PostDone>(&entry)) {
      answer(drafts[next], *post, results_[next]);
      ++next;
    } else if (const auto* mark = std::get_if<MarkDone>(&entry)) {
      answer(*mark, results_[next++]);
    } else {
      run(std::get<LaneTask>(entry));
    }
  }
  results_.clear();
  delivery.catch_up();
  if (delivery.head_known()) position_.store(delivery.head().value, std::memory_order_relaxed);
  presences.end_turn();
  lanes.flush();
}

void Hub::Impl::commit(std::span<Draft> drafts) {
  auto stored =
      lanes.ask([&] { return lanes.parts.store.append(drafts, lanes.parts.clock.now()); });
  if (stored && stored->size() != drafts.size()) {
    stored = Error{Errc::internal, "the store gave another number of results than of drafts"};
  }
  if (!stored) {
    Counters::add(lanes.counters.commits_failed);
    lanes.parts.log.log(LogLevel::warning, "hub_commit_failed",
                        {{"code", error_name(stored.error().code)},
                         {"drafts", std::uint64_t{drafts.size()}},
                         {"detail", std::string_view(stored.error().detail)}});
    delivery.fall_behind();  // It may have committed all the same.
    results_.assign(drafts.size(), stored.error());
    return;
  }
  Counters::add(lanes.counters.commits);
  results_ = *std::move(stored);
  for (const Result<Appended>& result : results_) {
    if (!result || result->repeated) continue;
    delivery.expect(position_of(result->change));
    break;
  }
}

void Hub::Impl::answer(Draft& draft, const PostDone& done, Result<Appended>& result) {
  if (!result) return refuse(std::get<PostDraft>(draft), done, result.error());
  auto* message = std::get_if<Message>(&result->change);
  if (message == nullptr) {
    return lanes.answer(done, Error{Errc::internal, "the store gave no message for a message"});
  }
  if (result->repeated) {
    Counters::add(lanes.counters.messages_repeated);
    return lanes.answer(done, Result<Message>(std::move(*message)));
  }
  Counters::add(lanes.counters.messages_committed);
  Result<Message> posted(std::move(*message));
  lanes.answer(done, posted);
  typings.ended_by(*posted);
  if (posted->sequence == Sequence{1}) presences.conversation_began();
  Change change(*std::move(posted));
  delivery.deliver(std::move(change));
  if (auto* forgotten = std::get_if<Message>(&change)) {
    reuse(std::move(*forgotten), std::get<PostDraft>(draft));
  }
}

void Hub::Impl::answer(const MarkDone& done, Result<Appended>& result) {
  if (!result) return refuse(done, result.error());
  const auto* mark = std::get_if<MarkAdvanced>(&result->change);
  if (mark == nullptr) {
    return lanes.answer(done, Error{Errc::internal, "the store gave no mark for a mark"});
  }
  lanes.answer(done, *mark);
  if (!result->repeated) delivery.deliver(std::move(result->change));
}

void Hub::Impl::run(const LaneTask& task) {
  static_cast<void>(lanes.ask([&]() -> Status {
    task();
    return {};
  }));
}

void Hub::Impl::note_deadline() {
  std::int64_t earliest = kNever;
  for (const auto& next :
       {presences.next_deadline(), typings.next_deadline(), delivery.next_deadline()}) {
    if (next) earliest = std::min(earliest, std::int64_t{next->time_since_epoch().count()});
  }
  deadline_ms_.store(earliest, std::memory_order_relaxed);
}

std::optional<Position> Hub::Impl::position() const {
  const std::uint64_t position = position_.load(std::memory_order_relaxed);
  if (position == kUnknown) return std::nullopt;
  return Position{position};
}

std::optional<MonotonicTime> Hub::Impl::next_deadline() const {
  const std::int64_t deadline = deadline_ms_.load(std::memory_order_relaxed);
  if (deadline == kNever) return std::nullopt;
  return MonotonicTime{Duration{deadline}};
}

void Hub::Impl::tick() {
  const auto deadline = next_deadline();
  if (!deadline || lanes.parts.clock.monotonic() < *deadline) return;
  if (tick_queued_.exchange(true)) return;
  lanes.inbox.put_always([this] {
    tick_queued_ = false;
    const MonotonicTime now = lanes.parts.clock.monotonic();
    typings.tick(now);
    presences.tick(now);
  });
}

}  // namespace chatrt
