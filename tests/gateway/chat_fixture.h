// A whole chat in one thread: the real Hub on the memory store, and real Servers over a transport
// that records. Clients speak packets; what they get is checked as the stock client would take it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/engineio/server.h"
#include "chatrt/gateway/chat.h"
#include "chatrt/hub.h"
#include "chatrt/message_store.h"
#include "chatrt/registry.h"
#include "chatrt/socketio/server.h"
#include "chatrt/testing/executors.h"
#include "chatrt/testing/faulty_store.h"
#include "chatrt/testing/manual_clock.h"
#include "chatrt/testing/recording_log.h"

namespace chatrt::gateway {

// Takes every word for it where there is no token; a token is "<user>'s token".
class TokenAuthorizer final : public Authorizer {
 public:
  Result<Identity> authenticate(const Credentials& credentials) const override;
  Status authorize(const UserId&, const Action&) const override { return {}; }

  Status check(const Identity& identity) const override;
  std::uint64_t revision() const noexcept override { return changes; }

  bool tokens_needed = false;
  Errc without_token = Errc::unauthenticated;  // then, of who claims nothing either
  std::optional<Timestamp> expires_at;         // of every token
  std::string revoked;                         // this user's tokens; set `changes` too
  std::uint64_t changes = 0;
  std::optional<Errc> fault;  // every authenticate() is this
};

// The sockets of one shard: what a client is sent lands in its inbox.
class RecordingTransport final : public engineio::Transport {
 public:
  void respond(engineio::Carrier, const engineio::Response&) override {}
  void abort(engineio::Carrier) override {}
  void send(engineio::Carrier websocket, engineio::Encoded packet) override;
  std::size_t queued_bytes(engineio::Carrier) const override { return 0; }
  void close(engineio::Carrier websocket, std::uint16_t) override;

  std::map<engineio::Carrier, std::vector<std::string>> sent;
  std::map<engineio::Carrier, bool> closed;
};

class ChatFixture;

// One connection. Every packet it is sent is checked: an event ends in an offset or in a
// non-string, and offsets never fall.
class Client {
 public:
  Client(ChatFixture& chat, std::size_t shard, engineio::Carrier carrier)
      : chat_(chat), shard_(shard), carrier_(carrier) {}

  // Sends a packet, "42[...]", and lets everything happen that follows from it.
  void send(std::string_view packet);
  // Sends a packet; what is for the lanes to do waits for settle().
  void push(std::string_view packet);
  // Emits an event with an ack id and returns the ack's one argument, or "" if none came. Whatever
  // else came stays for take().
  std::string ask(std::string_view event, std::string_view argument);
  // What has come since the last call, without pings.
  std::vector<std::string> take();
  void skip() { (void)take(); }

  bool closed() const;
  void drop();  // the network is cut
  void leave() { send("41"); }
  const std::string& offset() const { return offset_; }
  std::size_t shard() const { return shard_; }

 private:
  void receive();
  void check(const std::string& packet);

  ChatFixture& chat_;
  std::size_t shard_;
  engineio::Carrier carrier_;
  std::uint64_t next_ack_ = 0;
  std::uint64_t last_position_ = 0;
  std::string offset_;  // as the stock client keeps it
  std::vector<std::string> inbox_;
};

class ChatFixture {
 public:
  static constexpr std::size_t kShards = 3;

  explicit ChatFixture(ChatOptions options = {}, HubOptions hub_options = {});
  ~ChatFixture();

  // A client that has sent CONNECT with `auth` (JSON, or empty).
  Client& connect(std::size_t shard = 0, std::string_view auth = {}, std::string_view query = {},
                  std::string_view authorization = {});
  // A client that has registered as `user`, with nothing left to take().
  Client& join(std::string_view user, std::size_t shard = 0);

  void advance(Duration time);
  // Runs what is waiting: lanes and mailboxes.
  void settle();
  bool logged(std::string_view part) const;

  testing::ManualClock clock;
  testing::RecordingLog log;
  TokenAuthorizer authorizer;
  // Lanes of their own, as in a daemon: what happens on them is not inline in what a client sent.
  testing::ManualExecutor commit_lane;
  testing::ManualExecutor read_lane;

 private:
  friend class Client;
  std::unique_ptr<MessageStore> memory_ = make_memory_store();

 public:
  testing::FaultyStore store{*memory_};

 private:
  std::unique_ptr<Registry> registry_ = make_memory_registry();

 public:
  Chat chat;
  Hub hub;

 private:
  RecordingTransport transports_[kShards];
  std::vector<std::unique_ptr<socketio::Server>> servers_;
  bool woken_ = false;
  std::uint64_t next_carrier_ = 1;
  std::vector<std::unique_ptr<Client>> clients_;
};

}  // namespace chatrt::gateway
