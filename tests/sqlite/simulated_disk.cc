#include "simulated_disk.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

namespace chatrt::testing {

struct Handle;

struct SimulatedFile {
  struct Write {
    std::uint64_t offset;
    std::vector<char> data;
  };

  std::vector<char> seen;     // by the program
  std::vector<char> durable;  // after a power cut, whatever happens
  std::vector<Write> unsynced;
  bool sync_has_failed = false;

  // Locks of the file; several connections of one process.
  int shared = 0;
  const Handle* reserved = nullptr;
  const Handle* exclusive = nullptr;
  // The memory that connections share in place of the -shm file.
  std::vector<std::unique_ptr<char[]>> regions;
  int shm_users = 0;
  int shm_shared[SQLITE_SHM_NLOCK] = {};
  const Handle* shm_exclusive[SQLITE_SHM_NLOCK] = {};
};

// An open file of one connection.
struct Handle {
  SimulatedDisk& disk;
  std::shared_ptr<SimulatedFile> file;
  int level = SQLITE_LOCK_NONE;
  bool uses_shm = false;
  unsigned shm_shared = 0;  // slots
  unsigned shm_exclusive = 0;
};

// SQLite's side of a Handle.
struct OpenFile {
  sqlite3_file base;
  Handle* handle;
};

// The functions that SQLite calls.
struct Operations {
  static Handle& of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file)->handle; }
  static SimulatedDisk& of(sqlite3_vfs* vfs) { return *static_cast<SimulatedDisk*>(vfs->pAppData); }

  // ------------------------------------------------------------------------------------ contents

  static int close(sqlite3_file* file) {
    unlock(file, SQLITE_LOCK_NONE);
    delete reinterpret_cast<OpenFile*>(file)->handle;
    return SQLITE_OK;
  }
  static int read(sqlite3_file* file, void* to, int count, sqlite3_int64 at) {
    Handle& handle = of(file);
    const std::lock_guard lock(handle.disk.mutex_);
    if (handle.disk.off_) return SQLITE_IOERR_READ;
    const std::vector<char>& seen = handle.file->seen;
    const auto offset = static_cast<std::size_t>(at);
    const auto wanted = static_cast<std::size_t>(count);
    const std::size_t got = offset < seen.size() ? std::min(wanted, seen.size() - offset) : 0;
    if (got > 0) std::memcpy(to, seen.data() + offset, got);
    std::memset(static_cast<char*>(to) + got, 0, wanted - got);
    return got == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }
  static int write(sqlite3_file* file, const void* from, int count, sqlite3_int64 at) {
    Handle& handle = of(file);
    SimulatedDisk& disk = handle.disk;
    const std::lock_guard lock(disk.mutex_);
    std::vector<char>& seen = handle.file->seen;
    const auto offset = static_cast<std::size_t>(at);
    const std::size_t end = offset + static_cast<std::size_t>(count);
    const auto* bytes = static_cast<const char*>(from);
    // The write that the power cut hits may have reached the disk as well.
    const bool powered = disk.step();
    if (!powered && disk.operations_ != disk.off_at_) return SQLITE_IOERR_WRITE;
    if (end > seen.size()) {
      if (disk.capacity_ && total(disk) + (end - seen.size()) > *disk.capacity_) {
        return SQLITE_FULL;
      }
      seen.resize(end);
    }
    std::memcpy(seen.data() + offset, bytes, end - offset);
    handle.file->unsynced.push_back({offset, std::vector<char>(bytes, bytes + count)});
    return powered ? SQLITE_OK : SQLITE_IOERR_WRITE;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    Handle& handle = of(file);
    const std::lock_guard lock(handle.disk.mutex_);
    if (!handle.disk.step()) return SQLITE_IOERR_TRUNCATE;
    const auto end = static_cast<std::size_t>(size);
    SimulatedFile& target = *handle.file;
    target.seen.resize(end);
    if (target.durable.size() > end) target.durable.resize(end);
    for (SimulatedFile::Write& write : target.unsynced) {
      if (write.offset + write.data.size() <= end) continue;
      write.data.resize(write.offset < end ? end - write.offset : 0);
    }
    return SQLITE_OK;
  }
  static int sync(sqlite3_file* file, int) {
    Handle& handle = of(file);
    SimulatedDisk& disk = handle.disk;
    const std::lock_guard lock(disk.mutex_);
    if (!disk.step()) return SQLITE_IOERR_FSYNC;
    if (handle.file->sync_has_failed) ++disk.syncs_after_failure_;
    if (disk.failing_sync_ && ++disk.syncs_ == *disk.failing_sync_) {
      handle.file->sync_has_failed = true;
      handle.file->unsynced.clear();
      return disk.silently_ ? SQLITE_OK : SQLITE_IOERR_FSYNC;
    }
    for (const SimulatedFile::Write& write : handle.file->unsynced) {
      apply(handle.file->durable, write.offset, write.data.data(), write.data.size());
    }
    handle.file->unsynced.clear();
    if (handle.file->durable.size() < handle.file->seen.size() && !handle.file->sync_has_failed) {
      handle.file->durable.resize(handle.file->seen.size());
    }
    return SQLITE_OK;
  }
  static int size(sqlite3_file* file, sqlite3_int64* size) {
    Handle& handle = of(file);
    const std::lock_guard lock(handle.disk.mutex_);
    *size = static_cast<sqlite3_int64>(handle.file->seen.size());
    return SQLITE_OK;
  }
  static void apply(std::vector<char>& to, std::uint64_t offset, const char* data,
                    std::size_t size) {
    if (size == 0) return;
    if (offset + size > to.size()) to.resize(offset + size);
    std::memcpy(to.data() + offset, data, size);
  }
  static std::uint64_t total(const SimulatedDisk& disk) {
    std::uint64_t bytes = 0;
    for (const auto& [name, file] : disk.files_) bytes += file->seen.size();
    return bytes;
  }

  // --------------------------------------------------------------------------------------- locks

  static int lock(sqlite3_file* file, int level) {
    Handle& handle = of(file);
    const std::lock_guard guard(handle.disk.mutex_);
    SimulatedFile& target = *handle.file;
    if (level <= handle.level) return SQLITE_OK;
    const auto others = [&](const Handle* holder) {
      return holder != nullptr && holder != &handle;
    };
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
  static int unlock(sqlite3_file* file, int level) {
    Handle& handle = of(file);
    const std::lock_guard guard(handle.disk.mutex_);
    SimulatedFile& target = *handle.file;
    if (level >= handle.level) return SQLITE_OK;
    if (target.exclusive == &handle) target.exclusive = nullptr;
    if (target.reserved == &handle) target.reserved = nullptr;
    if (level == SQLITE_LOCK_NONE) --target.shared;
    handle.level = level;
    return SQLITE_OK;
  }
  static int is_reserved(sqlite3_file* file, int* reserved) {
    Handle& handle = of(file);
    const std::lock_guard guard(handle.disk.mutex_);
    *reserved = handle.file->reserved != nullptr ? 1 : 0;
    return SQLITE_OK;
  }

  // ------------------------------------------------------------------------------- shared memory

  static int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** memory) {
    Handle& handle = of(file);
    const std::lock_guard guard(handle.disk.mutex_);
    SimulatedFile& target = *handle.file;
    if (!std::exchange(handle.uses_shm, true)) ++target.shm_users;
    const auto index = static_cast<std::size_t>(region);
    *memory = nullptr;
    if (index >= target.regions.size() && extend == 0) return SQLITE_OK;
    while (target.regions.size() <= index) {
      target.regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
    }
    *memory = target.regions[index].get();
    return SQLITE_OK;
  }
  static int shm_lock(sqlite3_file* file, int first, int count, int flags) {
    Handle& handle = of(file);
    const std::lock_guard guard(handle.disk.mutex_);
    SimulatedFile& target = *handle.file;
    const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
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
      if ((holder != nullptr && holder != &handle) ||
          (exclusive && target.shm_shared[slot] > own)) {
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
  static void shm_barrier(sqlite3_file*) { std::atomic_thread_fence(std::memory_order_seq_cst); }
  static int shm_unmap(sqlite3_file* file, int) {
    Handle& handle = of(file);
    const std::lock_guard guard(handle.disk.mutex_);
    if (!std::exchange(handle.uses_shm, false)) return SQLITE_OK;
    if (--handle.file->shm_users == 0) handle.file->regions.clear();
    return SQLITE_OK;
  }

  // --------------------------------------------------------------------------------------- files

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out);
  static int remove(sqlite3_vfs* vfs, const char* name, int) {
    SimulatedDisk& disk = of(vfs);
    const std::lock_guard guard(disk.mutex_);
    if (disk.off_) return SQLITE_IOERR_DELETE;
    return disk.files_.erase(name) != 0 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
  }
  static int access(sqlite3_vfs* vfs, const char* name, int, int* result) {
    SimulatedDisk& disk = of(vfs);
    const std::lock_guard guard(disk.mutex_);
    *result = disk.files_.contains(name) ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_name(sqlite3_vfs*, const char* name, int size, char* full) {
    sqlite3_snprintf(size, full, "%s", name);
    return SQLITE_OK;
  }
  static int random(sqlite3_vfs* vfs, int count, char* bytes) {
    SimulatedDisk& disk = of(vfs);
    const std::lock_guard guard(disk.mutex_);
    for (int i = 0; i < count; ++i) bytes[i] = static_cast<char>(disk.random_());
    return count;
  }
  static int sleep(sqlite3_vfs* vfs, int us) {
    return of(vfs).system_->xSleep(of(vfs).system_, us);
  }
  static int now(sqlite3_vfs* vfs, double* time) {
    return of(vfs).system_->xCurrentTime(of(vfs).system_, time);
  }

  static const sqlite3_io_methods* methods() {
    static const sqlite3_io_methods kMethods = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;
      m.xClose = close;
      m.xRead = read;
      m.xWrite = write;
      m.xTruncate = truncate;
      m.xSync = sync;
      m.xFileSize = size;
      m.xLock = lock;
      m.xUnlock = unlock;
      m.xCheckReservedLock = is_reserved;
      m.xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; };
      // As the unix VFS says of a file.
      m.xSectorSize = [](sqlite3_file*) { return 4096; };
      m.xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; };
      m.xShmMap = shm_map;
      m.xShmLock = shm_lock;
      m.xShmBarrier = shm_barrier;
      m.xShmUnmap = shm_unmap;
      return m;
    }();
    return &kMethods;
  }
};

