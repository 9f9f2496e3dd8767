#include "lanes.h"

#include <algorithm>

namespace chatrt {
namespace {

// Nothing moves in steps of none.
HubOptions at_least_one(HubOptions options) {
  for (std::size_t* max : {&options.batch_max, &options.page_max, &options.replays_max}) {
    *max = std::max<std::size_t>(*max, 1);
  }
  return options;
}

}  // namespace

Lanes::Lanes(HubParts the_parts, const HubOptions& the_options, LaneTask drain,
             LaneTask drain_others)
    : parts(the_parts),
      options(at_least_one(the_options)),
      inbox({.requests_max = the_options.inbox_max,
             .bytes_max = the_options.inbox_bytes_max,
             .reads_max = the_options.reads_max},
            the_parts.log, {the_parts.commit_lane, drain},
            the_parts.quick_lane == nullptr
                ? Inbox::Lane{the_parts.commit_lane, drain}
                : Inbox::Lane{*the_parts.quick_lane, std::move(drain_others)}),
      reads([this](Executor::Task task) { return post_read(std::move(task)); },
            the_options.user_reads_max) {}

void Lanes::send_to(const UserId& user, const Event& event) {
  connections_.clear();
  parts.registry.connections_of(user, connections_);
  send(connections_, event);
}

void Lanes::send_to(const UserId& user, const UserId& peer, const Event& event) {
  connections_.clear();
  parts.registry.connections_of(user, connections_);
  if (peer != user) parts.registry.connections_of(peer, connections_);
  send(connections_, event);
}

void Lanes::send(std::span<const ConnectionId> connections, const Event& event, bool replayed) {
  if (connections.empty()) return;
  if (parts.trace != nullptr) trace(connections, event, replayed);
  Counters::add(counters.events_sent, connections.size());
  try {
    parts.outlet.send(connections, event);
  } catch (const std::exception& thrown) {
    report_throw("hub_outlet_threw", thrown.what());
  } catch (...) {
    report_throw("hub_outlet_threw", "");
  }
}

void Lanes::trace(std::span<const ConnectionId> connections, const Event& event, bool replayed) {
  if (const auto* received = std::get_if<ReceiveMessage>(&event)) {
    parts.trace->on_sent({received->message.position, false, replayed}, connections);
  } else if (const auto* sent = std::get_if<MessageSent>(&event)) {
    parts.trace->on_sent({sent->message.position, true, replayed}, connections);
  }
}

void Lanes::flush() {
  try {
    parts.outlet.flush();
  } catch (const std::exception& thrown) {
    report_throw("hub_outlet_threw", thrown.what());
  } catch (...) {
    report_throw("hub_outlet_threw", "");
  }
}

std::optional<Error> Lanes::begin_read(const UserId& user, Executor::Task task) {
  if (auto refused = inbox.begin_read()) return refused;
  if (reads.post(user, std::move(task))) return std::nullopt;
  inbox.end_read();
  return Error{Errc::busy, "too many reads of this user"};
}

bool Lanes::post_read(Executor::Task task) {
  try {
    parts.read_lane.post(std::move(task));
    return true;
  } catch (...) {
    report_throw("hub_lane_threw", "read lane");
    inbox.end_read();
    return false;
  }
}

void Lanes::report_throw(std::string_view event, std::string_view what) {
  parts.log.log(LogLevel::error, event, {{"what", what}});
}

}  // namespace chatrt
