// One seed: users with devices, a Hub that crashes and is built anew, and a store between them.
// Everything happens in one thread, in the order the seed says.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "chatrt/hub.h"
#include "chatrt/testing/executors.h"
#include "device.h"
#include "random.h"
#include "report.h"
#include "unsafe_store.h"

namespace chatrt::sim {

// Protections that are off, so that the checks are seen to find what they look for.
struct Sabotage {
  bool forget_client_ids = false;
  std::size_t drop_one_in = 0;    // events; 0: none
  std::size_t double_one_in = 0;  // events
};

// The wall clock jumps by the seed; the other only goes forward.
class JumpingClock final : public Clock {
 public:
  Timestamp now() const override { return now_; }
  MonotonicTime monotonic() const override { return monotonic_; }
  void advance(Duration time) {
    now_ += time;
    monotonic_ += time;
  }
  void jump(Duration time) { now_ += time; }

 private:
  Timestamp now_{std::chrono::milliseconds{1'795'464'900'123}};
  MonotonicTime monotonic_{Duration{1'000'000}};
};

class World final : private Outlet {
 public:
  World(std::uint64_t seed, Sabotage sabotage);
  ~World() override;

  Report run(std::size_t steps);

 private:
  // --- what may happen
  void step();
  void run_a_read();
  void take_packets();
  void connect(Device& device);
  void cut(Device& device);
  void detach_late();
  void post_new();
  void post(Device& device, const std::string& client_id);
  void post_again();
  void mark();
  void type();
  void pass_time();

  // --- the process
  void start();
  void crash();
  void run_lanes();
  bool run_commit_lane();
  void take(Device& device, std::size_t most);

  // --- the end
  void bring_home();
  void check_log();

  // Outlet
  void send(std::span<const ConnectionId> connections, const Event& event) override;
  void flush() override {}
  void deliver(ConnectionId to, const Event& event);

  Device& any() { return *devices_[random_.below(devices_.size())]; }
  Device* connected(ConnectionId connection);

  Random random_;
  Sabotage sabotage_;
  Report report_;
  JumpingClock clock_;
  std::unique_ptr<Authorizer> authorizer_ = make_open_authorizer();
  std::unique_ptr<MessageStore> disk_ = make_memory_store();
  UnsafeStore store_{*disk_, random_};
  testing::ManualExecutor commits_;
  testing::ManualExecutor quick_;
  testing::ManualExecutor reads_;
  HubOptions options_;
  bool with_quick_lane_ = false;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<Hub> hub_;
  std::uint64_t life_ = 0;  // of the process; answers of an earlier one reach nobody
  std::uint64_t last_connection_ = 0;
  std::uint64_t last_client_id_ = 0;
  std::vector<UserId> users_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<ConnectionId> undetached_;  // cut, and the Hub has not been told
};

}  // namespace chatrt::sim
