#include "connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "shard.h"

namespace chatd::transport {
namespace {

using chatrt::Duration;
using chatrt::engineio::Carrier;

// How long an orderly close waits for the peer's own, so that what was sent last is not cut off by
// a reset.
constexpr Duration kLinger{2000};
// And how much may come meanwhile: more than lies in the buffers between two machines is sent by
// one that will not end.
constexpr std::uint32_t kDroppedMax = 8U << 20;
// What a connection may have waiting also when too much waits in all.
constexpr std::size_t kFairShare = 64 * 1024;
// An input buffer larger than this is given back once it is empty.
constexpr std::size_t kBufferKept = 4096;

}  // namespace

Connection::Connection(Shard& shard, int fd, std::unique_ptr<TlsStream> tls, std::string address,
                       std::string bytes)
    : shard_(shard),
      fd_(fd),
      tls_(std::move(tls)),
      in_(std::move(bytes)),
      address_(std::move(address)) {
  deadline_ = shard_.now() + shard_.options().head_timeout;
}

Connection::~Connection() {
  out_.clear();
  account();
  tls_.reset();
  if (fd_ < 0) return;
  ::close(fd_);
  shard_.options().doorman->leave(address_);
}

int Connection::release() noexcept {
  state_ = State::over;
  return std::exchange(fd_, -1);
}

// ------------------------------------------------------------------------------------------- in

void Connection::read_tls(std::span<char> buffer) {
  const ssize_t got = tls_->read(buffer.data(), buffer.size());
  on_received(buffer.data(), got < 0 ? -errno : got);
}

void Connection::on_received(char* bytes, ssize_t result) {
  if (result < 0) {
    if (result != -EAGAIN && result != -EWOULDBLOCK && result != -EINTR) on_end(true);
    return;
  }
  if (result == 0) return on_peer_end();
  const auto size = static_cast<std::size_t>(result);
  shard_.counters().bytes_in += size;
  if (state_ == State::lingering || state_ == State::finishing) {
    dropped_ += static_cast<std::uint32_t>(size);
    if (dropped_ > kDroppedMax) on_end(true);
    return;
  }
  if (state_ == State::websocket && unread().empty()) {
    return process_websocket(bytes, size);
  }
  const bool begins = state_ == State::head && unread().empty();
  // What has been read of it goes now: it may never be empty.
  in_.erase(0, std::exchange(in_begin_, 0));
  in_.append(bytes, size);
  if (begins) time_head();
  process();
  const std::size_t limit = shard_.options().message_bytes_max + 2 * kHeadBytesMax;
  if (unread().size() > limit) on_end(true);  // pipelining without an end
}

void Connection::process() {
  if (std::exchange(processing_, true)) return;
  for (bool more = true; more;) {
    // One answer waits at a time: a short request may have a long one.
    more = (state_ == State::head && out_.empty() && process_head()) ||
           (state_ == State::body && process_body());
  }
  processing_ = false;
  if (peer_ended_ && state_ == State::head && out_.empty()) return on_end(false);
  if (state_ == State::websocket && !unread().empty()) {
    std::string rest = std::exchange(in_, {}).substr(std::exchange(in_begin_, 0));
    process_websocket(rest.data(), rest.size());
  }
}

// Who sends nothing further may still read the answers to what it has asked (RFC 9112 9.6). Not
// that of a poll, which may take long: whoever polls has gone.
void Connection::on_peer_end() {
  const bool is_answered = state_ == State::answering && !is_engine_;
  const bool is_writing = (state_ == State::head || state_ == State::finishing) && !out_.empty();
  if (std::exchange(peer_ended_, true) || (!is_answered && !is_writing)) return on_end(false);
  shard_.flush_later(*this);  // and no longer waits for it
}

// The peer has gone, or `error`: what it did leaves nothing to answer.
void Connection::on_end(bool error) {
  const State before = std::exchange(state_, State::over);
  if (before == State::websocket) {
    shard_.counters().websockets -= 1;
    shard_.engine().on_websocket_closed(Carrier{carrier}, error, shard_.now());
  } else if ((before == State::answering || before == State::body) && is_engine_) {
    shard_.engine().on_request_aborted(Carrier{carrier}, shard_.now());
  }
}

void Connection::consume(std::size_t bytes) {
  in_begin_ += bytes;
  if (in_begin_ < in_.size()) return;
  in_begin_ = 0;
  if (in_.capacity() > kBufferKept) {
    in_ = {};
  } else {
    in_.clear();
  }
}

// ------------------------------------------------------------------------------------------ out

std::string& Connection::out() {
  if (out_.wants_buffer()) out_.give_buffer(shard_.take_buffer());
  return out_.tail();
}

void Connection::finish() {
  if (state_ == State::over || state_ == State::lingering) return;
  state_ = State::finishing;
  deadline_ = shard_.now() + shard_.options().write_timeout;
  shard_.flush_later(*this);
}

std::string_view Connection::sendable() const noexcept {
  return tls_ || out_.empty() || state_ == State::over ? std::string_view{} : out_.front();
}

void Connection::on_sent(std::size_t bytes) {
  out_.pop(bytes);
  shard_.counters().bytes_out += bytes;
  unwritable_since_ = {};
}

void Connection::flush(ssize_t failed) {
  if (tls_) failed = write_tls();
  if (failed < 0 && failed != -EINTR) {
    if (failed != -EAGAIN && failed != -EWOULDBLOCK) return on_end(true);
    if (unwritable_since_ == chatrt::MonotonicTime{}) unwritable_since_ = shard_.now();
    return account();
  }
  if (!out_.empty() && state_ != State::over) return shard_.flush_later(*this);
  shard_.give_buffer(out_.take_buffer());
  account();
  if (state_ == State::head) time_head();
  if (state_ != State::finishing) return;
  if (tls_) tls_->close();
  if (peer_ended_) return on_end(false);
  state_ = State::lingering;
  deadline_ = shard_.now() + kLinger;
  ::shutdown(fd_, SHUT_WR);
}

ssize_t Connection::write_tls() {
  while (!out_.empty() && state_ != State::over) {
    const std::string_view bytes = out_.front();
    const ssize_t sent = tls_->write(bytes.data(), bytes.size());
    if (sent >= 0) {
      on_sent(static_cast<std::size_t>(sent));
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return 0;
}

void Connection::account() {
  const std::size_t waiting = queued_bytes();
  if (waiting == accounted_) return;
  const std::size_t total = shard_.options().doorman->add_queued(waiting - accounted_);
  accounted_ = waiting;
  if (state_ == State::over) return;
  if (waiting > shard_.options().queued_bytes_max) return turn_away(TurnedAway::slow_reader);
  const std::size_t max = shard_.options().queued_bytes_total_max;
  if (max > 0 && total > max && waiting > kFairShare) turn_away(TurnedAway::memory);
}

void Connection::turn_away(TurnedAway reason) {
  shard_.options().doorman->count(reason);
  shard_.log().log(chatrt::LogLevel::info, "turned_away",
                   {{"reason", turned_away_name(reason)},
                    {"address", std::string_view{address_}},
                    {"queued_bytes", std::uint64_t{queued_bytes()}}});
  on_end(true);
}

void Connection::on_shutdown() {
  if (state_ == State::head) finish();
  keep_alive_ = false;
}

void Connection::on_sweep() {
  const chatrt::MonotonicTime now = shard_.now();
  if (queued_bytes() > 0 && unwritable_since_ != chatrt::MonotonicTime{} &&
      now - unwritable_since_ >= shard_.options().write_timeout) {
    return turn_away(TurnedAway::slow_reader);
  }
  if (now < deadline_) return;
  switch (state_) {
    case State::head:
      if (!out_.empty()) return;  // what waits has its own time
      return unread().empty() ? on_end(false) : fail(408);
    case State::body: return fail_body(408);
    case State::websocket: return on_slow_message();
    case State::finishing:
    case State::lingering: return on_end(false);
    case State::answering:
    case State::over: return;
  }
}

}  // namespace chatd::transport
