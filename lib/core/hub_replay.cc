#include "hub_replay.h"

#include <algorithm>
#include <utility>

namespace chatrt {
namespace {

// What an event takes besides its text, about.
constexpr std::size_t kEventBytes = 256;

}  // namespace

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
  const bool usable = request.since && *request.since <= delivery_.head();
  const bool complete = usable || !request.since;
  const bool backlog = request.undelivered || !complete;
  const Position floor = usable ? *request.since : delivery_.head();
  Replay replay{.serial = ++last_serial_,
                .user = request.user,
                .cursor = backlog ? Position{} : floor,
                .floor = floor,
                .received = request.received,
                .backlog = backlog,
                .complete = complete,
                .paused = false,
                .room = lanes_.options.replay_bytes_max,
                .waiting = {},
                .contacts = std::nullopt};
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
  Replay& replay = at->second;
  if (!replay.backlog && delivery_.recent().covers(replay.cursor)) {
    send_recent(at);
  } else if (!may_read(replay.user)) {
    queue_.emplace(replay.serial, at->first);
  } else if (replay.backlog) {
    read_backlog(at->first, replay);
  } else {
    read(at->first, replay);
  }
}

void Replays::send_recent(Running::iterator at) {
  Replay& replay = at->second;
  const bool all =
      delivery_.recent().for_user(replay.user, replay.cursor, [&](const Change& change) {
        if (replay.room == 0) return false;
        send(at->first, replay, change);
        return true;
      });
  if (!all) return pause(at);
  auto node = take_out(at);
  join(node.key(), node.mapped());
}

// What may be sent before it pauses; about, and what cannot be sent after all is read again.
PageLimit Replays::page_of(const Replay& replay) const {
  const std::size_t events = std::max<std::size_t>(replay.room / kEventBytes, 1);
  return {std::min(events, lanes_.options.page_max), replay.room};
}

void Replays::read(ConnectionId connection, const Replay& replay) {
  ++reading_[replay.user];
  lanes_.read_then(
      replay.user,
      [this, user = replay.user, cursor = replay.cursor, limit = page_of(replay)] {
        return lanes_.parts.store.read_for_user(user, cursor, limit);
      },
      [this, connection, user = replay.user, serial = replay.serial,
       read_at = delivery_.head()](const Result<Page<Change>>& page) {
        end_read(user);
        sent_page(connection, serial, read_at, page);
        read_for_next();
      });
}

void Replays::read_backlog(ConnectionId connection, const Replay& replay) {
  ++reading_[replay.user];
  lanes_.read_then(
      replay.user,
      [this, user = replay.user, cursor = replay.cursor, limit = page_of(replay),
       first = presences_.is_news(replay.user)]() -> Result<Backlog> {
        const MessageStore& store = lanes_.parts.store;
        auto page = store.read_undelivered(user, cursor, limit);
        if (!page) return page.error();
        Backlog backlog{.page = *std::move(page), .contacts = std::nullopt};
        // They will be asked for when it joins, and it costs another turn of both lanes then.
        if (!first || backlog.page.more) return backlog;
        if (auto contacts = store.contacts_of(user)) backlog.contacts = *std::move(contacts);
        return backlog;
      },
      [this, connection, user = replay.user, serial = replay.serial](Result<Backlog> backlog) {
        end_read(user);
        sent_backlog(connection, serial, std::move(backlog));
        read_for_next();
      });
}

template <typename T>
Replays::Running::iterator Replays::find_reader(ConnectionId connection, std::uint64_t serial,
                                                const Result<T>& read) {
  const auto at = running_.find(connection);
  if (at == running_.end() || at->second.serial != serial) return running_.end();
  if (read) return at;
  const auto node = take_out(at);
  for (const Done& done : node.mapped().waiting) lanes_.answer(done, read.error());
  return running_.end();
}

void Replays::sent_page(ConnectionId connection, std::uint64_t serial, Position read_at,
                        const Result<Page<Change>>& page) {
  const auto at = find_reader(connection, serial, page);
  if (at == running_.end()) return;
  Replay& replay = at->second;
  for (const Change& change : page->items) {
    // The log is ahead of what has been delivered when an answer of the store was lost: the rest
    // will come live.
    if (position_of(change) > delivery_.head()) {
      replay.cursor = delivery_.head();
      break;
    }
    if (!send(connection, replay, change)) return pause(at);
  }
  // The last page holds all there was when its read was asked for.
  if (!page->more) replay.cursor = std::max(replay.cursor, read_at);
  go_on(at);
}

void Replays::sent_backlog(ConnectionId connection, std::uint64_t serial, Result<Backlog> backlog) {
  const auto at = find_reader(connection, serial, backlog);
  if (at == running_.end()) return;
  Replay& replay = at->second;
  bool over = !backlog->page.more;
  for (const Message& message : backlog->page.items) {
    over = over || message.position > replay.floor;
    if (message.position > replay.floor) break;
    if (!send(connection, replay, message)) return pause(at);
  }
  if (over) {
    replay.cursor = replay.floor;
    replay.backlog = false;
    replay.contacts = std::move(backlog->contacts);
  }
  go_on(at);
}

void Replays::pause(Running::iterator at) {
  Replay& replay = at->second;
  replay.paused = true;
  auto more = [this, connection = at->first, serial = replay.serial] {
    lanes_.inbox.put_always([this, connection, serial] { resume(connection, serial); });
  };
  static_cast<void>(lanes_.ask([&]() -> Status {
    lanes_.parts.outlet.replay_paused(at->first, std::move(more));
    return {};
  }));
}

void Replays::resume(ConnectionId connection, std::uint64_t serial) {
  const auto at = running_.find(connection);
  if (at == running_.end() || at->second.serial != serial || !at->second.paused) return;
  at->second.paused = false;
  at->second.room = lanes_.options.replay_bytes_max;
  go_on(at);
}

bool Replays::may_read(const UserId& user) const {
  return reading_.size() < lanes_.options.replays_max || reading_.contains(user);
}

void Replays::end_read(const UserId& user) {
  const auto at = reading_.find(user);
  if (--at->second == 0) reading_.erase(at);
}

void Replays::read_for_next() {
  while (!queue_.empty() && reading_.size() < lanes_.options.replays_max) {
    const ConnectionId connection = queue_.begin()->second;
    queue_.erase(queue_.begin());
    go_on(running_.find(connection));
  }
}

bool Replays::send(ConnectionId connection, Replay& replay, const Change& change) {
  const std::span<const ConnectionId> to(&connection, 1);
  const std::size_t bytes = kEventBytes + text_bytes(change);
  if (const auto* message = std::get_if<Message>(&change)) {
    const bool sent = message->author == replay.user;
    const bool received = sent && message->position == replay.received;
    if (message->receiver == replay.user && !received) {
      lanes_.send(to, ReceiveMessage{*message}, true);
    }
    if (sent) lanes_.send(to, MessageSent{*message}, true);
  } else {
    lanes_.send(to, MarkMoved{std::get<MarkAdvanced>(change)});
  }
  if (!replay.backlog) replay.contacts.reset();  // It may have begun a conversation.
  replay.cursor = position_of(change);
  replay.room -= std::min(replay.room, bytes);
  return replay.room > 0;
}

void Replays::join(ConnectionId connection, Replay& replay) {
  if (lanes_.parts.registry.add(replay.user, connection) == 1) {
    presences_.came(replay.user, std::move(replay.contacts));
  }
  const Hub::Attached attached{.position = delivery_.head(), .complete = replay.complete};
  for (const Done& done : replay.waiting) lanes_.answer(done, attached);
}

}  // namespace chatrt
