#include "chatrt/engineio/session.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace chatrt::engineio {
namespace {

using Kind = Action::Kind;

// A ping or a deadline counts from when it was due, not from when the timer got round to it: the
// two clocks must add up. If the process itself was held up for longer, clients are given the time.
constexpr Duration kLateness{100};

void do_(Session::Actions& out, Kind kind) { out.push_back(Action{.kind = kind}); }

void do_(Session::Actions& out, Kind kind, int status) {
  out.push_back(Action{.kind = kind, .status = status});
}

void do_(Session::Actions& out, Kind kind, std::string body) {
  out.push_back(Action{.kind = kind, .body = std::move(body)});
}

// What a queued packet counts for: its own memory too, or empty ones could be queued without end.
std::size_t weight(std::size_t bytes) { return bytes + 64; }

std::string number(std::int64_t value) { return std::to_string(value); }

}  // namespace

Session::Session(const Options& options, std::string sid, bool websocket, MonotonicTime now)
    : options_(options),
      sid_(std::move(sid)),
      polling_(websocket ? nullptr : std::make_unique<Polling>()),
      heartbeat_(now + options.ping_interval),
      websocket_(websocket) {}

std::string Session::open_packet() const {
  return "0{\"sid\":\"" + sid_ + "\",\"upgrades\":[" +
         (!websocket_ && options_.websocket ? "\"websocket\"" : "") +
         "],\"pingInterval\":" + number(options_.ping_interval.count()) +
         ",\"pingTimeout\":" + number(options_.ping_timeout.count()) +
         ",\"maxPayload\":" + number(static_cast<std::int64_t>(options_.payload_bytes_max)) + "}";
}

void Session::open(Actions& out) {
  do_(out, websocket_ ? Kind::send : Kind::answer_poll, open_packet());
}

// ------------------------------------------------------------------------------------- polling

bool Session::on_poll(MonotonicTime now, Actions& out) {
  on_tick(now, out);
  if (state_ == State::closed || websocket_) {
    do_(out, Kind::refuse, 400);
    return false;
  }
  if (polling_->poll_pending) {
    do_(out, Kind::refuse, 400);
    end(CloseReason::transport_error, out);
    return false;
  }
  polling_->poll_pending = true;
  flush_poll(out);
  return true;
}

// Answers the pending GET with what is queued, as much as one answer may hold.
void Session::flush_poll(Actions& out) {
  Polling& p = *polling_;
  if (!p.poll_pending) return;
  if (p.queue.empty()) {
    if (state_ == State::closing) {
      p.poll_pending = false;
      do_(out, Kind::answer_poll, std::string{"6\x1e"} + "1");
      end(CloseReason::forced_close, out);
    } else if (p.probed) {
      p.poll_pending = false;  // the client waits for its poll to end before it upgrades
      do_(out, Kind::answer_poll, "6");
    }
    return;
  }
  p.poll_pending = false;
  do_(out, Kind::answer_poll, take_payload(options_.poll_packets_max));
}

// Takes up to `packets_max` packets off the queue, as the body of an answer.
std::string Session::take_payload(std::size_t packets_max) {
  Polling& p = *polling_;
  std::string body;
  for (std::size_t packets = 0; packets < packets_max && !p.queue.empty(); ++packets) {
    const Queued& next = p.queue.front();
    const std::size_t size = next.binary ? next.bytes.size() / 3 * 4 + 5 : next.bytes.size();
    if (packets > 0 && body.size() + 1 + size > options_.payload_bytes_max) break;
    if (packets > 0) body.push_back(kRecordSeparator);
    encode_for_polling({next.binary, next.bytes}, body);
    p.queued_bytes -= weight(next.bytes.size());
    p.queue.pop_front();
  }
  return body;
}

void Session::on_poll_aborted(Actions& out) {
  if (!polling_ || !polling_->poll_pending) return;
  polling_->poll_pending = false;
  end(CloseReason::transport_error, out);
}

bool Session::on_post_head(bool octet_stream, Actions& out) {
  if (state_ == State::closed || websocket_) {
    do_(out, Kind::refuse, 400);
    return false;
  }
  if (polling_->post_pending || octet_stream) {
    do_(out, Kind::refuse, 400);
    end(CloseReason::transport_error, out);
    return false;
  }
  polling_->post_pending = true;
  return true;
}

