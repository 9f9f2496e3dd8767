// Whichever call to the file system fails, once or from then on: nothing crashes, no ack is wrong,
// and the file opens afterwards with everything acknowledged in it.
//
// IO_STRIDE=1 build/tests/sqlite/io_failures_test    the full form: every call, until a life of
// the store ends without meeting the failure. IO_CALL=n    one call, by its number
#include <doctest/doctest.h>

#include <cstdlib>

#include "../temp_folder.h"
#include "integrity.h"
#include "simulated_disk.h"
#include "workload.h"

using namespace chatrt;
using namespace chatrt::testing;

namespace {

using CallFailure = SimulatedDisk::CallFailure;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

SqliteOptions options() {
  SqliteOptions options;
  options.readers = 1;
  options.wal_bytes = 64 << 10;  // write-backs happen too
  options.tail_max = 32;         // and rows follow
  options.open_busy_timeout = std::chrono::milliseconds{0};
  options.append_busy_timeout = std::chrono::milliseconds{0};
  return options;
}

// The store lives three times on a disk one of whose calls fails.
class Life {
 public:
  Life(std::uint64_t call, CallFailure how) : disk_(call), workload_(1), how_(how) {
    disk_.fail_call_after(call, how);
  }

  void live() {
    for (int session = 0; session < 3; ++session) {
      bool sync_failed = false;
      SqliteOptions chosen = options();
      chosen.on_failure = [&](const std::string&) { sync_failed = true; };
      const auto store = open_sqlite_store(file_, chosen);
      if (!store) {
        refused(store.error());
        continue;
      }
      for (int batch = 0; batch < 12; ++batch) {
        if (const auto error = workload_.append(**store)) {
          refused(*error);
          if (!sync_failed) ++refusals_;
        }
        read(**store);
      }
    }
    if (how_ == CallFailure::once && refusals_ > 1) wrong_.push_back("refused again and again");
  }

  // What is found afterwards: by the next process, or after a power cut as well.
  void look(bool after_power_cut) {
    struck_ = disk_.failures() > 0;
    disk_.heal();
    if (after_power_cut) {
      disk_.cut_power();
      disk_.restart();
    }
    const auto store = open_sqlite_store(file_, options());
    if (!store) return wrong_.push_back("open: " + store.error().detail);
    for (auto& line : workload_.check(**store)) wrong_.push_back(std::move(line));
    if (wrong_.empty()) wrong_ = workload_.check_repeats(**store);
    if (workload_.append(**store)) wrong_.push_back("a healed disk is not written to");
    if (const auto whole = integrity(file_); whole != "ok") wrong_.push_back(whole);
  }

  bool struck() const { return struck_; }
  std::uint64_t acknowledged() const { return workload_.acknowledged().size(); }
  const std::vector<std::string>& wrong() const { return wrong_; }

 private:
  // A disk that fails is no damaged file, nor a full one.
  void refused(const Error& error) {
    if (error.code != Errc::unavailable && error.code != Errc::busy) {
      wrong_.push_back(std::string(error_name(error.code)) + ": " + error.detail);
    }
  }
  // A read gives what was acknowledged, or an error.
  void read(const MessageStore& store) {
    const auto log = store.read_log(Position{0}, SIZE_MAX);
    if (!log) return refused(log.error());
    for (const Change& change : workload_.acknowledged()) {
      const std::uint64_t position = position_of(change).value;
      if (position <= log->items.size() && log->items[position - 1] == change) continue;
      wrong_.push_back("not read: position " + std::to_string(position));
    }
  }

  TempFolder folder_;
  std::filesystem::path file_ = folder_ / "chat.db";
  SimulatedDisk disk_;
  Workload workload_;
  CallFailure how_;
  bool struck_ = false;
  int refusals_ = 0;
  std::vector<std::string> wrong_;
};

// Whether the life met its failure; what was wrong in it is reported.
bool try_call(std::uint64_t call, CallFailure how, bool power_cut) {
  Life life(call, how);
  life.live();
  life.look(power_cut);
  std::string wrong;
  for (const std::string& line : life.wrong()) wrong += line + '\n';
  INFO("IO_CALL=", call, power_cut ? ", then a power cut" : "");
  REQUIRE_MESSAGE(wrong.empty(), wrong);
  return life.struck();
}

void sweep(CallFailure how) {
  const std::uint64_t stride = number_from("IO_STRIDE", 17);
  const std::uint64_t only = number_from("IO_CALL", 0);
  std::uint64_t lives = 0;
  for (std::uint64_t call = only != 0 ? only : 1;; call += stride) {
    const bool power_cut = lives++ % 2 == 1;
    const bool met = try_call(call, how, power_cut);
    // In the full form each call is tried both ways.
    if (stride == 1) try_call(call, how, !power_cut);
    if (!met || only != 0) break;
  }
  MESSAGE(lives, " calls failed, each in a life of its own");
  CHECK((only != 0 || lives * stride > 1000));
}

}  // namespace

TEST_SUITE("a call to the file system that fails") {
  TEST_CASE("once: costs what it was for, and nothing else") { sweep(CallFailure::once); }
  TEST_CASE("for good: nothing acknowledged is lost") { sweep(CallFailure::for_good); }
  // The control: writes that are said to have worked are found by the same look.
  TEST_CASE("is found to lose messages where nobody is told of it") {
    bool found = false;
    for (std::uint64_t call = 1; call <= 1000 && !found; call += 7) {
      Life life(call, CallFailure::lie);
      life.live();
      life.look(false);
      found = !life.wrong().empty();
    }
    CHECK(found);
  }
}
