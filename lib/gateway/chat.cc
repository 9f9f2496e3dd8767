#include "chatrt/gateway/chat.h"

#include "answers.h"
#include "delivery.h"
#include "grants.h"
#include "handlers.h"
#include "outgoing.h"
#include "registration.h"
#include "session.h"

namespace chatrt::gateway {

class Chat::Impl {
 public:
  Impl(ChatParts given, ChatOptions chosen) : parts(given), options(chosen) {}

  const ChatParts parts;
  const ChatOptions options;
  Delivery delivery;
  Answers answers{delivery, parts.log};
  Outgoing outgoing{delivery};
  Grants grants{parts, options, delivery, answers};
  Registration registration{parts,
                            options,
                            delivery,
                            answers,
                            grants,
                            [this](socketio::Socket& socket, const socketio::Event& event) {
                              handlers.dispatch(socket, event);
                            }};
  Handlers handlers{parts, options, delivery, answers, outgoing, registration, grants};
};

Chat::Chat(ChatParts parts, ChatOptions options) : impl_(std::make_unique<Impl>(parts, options)) {}

Chat::~Chat() = default;

void Chat::start(Hub& hub, std::span<socketio::Server* const> shards) {
  impl_->delivery.start(shards);
  impl_->outgoing.start();
  impl_->grants.start();
  impl_->registration.start(hub);
  impl_->handlers.start(hub);
}

void Chat::on_connect(socketio::Socket& socket, socketio::JsonView auth) {
  impl_->delivery.enter(socket.connection());
  impl_->registration.on_connect(socket, auth);
}

void Chat::on_event(socketio::Socket& socket, const socketio::Event& event) {
  impl_->handlers.dispatch(socket, event);
}

void Chat::on_disconnect(socketio::Socket& socket, socketio::DisconnectReason) {
  impl_->registration.on_disconnect(socket);
}

void Chat::send(std::span<const ConnectionId> connections, const Event& event) {
  impl_->outgoing.send(connections, event);
}

void Chat::flush() { impl_->delivery.flush(); }

void Chat::on_tick(unsigned shard, MonotonicTime now) {
  impl_->registration.on_tick(shard, now);
  impl_->grants.on_tick(shard, now);
}

std::uint64_t Chat::refused(Errc code) const noexcept { return impl_->answers.refused(code); }

}  // namespace chatrt::gateway