int Operations::open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
  SimulatedDisk& disk = of(vfs);
  const std::lock_guard guard(disk.mutex_);
  file->pMethods = nullptr;
  if (disk.off_) return SQLITE_CANTOPEN;
  std::shared_ptr<SimulatedFile> found;
  if (name == nullptr) {
    found = std::make_shared<SimulatedFile>();
  } else if (const auto known = disk.files_.find(name); known != disk.files_.end()) {
    found = known->second;
  } else if ((flags & SQLITE_OPEN_CREATE) != 0) {
    found = disk.files_[name] = std::make_shared<SimulatedFile>();
  } else {
    return SQLITE_CANTOPEN;
  }
  file->pMethods = methods();
  reinterpret_cast<OpenFile*>(file)->handle = new Handle{disk, std::move(found)};
  if (out != nullptr) *out = flags;
  return SQLITE_OK;
}

SimulatedDisk::SimulatedDisk(std::uint64_t seed)
    : vfs_(std::make_unique<sqlite3_vfs>()), system_(sqlite3_vfs_find(nullptr)), random_(seed) {
  vfs_->iVersion = 1;
  vfs_->szOsFile = sizeof(OpenFile);
  vfs_->mxPathname = 512;
  vfs_->zName = "simulated-disk";
  vfs_->pAppData = this;
  vfs_->xOpen = Operations::open;
  vfs_->xDelete = Operations::remove;
  vfs_->xAccess = Operations::access;
  vfs_->xFullPathname = Operations::full_name;
  vfs_->xRandomness = Operations::random;
  vfs_->xSleep = Operations::sleep;
  vfs_->xCurrentTime = Operations::now;
  sqlite3_vfs_register(vfs_.get(), 1);
}

