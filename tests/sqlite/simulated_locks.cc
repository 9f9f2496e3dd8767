// The locks of the SimulatedDisk, as SQLite defines them, and the memory that stands in for -shm.
#include <atomic>
#include <utility>

#include "simulated_file.h"

namespace chatrt::testing {

// --------------------------------------------------------------------------------------- locks

int Locks::lock(sqlite3_file* file, int level) {
  Handle& handle = handle_of(file);
  const std::lock_guard guard(handle.disk.mutex_);
  SimulatedFile& target = *handle.file;
  if (level <= handle.level) return SQLITE_OK;
  if (handle.disk.fails()) return SQLITE_IOERR_LOCK;
  const auto others = [&](const Handle* holder) { return holder != nullptr && holder != &handle; };
  if (others(target.exclusive)) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_SHARED) {
    ++target.shared;
  } else {
    if (others(target.reserved)) return SQLITE_BUSY;
    if (level == SQLITE_LOCK_EXCLUSIVE && target.shared > 1) return SQLITE_BUSY;
    target.reserved = &handle;
    if (level == SQLITE_LOCK_EXCLUSIVE) target.exclusive = &handle;
  }
  handle.level = level;
  return SQLITE_OK;
}
int Locks::unlock(sqlite3_file* file, int level) {
  Handle& handle = handle_of(file);
  const std::lock_guard guard(handle.disk.mutex_);
  SimulatedFile& target = *handle.file;
  if (level >= handle.level) return SQLITE_OK;
  if (target.exclusive == &handle) target.exclusive = nullptr;
  if (target.reserved == &handle) target.reserved = nullptr;
  if (level == SQLITE_LOCK_NONE) --target.shared;
  handle.level = level;
  return SQLITE_OK;
}
int Locks::is_reserved(sqlite3_file* file, int* reserved) {
  Handle& handle = handle_of(file);
  const std::lock_guard guard(handle.disk.mutex_);
  *reserved = handle.file->reserved != nullptr ? 1 : 0;
  return SQLITE_OK;
}

// ------------------------------------------------------------------------------- shared memory

int Locks::shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** memory) {
  Handle& handle = handle_of(file);
  const std::lock_guard guard(handle.disk.mutex_);
  SimulatedFile& target = *handle.file;
  *memory = nullptr;
  if (handle.disk.fails()) return SQLITE_IOERR_SHMMAP;
  if (!std::exchange(handle.uses_shm, true)) ++target.shm_users;
  const auto index = static_cast<std::size_t>(region);
  if (index >= target.regions.size() && extend == 0) return SQLITE_OK;
  while (target.regions.size() <= index) {
    target.regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
  }
  *memory = target.regions[index].get();
  return SQLITE_OK;
}
int Locks::shm_lock(sqlite3_file* file, int first, int count, int flags) {
  Handle& handle = handle_of(file);
  const std::lock_guard guard(handle.disk.mutex_);
  SimulatedFile& target = *handle.file;
  const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
  if ((flags & SQLITE_SHM_LOCK) != 0 && handle.disk.fails()) return SQLITE_IOERR_SHMLOCK;
  for (int slot = first; slot < first + count; ++slot) {
    const unsigned bit = 1U << slot;
    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
      if ((handle.shm_exclusive & bit) != 0) target.shm_exclusive[slot] = nullptr;
      if ((handle.shm_shared & bit) != 0) --target.shm_shared[slot];
      handle.shm_exclusive &= ~bit;
      handle.shm_shared &= ~bit;
      continue;
    }
    const int own = (handle.shm_shared & bit) != 0 ? 1 : 0;
    const Handle* holder = target.shm_exclusive[slot];
    if ((holder != nullptr && holder != &handle) || (exclusive && target.shm_shared[slot] > own)) {
      return SQLITE_BUSY;
    }
  }
  if ((flags & SQLITE_SHM_UNLOCK) != 0) return SQLITE_OK;
  for (int slot = first; slot < first + count; ++slot) {
    const unsigned bit = 1U << slot;
    if (exclusive) {
      target.shm_exclusive[slot] = &handle;
      handle.shm_exclusive |= bit;
    } else if ((handle.shm_shared & bit) == 0) {
      ++target.shm_shared[slot];
      handle.shm_shared |= bit;
    }
  }
  return SQLITE_OK;
}
void Locks::shm_barrier(sqlite3_file*) { std::atomic_thread_fence(std::memory_order_seq_cst); }
int Locks::shm_unmap(sqlite3_file* file, int) {
  Handle& handle = handle_of(file);
  const std::lock_guard guard(handle.disk.mutex_);
  if (!std::exchange(handle.uses_shm, false)) return SQLITE_OK;
  if (--handle.file->shm_users == 0) handle.file->regions.clear();
  return SQLITE_OK;
}

void Locks::add_to(sqlite3_io_methods& methods) {
  methods.xLock = lock;
  methods.xUnlock = unlock;
  methods.xCheckReservedLock = is_reserved;
  methods.xShmMap = shm_map;
  methods.xShmLock = shm_lock;
  methods.xShmBarrier = shm_barrier;
  methods.xShmUnmap = shm_unmap;
}

}  // namespace chatrt::testing
