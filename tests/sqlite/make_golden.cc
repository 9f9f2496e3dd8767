// Makes the golden file of the current schema version, once, before that version is released:
//
//   build/tests/sqlite/make_golden tests/sqlite/golden/v4.db
#include <cstdio>
#include <filesystem>

#include "chatrt/sqlite_store.h"
#include "golden_traffic.h"

int main(int argc, char** argv) {
  if (argc != 2 || std::filesystem::exists(argv[1])) {
    std::fprintf(stderr, "usage: make_golden FILE, which must not be there yet\n");
    return 2;
  }
  auto store = chatrt::open_sqlite_store(argv[1]);
  if (!store) {
    std::fprintf(stderr, "make_golden: %s\n", store.error().detail.c_str());
    return 1;
  }
  auto traffic = chatrt::testing::golden_traffic();
  const auto results = (*store)->append(traffic, chatrt::testing::kGoldenTime);
  return results ? 0 : 1;
}
