// A whole chat in one thread: the real Hub on the memory store, and real Servers over a transport
// that records. Clients speak packets; what they get is checked as the stock client would take it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "chatrt/engineio/server.h"
#include "chatrt/gateway/chat.h"
#include "chatrt/gateway/session_vault.h"
#include "chatrt/hub.h"
#include "chatrt/message_store.h"
#include "chatrt/registry.h"
#include "chatrt/socketio/server.h"
#include "chatrt/testing/executors.h"
#include "chatrt/testing/faulty_store.h"
#include "chatrt/testing/manual_clock.h"
#include "chatrt/testing/recording_log.h"

namespace chatrt::gateway {

// What a client got, in order.
using Packets = std::vector<std::string>;
// How many of them have `part` in them.
std::size_t count(const Packets& packets, std::string_view part);

// The argument of a `send_message`.
std::string to(const std::string& user, const std::string& text);
// The answer that refuses an event.
std::string refused(const std::string& code, const std::string& message);

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

// Keeps notes in memory; a copy of it is what is left of them after a kill. Its signature is none
// to rely on.
class TestVault final : public SessionVault {
 public:
  Mac sign(std::string_view text) const override;
  void fill_random(std::span<std::byte> bytes) const override;
  void bind(SessionId session, const UserId& user, Timestamp) override {
    notes[session] = {false, user};
  }
  void end(SessionId session, Timestamp) override { notes[session] = {true, {}}; }
  std::optional<Note> find(SessionId session) const override;

  std::string key = "key";
  std::map<SessionId, Note> notes;

 private:
  mutable std::mt19937 random_{1};
};

// The sockets of one shard: what a client is sent lands in its inbox.
class RecordingTransport final : public engineio::Transport {
 public:
  void respond(engineio::Carrier, const engineio::Response&) override {}
  void abort(engineio::Carrier) override {}
  void send(engineio::Carrier websocket, engineio::Encoded packet) override;
  std::size_t queued_bytes(engineio::Carrier websocket) const override;
  void close(engineio::Carrier websocket, std::uint16_t) override;

  std::map<engineio::Carrier, std::vector<std::string>> sent;
  std::vector<engineio::Carrier> pinged;  // and not answered yet
  std::map<engineio::Carrier, std::size_t> queued;
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
  // The same as it came, with pings and without checks.
  std::vector<std::string> take_frames();

  // The `pid` of the answer to CONNECT.
  const std::string& pid() {
    if (pid_.empty()) receive();
    return pid_;
  }
  // How many pings have come.
  std::size_t pings() const { return pings_; }
  bool answers_pings = true;
  // So many bytes wait for it from now on.
  void fall_behind(std::size_t bytes);

  bool closed() const;
  void drop();  // the network is cut
  void leave() { send("41"); }
  const std::string& offset() const { return offset_; }
  std::size_t shard() const { return shard_; }

 private:
  friend class ChatFixture;
  void receive();
  void check(const std::string& packet);

  ChatFixture& chat_;
  std::size_t shard_;
  engineio::Carrier carrier_;
  std::uint64_t next_ack_ = 0;
  std::uint64_t last_position_ = 0;
  std::string offset_;  // as the stock client keeps it
  std::string pid_;
  std::size_t pings_ = 0;
  std::vector<std::string> inbox_;
};

class ChatFixture {
 public:
  static constexpr std::size_t kShards = 3;

  explicit ChatFixture(ChatOptions options = {}, HubOptions hub_options = {});
  // What a process finds that was started after `killed` was killed: its store, its notes, its key.
  explicit ChatFixture(const ChatFixture& killed);
  ~ChatFixture();

  // A client that has sent CONNECT with `auth` (JSON, or empty).
  Client& connect(std::size_t shard = 0, std::string_view auth = {}, std::string_view query = {},
                  std::string_view authorization = {});
  // The client that comes back as the stock one does: with its pid and offset.
  Client& reconnect(Client& client, std::size_t shard = 0);
  // A client that has registered as `user`, with nothing left to take().
  Client& join(std::string_view user, std::size_t shard = 0);

  void advance(Duration time);
  // Runs what is waiting: lanes and mailboxes.
  void settle();
  bool logged(std::string_view part) const;

  testing::ManualClock clock;
  testing::RecordingLog log;
  TokenAuthorizer authorizer;
  TestVault vault;
  // Lanes of their own, as in a daemon: what happens on them is not inline in what a client sent.
  testing::ManualExecutor commit_lane;
  testing::ManualExecutor read_lane;
  testing::ManualExecutor turn_end;

 private:
  friend class Client;
  std::shared_ptr<MessageStore> memory_;
  ChatFixture(std::shared_ptr<MessageStore> kept, ChatOptions options, HubOptions hub_options);

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
