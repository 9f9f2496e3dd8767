// gateway::Chat over a real Hub and two Servers: any sequence of connections, packets, losses,
// time, failures of the store and turns of the lanes. Whatever clients say, an event is acked once
// at most and in the end once, a message reaches a connection once and in order, offsets never
// fall, and what was acked is stored.

#include "chatrt/gateway/chat.h"

#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "chatrt/log.h"
#include "chatrt/testing/executors.h"
#include "chatrt/testing/faulty_store.h"
#include "chatrt/testing/manual_clock.h"
#include "input.h"

namespace {

using namespace chatrt;
using engineio::Carrier;
using socketio::Json;
using socketio::JsonView;

// A token is "<user>'s"; it holds for ten seconds, or until `revoked`.
struct Tokens final : Authorizer {
  explicit Tokens(const Clock& the_clock) : clock(the_clock) {}
  Result<Identity> authenticate(const Credentials& credentials) const override {
    const std::string& token = credentials.token;
    if (token.empty()) {
      if (!credentials.claimed_user) return Error{Errc::unauthenticated};
      return Identity{.user = *credentials.claimed_user};
    }
    auto user = UserId::parse(token.substr(0, token.find("'s")));
    if (!user) return Error{Errc::token_malformed};
    if (credentials.claimed_user && *credentials.claimed_user != *user) {
      return Error{Errc::permission_denied};
    }
    return Identity{.user = *std::move(user), .expires_at = clock.now() + Duration{10'000}};
  }
  Status authorize(const UserId&, const Action&) const override { return {}; }
  Status check(const Identity& identity) const override {
    if (identity.user.str() == "bob" && identity.expires_at) return Error{Errc::token_revoked};
    return {};
  }
  std::uint64_t revision() const noexcept override { return revoked; }

  const Clock& clock;
  std::uint64_t revoked = 0;
};

// Its signature is none to rely on.
struct Vault final : gateway::SessionVault {
  Mac sign(std::string_view text) const override {
    Mac mac{};
    for (std::size_t i = 0; i < text.size(); ++i) {
      auto& byte = mac[i % mac.size()];
      byte = static_cast<std::byte>(std::to_integer<unsigned>(byte) * 31 + std::uint8_t(text[i]));
    }
    return mac;
  }
  void fill_random(std::span<std::byte> bytes) const override {
    for (std::byte& byte : bytes) byte = std::byte{++next};
  }
  void bind(gateway::SessionId session, const UserId& user, Timestamp) override {
    notes[session] = {false, user};
  }
  void end(gateway::SessionId session, Timestamp) override { notes[session] = {true, {}}; }
  std::optional<Note> find(gateway::SessionId session) const override {
    const auto note = notes.find(session);
    return note == notes.end() ? std::nullopt : std::optional{note->second};
  }

  mutable std::uint8_t next = 0;
  std::map<gateway::SessionId, Note> notes;
};

// What one connection was told, checked as it comes.
class Client {
 public:
  // A packet that it is about to send.
  void says(std::string_view packet) {
    if (packet.starts_with("41")) return asked_.clear();
    if (!packet.starts_with("42") && !packet.starts_with("45")) return;
    const std::size_t id = packet[1] == '5' ? packet.find('-') + 1 : 2;
    if (const auto number = number_at(packet, id)) ++asked_[*number];
  }

  void hears(std::string_view packet, std::set<std::string>& acked) {
    if (packet.starts_with("40{")) return begins(packet);
    if (packet.starts_with("41")) return asked_.clear();
    if (packet.starts_with("43")) return is_acked(packet, acked);
    if (!packet.starts_with("42")) return;
    const JsonView args = parse(packet.substr(2));
    const std::string event(args.at(0).as_string().value_or(""));
    if (event == "receive_message" || event == "message_sent") message(event, args.at(1));
    if (const auto offset = args.at(args.size() - 1).as_string()) offset_rises(*offset);
  }

  bool waits() const {
    for (const auto& [id, number] : asked_) {
      if (number != 0) return true;
    }
    return false;
  }
  // As the stock client says it when it comes back.
  std::string auth() const {
    std::string auth = R"({"pid":")" + pid_ + '"';
    if (!offset_.empty()) auth += R"(,"offset":")" + offset_ + '"';
    return auth + '}';
  }

 private:
  static std::optional<std::uint64_t> number_at(std::string_view text, std::size_t at) {
    std::uint64_t number = 0;
    const char* begin = text.data() + std::min(at, text.size());
    const auto [end, error] = std::from_chars(begin, text.data() + text.size(), number);
    return error == std::errc{} ? std::optional{number} : std::nullopt;
  }
  JsonView parse(std::string_view text) {
    REQUIRE_THAT(json_.parse(text) == Json::ParseStatus::ok && json_.root().is_array());
    return json_.root();
  }

