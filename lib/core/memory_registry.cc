#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "chatrt/registry.h"

namespace chatrt {
namespace {

class MemoryRegistry final : public Registry {
 public:
  std::size_t add(const UserId& user, ConnectionId connection) override {
    const std::unique_lock lock(mutex_);
    const auto known = users_.find(connection);
    if (known != users_.end()) {
      if (known->second->first == user) return known->second->second.size();
      drop(known);
    }
    const Connections::iterator at = connections_.try_emplace(user).first;
    at->second.push_back(connection);
    users_.emplace(connection, &*at);
    return at->second.size();
  }

  std::optional<Removed> remove(ConnectionId connection) override {
    const std::unique_lock lock(mutex_);
    const auto known = users_.find(connection);
    if (known == users_.end()) return std::nullopt;
    return drop(known);
  }

  void connections_of(const UserId& user, std::vector<ConnectionId>& out) const override {
    const std::shared_lock lock(mutex_);
    const auto at = connections_.find(user);
    if (at != connections_.end()) out.insert(out.end(), at->second.begin(), at->second.end());
  }

  std::optional<UserId> user_of(ConnectionId connection) const override {
    const std::shared_lock lock(mutex_);
    const auto known = users_.find(connection);
    if (known == users_.end()) return std::nullopt;
    return known->second->first;
  }

  std::size_t connection_count(const UserId& user) const override {
    const std::shared_lock lock(mutex_);
    const auto at = connections_.find(user);
    return at == connections_.end() ? 0 : at->second.size();
  }
  std::size_t connection_count() const override {
    const std::shared_lock lock(mutex_);
    return users_.size();
  }
  std::size_t user_count() const override {
    const std::shared_lock lock(mutex_);
    return connections_.size();
  }

 private:
  // Nobody is in it without a connection.
  using Connections = std::unordered_map<UserId, std::vector<ConnectionId>>;
  // Points at the entry of the user, which stays where it is as long as it is there.
  using Users = std::unordered_map<ConnectionId, Connections::value_type*>;

  // The lock is held.
  Removed drop(Users::iterator known) {
    auto& [user, connections] = *known->second;
    connections.erase(std::find(connections.begin(), connections.end(), known->first));
    Removed removed{.user = user, .remaining = connections.size()};
    users_.erase(known);
    if (removed.remaining == 0) connections_.erase(removed.user);
    return removed;
  }

  mutable std::shared_mutex mutex_;
  Connections connections_;
  Users users_;
};

}  // namespace

std::unique_ptr<Registry> make_memory_registry() { return std::make_unique<MemoryRegistry>(); }

}  // namespace chatrt
