// How fast append() is: messages a second and CPU time of one, for batches of several sizes, on an
// empty file and on one that already has many messages.
//
//   append_bench [--file=PATH] [--prefill=N] [--messages=N] [--conversations=N] [--text-bytes=N]
//                [--client-ids=0|1] [--normal]
//
// Prints one line a batch size. The file is made anew. Build it with --buildtype=release.
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
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
               !read_number(argument, "--client-ids=", options.client_ids)) {
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

void remove_files(const std::string& file) {
  for (const char* suffix : {"", "-wal", "-shm", "-lock"}) {
    std::filesystem::remove(file + suffix);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  std::printf("%s, text %llu bytes, %llu conversations, client ids %s\n",
              options.normal ? "NORMAL" : "FULL",
              static_cast<unsigned long long>(options.text_bytes),
              static_cast<unsigned long long>(options.conversations),
              options.client_ids != 0 ? "on" : "off");
  std::printf("%10s %10s %12s %12s %14s\n", "stored", "batch", "messages/s", "cpu us/msg",
              "msgs/cpu-s");
  remove_files(options.file);
  chatrt::SqliteOptions sqlite;
  if (options.normal) sqlite.synchronous = chatrt::SqliteOptions::Synchronous::normal;
  auto store = chatrt::open_sqlite_store(options.file, sqlite);
  if (!store) {
    std::fprintf(stderr, "append_bench: %s\n", store.error().detail.c_str());
    return 1;
  }
  Sender sender(**store, options);
  sender.send(options.prefill, 1024);
  for (const std::uint64_t batch : {1U, 16U, 128U, 1024U}) {
    // A tenth of them one by one: each waits for the disk.
    const std::uint64_t count = batch == 1 ? options.messages / 10 : options.messages;
    const auto stored = (*store)->last_position();
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
  }
  store->reset();
  remove_files(options.file);
  return 0;
}
