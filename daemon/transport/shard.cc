#include "shard.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <utility>

#include "connection.h"

namespace chatd::transport {
namespace {

constexpr std::size_t kReadBufferBytes = 128 * 1024;  // for all that are read in one turn
// Of the buffers that are kept for what will wait next: their size, and how many there are.
constexpr std::size_t kSpareBytesMax = 4096;
constexpr std::size_t kSpareBuffersMax = 1024;
constexpr std::uint32_t kReadable = EPOLLIN | EPOLLRDHUP;
constexpr chatrt::Duration kSweepEvery{1000};
constexpr chatrt::Duration kLogTurnedAwayEvery{1000};
constexpr chatrt::Duration kSweepEveryWhileStopping{20};

}  // namespace

// Connections wait on an epoll descriptor of the shard's own: one that is readable costs a part of
// a system call and no allocation. Asio waits for that descriptor, for the timer and for what
// others post.
struct Shard::Loop {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  asio::posix::stream_descriptor descriptor{context, epoll};
  asio::steady_timer timer{context};
  chatrt::MonotonicTime armed = chatrt::MonotonicTime::max();
};

Shard::Shard(ShardOptions options, const chatrt::Clock& clock, HttpHandler& http,
             chatrt::LogSink& log)
    : options_(std::move(options)),
      clock_(clock),
      http_(http),
      log_(log),
      loop_(std::make_unique<Loop>()),
      now_(clock.monotonic()),
      next_sweep_(now_ + kSweepEvery),
      read_buffer_(kReadBufferBytes, '\0') {}

Shard::~Shard() {
  if (thread_.joinable()) {
    shut_down(chatrt::Duration{0});
    join();
  }
}

void Shard::connect(chatrt::socketio::Server& server, std::vector<Shard*> shards) {
  connect(server.engine(), std::move(shards));
  server_ = &server;
}

void Shard::connect(chatrt::engineio::Server& engine, std::vector<Shard*> shards) {
  engine_ = &engine;
  shards_ = std::move(shards);
  number_ = static_cast<unsigned>(std::ranges::find(shards_, this) - shards_.begin());
}

void Shard::set_tick(std::function<chatrt::MonotonicTime(chatrt::MonotonicTime)> tick) {
  tick_ = std::move(tick);
  next_tick_ = now_;
}

void Shard::start(const std::string& thread_name) {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), thread_name.substr(0, 15).c_str());
}

namespace {
thread_local Shard* this_threads_shard = nullptr;
}  // namespace

Shard* Shard::current() noexcept { return this_threads_shard; }

void Shard::run() {
  this_threads_shard = this;
  if (options_.io_uring) batch_.open_ring();
  struct Wait {
    Shard* shard;
    void operator()(const std::error_code& error) const {
      if (error) return;
      shard->turn();
      shard->loop_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read, *this);
    }
  };
  loop_->descriptor.async_wait(asio::posix::stream_descriptor::wait_read, Wait{this});
  arm_timer();
  loop_->context.run();
  // What is left has had its time.
  for (auto& connection : connections_) connection.reset();
  dead_.clear();
}

asio::io_context& Shard::context() noexcept { return loop_->context; }

void Shard::post(std::function<void()> task) {
  asio::post(loop_->context, [this, task = std::move(task)] { run_turn(task); });
}

void Shard::run_turn(const std::function<void()>& task) {
  now_ = clock_.monotonic();
  task();
  end_turn();
}

void Shard::wake() {
  if (wake_pending_.exchange(true)) return;
  auto run = [this] {
    wake_pending_ = false;
    run_mailboxes();
  };
  current() == this ? at_turn_end(run) : post(run);
}

void Shard::empty_mailboxes() {
  if (wake_pending_) run_mailboxes();
}

void Shard::run_mailboxes() {
  if (server_ != nullptr) server_->run_deliveries(now_);
  auto& answers = answers_.take();
  for (const auto& [exchange, response] : answers) answer(exchange, response);
  answers.clear();
}

void Shard::adopt(int fd, std::string address) {
  std::unique_ptr<TlsStream> tls;
  if (options_.tls) tls = std::make_unique<TlsStream>(options_.tls->keys(), fd);
  adopt(fd, std::move(tls), std::move(address), {});
}

