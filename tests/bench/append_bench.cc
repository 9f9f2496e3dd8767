// How fast append() is: messages a second and CPU time of one, on an empty file and on one that
// already has many messages.
//
//   append_bench [--file=PATH] [--prefill=N] [--messages=N] [--conversations=N] [--text-bytes=N]
//                [--client-ids=0|1] [--normal] [--pairs=N]
//
// Prints one line a batch size; with `--pairs` instead, in batches of 1,024, N times one line of an
// empty file and one of the prefilled file, in turns, so that both see the machine at its best and
// at its worst, and then the medians of the ratios. The files are made anew. Build it with
// --buildtype=release.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chatrt/sqlite_store.h"

namespace {

using chatrt::Draft;
using chatrt::MessageStore;

struct Options {
  std::string file = "append_bench.db";
  std::uint64_t prefill = 0;
  std::uint64_t messages = 100'000;
  std::uint64_t conversations = 2'000;
  std::uint64_t text_bytes = 128;
  std::uint64_t client_ids = 1;
  std::uint64_t pairs = 0;
  bool normal = false;
};

bool read_number(std::string_view argument, std::string_view name, std::uint64_t& value) {
  if (!argument.starts_with(name)) return false;
  value = std::strtoull(argument.substr(name.size()).data(), nullptr, 10);
  return true;
}

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--file=")) {
      options.file = argument.substr(7);
    } else if (argument == "--normal") {
      options.normal = true;
    } else if (!read_number(argument, "--prefill=", options.prefill) &&
               !read_number(argument, "--messages=", options.messages) &&
               !read_number(argument, "--conversations=", options.conversations) &&
               !read_number(argument, "--text-bytes=", options.text_bytes) &&
               !read_number(argument, "--client-ids=", options.client_ids) &&
               !read_number(argument, "--pairs=", options.pairs)) {
      std::fprintf(stderr, "append_bench: unknown option %s\n", argv[i]);
      std::exit(2);
    }
  }
  return options;
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Messages of random conversations, each of two users of its own, from either of them.
class Sender {
 public:
  Sender(MessageStore& store, const Options& options) : store_(store), options_(options) {}

  void send(std::uint64_t count, std::uint64_t batch) {
    std::vector<Draft> drafts;
    for (std::uint64_t sent = 0; sent < count; sent += drafts.size()) {
      drafts.clear();
      while (drafts.size() < batch && sent + drafts.size() < count) drafts.push_back(draft());
      const auto results = store_.append(drafts, chatrt::Timestamp{chatrt::Duration{1}});
      if (!results) {
        std::fprintf(stderr, "append_bench: %s\n", results.error().detail.c_str());
        std::exit(1);
      }
    }
  }

 private:
  Draft draft() {
    const std::uint64_t conversation = random_() % options_.conversations;
    const bool turned = random_() % 2 != 0;
    const auto name = [&](char side) {
      return *chatrt::UserId::parse("user-" + std::to_string(conversation) + side);
    };
    std::string client_id;
    if (options_.client_ids != 0) {
      char hex[33];
      std::snprintf(hex, sizeof hex, "%016llx%016llx", static_cast<unsigned long long>(random_()),
                    static_cast<unsigned long long>(random_()));
      client_id = hex;
    }
    return chatrt::PostDraft{name(turned ? 'b' : 'a'), name(turned ? 'a' : 'b'),
                             std::string(options_.text_bytes, 'x'), std::move(client_id)};
  }

  MessageStore& store_;
  const Options& options_;
  std::mt19937_64 random_{42};
};

// A store on a new file, which goes with it.
class NewStore {
 public:
  NewStore(std::string file, const Options& options) : file_(std::move(file)) {
    remove_files();
    chatrt::SqliteOptions sqlite;
    if (options.normal) sqlite.synchronous = chatrt::SqliteOptions::Synchronous::normal;
    auto store = chatrt::open_sqlite_store(file_, sqlite);
    if (!store) {
      std::fprintf(stderr, "append_bench: %s\n", store.error().detail.c_str());
      std::exit(1);
    }
    store_ = *std::move(store);
  }
  ~NewStore() {
    store_.reset();
    remove_files();
  }
  NewStore(const NewStore&) = delete;
  NewStore& operator=(const NewStore&) = delete;

  MessageStore& operator*() const { return *store_; }

 private:
  void remove_files() const {
    for (const char* suffix : {"", "-wal", "-shm", "-lock"}) {
      std::filesystem::remove(file_ + suffix);
    }
  }

  const std::string file_;
  std::unique_ptr<MessageStore> store_;
};

struct Rates {
  double wall;  // messages a second
  double cpu;   // messages a second of CPU
};

Rates measure(const MessageStore& store, Sender& sender, std::uint64_t count, std::uint64_t batch) {
  const auto stored = store.last_position();
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  sender.send(count, batch);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const double used = cpu_seconds() - cpu;
  const auto n = static_cast<double>(count);
  std::printf("%10llu %10llu %12.0f %12.2f %14.0f\n",
              static_cast<unsigned long long>(stored ? stored->value : 0),
              static_cast<unsigned long long>(batch), n / took.count(), used / n * 1e6, n / used);
  std::fflush(stdout);
  return {n / took.count(), n / used};
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

void measure_pairs(const MessageStore& full, Sender& to_full, const Options& options) {
  constexpr std::uint64_t kBatch = 1024;
  std::vector<double> wall;
  std::vector<double> cpu;
  // Kept to the end: one that goes leaves its memory, which a virtual machine may get slowly, to
  // the next one, and the full file would be alone in taking new memory.
  std::vector<std::unique_ptr<NewStore>> empty;
  for (std::uint64_t i = 0; i < options.pairs; ++i) {
    empty.push_back(
        std::make_unique<NewStore>(options.file + ".empty" + std::to_string(i), options));
    Sender to_empty(**empty.back(), options);
    const Rates before = measure(**empty.back(), to_empty, options.messages, kBatch);
    const Rates after = measure(full, to_full, options.messages, kBatch);
    wall.push_back(after.wall / before.wall);
    cpu.push_back(after.cpu / before.cpu);
  }
  std::printf("medians: %.3f of the rate of an empty file, %.3f by CPU\n", median(wall),
              median(cpu));
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  chatrt::stop_counting_sqlite_memory();  // as chatd
  std::printf("%s, text %llu bytes, %llu conversations, client ids %s\n",
              options.normal ? "NORMAL" : "FULL",
              static_cast<unsigned long long>(options.text_bytes),
              static_cast<unsigned long long>(options.conversations),
              options.client_ids != 0 ? "on" : "off");
  std::printf("%10s %10s %12s %12s %14s\n", "stored", "batch", "messages/s", "cpu us/msg",
              "msgs/cpu-s");
  const NewStore store(options.file, options);
  Sender sender(*store, options);
  sender.send(options.prefill, 1024);
  if (options.pairs > 0) {
    measure_pairs(*store, sender, options);
    return 0;
  }
  for (const std::uint64_t batch : {1U, 16U, 128U, 1024U}) {
    // A tenth of them one by one: each waits for the disk.
    const std::uint64_t count = batch == 1 ? options.messages / 10 : options.messages;
    measure(*store, sender, count, batch);
  }
  return 0;
}
