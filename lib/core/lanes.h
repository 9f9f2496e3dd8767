// Lanes: what the parts of a Hub share - the host's parts, the inbox, the counters - and the ways
// of calling out, none of which lets an exception through.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "chatrt/hub.h"
#include "inbox.h"
#include "read_lane.h"

namespace chatrt {

// Read from any thread. But for `drafts_refused`, written on the commit lane alone.
struct Counters {
  std::atomic<std::uint64_t> messages_committed{0};
  std::atomic<std::uint64_t> messages_repeated{0};
  std::atomic<std::uint64_t> drafts_refused{0};
  std::atomic<std::uint64_t> commits{0};
  std::atomic<std::uint64_t> commits_failed{0};
  std::atomic<std::uint64_t> events_sent{0};

  // For those with one writer: cheaper than an atomic addition, and as exact.
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t n = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
};

class Lanes {
 public:
  // `drain`: all that waits; `drain_others`: all of it, if nothing of it is to be stored.
  Lanes(HubParts the_parts, const HubOptions& the_options, LaneTask drain, LaneTask drain_others);

  const HubParts parts;
  const HubOptions options;
  Inbox inbox;
  ReadLane reads;
  Counters counters;

  // A page for somebody who asks for `items`.
  PageLimit page_of(std::size_t items) const {
    return {std::min(items, options.page_max), options.page_bytes_max};
  }

  // Calls `done`, if there is one.
  template <typename Done, typename Answer>
  void answer(const Done& done, Answer&& given) {
    if (!done) return;
    try {
      done(std::forward<Answer>(given));
    } catch (const std::exception& thrown) {
      report_throw("hub_callback_threw", thrown.what());
    } catch (...) {
      report_throw("hub_callback_threw", "");
    }
  }

  // The Result that `call()` returns, also where it throws.
  template <typename Call>
  auto ask(Call&& call) -> decltype(call()) {
    try {
      return call();
    } catch (const std::exception& thrown) {
      report_throw("hub_part_threw", thrown.what());
    } catch (...) {
      report_throw("hub_part_threw", "");
    }
    return Error{Errc::internal, "a part of the host threw"};
  }

  // On the commit lane: to the connections of `user`, of both users, or to those named.
  void send_to(const UserId& user, const Event& event);
  void send_to(const UserId& user, const UserId& peer, const Event& event);
  void send(std::span<const ConnectionId> connections, const Event& event, bool replayed = false);
  void flush();

  // Begins a read that somebody asked for, and hands it to the read lane behind the other reads of
  // `user`; `task` ends it. Or says why not.
  std::optional<Error> begin_read(const UserId& user, Executor::Task task);

  // Runs `read()`, which gives a Result, on the read lane, and `then(result)` on the commit lane.
  // Both may belong to parts of the Hub: stop() waits for them.
  template <typename Read, typename Then>
  void read_then(Read read, Then then) {
    inbox.begin_own_read();
    post_read([this, read = std::move(read), then = std::move(then)]() mutable {
      inbox.end_read(
          [result = ask(read), then = std::move(then)]() mutable { then(std::move(result)); });
    });
  }
  // The same for `user`, behind the user's other reads.
  template <typename Read, typename Then>
  void read_then(const UserId& user, Read read, Then then) {
    inbox.begin_own_read();
    reads.post_always(user, [this, user, read = std::move(read), then = std::move(then)]() mutable {
      auto result = ask(read);
      reads.leave(user);
      inbox.end_read([result = std::move(result), then = std::move(then)]() mutable {
        then(std::move(result));
      });
    });
  }

 private:
  // Hands a task to the read lane, for which a read has begun; it is over if that cannot be done.
  bool post_read(Executor::Task task);
  void trace(std::span<const ConnectionId> connections, const Event& event, bool replayed);
  void report_throw(std::string_view event, std::string_view what);

  std::vector<ConnectionId> connections_;  // of the event at hand
};

}  // namespace chatrt