  void begins(std::string_view packet) {
    REQUIRE_THAT(json_.parse(packet.substr(2)) == Json::ParseStatus::ok);
    pid_ = json_.root().find("pid").as_string().value_or("");
    position_ = 0;  // and the offset stays, as the stock client keeps it
    sequences_.clear();
    asked_.clear();
  }
  void is_acked(std::string_view packet, std::set<std::string>& acked) {
    const auto id = number_at(packet, 2);
    REQUIRE_THAT(id && asked_[*id]-- > 0);
    const JsonView answer = parse(packet.substr(packet.find('['))).at(0);
    if (const JsonView stored = answer.find("message").find("_id"); stored.is_string()) {
      acked.emplace(*stored.as_string());
    }
  }
  // To oneself a message comes under both names.
  void message(const std::string& event, JsonView message) {
    const auto sequence = message.find("seq").as_uint64();
    const auto conversation = message.find("conversationId").as_string();
    REQUIRE_THAT(sequence && conversation);
    std::uint64_t& last = sequences_[{event, std::string(*conversation)}];
    REQUIRE_THAT(*sequence > last);
    last = *sequence;
  }
  void offset_rises(std::string_view offset) {
    const auto position = number_at(offset, 0);
    REQUIRE_THAT(position && *position >= position_);
    position_ = *position;
    offset_ = offset;
  }

  Json json_;
  std::string pid_;
  std::string offset_;
  std::uint64_t position_ = 0;
  std::map<std::pair<std::string, std::string>, std::uint64_t> sequences_;  // the last of each
  std::map<std::uint64_t, int> asked_;
};

struct Shard final : engineio::Transport {
  void respond(Carrier, const engineio::Response&) override {}
  void abort(Carrier) override {}
  void send(Carrier websocket, engineio::Encoded packet) override {
    REQUIRE_THAT(clients.contains(websocket));
    if (packet.bytes == "2") return pinged.push_back(websocket);
    clients[websocket].hears(packet.bytes, acked);
  }
  std::size_t queued_bytes(Carrier) const override { return behind; }
  void close(Carrier websocket, std::uint16_t) override {
    REQUIRE_THAT(clients.erase(websocket) == 1);
  }

  std::map<Carrier, Client> clients;
  std::vector<Carrier> pinged;
  std::set<std::string> acked;  // messages
  std::size_t behind = 0;
};

class Run {
 public:
  Run() {
    for (unsigned i = 0; i < kShards; ++i) {
      socketio::Options options;
      options.engine.shard = i;
      options.engine.sessions_max = 8;
      servers_.push_back(std::make_unique<socketio::Server>(
          options, socketio::Server::Namespaces{{"/", &chat_}}, std::vector<socketio::Middleware>{},
          shards_[i], [this](std::span<std::byte> bytes) { vault_.fill_random(bytes); },
          null_log_sink(), [] {}));
    }
    socketio::Server* const servers[] = {servers_[0].get(), servers_[1].get()};
    chat_.start(hub_, servers);
  }

  void step(fuzz::Input& input) {
    switch (input.byte() % 12) {
      case 0: return connect(input, input.chunk());
      case 1: return come_back(input);
      case 2:
      case 3: return packet(input, false);
      case 4: return packet(input, true);
      case 5: return lose(input);
      case 6: return advance(Duration{input.byte() * 50});
      case 7: commit_lane_.run_one(); return;
      case 8: read_lane_.run_one(); return;
      case 9: return settle();
      case 10: return fail(input.byte());
      case 11: shards_[input.byte() % kShards].behind = std::size_t{input.byte()} * 1000; return;
    }
  }
  void end() {
    store_.heal();
    for (Shard& shard : shards_) shard.behind = 0;
    for (int i = 0; i < 8; ++i) advance(Duration{5000}), settle();
    for (Shard& shard : shards_) {
      for (const auto& [websocket, client] : shard.clients) REQUIRE_THAT(!client.waits());
    }
    check_stored();
    for (const auto& server : servers_) server->close_all(clock_.monotonic());
    for (int i = 0; i < 4; ++i) advance(Duration{3000}), settle();
    REQUIRE_THAT(hub_.stats().connections == 0 && hub_.stats().users_online == 0);
    REQUIRE_THAT(hub_.stats().inbox == 0 && hub_.stats().reads == 0);
    hub_.stop();
  }

 private:
  static constexpr std::size_t kShards = 2;

  static gateway::ChatOptions chat_options() {
    gateway::ChatOptions options;
    options.early_events_max = 4;
    options.early_bytes_max = 400;
    options.token_grace = Duration{3000};
    options.connection_rate = {.per_second = 10, .burst = 20};
    options.offences_max = 3;
    options.connections_per_user = 4;
    options.page_default = 3;
    return options;
  }
  static HubOptions hub_options() {
    HubOptions options;
    options.text_bytes_max = 200;
    options.inbox_max = 8;
    options.page_max = 4;
    options.page_bytes_max = 300;
    options.reads_max = 4;
    options.recent_changes_max = 4;
    options.replays_max = 1;
    options.replay_bytes_max = 300;
    options.typing_max = 2;
    return options;
  }

