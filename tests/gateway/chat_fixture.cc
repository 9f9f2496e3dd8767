#include "chat_fixture.h"

#include <doctest/doctest.h>

#include <charconv>
#include <utility>

#include "chatrt/socketio/json.h"

namespace chatrt::gateway {

std::size_t count(const Packets& packets, std::string_view part) {
  std::size_t found = 0;
  for (const std::string& packet : packets) found += packet.find(part) != std::string::npos;
  return found;
}

std::string to(const std::string& user, const std::string& text) {
  return R"({"selectedUser":")" + user + R"(","textMessage":")" + text + R"("})";
}

std::string refused(const std::string& code, const std::string& message) {
  return R"({"ok":false,"error":{"code":")" + code + R"(","message":")" + message + R"("}})";
}

Result<Identity> TokenAuthorizer::authenticate(const Credentials& credentials) const {
  if (fault) return Error{*fault};
  if (credentials.token.empty()) {
    if (tokens_needed && !credentials.claimed_user)
      return Error{without_token, "a token is needed"};
    if (tokens_needed || !credentials.claimed_user) return Error{Errc::unauthenticated};
    return Identity{.user = *credentials.claimed_user};
  }
  const std::size_t end = credentials.token.find("'s token");
  if (end == std::string::npos) return Error{Errc::unauthenticated, "the token is not valid"};
  const UserId user = *UserId::parse(std::string_view(credentials.token).substr(0, end));
  if (credentials.claimed_user && *credentials.claimed_user != user) {
    return Error{Errc::permission_denied};
  }
  return Identity{.user = user, .expires_at = expires_at};
}

Status TokenAuthorizer::check(const Identity& identity) const {
  if (identity.user.str() == revoked) return Error{Errc::token_revoked};
  return {};
}

SessionVault::Mac TestVault::sign(std::string_view text) const {
  Mac mac{};
  for (std::size_t i = 0; i < text.size() + key.size(); ++i) {
    const char c = i < text.size() ? text[i] : key[i - text.size()];
    auto& byte = mac[i % mac.size()];
    byte = static_cast<std::byte>(std::to_integer<unsigned>(byte) * 31 +
                                  static_cast<unsigned char>(c));
  }
  return mac;
}

void TestVault::fill_random(std::span<std::byte> bytes) const {
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random_());
}

std::optional<SessionVault::Note> TestVault::find(SessionId session) const {
  const auto note = notes.find(session);
  return note == notes.end() ? std::nullopt : std::optional{note->second};
}

void RecordingTransport::send(engineio::Carrier websocket, engineio::Encoded packet) {
  sent[websocket].emplace_back(packet.bytes);
  if (packet.bytes == "2") pinged.push_back(websocket);
}

std::size_t RecordingTransport::queued_bytes(engineio::Carrier websocket) const {
  const auto found = queued.find(websocket);
  return found == queued.end() ? 0 : found->second;
}

void RecordingTransport::close(engineio::Carrier websocket, std::uint16_t) {
  closed[websocket] = true;
}

void Client::send(std::string_view packet) {
  push(packet);
  chat_.settle();
}

void Client::push(std::string_view packet) {
  chat_.servers_[shard_]->engine().on_websocket_message(carrier_, false, packet,
                                                        chat_.clock.monotonic());
}

std::string Client::ask(std::string_view event, std::string_view argument) {
  const std::string id = std::to_string(next_ack_++);
  std::string packet = "42" + id + "[\"" + std::string(event) + '"';
  if (!argument.empty()) packet.append(",").append(argument);
  send(packet + ']');
  receive();
  const std::string head = "43" + id + '[';
  std::string answer;
  for (auto at = inbox_.begin(); at != inbox_.end();) {
    if (!at->starts_with(head)) {
      ++at;
      continue;
    }
    CHECK_MESSAGE(answer.empty(), "a second ack: ", *at);
    answer = at->substr(head.size(), at->size() - head.size() - 1);
    at = inbox_.erase(at);
  }
  return answer;
}

std::vector<std::string> Client::take() {
  receive();
  return std::exchange(inbox_, {});
}

std::vector<std::string> Client::take_frames() {
  return std::exchange(chat_.transports_[shard_].sent[carrier_], {});
}

void Client::fall_behind(std::size_t bytes) { chat_.transports_[shard_].queued[carrier_] = bytes; }

bool Client::closed() const { return chat_.transports_[shard_].closed.contains(carrier_); }

void Client::drop() {
  chat_.servers_[shard_]->engine().on_websocket_closed(carrier_, false, chat_.clock.monotonic());
  chat_.settle();
}

void Client::receive() {
  for (std::string& packet : std::exchange(chat_.transports_[shard_].sent[carrier_], {})) {
    if (packet.starts_with('0') || packet.starts_with('2')) continue;
    check(packet);
    constexpr std::string_view kPid = R"("pid":")";
    if (const std::size_t at = packet.find(kPid);
        packet.starts_with("40") && at != std::string::npos) {
      pid_ = packet.substr(at + kPid.size(), packet.find('"', at + kPid.size()) - at - kPid.size());
    }
    inbox_.push_back(std::move(packet));
  }
}

