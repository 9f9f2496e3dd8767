#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>

#include "chatrt/socketio/json.h"
#include "chatrt/testing/faulty_store.h"
#include "chatrt/testing/manual_clock.h"
#include "chatrt/utf8.h"
#include "json_log.h"
#include "metered_store.h"
#include "metrics.h"

using namespace chatd;
using chatrt::LogField;
using chatrt::LogLevel;

namespace {

std::array<int, 2> open_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_NONBLOCK) == 0);
  return ends;
}

// What a pipe has, without waiting for more.
std::string drained(int end) {
  std::string all;
  std::array<char, 65536> buffer;
  for (ssize_t size = 0; (size = ::read(end, buffer.data(), buffer.size())) > 0;) {
    all.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return all;
}

std::string content_of(int file) {
  std::string all(1 << 24, '\0');
  all.resize(
      static_cast<std::size_t>(std::max<ssize_t>(::pread(file, all.data(), all.size(), 0), 0)));
  return all;
}

// Of what a log has written.
struct Counted {
  std::uint64_t lines = 0;
  std::uint64_t left_out = 0;
  std::uint64_t torn = 0;  // no JSON
};
Counted count(std::string_view log) {
  Counted counted;
  chatrt::socketio::Json json;
  for (std::size_t end = 0; (end = log.find('\n')) != std::string_view::npos;) {
    if (json.parse(log.substr(0, end)) != chatrt::socketio::Json::ParseStatus::ok) ++counted.torn;
    if (json.root().find("event").as_string() == "line") ++counted.lines;
    counted.left_out += json.root().find("lines").as_uint64().value_or(0);
    log.remove_prefix(end + 1);
  }
  CHECK(log.empty());
  return counted;
}

// Has it all that was logged, but for what it says is left out?
bool is_whole(std::string_view log, std::uint64_t logged) {
  constexpr std::string_view kNote = R"("event":"log_left_out","lines":)";
  auto lines = static_cast<std::uint64_t>(std::ranges::count(log, '\n'));
  for (std::size_t at = 0; (at = log.find(kNote, at)) != std::string_view::npos;) {
    at += kNote.size();
    lines += std::stoull(std::string{log.substr(at, 20)}) - 1;
  }
  return lines == logged;
}

// A log whose lines end in a pipe.
struct LogFixture {
  ~LogFixture() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  // What is there, waiting for it: the log gathers lines that are not urgent.
  std::string written() {
    pollfd readable{ends[0], POLLIN, 0};
    REQUIRE(::poll(&readable, 1, 10'000) == 1);
    std::array<char, 65536> buffer;
    const ssize_t size = ::read(ends[0], buffer.data(), buffer.size());
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }
  // The field "f" of one line that was written with it.
  std::string field(std::string_view value) {
    log.log(LogLevel::info, "e", {{"f", value}});
    const std::string line = written();
    CHECK(line.find('\n') == line.size() - 1);
    chatrt::socketio::Json json;
    REQUIRE(json.parse(std::string_view{line}.substr(0, line.size() - 1)) ==
            chatrt::socketio::Json::ParseStatus::ok);
    const auto text = json.root().find("f").as_string();
    REQUIRE(text);
    return std::string{*text};
  }

  std::array<int, 2> ends = open_pipe();
  chatrt::testing::ManualClock clock;
  JsonLog log{ends[1], LogLevel::info, clock};
};

}  // namespace

TEST_SUITE("JsonLog") {
  TEST_CASE("leaves out what nobody reads, whole lines of it, and says how many") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), 0) == 0);  // whose write() waits
    REQUIRE(::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    const chatrt::testing::ManualClock clock;
    std::uint64_t logged = 0;
    std::string got;
    {
      JsonLog log{ends[1], LogLevel::info, clock};
      while (logged < 50'000) log.log(LogLevel::warning, "line", {{"i", ++logged}});  // some 4 MB
      while (!is_whole(got, logged)) {
        pollfd readable{ends[0], POLLIN, 0};
        REQUIRE(::poll(&readable, 1, 10'000) == 1);
        got += drained(ends[0]);
      }
    }
    for (const int end : ends) ::close(end);
    const Counted counted = count(got);
    CHECK(counted.left_out > 0);
    CHECK(counted.torn == 0);
    CHECK(counted.lines + counted.left_out == logged);
  }

  TEST_CASE("a disk that takes no more tears one line, and all that is missing is counted") {
    const std::string path = "log_and_metrics_test." + std::to_string(::getpid());
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    REQUIRE(::unlink(path.c_str()) == 0);
    const chatrt::testing::ManualClock clock;
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit unlimited{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &unlimited) == 0);
    const rlimit full{.rlim_cur = 10'000, .rlim_max = unlimited.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
    std::uint64_t logged = 0;
    {
      JsonLog log{fd, LogLevel::info, clock};
      const auto say = [&] { log.log(LogLevel::warning, "line", {{"i", ++logged}}); };
      while (content_of(fd).size() < full.rlim_cur) say();
      for (int i = 0; i < 1000; ++i) say();
      REQUIRE(::setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
      while (content_of(fd).find("log_left_out") == std::string::npos) say();
    }
    const std::string got = content_of(fd);
    ::close(fd);
    const Counted counted = count(got);
    CHECK(counted.left_out > 0);
    CHECK(counted.torn == 1);
    CHECK(counted.lines + counted.left_out == logged);
  }

  TEST_CASE_FIXTURE(LogFixture, "writes one object a line, with time, level, event and fields") {
    log.log(LogLevel::warning, "refused",
            {{"reason", std::string_view{"busy"}},
             {"connection", std::uint64_t{18446744073709551615U}},
             {"difference", std::int64_t{-5}},
             {"live", true}});

    const std::string line = written();
    CHECK(line == "{\"time\":\"" + chatrt::format_timestamp(clock.now()) +
                      "\",\"level\":\"warning\",\"event\":\"refused\",\"reason\":\"busy\","
                      "\"connection\":18446744073709551615,\"difference\":-5,\"live\":true}\n");
  }

  TEST_CASE_FIXTURE(LogFixture, "stays one line that parses, whatever a client is called") {
    for (const std::string hostile :
         {"a\nb", "a\r\n{\"level\":\"error\"}", "\"},{\"x\":\"", "\\", "\x1b[31m", "\x7f", "\t\b\f",
          "a\xe2\x80\xa8"
          "b"}) {
      CAPTURE(hostile);
      CHECK(field(hostile) == hostile);
    }
    CHECK(field(std::string_view{"a\0b", 3}) == std::string{"a\0b", 3});
  }

  TEST_CASE_FIXTURE(LogFixture, "escapes what a terminal obeys and what nobody sees") {
    log.log(LogLevel::info, "e",
            {{"f", std::string_view{"\x7f\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0"}},
             {"g", std::string_view{"\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xae\xe2\x80\xaf"}},
             {"h", std::string_view{"\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa9\xe2\x81\xaa"}}});
    const std::string line = written();
    CHECK(line.find("\"f\":\"\\u007f\\u0080\\u009b\\u009f\xc2\xa0\"") != std::string::npos);
    CHECK(line.find("\"g\":\"\xe2\x80\xa7\\u2028\\u202e\xe2\x80\xaf\"") != std::string::npos);
    CHECK(line.find("\"h\":\"\xe2\x81\xa5\\u2066\\u2069\xe2\x81\xaa\"") != std::string::npos);
    CHECK(field("a\x7f\xe2\x80\xae") == "a\x7f\xe2\x80\xae");
  }

  TEST_CASE_FIXTURE(LogFixture, "replaces what is not UTF-8") {
    CHECK(field("a\xff"
                "b") == "a?b");
    CHECK(field("\xed\xa0\x80") == "???");
  }

  TEST_CASE_FIXTURE(LogFixture, "cuts a field at 256 bytes, between characters") {
    CHECK(field(std::string(1000, 'x')) == std::string(256, 'x'));
    std::string umlauts = "x";
    for (int i = 0; i < 500; ++i) umlauts += "\xc3\xa4";
    const std::string cut = field(umlauts);
    CHECK(cut.size() == 255);
    CHECK(chatrt::is_valid_utf8(cut));
  }

  TEST_CASE_FIXTURE(LogFixture, "leaves out what is below its level") {
    CHECK_FALSE(log.enabled(LogLevel::debug));
    CHECK(log.enabled(LogLevel::info));
    log.log(LogLevel::debug, "quiet");
    log.log(LogLevel::error, "loud");
    CHECK(written().find("quiet") == std::string::npos);
  }

  TEST_CASE("does not stop whoever logs when nobody takes the lines") {
    chatrt::testing::ManualClock clock;
    JsonLog log(-1, LogLevel::info, clock);
    log.log(LogLevel::error, "lost");
    CHECK(log.enabled(LogLevel::error));
  }
}

TEST_SUITE("Histogram") {
  TEST_CASE("counts each value at and below its bound") {
    Histogram histogram;
    histogram.record(0);
    histogram.record(100);
    histogram.record(101);
    histogram.record(3'000'000);

    const auto counts = histogram.cumulative();
    CHECK(counts[0] == 2);
    CHECK(counts[1] == 3);
    CHECK(counts[Histogram::kBounds.size() - 1] == 3);
    CHECK(counts[Histogram::kBounds.size()] == 4);
    CHECK(histogram.sum_us() == 3'000'201);
  }
}

TEST_SUITE("MetricsText") {
  TEST_CASE("writes what Prometheus reads") {
    Histogram histogram;
    histogram.record(100);
    MetricsText text;
    text.counter("a_total", "A help.", std::uint64_t{7});
    text.gauge("b", "B help.", std::uint64_t{18});
    text.gauge("d", "D help.", 1.5);
    text.histogram("c_seconds", "C help.", histogram);

    const std::string out = text.text();
    for (const char* line :
         {"# HELP a_total A help.\n", "# TYPE a_total counter\n", "a_total 7\n", "# TYPE b gauge\n",
          "b 18\n", "d 1.5\n", "# TYPE c_seconds histogram\n", "c_seconds_count 1\n",
          "c_seconds_bucket{le=\"0.0001\"} 1\n", "c_seconds_bucket{le=\"+Inf\"} 1\n"}) {
      CAPTURE(line);
      CHECK(out.find(line) != std::string::npos);
    }
  }
}

TEST_SUITE("MeteredStore") {
  TEST_CASE("measures each append, also one that fails, and changes no answer") {
    auto memory = chatrt::make_memory_store();
    auto owned = std::make_unique<chatrt::testing::FaultyStore>(*memory);
    chatrt::testing::FaultyStore& faulty = *owned;
    MeteredStore store(std::move(owned));
    const auto ann = *chatrt::UserId::parse("ann");
    const auto bob = *chatrt::UserId::parse("bob");
    std::array<chatrt::Draft, 1> drafts = {chatrt::PostDraft{ann, bob, "hello", ""}};
    const chatrt::testing::ManualClock clock;

    REQUIRE(store.append(drafts, clock.now()));
    faulty.fail_next_append(chatrt::Errc::storage_full);
    const auto failed = store.append(drafts, clock.now());

    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == chatrt::Errc::storage_full);
    CHECK(store.append_time().cumulative().back() == 2);
    CHECK(*store.last_position() == chatrt::Position{1});
    CHECK(store.read_log({}, 10)->items.size() == 1);
    CHECK(store.read_for_user(bob, {}, 10)->items.size() == 1);
    CHECK(store.read_undelivered(bob, {}, 10)->items.size() == 1);
    CHECK(store.read_conversation(ann, bob, {}, 10)->items.size() == 1);
    CHECK(store.conversations_of(ann, std::nullopt, 10)->items.size() == 1);
    CHECK(store.contacts_of(ann)->size() == 1);
    CHECK(store.contacts_among(ann, std::vector{bob})->size() == 1);
  }
}