  // One of the clients of one of the shards.
  struct Place {
    std::size_t shard;
    Carrier websocket;
    Client* client;
  };
  std::optional<Place> choose(fuzz::Input& input) {
    const std::uint8_t which = input.byte();
    Shard& shard = shards_[which % kShards];
    if (shard.clients.empty()) return std::nullopt;
    auto client = std::next(shard.clients.begin(),
                            static_cast<std::ptrdiff_t>(which / kShards % shard.clients.size()));
    return Place{which % kShards, client->first, &client->second};
  }

  void connect(fuzz::Input& input, std::string_view auth) {
    const std::size_t shard = input.byte() % kShards;
    const engineio::Request request{.method = "GET",
                                    .query = "EIO=4&transport=websocket",
                                    .content_type = {},
                                    .authorization = {},
                                    .origin = {},
                                    .address = "192.0.2.1"};
    engineio::Server& engine = servers_[shard]->engine();
    if (engine.check_websocket(request)) return;
    const Carrier websocket{next_++};
    shards_[shard].clients.try_emplace(websocket);
    engine.on_websocket_open(websocket, request, clock_.monotonic());
    send(shard, websocket, "40" + std::string(auth), false);
  }
  void come_back(fuzz::Input& input) {
    const auto place = choose(input);
    if (place) connect(input, place->client->auth());
  }
  void packet(fuzz::Input& input, bool binary) {
    const auto place = choose(input);
    const std::string_view bytes = input.chunk();
    // Who joins again on the same connection may get what was on its way before.
    if (!place || bytes.starts_with("40")) return;
    if (!binary) place->client->says(bytes);
    send(place->shard, place->websocket, bytes, binary);
  }
  void send(std::size_t shard, Carrier websocket, std::string_view bytes, bool binary) {
    servers_[shard]->engine().on_websocket_message(websocket, binary, bytes, clock_.monotonic());
  }
  void lose(fuzz::Input& input) {
    const auto place = choose(input);
    if (!place) return;
    shards_[place->shard].clients.erase(place->websocket);
    servers_[place->shard]->engine().on_websocket_closed(place->websocket, false,
                                                         clock_.monotonic());
  }
  void fail(std::uint8_t how) {
    switch (how % 6) {
      case 0: return store_.fail_next_append(Errc::unavailable);
      case 1: return store_.lose_next_answer(Errc::unavailable);
      case 2: return store_.fail_appends(Errc::busy);
      case 3: return store_.fail_reads(Errc::unavailable);
      case 4: return store_.heal();
      case 5: ++authorizer_.revoked; return;
    }
  }
  void advance(Duration time) {
    clock_.advance(time);
    hub_.tick();
    for (unsigned i = 0; i < kShards; ++i) {
      servers_[i]->on_tick(clock_.monotonic());
      for (bool more = chat_.on_tick(i, clock_.monotonic()); more;) more = chat_.send_fences(i);
    }
  }
  void settle() {
    for (bool busy = true; busy;) {
      busy = commit_lane_.run_all() + read_lane_.run_all() > 0;
      for (std::size_t i = 0; i < kShards; ++i) {
        servers_[i]->run_deliveries(clock_.monotonic());
        for (const Carrier websocket : std::exchange(shards_[i].pinged, {})) {
          busy = true;
          if (shards_[i].clients.contains(websocket)) send(i, websocket, "3", false);
        }
      }
    }
  }
  void check_stored() {
    std::set<std::string> stored;
    Position after;
    for (bool more = true; more;) {
      const auto page = memory_->read_log(after, 100);
      REQUIRE_THAT(page.has_value());
      for (const Change& change : page->items) {
        after = position_of(change);
        if (const auto* message = std::get_if<Message>(&change)) stored.insert(message->id());
      }
      more = page->more;
    }
    for (const Shard& shard : shards_) {
      for (const std::string& id : shard.acked) REQUIRE_THAT(stored.contains(id));
    }
  }

  testing::ManualClock clock_;
  Tokens authorizer_{clock_};
  Vault vault_;
  testing::ManualExecutor commit_lane_;
  testing::ManualExecutor read_lane_;
  std::unique_ptr<MessageStore> memory_ = make_memory_store();
  testing::FaultyStore store_{*memory_};
  std::unique_ptr<Registry> registry_ = make_memory_registry();
  Shard shards_[kShards];
  gateway::Chat chat_{
      {.authorizer = authorizer_, .clock = clock_, .log = null_log_sink(), .vault = &vault_},
      chat_options()};
  Hub hub_{{.registry = *registry_,
            .store = store_,
            .outlet = chat_,
            .authorizer = authorizer_,
            .commit_lane = commit_lane_,
            .read_lane = read_lane_,
            .clock = clock_,
            .log = null_log_sink()},
           hub_options()};
  std::vector<std::unique_ptr<socketio::Server>> servers_;
  std::uint64_t next_ = 1;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz::play<Run>(data, size);
}
