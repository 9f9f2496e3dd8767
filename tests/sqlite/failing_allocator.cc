#include "failing_allocator.h"

#include <sqlite3.h>

#include <cstdlib>
#include <new>

namespace chatrt::testing {
namespace {

std::uint64_t counted = 0;
std::uint64_t failing_at = 0;  // 0: none
bool from_then_on = false;
bool has_struck = false;

bool fails() {
  ++counted;
  if (failing_at == 0 || counted < failing_at) return false;
  if (!from_then_on) failing_at = 0;
  has_struck = true;
  return true;
}

sqlite3_mem_methods& sqlites_own() {
  static sqlite3_mem_methods methods{};
  return methods;
}

// Before main(): SQLite takes its memory functions only as long as nobody has used it.
const bool kInstalled = [] {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlites_own());
  sqlite3_mem_methods failing = sqlites_own();
  failing.xMalloc = [](int bytes) { return fails() ? nullptr : sqlites_own().xMalloc(bytes); };
  failing.xRealloc = [](void* memory, int bytes) {
    return fails() ? nullptr : sqlites_own().xRealloc(memory, bytes);
  };
  const bool taken = sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK &&
                     sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK;
  if (!taken) std::abort();
  return taken;
}();

}  // namespace

FailingAllocations::FailingAllocations(std::uint64_t n, Shortage how) {
  has_struck = false;
  from_then_on = how == Shortage::until_healed;
  failing_at = counted + n;
}

FailingAllocations::~FailingAllocations() { failing_at = 0; }

bool FailingAllocations::struck() { return has_struck; }

std::uint64_t FailingAllocations::count() { return counted; }

}  // namespace chatrt::testing

// Those for arrays and those that do not throw come here too.
void* operator new(std::size_t bytes) {
  if (chatrt::testing::fails()) throw std::bad_alloc();
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
