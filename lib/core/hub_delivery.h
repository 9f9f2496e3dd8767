// Delivery: sends what the log has taken to those it concerns, each change once and in the log's
// order.
//
// Threads: on the commit lane alone.
#pragma once

#include <optional>

#include "lanes.h"
#include "recent_changes.h"

namespace chatrt {

class Delivery {
 public:
  explicit Delivery(Lanes& lanes);

  // Everything up to head() is sent. Asks the store where the log ends, until it has said so.
  Status find_head();
  bool head_known() const { return head_known_; }
  // Knows the head, and has nothing to catch up with: asks the store for nothing.
  bool is_current() const { return head_known_ && !behind_; }
  Position head() const { return recent_.head(); }
  const RecentChanges& recent() const { return recent_; }

  // The log may have taken changes that nobody has told us of: from now on deliver() leaves its
  // changes to catch_up().
  void fall_behind() { behind_ = true; }
  // The next change the store reported is at `position`.
  void expect(Position position);
  // Sends a change of the log, and leaves in its place what need not be kept for those who resume.
  void deliver(Change&& change);
  // Sends what deliver() has left, from the log itself.
  void catch_up();
  // When catch_up() is worth another try.
  std::optional<MonotonicTime> next_deadline() const;

 private:
  Status read_on();
  void send(const Change& change);

  Lanes& lanes_;
  RecentChanges recent_;
  bool head_known_ = false;
  bool behind_ = false;
  MonotonicTime tried_at_;
};

}  // namespace chatrt
