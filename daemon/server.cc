#include "server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "auth/gate.h"
#include "chatrt/authorizer.h"
#include "chatrt/executor.h"
#include "chatrt/gateway/chat.h"
#include "chatrt/hub.h"
#include "chatrt/registry.h"
#include "chatrt/socketio/server.h"
#include "chatrt/sqlite_store.h"
#include "explain.h"
#include "http_api.h"
#include "log_end.h"
#include "metered_store.h"
#include "random.h"
#include "server_metrics.h"
#include "session_file.h"
#include "trace_log.h"
#include "transport/acceptor.h"
#include "transport/shard.h"
#include "transport/turn_lanes.h"

namespace chatd {
namespace {

using chatrt::Duration;

Duration ms(std::uint64_t value) { return Duration{static_cast<Duration::rep>(value)}; }

bool in_memory(const Config& config) { return config.db == ":memory:"; }

chatrt::Result<std::unique_ptr<chatrt::MessageStore>> open_store(
    const Config& config, std::function<void(const std::string&)> on_failure) {
  if (in_memory(config)) return chatrt::make_memory_store();
  return chatrt::open_sqlite_store(
      config.db,
      {.readers = static_cast<unsigned>(config.read_threads), .on_failure = std::move(on_failure)});
}

// Beside the database; under --dev there are no tokens to take back.
std::string revocations_file(const Config& config) {
  return config.dev || in_memory(config) ? std::string{} : config.db + ".revocations";
}

// How far the log has got, beside the database. `another`: that it is not the log that clients know
// - it begins anew, or the database was put back from a copy.
struct Known {
  std::unique_ptr<LogEnd> end;
  chatrt::Position position;
  bool another = false;
};

chatrt::Result<Known> open_log_end(const Config& config, const chatrt::MessageStore& store,
                                   bool new_log, chatrt::LogSink& log) {
  if (in_memory(config)) return Known{};
  const auto position = store.last_position();
  if (!position) return position.error();
  auto end = LogEnd::open(config.db + ".position");
  if (!end) return std::move(end).error();
  const chatrt::Position before = (*end)->before();
  if (*position < before) {
    log.log(chatrt::LogLevel::warning, "log_went_back",
            {{"position", position->value}, {"before", before.value}});
  }
  return Known{*std::move(end), *position, new_log || *position < before};
}

// Beside the database. Positions that clients have mean nothing in another log: what was signed for
// that one is not to hold.
chatrt::Result<std::unique_ptr<SessionFile>> open_sessions(const Config& config, bool another_log,
                                                           chatrt::Timestamp now) {
  if (in_memory(config)) return SessionFile::open({}, now);
  const SessionFileOptions files{
      .key_file = config.recovery_key.empty() ? config.db + ".recovery-key" : config.recovery_key,
      .notes_file = config.db + ".sessions"};
  if (another_log) {
    if (config.recovery_key.empty()) ::unlink(files.key_file.c_str());
    ::unlink(files.notes_file.c_str());
    ::unlink((files.notes_file + ".old").c_str());
  }
  return SessionFile::open(files, now);
}

chatrt::HubOptions hub_options(const Config& config) {
  chatrt::HubOptions options;
  options.text_bytes_max = config.text_bytes_max;
  options.presence_grace = ms(config.presence_grace_ms);
  options.user_reads_max = config.reads_per_user;
  // A page, also of a replay, stays below what may wait for a connection, written as JSON.
  const std::size_t page = config.queue_bytes_max / 8;
  options.replay_bytes_max = std::min(options.replay_bytes_max, page);
  options.page_bytes_max = std::min(options.page_bytes_max, page);
  return options;
}

chatrt::gateway::Rate rate(std::uint64_t per_second) {
  const auto events = static_cast<double>(per_second);
  return {.per_second = events, .burst = 5 * events};
}

chatrt::gateway::ChatOptions chat_options(const Config& config) {
  chatrt::gateway::ChatOptions options;
  options.register_from_query = config.dev;
  options.register_timeout = ms(config.register_timeout_ms);
  options.token_grace = ms(config.token_grace_ms);
  options.connection_rate = options.user_rate = rate(config.events_per_user);
  options.address_rate = rate(config.events_per_address);
  options.connections_per_user = config.connections_per_user;
  options.recovery_window = ms(config.recovery_window_ms);
  // The answers to one more message have to fit behind it.
  options.asked_bytes_max = std::min(
      config.queue_bytes_max / 2, config.queue_bytes_max - kAnswersOfText * config.text_bytes_max);
  return options;
}

chatrt::socketio::Options socketio_options(const Config& config, unsigned shard) {
  chatrt::socketio::Options options;
  options.engine.ping_interval = ms(config.ping_interval_ms);
  options.engine.ping_timeout = ms(config.ping_timeout_ms);
  options.engine.upgrade_timeout = ms(config.upgrade_timeout_ms);
  options.engine.payload_bytes_max = config.payload_bytes_max;
  options.engine.queued_bytes_max = config.queue_bytes_max;
  options.engine.shard = shard;
  options.connect_timeout = ms(config.connect_timeout_ms);
  return options;
}

transport::ShardOptions shard_options(const Config& config,
                                      std::shared_ptr<transport::Doorman> doorman,
                                      std::shared_ptr<const transport::TlsKeyring> tls) {
  transport::ShardOptions options;
  options.message_bytes_max = config.payload_bytes_max;
  // The session closes a slow reader at queue_bytes_max; this is for what it does not see.
  options.queued_bytes_max = 2 * config.queue_bytes_max + config.payload_bytes_max;
  options.io_uring = !config.no_io_uring;
  options.queued_bytes_total_max = config.queue_bytes_total_max;
  options.doorman = std::move(doorman);
  options.tls = std::move(tls);
  options.origins = {config.cors_origins, config.cors_credentials, config.dev};
  return options;
}

// Files are written to on a lane, not on a shard.
std::function<void(auth::Revocation, std::function<void(chatrt::Status)>)> revoke_on(
    chatrt::Executor& lane, auth::Revocations& revocations) {
  return
      [&lane, &revocations](auth::Revocation revocation, std::function<void(chatrt::Status)> done) {
        lane.post([&revocations, revocation = std::move(revocation), done = std::move(done)] {
          done(revocations.add(revocation));
        });
      };
}

std::size_t connections_max(const Config& config) {
  if (config.connections_max > 0) return config.connections_max;
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return 0;
  return files.rlim_cur / 5 * 4;
}

// The Hub's way out: the chat, and what is answered over HTTP.
class TurnOutlet final : public chatrt::Outlet {
 public:
  using Shards = std::vector<std::unique_ptr<transport::Shard>>;
  TurnOutlet(chatrt::gateway::Chat& chat, const Shards& shards) : chat_(chat), shards_(shards) {}