void Session::on_post_body(std::string_view body, MonotonicTime now, Actions& out) {
  on_tick(now, out);
  if (state_ == State::closed || websocket_ || !polling_->post_pending) return;
  polling_->post_pending = false;
  // Each packet costs more than its byte or two: a body may not be all packets.
  const auto separators = static_cast<std::size_t>(std::ranges::count(body, kRecordSeparator));
  if (separators >= options_.payload_packets_max) {
    do_(out, Kind::answer_post, 413);
    return end(CloseReason::parse_error, out);
  }
  PayloadReader reader(body);
  for (;;) {
    Result<std::optional<Packet>> packet = reader.next();
    if (!packet) {
      do_(out, Kind::answer_post, 400);
      return end(CloseReason::parse_error, out);
    }
    if (!packet->has_value()) break;
    if ((*packet)->type == PacketType::close) {
      do_(out, Kind::answer_post, 200);
      if (polling_->poll_pending) {
        polling_->poll_pending = false;
        do_(out, Kind::answer_poll, "6");
      }
      return end(CloseReason::transport_close, out);
    }
    if (!on_packet(**packet, now, out)) {
      do_(out, Kind::answer_post, 400);
      return end(CloseReason::transport_error, out);
    }
  }
  do_(out, Kind::answer_post, 200);
}

void Session::on_post_too_large(Actions& out) {
  if (state_ == State::closed || !polling_ || !polling_->post_pending) return;
  polling_->post_pending = false;
  do_(out, Kind::answer_post, 413);
}

void Session::on_post_aborted(Actions& out) {
  if (!polling_ || !polling_->post_pending) return;
  polling_->post_pending = false;
  end(CloseReason::transport_error, out);
}

// ----------------------------------------------------------------------------------- WebSocket

void Session::on_websocket_message(bool binary, std::string_view data, MonotonicTime now,
                                   Actions& out) {
  if (state_ == State::closed) return;
  if (binary) {
    if (state_ == State::open) {
      out.push_back(Action{.kind = Kind::message, .binary = true, .view = data});
    }
    return;
  }
  std::string scratch;
  const Result<Packet> packet = decode(data, scratch);
  if (!packet) return end(CloseReason::parse_error, out);
  if (packet->type == PacketType::close) return end(CloseReason::transport_close, out);
  if (!on_packet(*packet, now, out)) end(CloseReason::transport_error, out);
}

void Session::on_websocket_closed(bool error, Actions& out) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  out.push_back(
      Action{.kind = Kind::closed,
             .reason = error ? CloseReason::transport_error : CloseReason::transport_close});
}

// False: the client is not allowed to send this.
bool Session::on_packet(const Packet& packet, MonotonicTime now, Actions& out) {
  switch (packet.type) {
    case PacketType::message:
      if (state_ != State::open) return true;
      if (packet.binary && !packet.data.empty()) {  // decoded base64: it does not outlive the call
        out.push_back(
            Action{.kind = Kind::message, .binary = true, .body = std::string{packet.data}});
      } else {
        out.push_back(Action{.kind = Kind::message, .binary = packet.binary, .view = packet.data});
      }
      return true;
    case PacketType::pong: on_pong(now, out); return true;
    case PacketType::ping: return false;
    default: return true;
  }
}

void Session::on_pong(MonotonicTime now, Actions& out) {
  if (!ping_in_flight_) return;
  ping_in_flight_ = false;
  // While closing, heartbeat_ is the end of that.
  if (state_ == State::open) heartbeat_ = now + options_.ping_interval;
  do_(out, Kind::pong);
}

// ------------------------------------------------------------------------------------- upgrade

bool Session::on_probe_open(MonotonicTime now) {
  if (state_ != State::open || websocket_ || polling_->probing) return false;
  polling_->probing = true;
  polling_->probed = false;
  polling_->probe_deadline = now + options_.upgrade_timeout;
  return true;
}

void Session::on_probe_message(bool binary, std::string_view data, MonotonicTime, Actions& out) {
  if (!polling_ || !polling_->probing) return;
  if (!binary && data == "2probe") {
    polling_->probed = true;
    do_(out, Kind::send_probe, "3probe");
    return flush_poll(out);
  }
  if (!binary && !data.empty() && data[0] == '5') return finish_upgrade(out);
  on_probe_closed();
  do_(out, Kind::close_probe);
}

void Session::on_probe_closed() {
  if (!polling_) return;
  polling_->probing = false;
  polling_->probed = false;
}

