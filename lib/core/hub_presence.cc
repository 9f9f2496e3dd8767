#include "hub_presence.h"

#include <memory>
#include <utility>

namespace chatrt {
namespace {

constexpr std::size_t kUsersPerRead = 256;
constexpr MonotonicTime kEndOfTime = MonotonicTime::max();

}  // namespace

void Presences::came(const UserId& user, std::optional<std::vector<UserId>> contacts) {
  if (leaving_.erase(user)) return;  // Nobody was told that they had gone.
  last_seen_.erase(user);
  if (contacts) {
    changed_known_.emplace_back(user, *std::move(contacts));
  } else {
    changed_.insert(user);
  }
}

void Presences::left(const UserId& user) {
  const Timestamp now = lanes_.parts.clock.now();
  if (lanes_.options.presence_grace <= Duration::zero()) {
    went_offline(user, now);
  } else {
    leaving_.set(user, now, lanes_.parts.clock.monotonic() + lanes_.options.presence_grace);
  }
}

void Presences::tick(MonotonicTime now) {
  while (const auto gone = leaving_.pop_due(now)) went_offline(gone->first, gone->second);
}

void Presences::went_offline(const UserId& user, Timestamp left_at) {
  last_seen_.set(user, left_at, lanes_.parts.clock.monotonic());
  if (last_seen_.size() > lanes_.options.last_seen_max) last_seen_.pop_due(kEndOfTime);
  changed_.insert(user);
}

bool Presences::is_news(const UserId& user) const {
  return lanes_.parts.registry.connection_count(user) == 0 && leaving_.find(user) == nullptr;
}

Presence Presences::presence_of(const UserId& user) const {
  Presence presence{.user = user, .online = true, .last_seen = std::nullopt};
  if (leaving_.find(user) != nullptr) return presence;
  if (lanes_.parts.registry.connection_count(user) > 0) return presence;
  presence.online = false;
  if (const Timestamp* seen = last_seen_.find(user)) presence.last_seen = *seen;
  return presence;
}

void Presences::query(const UserId& asker, std::vector<UserId> users, const Done& done) {
  const auto refused = lanes_.begin_read(asker, [this, asker, users = std::move(users), done] {
    auto contacts = lanes_.ask([&] { return lanes_.parts.store.contacts_among(asker, users); });
    lanes_.reads.leave(asker);
    lanes_.inbox.end_read([this, asker, users, contacts = std::move(contacts), done] {
      answer_query(asker, users, contacts, done);
    });
  });
  if (refused) lanes_.answer(done, *refused);
}

void Presences::answer_query(const UserId& asker, const std::vector<UserId>& users,
                             const Result<std::vector<UserId>>& contacts, const Done& done) {
  if (!contacts) return lanes_.answer(done, contacts.error());
  std::unordered_set<UserId> visible(contacts->begin(), contacts->end());
  visible.insert(asker);
  std::vector<Presence> found;
  for (const UserId& user : users) {
    if (visible.contains(user)) found.push_back(presence_of(user));
  }
  lanes_.answer(done, std::move(found));
}

void Presences::end_turn() {
  if (std::exchange(contacts_changed_, false)) {
    for (auto& [user, contacts] : changed_known_) changed_.insert(std::move(user));
  } else if (!changed_known_.empty()) {
    tell(changed_known_);
  }
  changed_known_.clear();
  if (changed_.empty() || reading_) return;
  Contacts batch;
  while (!changed_.empty() && batch.size() < kUsersPerRead) {
    batch.emplace_back(std::move(changed_.extract(changed_.begin()).value()),
                       std::vector<UserId>{});
  }
  reading_ = true;
  lanes_.read_then(
      [this, batch = std::move(batch)]() mutable -> Result<Contacts> {
        for (auto& [user, contacts] : batch) {
          auto found = lanes_.parts.store.contacts_of(user);
          if (!found) return found.error();
          contacts = *std::move(found);
        }
        return std::move(batch);
      },
      [this](const Result<Contacts>& changed) {
        reading_ = false;
        if (changed) return tell(*changed);
        lanes_.parts.log.log(LogLevel::warning, "hub_presence_not_told",
                             {{"code", error_name(changed.error().code)}});
      });
}

// Tells how things are now, which may be another than what brought it about: the last word is right
// also when reads overtake each other.
void Presences::tell(const Contacts& changed) {
  news_.clear();
  for (const auto& [user, contacts] : changed) {
    const Presence presence = presence_of(user);
    for (const UserId& contact : contacts) {
      if (lanes_.parts.registry.connection_count(contact) > 0) news_[contact].push_back(presence);
    }
  }
  for (const auto& [contact, users] : news_) lanes_.send_to(contact, PresenceChanged{users});
}

}  // namespace chatrt