SimulatedDisk::~SimulatedDisk() {
  sqlite3_vfs_unregister(vfs_.get());
  sqlite3_vfs_register(system_, 1);
}

void SimulatedDisk::cut_power_after(std::uint64_t operations) {
  const std::lock_guard lock(mutex_);
  off_at_ = operations_ + operations;
}

void SimulatedDisk::cut_power() {
  const std::lock_guard lock(mutex_);
  off_ = true;
}

bool SimulatedDisk::is_off() const {
  const std::lock_guard lock(mutex_);
  return off_;
}

std::uint64_t SimulatedDisk::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

bool SimulatedDisk::step() {
  if (off_) return false;
  ++operations_;
  if (off_at_ && operations_ >= *off_at_) off_ = true;
  return !off_;
}

void SimulatedDisk::restart() {
  const std::lock_guard lock(mutex_);
  for (auto& [name, file] : files_) {
    lose_unsynced(*file);
    file->seen = file->durable;
    file->sync_has_failed = false;
    file->regions.clear();
  }
  off_ = false;
  off_at_.reset();
  failing_sync_.reset();
}

// Four kinds of bad luck. The last one covers every order in which sectors may have been written.
void SimulatedDisk::lose_unsynced(SimulatedFile& file) {
  constexpr std::size_t kSector = 512;
  enum { none, all, whole_writes, sectors } luck{};
  luck = static_cast<decltype(luck)>(random_() % 4);
  for (const SimulatedFile::Write& write : file.unsynced) {
    if (luck == none || (luck == whole_writes && random_() % 2 == 0)) continue;
    for (std::size_t done = 0; done < write.data.size();) {
      const std::size_t in_sector = kSector - (write.offset + done) % kSector;
      const std::size_t size = std::min(in_sector, write.data.size() - done);
      if (luck != sectors || random_() % 2 == 0) {
        Operations::apply(file.durable, write.offset + done, write.data.data() + done, size);
      }
      done += size;
    }
  }
  file.unsynced.clear();
}

void SimulatedDisk::fail_sync_after(std::uint64_t syncs, bool silently) {
  const std::lock_guard lock(mutex_);
  failing_sync_ = syncs;
  syncs_ = 0;
  silently_ = silently;
}

std::uint64_t SimulatedDisk::syncs_after_failure() const {
  const std::lock_guard lock(mutex_);
  return syncs_after_failure_;
}

void SimulatedDisk::set_capacity(std::optional<std::uint64_t> bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

std::uint64_t SimulatedDisk::used() const {
  const std::lock_guard lock(mutex_);
  return Operations::total(*this);
}

}  // namespace chatrt::testing