void Shard::adopt(int fd, std::unique_ptr<TlsStream> tls, std::string address, std::string bytes) {
  counters_.connections += 1;
  if (current() == this) return add(fd, std::move(tls), std::move(address), std::move(bytes));
  // In a shared pointer, since a std::function can be copied.
  auto kept = std::make_shared<std::unique_ptr<TlsStream>>(std::move(tls));
  post([this, fd, kept, address = std::move(address), bytes = std::move(bytes)]() mutable {
    add(fd, std::move(*kept), std::move(address), std::move(bytes));
  });
}

void Shard::shut_down(chatrt::Duration patience) {
  post([this, patience] {
    shutting_down_ = true;
    give_up_at_ = now_ + patience;
    next_sweep_ = now_;
    server_ != nullptr ? server_->close_all(now_) : engine_->close_all(now_);
  });
}

void Shard::join() {
  if (thread_.joinable()) thread_.join();
}

// ------------------------------------------------------------------------------------- the turn

void Shard::turn() {
  now_ = clock_.monotonic();
  std::array<epoll_event, kEventsPerTurn> events;
  const int count = ::epoll_wait(loop_->epoll, events.data(), kEventsPerTurn, 0);
  std::array<std::uint64_t, kEventsPerTurn> readable;
  std::size_t readables = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    Connection* connection = find(event.data.u64);
    if (connection == nullptr) continue;
    if ((event.events & EPOLLOUT) != 0) flush_later(*connection);
    if ((event.events & ~static_cast<unsigned>(EPOLLOUT)) == 0) continue;
    if (connection->is_tls()) {
      connection->read_tls(read_buffer_);
      if (connection->is_over()) destroy(*connection);
    } else {
      readable[readables++] = event.data.u64;
    }
  }
  if (readables > 0) read(std::span(readable).first(readables));
  end_turn();
}

void Shard::end_turn() {
  if (!adopted_.empty()) read_adopted();
  run_at_turn_end();
  if (const auto deadline = next_deadline(); deadline && *deadline <= now_) {
    server_ != nullptr ? server_->on_tick(now_) : engine_->on_tick(now_);
  }
  if (now_ >= next_tick_) next_tick_ = tick_(now_);
  if (now_ >= next_sweep_) sweep();
  flush();
  // Time and what was pipelined may have brought about more.
  while (!at_turn_end_.empty()) {
    run_at_turn_end();
    flush();
  }
  dead_.clear();
  counters_.sessions = engine().session_count();
  if (shutting_down_) {
    const bool all_gone = std::all_of(connections_.begin(), connections_.end(),
                                      [](const auto& connection) { return !connection; });
    if (all_gone || now_ >= give_up_at_) loop_->context.stop();
  }
  arm_timer();
}

void Shard::run_at_turn_end() {
  // Each may add another.
  for (std::size_t i = 0; i < at_turn_end_.size(); ++i) std::exchange(at_turn_end_[i], nullptr)();
  at_turn_end_.clear();
}

void Shard::sweep() {
  next_sweep_ = now_ + (shutting_down_ ? kSweepEveryWhileStopping : kSweepEvery);
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    if (!connections_[i]) continue;
    Connection& connection = *connections_[i];
    if (shutting_down_) connection.on_shutdown();
    connection.on_sweep();
    if (connection.is_over()) destroy(connection);
  }
}

std::optional<chatrt::MonotonicTime> Shard::next_deadline() const {
  return server_ != nullptr ? server_->next_deadline() : engine_->next_deadline();
}

void Shard::arm_timer() {
  const chatrt::MonotonicTime next =
      std::min({next_deadline().value_or(next_sweep_), next_sweep_, next_tick_});
  if (next >= loop_->armed && loop_->armed > now_) return;
  loop_->armed = next;
  loop_->timer.expires_at(next);
  loop_->timer.async_wait([this](const std::error_code& error) {
    if (!error) run_turn([this] { loop_->armed = chatrt::MonotonicTime::max(); });
  });
}

// ---------------------------------------------------------------------------------- connections

void Shard::add(int fd, std::unique_ptr<TlsStream> tls, std::string address, std::string bytes) {
  std::uint32_t slot;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(connections_.size());
    connections_.emplace_back();
    generations_.push_back(0);
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  auto connection =
      std::make_unique<Connection>(*this, fd, std::move(tls), std::move(address), std::move(bytes));
  connection->carrier = std::uint64_t{++generations_[slot]} << 32 | slot;
  epoll_event event{};
  event.events = connection->interest = kReadable;
  event.data.u64 = connection->carrier;
  ::epoll_ctl(loop_->epoll, EPOLL_CTL_ADD, fd, &event);
  Connection& added = *(connections_[slot] = std::move(connection));
  counters_.accepted += 1;
  added.process();
  if (!added.is_tls()) adopted_.push_back(added.carrier);
  if (added.is_over()) destroy(added);
}

