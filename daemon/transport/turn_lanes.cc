#include "turn_lanes.h"

#include <cstdint>
#include <utility>

#include "shard.h"

namespace chatd::transport {
namespace {

using chatrt::Executor;

// What the thread at hand is at, of what is run here.
enum class At : std::uint8_t { nothing, read, quick };
thread_local At this_thread_is_at = At::nothing;
// What a quick task has posted: it comes next.
thread_local Executor::Task next_quick;

// So often one thread goes on with what others have brought meanwhile.
constexpr int kQuickInARow = 4;

void run(const Executor::Task& task, At at) {
  const At before = std::exchange(this_thread_is_at, at);
  task();
  this_thread_is_at = before;
}

class TurnEnd final : public Executor {
 public:
  void post(Task task) override {
    Shard* shard = Shard::current();
    shard != nullptr ? shard->at_turn_end(std::move(task)) : task();
  }
};

class Commits final : public Executor {
 public:
  Commits(Executor& thread, Executor& turn_end) : thread_(thread), turn_end_(turn_end) {}

  void post(Task task) override {
    turn_end_.post([this, task = std::move(task)]() mutable { thread_.post(std::move(task)); });
  }

 private:
  Executor& thread_;
  Executor& turn_end_;
};

class Quick final : public Executor {
 public:
  explicit Quick(Executor& thread) : thread_(thread) {}

  void post(Task task) override {
    Shard* shard = Shard::current();
    if (this_thread_is_at == At::quick && !next_quick) {
      next_quick = std::move(task);
    } else if (shard != nullptr) {
      shard->at_turn_end([this, shard, task = std::move(task)]() mutable {
        shard->empty_mailboxes();  // What `task` sends at once must not overtake what lies there.
        run_quick(std::move(task));
      });
    } else if (this_thread_is_at == At::read) {
      run_quick(std::move(task));
    } else {
      thread_.post(std::move(task));
    }
  }

 private:
  void run_quick(Task task) {
    for (int i = 0; i < kQuickInARow; ++i) {
      run(task, At::quick);
      task = std::exchange(next_quick, nullptr);
      if (!task) return;
    }
    thread_.post(std::move(task));
  }

  Executor& thread_;
};

class Reads final : public Executor {
 public:
  explicit Reads(Executor& threads) : threads_(threads) {}

  void post(Task task) override {
    threads_.post([task = std::move(task)] { run(task, At::read); });
  }

 private:
  Executor& threads_;
};

}  // namespace

struct TurnLanes::Parts {
  explicit Parts(unsigned reader_count)
      : readers(chatrt::make_thread_executor("read", reader_count)) {}

  // In the order they are used: who reads posts to quick.
  std::unique_ptr<Executor> thread = chatrt::make_thread_executor("commit");
  TurnEnd turn_end;
  Commits commits{*thread, turn_end};
  Quick quick{*thread};
  std::unique_ptr<Executor> readers;
  Reads reads{*readers};
};

TurnLanes::TurnLanes(unsigned readers) : parts_(std::make_unique<Parts>(readers)) {}

TurnLanes::~TurnLanes() = default;

void TurnLanes::end_reads() { parts_->readers.reset(); }

Executor& TurnLanes::commits() noexcept { return parts_->commits; }
Executor& TurnLanes::quick() noexcept { return parts_->quick; }
Executor& TurnLanes::turn_end() noexcept { return parts_->turn_end; }
Executor& TurnLanes::reads() noexcept { return parts_->reads; }

}  // namespace chatd::transport
