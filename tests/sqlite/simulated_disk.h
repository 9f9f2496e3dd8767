// A disk in memory, for SQLite, whose power can be cut.
//
// As long as it exists it is SQLite's default VFS: everything that this process opens is on it.
// What a program writes it sees at once; what lasts is what was synced, and of the rest whatever
// the chance of a power cut leaves. Creating, deleting and shortening a file lasts at once. Any
// thread.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace chatrt::testing {

struct SimulatedFile;

class SimulatedDisk {
 public:
  explicit SimulatedDisk(std::uint64_t seed);
  ~SimulatedDisk();
  SimulatedDisk(const SimulatedDisk&) = delete;

  // The power goes at the n-th write, truncation or sync from now: that one and all later ones
  // fail.
  void cut_power_after(std::uint64_t operations);
  void cut_power();
  bool is_off() const;
  std::uint64_t operations() const;  // writes, truncations and syncs so far
  // The power is back. Of what was not synced each write is there as a whole, in part (sectors of
  // 512 bytes), or not at all, whichever came first. REQUIRES: every connection is closed
  void restart();

  // The n-th sync from now fails, and the data is lost while the program still sees it: what Linux
  // does. `silently`: it is said to have worked.
  void fail_sync_after(std::uint64_t syncs, bool silently = false);
  // How often a file was synced after its sync had failed.
  std::uint64_t syncs_after_failure() const;
  // The n-th call from now fails: of open, read, write, truncate, sync, delete, size, access, lock
  // and the mapping of shared memory, whichever it is. `once`; `for_good`: all later ones too,
  // until heal(); `lie`: if it is a write, it is said to have worked. Half of a write that fails is
  // done.
  enum class CallFailure { once, for_good, lie };
  void fail_call_after(std::uint64_t calls, CallFailure how);
  void heal();
  std::uint64_t calls() const;     // so far
  std::uint64_t failures() const;  // of them that were made to fail
  // Bytes of all files together; a write that needs more is SQLITE_FULL.
  void set_capacity(std::optional<std::uint64_t> bytes);
  std::uint64_t used() const;

 private:
  friend struct SimulatedFile;
  friend struct Operations;
  friend struct Locks;

  // Counts it; false: the power is off.
  bool step();
  // Counts a call; true: it is to fail.
  bool fails();
  void lose_unsynced(SimulatedFile& file);

  mutable std::mutex mutex_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  sqlite3_vfs* system_ = nullptr;  // for the time of day
  std::map<std::string, std::shared_ptr<SimulatedFile>> files_;
  std::mt19937_64 random_;
  std::uint64_t operations_ = 0;
  std::uint64_t syncs_ = 0;
  std::optional<std::uint64_t> off_at_;
  bool off_ = false;
  std::optional<std::uint64_t> failing_sync_;
  bool silently_ = false;
  std::uint64_t calls_ = 0;
  std::uint64_t failures_ = 0;
  std::optional<std::uint64_t> failing_call_;
  bool for_good_ = false;
  bool lies_ = false;
  std::uint64_t syncs_after_failure_ = 0;
  std::optional<std::uint64_t> capacity_;
};

}  // namespace chatrt::testing
