// gateway::Chat: the chat contract as a Socket.IO namespace - events of sockets become calls on the
// Hub, and what the Hub sends becomes events of sockets (docs/protocol.md has them all).
//
// One Chat serves all shards. Threads: the Namespace members run on the shards' threads, the Outlet
// members on the Hub's commit lane. Ownership: the host builds Chat, then the Hub with it as
// Outlet, then calls start() before the first connection; it stops the Hub before it destroys
// either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/authorizer.h"
#include "chatrt/clock.h"
#include "chatrt/executor.h"
#include "chatrt/export.h"
#include "chatrt/gateway/session_vault.h"
#include "chatrt/hub.h"
#include "chatrt/log.h"
#include "chatrt/outlet.h"
#include "chatrt/socketio/server.h"
#include "chatrt/trace.h"

namespace chatrt::gateway {

// So many a second in the long run, `burst` of them at once. per_second 0: no limit.
struct Rate {
  double per_second = 0;
  double burst = 0;
};

struct ChatOptions {
  // `userId` in the handshake's query registers by itself, and a token that does not hold is passed
  // over: for development, where no token is asked.
  bool register_from_query = false;
  std::size_t early_events_max = 1000;       // held per connection until it has registered
  std::size_t early_bytes_max = 256 * 1024;  // the same, in bytes; above either: busy
  // Answers that one client may wait for at once, by what they are expected to take; what it asks
  // for beyond that is held, up to the bounds that follow, and above those busy. Half of what may
  // wait for a client (engineio::Options::queued_bytes_max), or less: beyond it that needs room for
  // the answers to one event, which are those to one text three times, of six bytes a character.
  std::size_t asked_bytes_max = 512 * 1024;
  std::size_t held_events_max = 16384;
  std::size_t held_bytes_max = 1 << 20;
  Duration register_timeout{30000};                // from the first held event until it is refused
  Duration token_grace{25000};                     // from a token's end, to bring the next one
  Duration recovery_window{7 * 24 * 3600 * 1000};  // from a session's begin, to resume it
  // Events of one connection, one user and one address. Above: rate_limited, with the time to wait;
  // a connection that is refused so in `offences_max` different seconds of a minute is closed.
  Rate connection_rate = {};
  Rate user_rate = {};
  Rate address_rate = {};
  unsigned offences_max = 10;
  std::size_t connections_per_user = 0;  // at a time, 0: no limit; above: rate_limited
  std::size_t page_default = 50;         // items where the client names no limit
};

struct ChatParts {
  const Authorizer& authorizer;
  const Clock& clock;
  LogSink& log;
  SessionVault* vault = nullptr;  // none: no connection state recovery, and no `pid`
  TraceSink* trace = nullptr;     // none: nobody wants to know
  // Runs a task on the thread that posts it, when that has taken what has come with what it is at;
  // posted to on the shards' threads. The messages of a shard go to the Hub at once then, not each
  // by itself. None: each by itself.
  Executor* turn_end = nullptr;
};

class CHATRT_EXPORT Chat final : public socketio::Namespace, public Outlet {
 public:
  explicit Chat(ChatParts parts, ChatOptions options = {});
  ~Chat() override;

  // `shards[i]` is the Server with Options::engine.shard == i. Both outlive the Chat's use.
  void start(Hub& hub, std::span<socketio::Server* const> shards);

  // socketio::Namespace
  void on_connect(socketio::Socket& socket, socketio::JsonView auth) override;
  void on_event(socketio::Socket& socket, const socketio::Event& event) override;
  void on_pong(socketio::Socket& socket) override;
  void on_disconnect(socketio::Socket& socket, socketio::DisconnectReason reason) override;

  // Outlet
  void send(std::span<const ConnectionId> connections, const Event& event) override;
  void replay_paused(ConnectionId connection, std::function<void()> more) override;
  void flush() override;

  // Refuses what was held for connections of `shard` that have not registered in time, sends the
  // fences by which messages are found to be delivered, and those away whose token has expired or
  // was taken back. To be called on the shard's thread, about once a second.
  // With many connections it leaves fences over, so that what is said meanwhile need not wait for
  // all of them: while it or send_fences() return true, send_fences() is to be called every 50 ms.
  [[nodiscard]] bool on_tick(unsigned shard, MonotonicTime now);
  [[nodiscard]] bool send_fences(unsigned shard);

  // The same quotas for requests that come another way, as by HTTP: nothing, or how long to wait.
  // Not counted by refused(). Any thread.
  std::optional<Duration> take_request(const UserId& user, std::string_view address);

  // Hub::post() for messages that come another way, on the thread of a shard and with what comes
  // there.
  void post(unsigned shard, PostDraft&& draft, Callback<void(const Result<Message>&)> done);

  // How many CONNECTs and events were refused with `code`. Any thread.
  std::uint64_t refused(Errc code) const noexcept;
  // How many connections ended as more waited for them than may. Any thread.
  std::uint64_t slow_readers_closed() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chatrt::gateway
