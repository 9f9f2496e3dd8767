// Presences: who is online, told to those who share a conversation.
//
// Threads: on the commit lane alone, but for query().
#pragma once

#include <functional>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "expiries.h"
#include "lanes.h"

namespace chatrt {

class Presences {
 public:
  using Done = std::function<void(Result<std::vector<Presence>>)>;

  explicit Presences(Lanes& lanes) : lanes_(lanes) {}

  // The user's first connection has come, or the last one has gone. `contacts`, where they are
  // known, are those of the log up to this turn's commit.
  void came(const UserId& user, std::optional<std::vector<UserId>> contacts);
  void left(const UserId& user);
  // Would anybody have to be told if this user came now?
  bool is_news(const UserId& user) const;

  // Any thread. `done` on the commit lane.
  void query(const UserId& asker, std::vector<UserId> users, const Done& done);

  // A message of this turn is the first of its conversation: contacts read before miss somebody.
  void conversation_began() { contacts_changed_ = true; }

  void tick(MonotonicTime now);
  std::optional<MonotonicTime> next_deadline() const { return leaving_.next(); }
  // Sees to it that what has changed is told.
  void end_turn();

 private:
  using Contacts = std::vector<std::pair<UserId, std::vector<UserId>>>;

  Presence presence_of(const UserId& user) const;
  void went_offline(const UserId& user, Timestamp left_at);
  void answer_query(const UserId& asker, const std::vector<UserId>& users,
                    const Result<std::vector<UserId>>& contacts, const Done& done);
  void tell(const Contacts& changed);

  Lanes& lanes_;
  Expiries<UserId, Timestamp> leaving_;    // without connections, in the grace period; since when
  Expiries<UserId, Timestamp> last_seen_;  // offline; the deadline says who goes first when full
  std::unordered_set<UserId> changed_;     // to be told
  Contacts changed_known_;                 // also, and to whom
  bool contacts_changed_ = false;          // in this turn
  bool reading_ = false;                   // contacts of some are being read
  std::unordered_map<UserId, std::vector<Presence>> news_;  // by who is to be told
};

}  // namespace chatrt
