// Whichever allocation fails, alone or with all after it: an error to whoever asked, and nothing
// else. What was acknowledged is there, and once there is memory again all goes on.
//
// ALLOCATIONS=0 build/tests/sqlite/allocation_failures_test    the full form: until a call meets no
// failure any more; the short one stops at 200
#include <doctest/doctest.h>

#include <cstdlib>

#include "../temp_folder.h"
#include "chatrt/authorizer.h"
#include "chatrt/clock.h"
#include "chatrt/hub.h"
#include "chatrt/registry.h"
#include "chatrt/testing/executors.h"
#include "chatrt/testing/recording_outlet.h"
#include "failing_allocator.h"
#include "integrity.h"
#include "workload.h"

using namespace chatrt;
using namespace chatrt::testing;

namespace {

SqliteOptions options() {
  SqliteOptions options;
  options.readers = 1;
  options.wal_bytes = 64 << 10;
  options.tail_max = 16;
  options.synchronous = SqliteOptions::Synchronous::normal;  // no power fails here
  return options;
}

// Calls `attempt(n, how)` with rising n, until nothing in it fails. It arms a FailingAllocations.
template <typename Attempt>
void sweep(Attempt attempt) {
  const char* text = std::getenv("ALLOCATIONS");
  const std::uint64_t most = text != nullptr ? std::strtoull(text, nullptr, 10) : 200;
  for (const Shortage how : {Shortage::once, Shortage::until_healed}) {
    const std::string which = how == Shortage::once ? "one of them" : "one and all after it";
    std::uint64_t n = 0;
    int met_none = 0;  // in a row; one call takes more memory than another
    while (met_none < 10 && (most == 0 || n < most)) {
      ++n;
      INFO("allocation ", n, ": ", which);
      attempt(n, how);
      met_none = FailingAllocations::struck() ? 0 : met_none + 1;
    }
    MESSAGE(n, " allocations, failing: ", which);
    CHECK(n > 20);  // else hardly anything passes through the hooks
  }
}

void require_nothing(const std::vector<std::string>& wrong) {
  std::string all;
  for (const std::string& line : wrong) all += line + '\n';
  REQUIRE_MESSAGE(wrong.empty(), all);
}

// A store with something in it, and the traffic that brought it there.
struct Fixture {
  Fixture() { reopen(); }
  void reopen() {
    store.reset();
    auto opened = open_sqlite_store(file, options());
    REQUIRE_MESSAGE(opened.has_value(), opened.error().detail);
    store = *std::move(opened);
  }
  void require_whole() {
    require_nothing(workload.check(*store));
    REQUIRE(integrity(file) == "ok");
  }

  TempFolder folder;
  std::filesystem::path file = folder / "chat.db";
  Workload workload{1};
  std::unique_ptr<MessageStore> store;
};

template <typename T>
void require_refused(const Result<T>& result) {
  const bool struck = FailingAllocations::struck();
  REQUIRE_MESSAGE((result.has_value() || struck), result.error().detail);
  if (!result) REQUIRE_MESSAGE(result.error().code == Errc::unavailable, result.error().detail);
}

template <typename T>
bool same(const Page<T>& a, const Page<T>& b) {
  return a.items == b.items && a.more == b.more;
}
bool same(const Page<Conversation>& a, const Page<Conversation>& b) {
  return a.more == b.more && std::equal(a.items.begin(), a.items.end(), b.items.begin(),
                                        b.items.end(), [](const auto& one, const auto& other) {
                                          return one.id == other.id &&
                                                 one.last_message == other.last_message &&
                                                 one.unread == other.unread;
                                        });
}

}  // namespace

