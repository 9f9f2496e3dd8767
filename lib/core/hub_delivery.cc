#include "hub_delivery.h"

#include <utility>

namespace chatrt {
namespace {

constexpr Duration kRetryAfter{1000};

}  // namespace

Delivery::Delivery(Lanes& lanes)
    : lanes_(lanes), recent_(lanes.options.recent_changes_max, lanes.options.recent_bytes_max) {}

Status Delivery::find_head() {
  if (head_known_) return {};
  const auto position = lanes_.ask([&] { return lanes_.parts.store.last_position(); });
  if (!position) return position.error();
  recent_.reset(*position);
  head_known_ = true;
  return {};
}

void Delivery::expect(Position position) {
  if (!head_known_) {
    recent_.reset(Position{position.value - 1});
    head_known_ = true;
  } else if (position.value != head().value + 1) {
    behind_ = true;
  }
}

void Delivery::deliver(Change&& change) {
  if (!behind_) send(recent_.push(std::move(change)));
}

void Delivery::send(const Change& change) {
  if (const auto* message = std::get_if<Message>(&change)) {
    lanes_.send_to(message->receiver, ReceiveMessage{*message});
    lanes_.send_to(message->author, MessageSent{*message});
  } else {
    const auto& mark = std::get<MarkAdvanced>(change);
    lanes_.send_to(mark.user, mark.peer, MarkMoved{mark});
  }
}

void Delivery::catch_up() {
  if (!behind_) return;
  const Position from = head();
  if (const Status caught_up = read_on(); !caught_up) {
    tried_at_ = lanes_.parts.clock.monotonic();
    lanes_.parts.log.log(LogLevel::warning, "hub_catch_up_failed",
                         {{"code", error_name(caught_up.error().code)},
                          {"detail", std::string_view(caught_up.error().detail)}});
    return;
  }
  behind_ = false;
  if (head() != from) {
    lanes_.parts.log.log(LogLevel::info, "hub_caught_up",
                         {{"from", from.value}, {"to", head().value}});
  }
}

Status Delivery::read_on() {
  if (const Status known = find_head(); !known) return known;
  for (bool more = true; more;) {
    auto page = lanes_.ask([&] {
      return lanes_.parts.store.read_log(head(), lanes_.page_of(lanes_.options.page_max));
    });
    if (!page) return page.error();
    more = page->more;
    for (Change& change : page->items) {
      if (position_of(change).value != head().value + 1) {
        return Error{Errc::corrupt, "the log has a gap"};
      }
      send(recent_.push(std::move(change)));
    }
  }
  return {};
}

std::optional<MonotonicTime> Delivery::next_deadline() const {
  if (!behind_) return std::nullopt;
  return tried_at_ + kRetryAfter;
}

}  // namespace chatrt
