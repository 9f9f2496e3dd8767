// A file of the SimulatedDisk, and what a connection has open of it. For the disk's own sources.
#pragma once

#include "simulated_disk.h"

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

inline Handle& handle_of(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file)->handle; }

// Locks and shared memory, between the connections of one process.
struct Locks {
  static int lock(sqlite3_file* file, int level);
  static int unlock(sqlite3_file* file, int level);
  static int is_reserved(sqlite3_file* file, int* reserved);
  static int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** memory);
  static int shm_lock(sqlite3_file* file, int first, int count, int flags);
  static void shm_barrier(sqlite3_file* file);
  static int shm_unmap(sqlite3_file* file, int remove);
  // Fills in SQLite's table of functions.
  static void add_to(sqlite3_io_methods& methods);
};

}  // namespace chatrt::testing