TEST_SUITE("an allocation that fails") {
  TEST_CASE("while a file is made leaves one that can be opened") {
    sweep([](std::uint64_t n, Shortage how) {
      const TempFolder folder;
      const std::filesystem::path file = folder / "chat.db";
      const SqliteOptions chosen = options();
      {
        const auto opened = [&] {
          const FailingAllocations failing(n, how);
          return open_sqlite_store(file, chosen);
        }();
        require_refused(opened);
      }
      const auto store = open_sqlite_store(file, chosen);
      REQUIRE_MESSAGE(store.has_value(), store.error().detail);
      Workload workload(n);
      REQUIRE_FALSE(workload.append(**store));
      require_nothing(workload.check(**store));
    });
  }
  TEST_CASE_FIXTURE(Fixture, "while a file is opened leaves it as it was") {
    for (int i = 0; i < 20; ++i) REQUIRE_FALSE(workload.append(*store));
    sweep([this](std::uint64_t n, Shortage how) {
      store.reset();
      const SqliteOptions chosen = options();
      {
        const auto opened = [&] {
          const FailingAllocations failing(n, how);
          return open_sqlite_store(file, chosen);
        }();
        require_refused(opened);
      }
      reopen();
      require_nothing(workload.check(*store));
    });
    require_whole();
  }
  TEST_CASE_FIXTURE(Fixture, "in an append stores all of the batch or nothing, and says so") {
    for (const bool warm : {true, false}) {
      CAPTURE(warm);
      sweep([&](std::uint64_t n, Shortage how) {
        reopen();
        if (warm) REQUIRE_FALSE(workload.append(*store));
        const auto before = store->last_position();
        std::vector<Draft> batch;
        const auto refused = workload.append_by([&](std::span<Draft> drafts, Timestamp now) {
          batch.assign(drafts.begin(), drafts.end());
          const FailingAllocations failing(n, how);
          return store->append(drafts, now);
        });
        if (refused) {
          REQUIRE(FailingAllocations::struck());
          REQUIRE_MESSAGE(refused->code == Errc::unavailable, refused->detail);
          const auto after = store->last_position();
          REQUIRE((before.has_value() && after.has_value() && *after == *before));
          // Tried again it is stored, as if for the first time.
          const auto results = store->append(batch, Timestamp{});
          REQUIRE_MESSAGE(results.has_value(), results.error().detail);
          for (std::size_t i = 0; i < batch.size(); ++i) {
            if (!std::holds_alternative<PostDraft>(batch[i])) continue;
            REQUIRE((*results)[i].has_value());
            REQUIRE_FALSE((*results)[i]->repeated);
          }
        }
        // The same store goes on.
        const auto again = workload.append(*store);
        REQUIRE_MESSAGE(!again, again->detail);
        if (n % 8 == 0) require_nothing(workload.check(*store));
      });
      reopen();
      require_whole();
      require_nothing(workload.check_repeats(*store));
    }
  }
  TEST_CASE_FIXTURE(Fixture, "in a read gives an error, or what there is") {
    for (int i = 0; i < 20; ++i) REQUIRE_FALSE(workload.append(*store));
    const UserId ann = *UserId::parse("user-1");
    const auto try_read = [&](auto read) {
      const auto whole = read();
      REQUIRE(whole.has_value());
      // In a store that has read it before, fewer allocations are not about what is read.
      for (const bool warm : {true, false}) {
        CAPTURE(warm);
        sweep([&](std::uint64_t n, Shortage how) {
          if (!warm) reopen();
          const auto given = [&] {
            const FailingAllocations failing(n, how);
            return read();
          }();
          require_refused(given);
          if (given) REQUIRE(same(*given, *whole));
          REQUIRE(read().has_value());
        });
      }
    };
    try_read([&] { return store->read_log(Position{0}, 20); });
    try_read([&] { return store->read_for_user(ann, Position{0}, 20); });
    try_read([&] { return store->read_undelivered(ann, Position{0}, 20); });
    try_read([&] { return store->conversations_of(ann, std::nullopt, 20); });
    const auto conversations = store->conversations_of(ann, std::nullopt, 1);
    REQUIRE((conversations.has_value() && !conversations->items.empty()));
    const ConversationId in = conversations->items.front().id;
    try_read([&] { return store->read_conversation(ann, in, {}, 20); });
  }
}