  void send(std::span<const chatrt::ConnectionId> connections,
            const chatrt::Event& event) override {
    chat_.send(connections, event);
  }
  void replay_paused(chatrt::ConnectionId connection, std::function<void()> more) override {
    chat_.replay_paused(connection, std::move(more));
  }
  void flush() override {
    chat_.flush();
    for (const auto& shard : shards_) shard->hand_over_answers();
  }

 private:
  chatrt::gateway::Chat& chat_;
  const Shards& shards_;
};

}  // namespace

// In the order they are built; they go in reverse.
struct Server::Parts {
  Parts(const Config& configured, auth::Secrets secrets, const chatrt::Clock& time,
        chatrt::LogSink& sink, std::unique_ptr<chatrt::MessageStore> opened,
        std::unique_ptr<LogEnd> log_end, std::unique_ptr<auth::Revocations> taken_back,
        std::unique_ptr<SessionFile> resumable)
      : config(configured),
        clock(time),
        log(sink),
        tls(secrets.tls ? std::make_shared<transport::TlsKeyring>(*secrets.tls) : nullptr),
        gate(configured, std::move(secrets), std::move(taken_back), time, sink),
        store(std::move(opened), std::move(log_end)),
        session_file(std::move(resumable)) {}

  const Config config;
  const chatrt::Clock& clock;
  chatrt::LogSink& log;
  const std::shared_ptr<transport::TlsKeyring> tls;  // none: plain TCP
  auth::Gate gate;
  MeteredStore store;
  std::unique_ptr<SessionFile> session_file;
  std::unique_ptr<chatrt::Registry> registry = chatrt::make_memory_registry();
  transport::TurnLanes lanes{static_cast<unsigned>(config.read_threads)};
  TraceLog trace{clock};
  Explain explain{store, *registry, trace};
  chatrt::gateway::Chat chat{
      {gate.authorizer(), clock, log, session_file.get(), &trace, &lanes.turn_end()},
      chat_options(config)};
  std::vector<std::unique_ptr<transport::Shard>> shards;
  TurnOutlet outlet{chat, shards};
  chatrt::Hub hub{{.registry = *registry,
                   .store = store,
                   .outlet = outlet,
                   .authorizer = gate.authorizer(),
                   .commit_lane = in_memory(config) ? lanes.quick() : lanes.commits(),
                   .read_lane = in_memory(config) ? lanes.quick() : lanes.reads(),
                   .clock = clock,
                   .log = log,
                   .trace = &trace,
                   .quick_lane = in_memory(config) ? nullptr : &lanes.quick()},
                  hub_options(config)};
  std::unique_ptr<HttpApi> api;
  std::shared_ptr<transport::Doorman> doorman;
  std::vector<std::unique_ptr<chatrt::socketio::Server>> servers;
  std::unique_ptr<transport::Acceptor> acceptor;
  const chatrt::Timestamp started = clock.now();
  bool stopped = false;

