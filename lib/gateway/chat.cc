#include "chatrt/gateway/chat.h"

#include <atomic>
#include <utility>

#include "answers.h"
#include "delivery.h"
#include "fences.h"
#include "grants.h"
#include "handlers.h"
#include "outgoing.h"
#include "pace.h"
#include "posts.h"
#include "quotas.h"
#include "recovery.h"
#include "registration.h"
#include "session.h"
#include "throttle.h"

namespace chatrt::gateway {

SessionVault::~SessionVault() = default;

class Chat::Impl {
 public:
  Impl(ChatParts given, ChatOptions chosen) : parts(given), options(chosen) {}

  const ChatParts parts;
  const ChatOptions options;
  Delivery delivery;
  Answers answers{delivery, parts.log};
  Quotas quotas{options};
  Outgoing outgoing{delivery};
  Posts posts{parts.turn_end};
  Throttle throttle{parts, options, quotas, answers};
  Grants grants{parts, options, delivery, answers};
  Recovery recovery{parts, options};
  Fences fences{delivery, recovery, parts.trace};
  Pace pace{options, delivery, fences, posts,
            [this](socketio::Socket& socket) { registration.take_up_held(socket); }};
  Registration registration{parts,
                            options,
                            delivery,
                            answers,
                            grants,
                            quotas,
                            recovery,
                            pace,
                            [this](socketio::Socket& socket, const socketio::Event& event) {
                              handlers.take_up(socket, event);
                            }};
  std::atomic<std::uint64_t> slow_readers{0};
  Handlers handlers{parts, options, delivery, answers, outgoing, posts, pace, registration, grants};
};

Chat::Chat(ChatParts parts, ChatOptions options) : impl_(std::make_unique<Impl>(parts, options)) {}

Chat::~Chat() = default;

void Chat::start(Hub& hub, std::span<socketio::Server* const> shards) {
  impl_->delivery.start(shards);
  impl_->outgoing.start();
  impl_->grants.start();
  impl_->fences.start(hub);
  impl_->pace.start(hub);
  impl_->registration.start(hub);
  impl_->handlers.start(hub);
  impl_->posts.start(hub, shards.size());
  // A first turn, of which the Hub learns where the log ends.
  hub.detach(ConnectionId{});
}

void Chat::on_connect(socketio::Socket& socket, socketio::JsonView auth) {
  impl_->delivery.enter(socket.connection());
  impl_->registration.on_connect(socket, auth);
}

void Chat::on_event(socketio::Socket& socket, const socketio::Event& event) {
  if (impl_->throttle.pass(socket, event)) impl_->handlers.dispatch(socket, event);
}

std::optional<Duration> Chat::take_request(const UserId& user, std::string_view address) {
  return impl_->quotas.take(user, address, impl_->parts.clock.monotonic());
}

void Chat::post(unsigned shard, PostDraft&& draft, Callback<void(const Result<Message>&)> done) {
  impl_->posts.add(shard, std::move(draft), std::move(done));
}

void Chat::on_pong(socketio::Socket& socket) { impl_->fences.on_pong(socket); }

void Chat::on_disconnect(socketio::Socket& socket, socketio::DisconnectReason reason) {
  impl_->fences.erase(socket.connection());
  impl_->registration.on_disconnect(socket, reason);
  if (reason == socketio::DisconnectReason::slow_reader) impl_->slow_readers += 1;
}

void Chat::send(std::span<const ConnectionId> connections, const Event& event) {
  impl_->outgoing.send(connections, event);
}

void Chat::replay_paused(ConnectionId connection, std::function<void()> more) {
  // Behind what was sent so far.
  impl_->delivery.pending(Delivery::shard_of(connection))
      .task(connection, [fences = &impl_->fences, more = std::move(more)](
                            socketio::Socket& socket) { fences->call_behind(socket, more); });
}

void Chat::flush() { impl_->delivery.flush(); }

bool Chat::on_tick(unsigned shard, MonotonicTime now) {
  impl_->registration.on_tick(shard, now);
  impl_->grants.on_tick(shard, now);
  impl_->fences.collect(shard, now);
  return send_fences(shard);
}

bool Chat::send_fences(unsigned shard) { return impl_->fences.send_some(shard); }

std::uint64_t Chat::slow_readers_closed() const noexcept { return impl_->slow_readers; }

std::uint64_t Chat::refused(Errc code) const noexcept { return impl_->answers.refused(code); }

}  // namespace chatrt::gateway
