// Replays: connections come and go, and those that resume get what they missed before they join.
//
// A replay begins with the user's undelivered messages, if they are asked for. Then it reads pages
// of changes until the newest changes in memory reach back to where it is; the rest comes from
// there. As the commit lane alone delivers and joins, nothing falls between. Now and then it pauses
// until the Outlet says that the connection can take more.
//
// Threads: on the commit lane alone.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "hub_delivery.h"
#include "hub_presence.h"
#include "lanes.h"

namespace chatrt {

class Replays {
 public:
  using Done = std::function<void(Result<Hub::Attached>)>;

  Replays(Lanes& lanes, Delivery& delivery, Presences& presences)
      : lanes_(lanes), delivery_(delivery), presences_(presences) {}

  void attach(ConnectionId connection, const Hub::AttachRequest& request, Done done);
  void detach(ConnectionId connection);
  // Answers those that are not through yet.
  void cancel_all();

 private:
  struct Replay {
    std::uint64_t serial;  // a connection may come again while its old page is being read
    UserId user;
    Position cursor;    // everything of the user's up to here is sent
    Position floor;     // up to here it is only what is undelivered
    Position received;  // see AttachRequest
    bool backlog;       // still below `floor`
    bool complete;      // what the answer will say
    bool paused;        // until resume()
    std::size_t room;   // bytes left to send until it pauses
    std::vector<Done> waiting;
    // Of the user, if it is the first connection; up to `floor` at least, and nothing above it was
    // sent.
    std::optional<std::vector<UserId>> contacts;
  };
  struct Backlog {
    Page<Message> page;
    std::optional<std::vector<UserId>> contacts;
  };
  using Running = std::unordered_map<ConnectionId, Replay>;

  void go_on(Running::iterator replay);
  PageLimit page_of(const Replay& replay) const;
  void send_recent(Running::iterator replay);
  void read(ConnectionId connection, const Replay& replay);
  void read_backlog(ConnectionId connection, const Replay& replay);
  // The replay that a page was read for, unless it is over.
  template <typename T>
  Running::iterator find_reader(ConnectionId connection, std::uint64_t serial,
                                const Result<T>& read);
  void sent_page(ConnectionId connection, std::uint64_t serial, Position read_at,
                 const Result<Page<Change>>& page);
  void sent_backlog(ConnectionId connection, std::uint64_t serial, Result<Backlog> backlog);
  // Whether a read of `user` may begin.
  bool may_read(const UserId& user) const;
  void end_read(const UserId& user);
  void read_for_next();
  void pause(Running::iterator replay);
  void resume(ConnectionId connection, std::uint64_t serial);
  // Sends it and moves the cursor. False: the next one has to wait until resume().
  bool send(ConnectionId connection, Replay& replay, const Change& change);
  void join(ConnectionId connection, Replay& replay);
  Running::node_type take_out(Running::iterator replay);

  Lanes& lanes_;
  Delivery& delivery_;
  Presences& presences_;
  Running running_;
  std::map<std::uint64_t, ConnectionId> queue_;  // by serial: those that wait for their read
  std::uint64_t last_serial_ = 0;
  // Reads that are out, of each user who has some: those of one user run one after another.
  std::unordered_map<UserId, std::size_t> reading_;
};

}  // namespace chatrt