  void build();
  bool unauthenticated_full() const;
  chatrt::MonotonicTime tick(unsigned shard, chatrt::MonotonicTime now,
                             chatrt::MonotonicTime& next_second);
};

void Server::Parts::build() {
  api = std::make_unique<HttpApi>(ApiParts{
      .hub = hub,
      .registry = *registry,
      .authorizer = gate.authorizer(),
      .log = log,
      .metrics =
          [this] {
            return metrics_text(
                {hub, chat, gate, store, *doorman, shards, tls.get(), config, started});
          },
      .ready =
          [this](std::function<void(bool)> done) {
            lanes.reads().post(
                [this, done = std::move(done)] { done(store.last_position().has_value()); });
          },
      .disconnect =
          [this](chatrt::ConnectionId connection) {
            const unsigned shard = chatrt::engineio::Server::shard_of(connection);
            if (shard >= servers.size()) return;
            shards[shard]->post([server = servers[shard].get(), connection] {
              chatrt::socketio::Socket* socket = server->find(connection, "/");
              if (socket == nullptr) return;
              socket->disconnect();
              server->close_connection(connection);
            });
          },
      .is_operator = [this](std::string_view key) { return gate.is_operator(key); },
      .may_read_metrics = [this](std::string_view key) { return gate.may_read_metrics(key); },
      .open = config.dev,
      .take = [this](const chatrt::UserId& user,
                     std::string_view address) { return chat.take_request(user, address); },
      .post = [this](unsigned shard, chatrt::PostDraft&& draft,
                     PostDone done) { chat.post(shard, std::move(draft), std::move(done)); },
      .revoke = gate.takes_tokens() ? revoke_on(lanes.reads(), gate.revocations()) : nullptr,
      .explain =
          [this](std::string id, std::function<void(chatrt::Result<std::string>)> done) {
            lanes.reads().post(
                [this, id = std::move(id), done = std::move(done)] { done(explain.message(id)); });
          },
      .clock = clock,
      .refused = [this](chatrt::Errc code) { gate.count(code); },
      .body_bytes_max = config.payload_bytes_max});
  doorman = std::make_shared<transport::Doorman>(
      transport::DoormanOptions{.connections_per_address = config.connections_per_address,
                                .handshakes_per_address = config.handshakes_per_address,
                                .trusted_proxies = config.trusted_proxies,
                                .unauthenticated_full = [this] { return unauthenticated_full(); }});
  std::vector<transport::Shard*> all;
  for (unsigned i = 0; i < config.shards; ++i) {
    shards.push_back(
        std::make_unique<transport::Shard>(shard_options(config, doorman, tls), clock, *api, log));
    all.push_back(shards.back().get());
  }
  std::vector<chatrt::socketio::Server*> all_servers;
  for (unsigned i = 0; i < config.shards; ++i) {
    transport::Shard& shard = *shards[i];
    servers.push_back(std::make_unique<chatrt::socketio::Server>(
        socketio_options(config, i), chatrt::socketio::Server::Namespaces{{"/", &chat}},
        std::vector<chatrt::socketio::Middleware>{}, shard, fill_random, log,
        [&shard] { shard.wake(); }));
    all_servers.push_back(servers.back().get());
    shard.connect(*servers.back(), all);
    shard.set_tick([this, i, next_second = chatrt::MonotonicTime{}](
                       chatrt::MonotonicTime now) mutable { return tick(i, now, next_second); });
  }
  chat.start(hub, all_servers);
  acceptor = std::make_unique<transport::Acceptor>(
      transport::AcceptorOptions{config.listen, static_cast<std::uint16_t>(config.port),
                                 connections_max(config), doorman},
      all, log);
}

// When it is to be called next.
chatrt::MonotonicTime Server::Parts::tick(unsigned shard, chatrt::MonotonicTime now,
                                          chatrt::MonotonicTime& next_second) {
  bool fences_left = false;
  if (now >= next_second) {
    next_second = now + Duration{1000};
    fences_left = chat.on_tick(shard, now);
    if (shard == 0) hub.tick();
  } else {
    fences_left = chat.send_fences(shard);
  }
  return fences_left ? std::min(now + Duration{50}, next_second) : next_second;
}

bool Server::Parts::unauthenticated_full() const {
  const std::size_t max = config.unauthenticated_max > 0 ? config.unauthenticated_max
                          : config.dev                   ? 0
                                                         : connections_max(config) / 4;
  if (max == 0) return false;
  std::size_t sessions = 0;
  for (const auto& shard : shards) sessions += shard->counters().sessions;
  return sessions >= max + hub.stats().connections;
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { stop(); }

chatrt::Result<std::unique_ptr<Server>> Server::open(
    const Config& config, auth::Secrets secrets, const chatrt::Clock& clock, chatrt::LogSink& log,
    std::function<void(const std::string&)> on_store_failure) {
  const bool new_log = ::access(config.db.c_str(), F_OK) != 0;
  auto store = open_store(config, std::move(on_store_failure));
  if (!store) return std::move(store).error();
  auto revocations = auth::Revocations::open(revocations_file(config), clock.now());
  if (!revocations) return std::move(revocations).error();
  auto known = open_log_end(config, **store, new_log, log);
  if (!known) return std::move(known).error();
  auto sessions = open_sessions(config, known->another, clock.now());
  if (!sessions) return std::move(sessions).error();
  // Only now, as nothing of another log holds any more.
  if (known->end) known->end->note(known->position);
  auto parts =
      std::make_unique<Parts>(config, std::move(secrets), clock, log, *std::move(store),
                              std::move(known->end), *std::move(revocations), *std::move(sessions));
  parts->build();
  return std::unique_ptr<Server>{new Server(std::move(parts))};
}

chatrt::Result<std::uint16_t> Server::start() {
  for (std::size_t i = 0; i < parts_->shards.size(); ++i) {
    parts_->shards[i]->start("shard-" + std::to_string(i));
  }
  return parts_->acceptor->start();
}

void Server::set_secrets(auth::Secrets secrets) {
  if (parts_->tls && secrets.tls) parts_->tls->set(*secrets.tls);
  parts_->gate.set_secrets(std::move(secrets));
}

void Server::stop() {
  if (std::exchange(parts_->stopped, true)) return;
  parts_->acceptor->stop();
  parts_->hub.stop();
  // The last answers are in the shards' mailboxes; they leave before the transports are closed.
  for (auto& shard : parts_->shards) shard->shut_down(ms(parts_->config.drain_timeout_ms));
  for (auto& shard : parts_->shards) shard->join();
  parts_->lanes.end_reads();
}

}  // namespace chatd