void Session::finish_upgrade(Actions& out) {
  const std::unique_ptr<Polling> polling = std::move(polling_);
  websocket_ = true;
  upgraded_ = true;
  if (polling->poll_pending) do_(out, Kind::answer_poll, "1");
  if (polling->post_pending) do_(out, Kind::answer_post, 400);
  do_(out, Kind::adopt_probe);
  for (Queued& queued : polling->queue) {
    out.push_back(
        Action{.kind = Kind::send, .binary = queued.binary, .body = std::move(queued.bytes)});
  }
  if (state_ == State::closing) end(CloseReason::forced_close, out);
}

// ---------------------------------------------------------------------------------- from above

void Session::send(Encoded packet, bool ephemeral, std::size_t behind, Actions& out) {
  if (state_ != State::open) return;
  if (ephemeral) {
    if (websocket_ ? behind > options_.queued_bytes_max / 4 : !polling_->queue.empty()) return;
  }
  enqueue(packet, behind, out);
}

void Session::enqueue(Encoded packet, std::size_t behind, Actions& out) {
  if (websocket_) {
    if (behind + packet.bytes.size() > options_.queued_bytes_max && behind > 0) {
      return end(CloseReason::slow_reader, out);
    }
    out.push_back(Action{.kind = Kind::send, .binary = packet.binary, .view = packet.bytes});
    return;
  }
  Polling& p = *polling_;
  if (p.queued_bytes > 0 &&
      p.queued_bytes + weight(packet.bytes.size()) > options_.queued_bytes_max) {
    return end(CloseReason::slow_reader, out);
  }
  p.queued_bytes += weight(packet.bytes.size());
  p.queue.push_back({packet.binary, std::string{packet.bytes}});
}

void Session::flush(Actions& out) {
  if (polling_ && state_ != State::closed) flush_poll(out);
}

bool Session::ping(MonotonicTime now, Actions& out) {
  if (state_ != State::open || ping_in_flight_) return false;
  ping_in_flight_ = true;
  heartbeat_ = now + options_.ping_timeout;
  enqueue({false, "2"}, 0, out);
  if (polling_) flush_poll(out);
  return true;
}

void Session::close(MonotonicTime now, Actions& out) {
  if (state_ != State::open) return;
  if (websocket_ || polling_->poll_pending) {
    if (polling_ && !polling_->queue.empty()) {
      state_ = State::closing;  // what is queued leaves with this poll, the end with the next
      heartbeat_ = now + options_.closing_timeout;
      return flush_poll(out);
    }
    return end(CloseReason::forced_close, out);
  }
  state_ = State::closing;
  heartbeat_ = now + options_.closing_timeout;
}

void Session::close_now(Actions& out) {
  if (state_ == State::closed) return;
  if (polling_ && polling_->poll_pending && !polling_->queue.empty()) {
    polling_->poll_pending = false;
    std::string body = take_payload(options_.poll_packets_max - 1);
    if (!body.empty()) body.push_back(kRecordSeparator);
    do_(out, Kind::answer_poll, body + "1");
  }
  end(CloseReason::forced_close, out);
}

void Session::end(CloseReason reason, Actions& out) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  if (polling_) {
    if (polling_->poll_pending) do_(out, Kind::answer_poll, "1");
    if (polling_->post_pending) do_(out, Kind::abort_post);
    if (polling_->probing) do_(out, Kind::close_probe);
    polling_->poll_pending = polling_->post_pending = polling_->probing = false;
  }
  if (websocket_) do_(out, Kind::close_websocket);
  out.push_back(Action{.kind = Kind::closed, .reason = reason});
}

// ---------------------------------------------------------------------------------------- time

MonotonicTime Session::next_deadline() const noexcept {
  if (state_ == State::closed) return MonotonicTime::max();
  if (polling_ && polling_->probing) return std::min(heartbeat_, polling_->probe_deadline);
  return heartbeat_;
}

void Session::on_tick(MonotonicTime now, Actions& out) {
  if (polling_ && polling_->probing && now >= polling_->probe_deadline) {
    on_probe_closed();
    do_(out, Kind::close_probe);
  }
  while (state_ != State::closed && now >= heartbeat_) {
    if (state_ == State::closing) return end(CloseReason::forced_close, out);
    if (ping_in_flight_) return end(CloseReason::ping_timeout, out);
    const MonotonicTime due = now - heartbeat_ > kLateness ? now : heartbeat_;
    ping(due, out);
  }
}

}  // namespace chatrt::engineio
