#include "fences.h"

#include <algorithm>
#include <utility>

#include "session.h"

namespace chatrt::gateway {

using socketio::Socket;

namespace {

// Where there are few, one go does.
constexpr std::size_t kAtOnceMin = 32;
constexpr std::size_t kGoes = 18;  // of 50 ms, so within a second

}  // namespace

void Fences::start(Hub& hub) {
  hub_ = &hub;
  shards_.resize(delivery_.size());
}

void Fences::Fenced::tidy() {
  std::ranges::sort(messages, [](const Written& a, const Written& b) {
    return a.conversation != b.conversation ? a.conversation < b.conversation
                                            : a.sequence > b.sequence;
  });
  // Not std::ranges::unique, which clang 14 cannot read in libstdc++ 12.
  const auto same_conversation = [](const Written& a, const Written& b) {
    return a.conversation == b.conversation;
  };
  messages.erase(std::unique(messages.begin(), messages.end(), same_conversation), messages.end());
}

Position Fences::Fenced::last() const {
  Position last;
  for (const Written& message : messages) last = std::max(last, message.position);
  return last;
}

void Fences::call_behind(Socket& socket, std::function<void()> more) {
  const ConnectionId connection = socket.connection();
  Fence& fence = shards_[Delivery::shard_of(connection)].fences[connection];
  fence.next.more = std::move(more);
  raise(connection, fence);
}

void Fences::raise(ConnectionId connection, Fence& fence) {
  // A ping that is in flight, also a regular one, may be older than what it would have to prove:
  // the next one is for that.
  if (!fence.flying.empty()) return;
  if (delivery_.server(Delivery::shard_of(connection)).ping(connection)) {
    fence.flying = std::exchange(fence.next, {});
    if (trace_ != nullptr && !fence.flying.messages.empty()) {
      trace_->on_written(connection, fence.flying.last());
    }
  }
}

void Fences::on_pong(Socket& socket) {
  auto& fences = shards_[Delivery::shard_of(socket.connection())].fences;
  const auto at = fences.find(socket.connection());
  if (at == fences.end()) return;
  Fenced reached = std::exchange(at->second.flying, {});
  if (at->second.next.more) raise(at->first, at->second);
  if (at->second.next.empty() && at->second.flying.empty()) fences.erase(at);
  confirm(socket, std::move(reached));
}

void Fences::confirm(const Socket& socket, Fenced fenced) {
  const Session& session = session_of(socket);
  fenced.tidy();
  for (const Written& message : fenced.messages) {
    hub_->mark({.user = session.user,
                .conversation = message.conversation,
                .kind = MarkKind::delivered,
                .sequence = message.sequence},
               {});
  }
  if (!fenced.messages.empty()) {
    recovery_.confirm(session.pid.session, fenced.last());
    if (trace_ != nullptr) trace_->on_confirmed(socket.connection(), fenced.last());
  }
  if (fenced.more) fenced.more();
}

void Fences::erase(ConnectionId connection) {
  shards_[Delivery::shard_of(connection)].fences.erase(connection);
}

void Fences::collect(unsigned shard, MonotonicTime now) {
  std::vector<Written> written;
  delivery_.take_written(shard, written);
  socketio::Server& server = delivery_.server(shard);
  // So that they are on their way before a ping is.
  if (!written.empty()) server.run_deliveries(now);
  Shard& of = shards_[shard];
  for (const Written& message : written) {
    Fence& fence = of.fences[message.connection];
    fence.next.messages.push_back(message);
    if (fence.next.messages.size() < fence.tidy_at) continue;
    fence.next.tidy();
    fence.tidy_at = std::max<std::size_t>(64, 2 * fence.next.messages.size());
  }
  of.due.clear();
  for (auto at = of.fences.begin(); at != of.fences.end();) {
    if (server.find(at->first, "/") == nullptr) {
      at = of.fences.erase(at);
      continue;
    }
    if (!at->second.next.empty()) of.due.push_back(at->first);
    ++at;
  }
  of.at_once = std::max(kAtOnceMin, of.due.size() / kGoes + 1);
}

bool Fences::send_some(unsigned shard) {
  Shard& of = shards_[shard];
  for (std::size_t i = 0; i < of.at_once && !of.due.empty(); ++i) {
    const auto at = of.fences.find(of.due.back());
    of.due.pop_back();
    if (at != of.fences.end() && !at->second.next.empty()) raise(at->first, at->second);
  }
  return !of.due.empty();
}

}  // namespace chatrt::gateway
