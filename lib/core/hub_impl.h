// Hub::Impl: the parts of a Hub, and the turns of its commit lane.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "chatrt/hub.h"
#include "hub_delivery.h"
#include "hub_presence.h"
#include "hub_replay.h"
#include "hub_typing.h"
#include "lanes.h"

namespace chatrt {

class Hub::Impl {
 public:
  Impl(HubParts the_parts, const HubOptions& the_options);

  Lanes lanes;
  Delivery delivery;
  Presences presences;
  Typings typings;
  Replays replays;

  // Any thread.
  std::optional<MonotonicTime> next_deadline() const;
  void tick();
  std::optional<Position> position() const;
  template <typename Put>
  void post(PostDraft& draft, PostDone& done, Put put);
  template <typename Done>
  void refuse(const Done& done, const Error& error) {
    lanes.counters.drafts_refused.fetch_add(1, std::memory_order_relaxed);
    lanes.answer(done, error);
  }
  void refuse(const PostDraft& draft, const PostDone& done, const Error& error) {
    if (lanes.parts.trace != nullptr) lanes.parts.trace->on_refused(draft, error.code);
    refuse(done, error);
  }

 private:
  // Takes the whole inbox and works it off, in turns of up to `batch_max` drafts.
  void drain();
  // The same for an inbox without drafts, if the log need not be asked for anything either; else
  // leaves it to drain().
  void drain_others();
  void work_off(bool stopping);
  void turn(std::span<Draft> drafts, std::span<Entry> entries);
  // One commit. Afterwards results_ has one result for each draft, whatever the store did.
  void commit(std::span<Draft> drafts);
  void answer(Draft& draft, const PostDone& done, Result<Appended>& result);
  void answer(const MarkDone& done, Result<Appended>& result);
  void run(const LaneTask& task);
  void note_deadline();

  static constexpr std::int64_t kNever = INT64_MAX;
  static constexpr std::uint64_t kUnknown = UINT64_MAX;

  Requests requests_;
  std::vector<Result<Appended>> results_;
  std::atomic<std::uint64_t> position_{kUnknown};
  std::atomic<std::int64_t> deadline_ms_{kNever};
  std::atomic<bool> tick_queued_{false};
};

}  // namespace chatrt