namespace {

// A Hub on the store, in one thread. It may be left in the middle of what it does.
struct HubInMemory {
  explicit HubInMemory(MessageStore& store)
      : hub(HubParts{.registry = *registry,
                     .store = store,
                     .outlet = outlet,
                     .authorizer = *authorizer,
                     .commit_lane = lane,
                     .read_lane = lane,
                     .clock = *clock,
                     .log = null_log_sink()}) {}

  std::unique_ptr<Registry> registry = make_memory_registry();
  std::unique_ptr<Authorizer> authorizer = make_open_authorizer();
  std::unique_ptr<Clock> clock = make_system_clock();
  RecordingOutlet outlet;
  ManualExecutor lane;
  Hub hub;
};

// What a client was told of its message: nothing, if the process ended first.
using Told = std::optional<Result<Message>>;
constexpr std::size_t kMessages = 24;

// Posts messages in a process whose memory runs out. What is not caught ends it, as it would chatd.
std::vector<Told> post_until_the_end(HubInMemory& process, const std::vector<PostDraft>& drafts,
                                     std::uint64_t n, Shortage how, bool& ended) {
  std::vector<Told> told(drafts.size());
  for (int user = 0; user < 2; ++user) {
    process.hub.attach(ConnectionId{static_cast<std::uint64_t>(user + 1)},
                       {.user = drafts[static_cast<std::size_t>(user)].author}, nullptr);
  }
  process.lane.run_all();
  const FailingAllocations failing(n, how);
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    try {
      process.hub.post(PostDraft{drafts[i]},
                       [&told, i](Result<Message> result) { told[i] = result; });
    } catch (const std::bad_alloc&) {
      // Told to the caller, who has its message still.
    }
    if (i % 12 != 11) continue;
    try {
      process.lane.run_all();
    } catch (const std::bad_alloc&) {
      ended = true;
      return told;
    }
  }
  return told;
}

std::vector<PostDraft> some_drafts(std::uint64_t n) {
  std::vector<PostDraft> drafts;
  for (std::size_t i = 0; i < kMessages; ++i) {
    const UserId from = *UserId::parse(i % 2 == 0 ? "ann" : "bob");
    const UserId to = *UserId::parse(i % 2 == 0 ? "bob" : "eve");
    const std::string text = "message " + std::to_string(n) + " " + std::to_string(i) +
                             std::string(40, '.');  // too long for the string itself
    drafts.push_back({from, to, text, "a client id of some length " + text});
  }
  return drafts;
}

}  // namespace

TEST_SUITE("an allocation that fails") {
  TEST_CASE_FIXTURE(Fixture, "under a Hub costs an answer, and gives no wrong one") {
    // Those that were left in the middle: they are not touched again, not even to be destroyed.
    static auto& left = *new std::vector<std::unique_ptr<HubInMemory>>;
    std::size_t answered = 0;
    std::size_t refused = 0;
    sweep([&](std::uint64_t n, Shortage how) {
      reopen();
      const auto drafts = some_drafts(n);
      auto process = std::make_unique<HubInMemory>(*store);
      bool ended = false;
      const auto told = post_until_the_end(*process, drafts, n, how, ended);
      if (ended) {
        left.push_back(std::move(process));
      } else {
        process->lane.run_all();
        process.reset();
      }
      reopen();
      for (std::size_t i = 0; i < drafts.size(); ++i) {
        if (!told[i] || !*told[i]) {
          ++refused;
          continue;
        }
        ++answered;
        const Message& message = **told[i];
        REQUIRE(message.text == drafts[i].text);
        REQUIRE(message.author == drafts[i].author);
        const auto log = store->read_log(Position{message.position.value - 1}, 1);
        REQUIRE((log.has_value() && log->items.size() == 1));
        REQUIRE(log->items.front() == Change{message});
      }
    });
    REQUIRE(integrity(file) == "ok");
    CHECK(answered > 0);
    CHECK(refused > 0);
  }
}