void Client::check(const std::string& packet) {
  if (!packet.starts_with("42")) return;
  socketio::Json json;
  REQUIRE_MESSAGE(json.parse(std::string_view(packet).substr(2)) == socketio::Json::ParseStatus::ok,
                  packet);
  const socketio::JsonView args = json.root();
  REQUIRE(args.size() >= 2);
  const auto last = args.at(args.size() - 1).as_string();
  if (!last) return;
  std::uint64_t position = 0;
  const char* end = last->data() + last->size();
  const auto [rest, error] = std::from_chars(last->data(), end, position);
  CHECK_MESSAGE((error == std::errc{} && rest == end), "a poisoned offset: ", packet);
  CHECK_MESSAGE(position >= last_position_, "an offset that falls: ", packet);
  last_position_ = position;
  offset_ = *last;
}

ChatFixture::ChatFixture(ChatOptions options, HubOptions hub_options)
    : ChatFixture(make_memory_store(), options, hub_options) {}

ChatFixture::ChatFixture(const ChatFixture& killed) : ChatFixture(killed.memory_, {}, {}) {
  vault.key = killed.vault.key;
  vault.notes = killed.vault.notes;
}

ChatFixture::ChatFixture(std::shared_ptr<MessageStore> kept, ChatOptions options,
                         HubOptions hub_options)
    : memory_(std::move(kept)),
      chat({.authorizer = authorizer,
            .clock = clock,
            .log = log,
            .vault = &vault,
            .turn_end = &turn_end},
           options),
      hub({.registry = *registry_,
           .store = store,
           .outlet = chat,
           .authorizer = authorizer,
           .commit_lane = commit_lane,
           .read_lane = read_lane,
           .clock = clock,
           .log = log},
          hub_options) {
  std::vector<socketio::Server*> shards;
  for (std::size_t i = 0; i < kShards; ++i) {
    socketio::Options server_options;
    server_options.engine.shard = static_cast<unsigned>(i);
    servers_.push_back(std::make_unique<socketio::Server>(
        server_options, socketio::Server::Namespaces{{"/", &chat}},
        std::vector<socketio::Middleware>{}, transports_[i],
        [random = std::mt19937(static_cast<unsigned>(i))](std::span<std::byte> bytes) mutable {
          for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
        },
        log, [this] { woken_ = true; }));
    shards.push_back(servers_.back().get());
  }
  chat.start(hub, shards);
}

ChatFixture::~ChatFixture() {
  settle();
  hub.stop();
}

Client& ChatFixture::connect(std::size_t shard, std::string_view auth, std::string_view query,
                             std::string_view authorization) {
  const engineio::Carrier carrier{next_carrier_++};
  std::string full_query = "EIO=4&transport=websocket";
  if (!query.empty()) full_query.append("&").append(query);
  const engineio::Request request{.method = "GET",
                                  .query = full_query,
                                  .content_type = {},
                                  .authorization = authorization,
                                  .origin = {},
                                  .address = "127.0.0.1"};
  engineio::Server& engine = servers_[shard]->engine();
  REQUIRE_FALSE(engine.check_websocket(request).has_value());
  engine.on_websocket_open(carrier, request, clock.monotonic());
  clients_.push_back(std::make_unique<Client>(*this, shard, carrier));
  clients_.back()->send("40" + std::string(auth));
  return *clients_.back();
}

Client& ChatFixture::reconnect(Client& client, std::size_t shard) {
  std::string auth = R"({"pid":")" + client.pid() + '"';
  if (!client.offset().empty()) auth += R"(,"offset":")" + client.offset() + '"';
  return connect(shard, auth + '}');
}

Client& ChatFixture::join(std::string_view user, std::size_t shard) {
  Client& client = connect(shard);
  client.send(R"(42["register",")" + std::string(user) + R"("])");
  client.skip();
  return client;
}

void ChatFixture::advance(Duration time) {
  clock.advance(time);
  hub.tick();
  for (std::size_t i = 0; i < kShards; ++i) {
    const auto shard = static_cast<unsigned>(i);
    for (bool more = chat.on_tick(shard, clock.monotonic()); more; more = chat.send_fences(shard)) {
    }
  }
  settle();
}

void ChatFixture::settle() {
  bool busy = true;
  while (busy) {
    busy = turn_end.run_all() > 0;
    busy |= commit_lane.run_all() + read_lane.run_all() > 0;
    for (const auto& client : clients_) {
      auto& pinged = transports_[client->shard()].pinged;
      const auto pings = std::erase(pinged, client->carrier_);
      client->pings_ += pings;
      if (pings == 0 || client->closed() || !client->answers_pings) continue;
      busy = true;
      client->push("3");
    }
    if (std::exchange(woken_, false)) {
      busy = true;
      for (const auto& server : servers_) server->run_deliveries(clock.monotonic());
    }
  }
}

bool ChatFixture::logged(std::string_view part) const {
  for (const std::string& line : log.lines()) {
    if (line.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace chatrt::gateway
