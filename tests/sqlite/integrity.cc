#include "integrity.h"

#include <sqlite3.h>

namespace chatrt::testing {

std::string integrity(const std::filesystem::path& file) {
  sqlite3* database = nullptr;
  std::string result = "cannot be opened";
  if (sqlite3_open(file.c_str(), &database) == SQLITE_OK) {
    sqlite3_exec(
        database, "PRAGMA integrity_check",
        [](void* to, int, char** values, char**) {
          *static_cast<std::string*>(to) = values[0];
          return 0;
        },
        &result, nullptr);
  }
  sqlite3_close(database);
  return result;
}

}  // namespace chatrt::testing
