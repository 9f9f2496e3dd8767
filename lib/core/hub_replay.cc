#include "hub_replay.h"

#include <algorithm>
#include <utility>

namespace chatrt {

void Replays::attach(ConnectionId connection, const Hub::AttachRequest& request, Done done) {
  const Error taken{Errc::conflict, "the connection belongs to another user"};
  if (const auto owner = lanes_.parts.registry.user_of(connection)) {
    if (*owner != request.user) return lanes_.answer(done, taken);
    return lanes_.answer(done, Hub::Attached{.position = delivery_.head()});
  }
  if (const auto replay = running_.find(connection); replay != running_.end()) {
    if (replay->second.user != request.user) return lanes_.answer(done, taken);
    replay->second.waiting.push_back(std::move(done));
    return;
  }
  if (const Status known = delivery_.find_head(); !known) {
    return lanes_.answer(done, known.error());
  }
  if (!request.since || *request.since > delivery_.head()) {
    return join(connection, request.user, {std::move(done)}, !request.since);
  }
  Replay replay{++last_serial_, request.user, *request.since, {}};
  replay.waiting.push_back(std::move(done));
  go_on(running_.emplace(connection, std::move(replay)).first);
}

void Replays::detach(ConnectionId connection) {
  if (const auto replay = running_.find(connection); replay != running_.end()) {
    const auto node = take_out(replay);
    for (const Done& done : node.mapped().waiting) {
      lanes_.answer(done, Error{Errc::gone, "the connection was detached"});
    }
    return;
  }
  const auto removed = lanes_.parts.registry.remove(connection);
  if (removed && removed->remaining == 0) presences_.left(removed->user);
}

void Replays::cancel_all() {
  while (!running_.empty()) {
    const auto node = take_out(running_.begin());
    for (const Done& done : node.mapped().waiting) {
      lanes_.answer(done, Error{Errc::shutting_down, "the hub is stopping"});
    }
  }
}

Replays::Running::node_type Replays::take_out(Running::iterator replay) {
  queue_.erase(replay->second.serial);
  return running_.extract(replay);
}

void Replays::go_on(Running::iterator at) {
  const ConnectionId connection = at->first;
  Replay& replay = at->second;
  if (delivery_.recent().covers(replay.cursor)) {
    delivery_.recent().for_user(replay.user, replay.cursor, [&](const Change& change) {
      send(connection, replay.user, change);
    });
    const auto node = take_out(at);
    join(connection, node.mapped().user, node.mapped().waiting, true);
  } else if (reading_ < lanes_.options.replays_max) {
    read(connection, replay);
  } else {
    queue_.emplace(replay.serial, connection);
  }
}

void Replays::read(ConnectionId connection, const Replay& replay) {
  ++reading_;
  lanes_.read_then(
      [this, user = replay.user, cursor = replay.cursor] {
        return lanes_.parts.store.read_for_user(user, cursor, lanes_.options.page_max);
      },
      [this, connection, serial = replay.serial,
       read_at = delivery_.head()](const Result<Page<Change>>& page) {
        --reading_;
        sent_page(connection, serial, read_at, page);
        read_for_next();
      });
}

void Replays::sent_page(ConnectionId connection, std::uint64_t serial, Position read_at,
                        const Result<Page<Change>>& page) {
  const auto at = running_.find(connection);
  if (at == running_.end() || at->second.serial != serial) return;
  Replay& replay = at->second;
  if (!page) {
    const auto node = take_out(at);
    for (const Done& done : node.mapped().waiting) lanes_.answer(done, page.error());
    return;
  }
  for (const Change& change : page->items) {
    // The log is ahead of what has been delivered when an answer of the store was lost: the rest
    // will come live.
    if (position_of(change) > delivery_.head()) {
      replay.cursor = delivery_.head();
      break;
    }
    send(connection, replay.user, change);
    replay.cursor = position_of(change);
  }
  // The last page holds all there was when its read was asked for.
  if (!page->more) replay.cursor = std::max(replay.cursor, read_at);
  go_on(at);
}

void Replays::read_for_next() {
  while (!queue_.empty() && reading_ < lanes_.options.replays_max) {
    const ConnectionId connection = queue_.begin()->second;
    queue_.erase(queue_.begin());
    go_on(running_.find(connection));
  }
}

void Replays::send(ConnectionId connection, const UserId& user, const Change& change) {
  const std::span<const ConnectionId> to(&connection, 1);
  if (const auto* message = std::get_if<Message>(&change)) {
    if (message->receiver == user) lanes_.send(to, ReceiveMessage{*message});
    if (message->author == user) lanes_.send(to, MessageSent{*message});
  } else {
    lanes_.send(to, MarkMoved{std::get<MarkAdvanced>(change)});
  }
}

void Replays::join(ConnectionId connection, const UserId& user, const std::vector<Done>& waiting,
                   bool complete) {
  if (lanes_.parts.registry.add(user, connection) == 1) presences_.came(user);
  const Hub::Attached attached{.position = delivery_.head(), .complete = complete};
  for (const Done& done : waiting) lanes_.answer(done, attached);
}

}  // namespace chatrt
