// Posts, marks and group commit.
#include <doctest/doctest.h>

#include <stdexcept>

#include "hub_fixture.h"

namespace chatrt {

TEST_SUITE("Hub::post") {
  TEST_CASE_FIXTURE(HubFixture, "sends the message to every connection of both") {
    attach(1, ann);
    attach(2, ann);
    attach(3, bob);
    attach(4, eve);
    settle();
    const Message message = sent(ann, bob, "hi");

    CHECK(message.sequence == Sequence{1});
    CHECK(message.created_at == clock.now());
    CHECK(lines(1) == Lines{"sent hi"});
    CHECK(lines(2) == Lines{"sent hi"});
    CHECK(lines(3) == Lines{"receive hi"});
    CHECK(lines(4).empty());
  }

  TEST_CASE_FIXTURE(HubFixture, "to oneself comes as both") {
    attach(1, ann);
    sent(ann, ann, "note");

    CHECK(lines(1) == Lines{"receive note", "sent note"});
  }

  TEST_CASE_FIXTURE(HubFixture, "answers before its events, in the order of the commit") {
    attach(1, bob);
    std::vector<std::string> order;
    for (const std::string text : {"a", "b"}) {
      hub().post({ann, bob, text, {}}, [&, text](const Result<Message>&) {
        order.push_back(text + std::to_string(outlet.sent().size()));
      });
    }
    settle();

    CHECK(order == Lines{"a0", "b1"});
    CHECK(lines(1) == Lines{"receive a", "receive b"});
  }

  TEST_CASE_FIXTURE(HubFixture, "repeated gives the first answer and tells nobody") {
    attach(1, bob);
    const auto first = post(ann, bob, "hi", "k");
    const auto in_batch = post(ann, bob, "hi", "k");
    settle();
    clock.advance(Duration{5000});
    const auto later = post(ann, bob, "hi", "k");
    const auto other = post(ann, bob, "ho", "k");
    settle();

    REQUIRE(first.ok());
    CHECK(in_batch.value() == first.value());
    CHECK(later.value() == first.value());
    CHECK(other.error() == Errc::conflict);
    CHECK(lines(1) == Lines{"receive hi"});
  }

  TEST_CASE_FIXTURE(HubFixture,
                    "to a conversation of others is not_found, and its neighbours live") {
    const Message message = sent(ann, bob, "hi");
    const auto bad = post(eve, message.conversation, "let me in");
    const auto good = post(bob, message.conversation, "ok");
    settle();

    CHECK(bad.error() == Errc::not_found);
    CHECK(good.value().receiver == ann);
    CHECK(good.value().sequence == Sequence{2});
  }

  TEST_CASE_FIXTURE(HubFixture, "goes into one commit with all that waits, up to batch_max") {
    options.batch_max = 3;
    std::vector<Answer<Message>> answers;
    for (int i = 0; i < 7; ++i) answers.push_back(post(ann, bob, std::to_string(i)));
    settle();

    CHECK(hub().stats().commits == 3);
    CHECK(outlet.flushes() == 3);
    for (std::size_t i = 0; i < 7; ++i) CHECK(answers[i].value().position.value == i + 1);
  }

  TEST_CASE_FIXTURE(HubFixture, "from within a `done` is taken") {
    Answer<Message> second;
    hub().post({ann, bob, "1", {}}, [&](const Result<Message>&) {
      hub().post({bob, ann, "2", {}}, second.done());
    });
    settle();

    CHECK(second.value().position == Position{2});
  }

  TEST_CASE_FIXTURE(HubFixture, "a refusing store is answered and logged, and the next one works") {
    attach(1, bob);
    store.fail_next_append(Errc::storage_full);
    const auto lost = post(ann, bob, "lost");
    settle();
    const auto kept = post(ann, bob, "kept");
    settle();

    CHECK(lost.error() == Errc::storage_full);
    CHECK(logged("hub_commit_failed code=storage_full drafts=1"));
    CHECK(kept.value().position == Position{1});
    CHECK(lines(1) == Lines{"receive kept"});
  }

  TEST_CASE_FIXTURE(HubFixture, "a throwing `done` keeps nothing from being done") {
    attach(1, bob);
    hub().post({ann, bob, "1", {}}, [](const Result<Message>&) { throw std::runtime_error("x"); });
    hub().post({ann, bob, "2", {}}, [](const Result<Message>&) { throw 5; });
    const auto third = post(ann, bob, "3");
    settle();

    CHECK(third.ok());
    CHECK(lines(1) == Lines{"receive 1", "receive 2", "receive 3"});
    CHECK(logged("hub_callback_threw what=x"));
  }
}

TEST_SUITE("Hub::mark") {
  TEST_CASE_FIXTURE(HubFixture, "goes to every connection of both, once") {
    attach(1, ann);
    attach(2, bob);
    const Message message = sent(ann, bob, "hi");
    outlet.clear();
    const auto read = mark(bob, message.conversation, MarkKind::read, 9);
    const auto again = mark(bob, message.conversation, MarkKind::read, 1);
    const auto lower = mark(bob, message.conversation, MarkKind::delivered, 1);
    settle();

    CHECK(read.value().sequence == Sequence{1});
    CHECK(again.value().sequence == Sequence{1});
    CHECK(lower.value().sequence == Sequence{1});
    CHECK(lines(1) == Lines{"read 1"});
    CHECK(lines(2) == Lines{"read 1"});
  }

  TEST_CASE_FIXTURE(HubFixture, "with oneself is told once") {
    attach(1, ann);
    const Message message = sent(ann, ann, "note");
    outlet.clear();
    mark(ann, message.conversation, MarkKind::read, 1);
    settle();

    CHECK(lines(1) == Lines{"read 1"});
  }

  TEST_CASE_FIXTURE(HubFixture, "in a conversation of others is not_found") {
    const Message message = sent(ann, bob, "hi");
    const auto bad = mark(eve, message.conversation, MarkKind::read, 1);
    settle();

    CHECK(bad.error() == Errc::not_found);
  }
}

namespace {

// Throws, or gives what no store may give.
struct BadStore final : MessageStore {
  explicit BadStore(MessageStore& the_inner) : inner(the_inner) {}
  Result<std::vector<Result<Appended>>> append(std::span<Draft> drafts, Timestamp now) override {
    if (throws) throw std::runtime_error("disk");
    if (short_list) return std::vector<Result<Appended>>{};
    return inner.append(drafts, now);
  }
  Result<Position> last_position() const override {
    if (throws) throw 1;
    return inner.last_position();
  }
  Result<Page<Change>> read_for_user(const UserId& u, Position p, PageLimit n) const override {
    if (throws) throw std::runtime_error("disk");
    return inner.read_for_user(u, p, n);
  }
  Result<Page<Message>> read_undelivered(const UserId& u, Position p, PageLimit n) const override {
    return inner.read_undelivered(u, p, n);
  }
  Result<Page<Message>> read_conversation(const UserId& u, const Target& t, SequenceRange r,
                                          PageLimit n) const override {
    if (throws) throw std::runtime_error("disk");
    return inner.read_conversation(u, t, r, n);
  }
  Result<Page<Conversation>> conversations_of(const UserId& u, std::optional<Position> p,
                                              PageLimit n) const override {
    return inner.conversations_of(u, p, n);
  }
  Result<std::vector<UserId>> contacts_of(const UserId& u) const override {
    if (throws) throw std::runtime_error("disk");
    return inner.contacts_of(u);
  }
  Result<std::vector<UserId>> contacts_among(const UserId& u,
                                             std::span<const UserId> among) const override {
    if (throws) throw std::runtime_error("disk");
    return inner.contacts_among(u, among);
  }
  Result<Page<Change>> read_log(Position p, PageLimit n) const override {
    if (throws) throw std::runtime_error("disk");
    return inner.read_log(p, n);
  }
  MessageStore& inner;
  bool throws = false;
  bool short_list = false;
};

struct ThrowingOutlet final : Outlet {
  void send(std::span<const ConnectionId>, const Event&) override { throw std::runtime_error("o"); }
  void flush() override { throw 2; }
};

struct QuickLaneFixture : HubFixture {
  QuickLaneFixture() {
    with_quick_lane = true;
    attach(1, ann);
    settle();
  }
};

}  // namespace

TEST_SUITE("Hub: a lane for what waits for nothing") {
  TEST_CASE_FIXTURE(HubFixture, "leaves the first turn to the commit lane, which asks the store") {
    with_quick_lane = true;
    const auto attached = attach(1, ann);
    quick.run_all();
    CHECK_FALSE(attached.came());
    CHECK(lane.run_all() == 1);
    CHECK(attached.ok());
  }

  TEST_CASE_FIXTURE(QuickLaneFixture, "runs what neither stores nor reads") {
    sent(ann, bob, "so that they know each other");
    const auto told = typing(ann, bob);
    settle();
    REQUIRE(told.ok());
    store.fail_reads(Errc::internal);

    const auto attached = attach(2, ann);
    const auto typed = typing(ann, bob, false);
    hub().detach({2});
    CHECK(lane.size() == 0);
    quick.run_all();

    CHECK(attached.ok());
    CHECK(typed.ok());
    CHECK(lane.size() == 0);
    CHECK(registry->connection_count(ann) == 1);
  }

  TEST_CASE_FIXTURE(QuickLaneFixture, "has one task of the two lanes out, and keeps the order") {
    std::vector<std::string> order;
    const auto say = [&](std::string what) {
      return [&order, what = std::move(what)](const auto&) { order.push_back(what); };
    };
    hub().attach({2}, {.user = bob}, say("attached"));
    hub().post({ann, bob, "hi", {}}, say("posted"));
    hub().typing(ann, ann, true, say("typed"));
    CHECK(quick.size() + lane.size() == 1);
    quick.run_all();
    CHECK(order.empty());
    CHECK(quick.size() + lane.size() == 1);
    settle();
    CHECK(order == Lines{"attached", "posted", "typed"});
    CHECK(lines(2) == Lines{"receive hi"});
  }

  TEST_CASE_FIXTURE(QuickLaneFixture, "leaves all to the commit lane while there is to catch up") {
    store.lose_next_answer(Errc::unavailable);
    const auto lost = post(ann, bob, "committed all the same");
    store.fail_reads(Errc::internal);
    settle();
    CHECK(lost.error() == Errc::unavailable);
    CHECK(lines(1).empty());

    store.heal();
    hub().detach({2});
    quick.run_all();
    CHECK(lines(1).empty());
    CHECK(lane.run_all() == 1);
    CHECK(lines(1) == Lines{"sent committed all the same"});
    hub().detach({2});
    quick.run_all();
    CHECK(lane.size() == 0);
  }
}

TEST_SUITE("Hub: parts that throw") {
  TEST_CASE("count as `internal`, are logged, and leave the Hub working") {
    testing::ManualClock clock;
    testing::InlineExecutor lane;
    testing::RecordingLog log;
    const auto registry = make_memory_registry();
    const auto memory = make_memory_store();
    const auto authorizer = make_open_authorizer();
    BadStore store(*memory);
    ThrowingOutlet outlet;
    Hub hub({.registry = *registry,
             .store = store,
             .outlet = outlet,
             .authorizer = *authorizer,
             .commit_lane = lane,
             .read_lane = lane,
             .clock = clock,
             .log = log});
    const UserId ann = user("ann");

    store.throws = true;
    Answer<Message> thrown;
    Answer<Hub::Attached> attached;
    Answer<Page<Message>> read;
    Answer<std::vector<Presence>> presence;
    hub.post({ann, ann, "1", {}}, thrown.done());
    hub.attach({1}, {.user = ann, .since = Position{0}}, attached.done());
    hub.history(ann, ann, {}, 1, read.done());
    hub.presence(ann, {ann}, presence.done());
    CHECK(thrown.error() == Errc::internal);
    CHECK(attached.error() == Errc::internal);
    CHECK(read.error() == Errc::internal);
    CHECK(presence.error() == Errc::internal);

    store.throws = false;
    store.short_list = true;
    Answer<Message> lost;
    hub.post({ann, ann, "2", {}}, lost.done());
    CHECK(lost.error() == Errc::internal);

    store.short_list = false;
    Answer<Message> works;
    Answer<Hub::Attached> joined;
    hub.attach({1}, {.user = ann}, joined.done());
    hub.post({ann, ann, "3", {}}, works.done());
    CHECK(joined.ok());
    CHECK(works.ok());
    CHECK(hub.stats().messages_committed == 1);
    bool outlet_logged = false;
    for (const std::string& line : log.lines()) {
      outlet_logged = outlet_logged || line == "error hub_outlet_threw what=o";
    }
    CHECK(outlet_logged);
  }
}

}  // namespace chatrt
