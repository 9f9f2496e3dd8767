#include "simulated_disk.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "simulated_file.h"

namespace chatrt::testing {

// The functions that SQLite calls.
struct Operations {
  static Handle& of(sqlite3_file* file) { return handle_of(file); }
  static SimulatedDisk& of(sqlite3_vfs* vfs) { return *static_cast<SimulatedDisk*>(vfs->pAppData); }

  // ------------------------------------------------------------------------------------ contents

  static int close(sqlite3_file* file) {
    Locks::unlock(file, SQLITE_LOCK_NONE);
    delete reinterpret_cast<OpenFile*>(file)->handle;
    return SQLITE_OK;
  }
  static int read(sqlite3_file* file, void* to, int count, sqlite3_int64 at) {
    Handle& handle = of(file);
    const std::lock_guard lock(handle.disk.mutex_);
    if (handle.disk.off_ || handle.disk.fails()) return SQLITE_IOERR_READ;
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
    const bool failed = disk.fails();
    if (failed && disk.lies_) return SQLITE_OK;
    const std::size_t written = failed ? (end - offset) / 2 : end - offset;
    std::memcpy(seen.data() + offset, bytes, written);
    handle.file->unsynced.push_back({offset, std::vector<char>(bytes, bytes + written)});
    return powered && !failed ? SQLITE_OK : SQLITE_IOERR_WRITE;
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    Handle& handle = of(file);
    const std::lock_guard lock(handle.disk.mutex_);
    if (!handle.disk.step() || handle.disk.fails()) return SQLITE_IOERR_TRUNCATE;
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
    const bool chosen = disk.failing_sync_ && ++disk.syncs_ == *disk.failing_sync_;
    if (disk.fails() || chosen) {
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
    if (handle.disk.fails()) return SQLITE_IOERR_FSTAT;
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

  // --------------------------------------------------------------------------------------- files

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out);
  static int remove(sqlite3_vfs* vfs, const char* name, int) {
    SimulatedDisk& disk = of(vfs);
    const std::lock_guard guard(disk.mutex_);
    if (disk.off_ || disk.fails()) return SQLITE_IOERR_DELETE;
    return disk.files_.erase(name) != 0 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
  }
  static int access(sqlite3_vfs* vfs, const char* name, int, int* result) {
    SimulatedDisk& disk = of(vfs);
    const std::lock_guard guard(disk.mutex_);
    if (disk.fails()) return SQLITE_IOERR_ACCESS;
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
      m.xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; };
      // As the unix VFS says of a file.
      m.xSectorSize = [](sqlite3_file*) { return 4096; };
      m.xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; };
      Locks::add_to(m);
      return m;
    }();
    return &kMethods;
  }
};

int Operations::open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out) {
  SimulatedDisk& disk = of(vfs);
  const std::lock_guard guard(disk.mutex_);
  file->pMethods = nullptr;
  if (disk.off_ || disk.fails()) return SQLITE_CANTOPEN;
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

bool SimulatedDisk::fails() {
  ++calls_;
  if (!failing_call_ || calls_ < *failing_call_) return false;
  if (!for_good_) failing_call_.reset();
  ++failures_;
  return true;
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

void SimulatedDisk::fail_call_after(std::uint64_t calls, CallFailure how) {
  const std::lock_guard lock(mutex_);
  failing_call_ = calls_ + calls;
  for_good_ = how == CallFailure::for_good;
  lies_ = how == CallFailure::lie;
}

void SimulatedDisk::heal() {
  const std::lock_guard lock(mutex_);
  failing_call_.reset();
}

std::uint64_t SimulatedDisk::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::uint64_t SimulatedDisk::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
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
