// What is remembered of the ways of messages, and what it is told as.
#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "chatrt/testing/manual_clock.h"
#include "explain.h"
#include "explain_command.h"
#include "trace_log.h"

using namespace chatd;
using chatrt::ConnectionId;
using chatrt::Duration;
using chatrt::Position;
using chatrt::UserId;

namespace {

struct TraceFixture {
  void send(std::uint64_t message, std::vector<ConnectionId> connections, bool to_author = false) {
    trace.on_sent({Position{message}, to_author, false}, connections);
    clock.advance(Duration{1});
  }
  chatrt::Message stored(const char* from, const char* to, const char* text) {
    std::array<chatrt::Draft, 1> drafts{
        chatrt::PostDraft{*UserId::parse(from), *UserId::parse(to), text}};
    return std::get<chatrt::Message>((*store->append(drafts, clock.now()))[0]->change);
  }

  chatrt::testing::ManualClock clock;
  TraceLog trace{clock, 8};
  std::unique_ptr<chatrt::MessageStore> store = chatrt::make_memory_store();
  std::unique_ptr<chatrt::Registry> registry = chatrt::make_memory_registry();
  Explain explain{*store, *registry, trace};
};

}  // namespace

TEST_SUITE("trace log") {
  TEST_CASE_FIXTURE(TraceFixture, "a fence counts for what the connection was sent before it") {
    trace.on_confirmed(ConnectionId{1}, Position{5});  // of another life of the id
    send(5, {ConnectionId{1}, ConnectionId{2}});
    send(5, {ConnectionId{3}}, true);
    trace.on_written(ConnectionId{1}, Position{4});
    trace.on_written(ConnectionId{1}, Position{6});
    trace.on_confirmed(ConnectionId{1}, Position{6});

    const auto [ways, others] = trace.ways_of(Position{5});

    REQUIRE(ways.size() == 3);
    CHECK(others == 0);
    CHECK(ways[0].written);
    CHECK(ways[0].confirmed);
    CHECK_FALSE(ways[1].written);
    CHECK(ways[2].to_author);
  }

  TEST_CASE_FIXTURE(TraceFixture, "the oldest notes go, and it says since when it remembers") {
    const auto begin = clock.now();
    for (std::uint64_t i = 1; i <= 8; ++i) send(i, {ConnectionId{1}});
    CHECK(trace.remembers_since() == begin);
    CHECK(trace.ways_of(Position{1}).ways.size() == 1);

    send(9, {ConnectionId{1}});
    send(10, {ConnectionId{1}});

    CHECK(trace.ways_of(Position{2}).ways.empty());
    CHECK(trace.ways_of(Position{3}).ways.size() == 1);
    CHECK(trace.ways_of(Position{10}).ways.size() == 1);
    CHECK(trace.remembers_since() == begin + Duration{1});
  }

  TEST_CASE_FIXTURE(TraceFixture, "of many connections it notes some and counts the others") {
    TraceLog large(clock);
    std::vector<ConnectionId> connections;
    for (std::uint64_t i = 1; i <= 100; ++i) connections.push_back(ConnectionId{i});

    large.on_sent({Position{1}, false, false}, connections);

    CHECK(large.ways_of(Position{1}).ways.size() == TraceLog::kConnectionsMax);
    CHECK(large.ways_of(Position{1}).others == 100 - TraceLog::kConnectionsMax);
  }

  TEST_CASE_FIXTURE(TraceFixture, "what was refused is found by the client's id, newest first") {
    const UserId ann = *UserId::parse("ann");
    for (std::size_t i = 0; i < TraceLog::kRefusedMax + 5; ++i) {
      trace.on_refused({ann, ann, "text", i % 2 == 0 ? "even" : "odd"}, chatrt::Errc::busy);
      clock.advance(Duration{1});
    }

    const auto found = trace.refused("odd");

    REQUIRE(found.size() == TraceLog::kRefusedMax / 2);
    CHECK(found.front().at > found.back().at);
    CHECK(trace.refused("other").empty());
  }
}

TEST_SUITE("explain") {
  TEST_CASE_FIXTURE(TraceFixture, "finds a message by its id alone, and its marks") {
    stored("ann", "bob", "one");
    const auto two = stored("ann", "bob", "two");
    stored("bob", "eve", "three");
    std::array<chatrt::Draft, 1> mark{chatrt::MarkDraft{
        *UserId::parse("bob"), two.conversation, chatrt::MarkKind::read, chatrt::Sequence{1}}};
    REQUIRE(store->append(mark, clock.now()));

    const auto found = explain.message(two.id());

    REQUIRE(found);
    CHECK(found->find(R"("seq":2,"position":2,"senderId":"ann","receiverId":"bob")") !=
          std::string::npos);
    CHECK(found->find(R"("delivered":false,"read":false)") != std::string::npos);
    CHECK(found->find("two") == std::string::npos);
    // The right position under another time is no message of ours.
    const auto other = chatrt::format_message_id(two.created_at + Duration{5000}, two.position);
    CHECK(explain.message(other).error().code == chatrt::Errc::not_found);
    CHECK(explain.message("").error().code == chatrt::Errc::not_found);
  }

  TEST_CASE_FIXTURE(TraceFixture, "is told in the order of time") {
    const auto message = stored("ann", "bob", "hello");
    clock.advance(Duration{2});
    send(1, {ConnectionId{7}});
    trace.on_written(ConnectionId{7}, Position{1});

    const auto lines = explanation_of(*explain.message(message.id()));

    REQUIRE(lines);
    const auto committed = lines->find("committed\n");
    const auto sent = lines->find("sent to bob, connection 7\n");
    const auto written = lines->find("written to bob, connection 7\n");
    CHECK(committed < sent);
    CHECK(sent < written);
    CHECK(written != std::string::npos);
    CHECK(lines->find("not delivered: ") != std::string::npos);
  }

  TEST_CASE_FIXTURE(TraceFixture, "shows a hostile id as JSON does") {
    const UserId ann = *UserId::parse("ann");
    trace.on_refused({ann, ann, "text", "a\x1b[2J"}, chatrt::Errc::invalid_argument);

    const auto lines = explanation_of(*explain.message("a\x1b[2J"));

    REQUIRE(lines);
    CHECK(lines->find('\x1b') == std::string::npos);
    CHECK(lines->find("refused: invalid_argument") != std::string::npos);
    CHECK_FALSE(explanation_of("nonsense"));
  }
}
