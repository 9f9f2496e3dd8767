#include "world.h"

#include <algorithm>

namespace chatrt::sim {

World::World(std::uint64_t seed, Sabotage sabotage) : random_(seed), sabotage_(sabotage) {
  store_.forgets_client_ids = sabotage.forget_client_ids;
  options_.batch_max = random_.between(1, 8);
  options_.page_max = random_.between(1, 5);
  options_.recent_changes_max = random_.between(1, 20);
  options_.replays_max = random_.between(1, 3);
  options_.inbox_max = random_.between(5, 60);
  options_.reads_max = random_.between(2, 20);
  with_quick_lane_ = random_.one_in(2);
  const std::size_t user_count = random_.between(2, 4);
  for (std::size_t i = 0; i < user_count; ++i) {
    users_.push_back(*UserId::parse("u" + std::to_string(i)));
    for (std::size_t n = random_.between(1, 3); n > 0; --n) {
      devices_.push_back(std::make_unique<Device>(users_.back(), *disk_, report_));
    }
  }
  start();
}

World::~World() {
  run_lanes();
  hub_.reset();
}

void World::start() {
  registry_ = make_memory_registry();
  hub_ = std::make_unique<Hub>(HubParts{.registry = *registry_,
                                        .store = store_,
                                        .outlet = *this,
                                        .authorizer = *authorizer_,
                                        .commit_lane = commits_,
                                        .read_lane = reads_,
                                        .clock = clock_,
                                        .log = null_log_sink(),
                                        .quick_lane = with_quick_lane_ ? &quick_ : nullptr},
                               options_);
}

// What the process still does when it has died reaches neither disk nor network.
void World::crash() {
  ++report_.crashes;
  report_.note("crash");
  store_.dead = true;
  ++life_;
  for (const auto& device : devices_) device->cut();
  undetached_.clear();
  run_lanes();
  hub_.reset();
  store_.dead = false;
  start();
}

void World::run_lanes() {
  while (run_commit_lane() || reads_.run_one()) {
  }
}

Report World::run(std::size_t steps) {
  for (std::size_t i = 0; i < steps; ++i) {
    step();
    if (store_.dead) crash();
  }
  bring_home();
  check_log();
  return report_;
}

void World::step() {
  const std::size_t what = random_.below(100);
  report_.note(what);
  if (what < 25) {
    run_commit_lane();
  } else if (what < 40) {
    run_a_read();
  } else if (what < 60) {
    take_packets();
  } else if (what < 68) {
    if (Device& device = any(); !device.connected()) connect(device);
  } else if (what < 71) {
    if (Device& device = any(); device.connected()) cut(device);
  } else if (what < 73) {
    detach_late();
  } else if (what < 83) {
    post_new();
  } else if (what < 88) {
    post_again();
  } else if (what < 93) {
    mark();
  } else if (what < 96) {
    type();
  } else {
    pass_time();
    if (random_.one_in(10)) crash();
  }
}

// One lane, in one place or in two: there is one task of it at most.
bool World::run_commit_lane() {
  if (commits_.size() + quick_.size() > 1) report_.violation("two tasks of the commit lane");
  return commits_.run_one() || quick_.run_one();
}

void World::run_a_read() {
  if (reads_.size() > 0) reads_.run_at(random_.below(reads_.size()));
}

void World::take_packets() { take(any(), random_.between(1, 5)); }

void World::take(Device& device, std::size_t most) {
  for (; most > 0 && device.has_packets(); --most) {
    if (!device.take_one()) return cut(device);
  }
}

void World::connect(Device& device) {
  const ConnectionId connection{++last_connection_};
  device.connect(connection);
  if (device.offset()) ++report_.resumes;
  hub_->attach(connection, {.user = device.user(), .since = device.offset()},
               [this, &device, connection, life = life_](Result<Hub::Attached> result) {
                 if (life != life_ || device.connection() != connection) return;
                 device.push(std::move(result));
               });
}

void World::cut(Device& device) {
  ++report_.cuts;
  undetached_.push_back(*device.connection());
  device.cut();
  if (random_.one_in(2)) detach_late();
}

void World::detach_late() {
  if (undetached_.empty()) return;
  const auto at =
      undetached_.begin() + static_cast<std::ptrdiff_t>(random_.below(undetached_.size()));
  hub_->detach(*at);
  undetached_.erase(at);
}

void World::post_new() {
  Device& device = any();
  const std::string client_id = "c" + std::to_string(++last_client_id_);
  device.outgoing().emplace(client_id, Device::Outgoing{.to = users_[random_.below(users_.size())],
                                                        .text = "text of " + client_id,
                                                        .acked = std::nullopt});
  if (device.connected()) post(device, client_id);
}

void World::post(Device& device, const std::string& client_id) {
  const Device::Outgoing& sent = device.outgoing().at(client_id);
  hub_->post({device.user(), sent.to, sent.text, client_id},
             [this, &device, client_id, connection = device.connection(),
              life = life_](Result<Message> result) {
               if (life != life_ || device.connection() != connection) return;
               device.push(Ack{client_id, std::move(result)});
             });
}

// Also what is acked: a repeat must do no harm.
void World::post_again() {
  Device& device = any();
  if (!device.connected() || device.outgoing().empty()) return;
  auto at = device.outgoing().begin();
  std::advance(at, random_.below(device.outgoing().size()));
  post(device, at->first);
}

void World::mark() {
  const Device& device = any();
  if (!device.connected()) return;
  const ConversationId conversation{random_.between(1, 6)};
  const MarkKind kind = random_.one_in(2) ? MarkKind::read : MarkKind::delivered;
  hub_->mark({device.user(), conversation, kind, Sequence{random_.between(1, 30)}},
             [this](const Result<MarkAdvanced>& result) { report_.note(result ? 1 : 0); });
}

void World::type() {
  const Device& device = any();
  if (!device.connected()) return;
  hub_->typing(device.user(), users_[random_.below(users_.size())], random_.one_in(2), nullptr);
}

void World::pass_time() {
  clock_.advance(Duration{static_cast<std::int64_t>(random_.below(3000))});
  if (random_.one_in(4)) {
    const auto day = std::int64_t{86'400'000};
    clock_.jump(Duration{static_cast<std::int64_t>(random_.below(2 * 86'400'000)) - day});
  }
  hub_->tick();
}

Device* World::connected(ConnectionId connection) {
  for (const auto& device : devices_) {
    if (device->connection() == connection) return device.get();
  }
  return nullptr;
}

void World::send(std::span<const ConnectionId> connections, const Event& event) {
  if (store_.dead) return;
  for (const ConnectionId connection : connections) {
    if (sabotage_.drop_one_in > 0 && random_.one_in(sabotage_.drop_one_in)) continue;
    deliver(connection, event);
    if (sabotage_.double_one_in > 0 && random_.one_in(sabotage_.double_one_in)) {
      deliver(connection, event);
    }
  }
}

void World::deliver(ConnectionId to, const Event& event) {
  Device* device = connected(to);
  if (device == nullptr) return;
  if (const auto* received = std::get_if<ReceiveMessage>(&event)) {
    device->push(Arrival{received->message, true});
  } else if (const auto* sent = std::get_if<MessageSent>(&event)) {
    device->push(Arrival{sent->message, false});
  } else if (const auto* moved = std::get_if<MarkMoved>(&event)) {
    device->push(Arrival{moved->mark, false});
  } else if (const auto* typing = std::get_if<TypingNotice>(&event)) {
    report_.note(typing->from.str());
    if (typing->from == device->user()) report_.violation("typing is told to who types");
  } else {
    for (const Presence& one : std::get<PresenceChanged>(event).users) report_.note(one.user.str());
  }
}

// The faults end: everybody comes back, sends what was not acked, and takes all there is.
void World::bring_home() {
  store_.faults = false;
  for (int round = 0; round < 20; ++round) {
    for (const auto& device : devices_) {
      if (!device->connected()) connect(*device);
      for (const auto& [client_id, sent] : device->outgoing()) {
        if (!sent.acked) post(*device, client_id);
      }
      run_lanes();
      take(*device, SIZE_MAX);
    }
    clock_.advance(Duration{7000});
    hub_->tick();
    run_lanes();
    for (const auto& device : devices_) take(*device, SIZE_MAX);
  }
  for (const auto& device : devices_) device->check_complete();
}

void World::check_log() {
  const auto log = disk_->read_log({}, SIZE_MAX);
  std::map<std::string, std::vector<const Message*>> stored;
  std::map<ConversationId, std::uint64_t> sequences;
  std::map<std::pair<ConversationId, UserId>, Marks> marks;
  std::uint64_t position = 0;
  for (const Change& change : log->items) {
    if (position_of(change).value != ++position) report_.violation("P3: a gap in the log");
    if (const auto* message = std::get_if<Message>(&change)) {
      ++report_.messages;
      stored[message->client_id].push_back(message);
      if (message->sequence.value != ++sequences[message->conversation]) {
        report_.violation("P3: a gap in a conversation");
      }
      continue;
    }
    const auto& mark = std::get<MarkAdvanced>(change);
    Marks& standing = marks[{mark.conversation, mark.user}];
    Sequence& moved = mark.kind == MarkKind::read ? standing.read : standing.delivered;
    if (mark.sequence <= moved) report_.violation("a mark that does not rise");
    if (mark.sequence.value > sequences[mark.conversation]) {
      report_.violation("a mark above the last message");
    }
    moved = mark.sequence;
    standing.delivered = std::max(standing.delivered, standing.read);
  }
  report_.note(position);
  for (const auto& device : devices_) device->check_sent(stored);
}

}  // namespace chatrt::sim