void Shard::destroy(Connection& connection) {
  const auto slot = static_cast<std::uint32_t>(connection.carrier);
  if (!connections_[slot]) return;
  counters_.connections -= 1;
  // Its descriptor leaves epoll as it is closed; the object lives until the end of the turn, since
  // it may be the one that is running.
  dead_.push_back(std::move(connections_[slot]));
  free_.push_back(slot);
}

Connection* Shard::find(std::uint64_t carrier) const noexcept {
  const auto slot = static_cast<std::uint32_t>(carrier);
  if (slot >= connections_.size() || !connections_[slot]) return nullptr;
  return connections_[slot]->carrier == carrier ? connections_[slot].get() : nullptr;
}

void Shard::flush_later(Connection& connection) {
  if (std::exchange(connection.flush_queued, true)) return;
  to_flush_.push_back(connection.carrier);
}

void Shard::log_turned_away(TurnedAway reason, std::string_view address) {
  turned_away_ += 1;
  if (now_ < log_turned_away_at_) return;
  log_turned_away_at_ = now_ + kLogTurnedAwayEvery;
  log_.log(chatrt::LogLevel::info, "turned_away",
           {{"reason", turned_away_name(reason)},
            {"address", address},
            {"count", std::exchange(turned_away_, 0)}});
}

std::string Shard::take_buffer() {
  if (spare_buffers_.empty()) return {};
  std::string buffer = std::move(spare_buffers_.back());
  spare_buffers_.pop_back();
  return buffer;
}

void Shard::give_buffer(std::string buffer) {
  const bool on_heap = buffer.capacity() > std::string{}.capacity();
  if (!on_heap || buffer.capacity() > kSpareBytesMax) return;
  if (spare_buffers_.size() >= kSpareBuffersMax) return;
  buffer.clear();
  spare_buffers_.push_back(std::move(buffer));
}

void Shard::update_interest(Connection& connection) {
  const std::uint32_t interest = (connection.wants_to_read() ? kReadable : 0U) |
                                 (connection.wants_to_write() ? std::uint32_t{EPOLLOUT} : 0U);
  if (std::exchange(connection.interest, interest) == interest) return;
  epoll_event event{};
  event.events = interest;
  event.data.u64 = connection.carrier;
  ::epoll_ctl(loop_->epoll, EPOLL_CTL_MOD, connection.fd(), &event);
}

bool Shard::move_to(unsigned shard, Connection& connection, std::string bytes,
                    std::string address) {
  if (shard >= shards_.size() || shards_[shard] == this) return false;
  ::epoll_ctl(loop_->epoll, EPOLL_CTL_DEL, connection.fd(), nullptr);
  auto tls = connection.release_tls();
  shards_[shard]->adopt(connection.release(), std::move(tls), std::move(address), std::move(bytes));
  return true;
}

// ------------------------------------------------------------------------------------ Transport

void Shard::respond(chatrt::engineio::Carrier exchange,
                    const chatrt::engineio::Response& response) {
  if (Connection* connection = find(exchange.value)) connection->respond(response);
}

void Shard::abort(chatrt::engineio::Carrier exchange) {
  if (Connection* connection = find(exchange.value)) connection->abort();
}

void Shard::send(chatrt::engineio::Carrier websocket, chatrt::engineio::Encoded packet) {
  if (Connection* connection = find(websocket.value)) connection->send(packet);
}

std::size_t Shard::queued_bytes(chatrt::engineio::Carrier websocket) const {
  const Connection* connection = find(websocket.value);
  return connection == nullptr ? 0 : connection->queued_bytes();
}

void Shard::close(chatrt::engineio::Carrier websocket, std::uint16_t code) {
  if (Connection* connection = find(websocket.value)) connection->close_websocket(code);
}

void Shard::respond_http(std::uint64_t exchange, HttpResponse response) {
  if (current() == this) return answer(exchange, response);
  if (answers_.put(exchange, std::move(response))) wake();
}

void Shard::respond_http_in_turn(std::uint64_t exchange, HttpResponse response) {
  if (current() == this) return answer(exchange, response);
  answers_.hold(exchange, std::move(response));
}

void Shard::hand_over_answers() {
  if (answers_.hand_over()) wake();
}

void Shard::answer(std::uint64_t exchange, const HttpResponse& response) {
  if (Connection* connection = find(exchange)) connection->respond(response);
}

}  // namespace chatd::transport
