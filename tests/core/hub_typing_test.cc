#include <doctest/doctest.h>

#include "hub_fixture.h"

namespace chatrt {
namespace {

struct TypingFixture : HubFixture {
  TypingFixture() { options.typing_max = 2; }
  void meet() {
    sent(ann, bob, "we know each other");
    attach(1, bob);
    settle();
    outlet.clear();
  }
  void type(bool on = true) { CHECK(told(typing(ann, bob, on))); }
  bool told(const Answer<void>& answer) {
    settle();
    return answer.ok();
  }
};

}  // namespace

TEST_SUITE("Hub::typing") {
  TEST_CASE_FIXTURE(TypingFixture,
                    "is told to the other, renewed at most once an interval, and stopped") {
    meet();
    type();
    pass(Duration{500});
    type();
    CHECK(lines(1) == Lines{"typing ann"});
    pass(Duration{500});
    type();
    CHECK(lines(1) == Lines{"typing ann", "typing ann"});
    type(false);
    type(false);
    CHECK(lines(1) == Lines{"typing ann", "typing ann", "typed ann"});
  }

  TEST_CASE_FIXTURE(TypingFixture, "started again within the interval is not told") {
    meet();
    type();
    type(false);
    type();
    CHECK(lines(1) == Lines{"typing ann", "typed ann"});
    pass(Duration{1000});
    type();
    CHECK(lines(1) == Lines{"typing ann", "typed ann", "typing ann"});
  }

  TEST_CASE_FIXTURE(TypingFixture, "is ended by a message that comes before it could be told") {
    meet();
    Target target = bob;
    SUBCASE("to the user") {}
    SUBCASE("to the conversation") { target = ConversationId{1}; }
    const auto before = typing(ann, target, true);
    const auto message = post(ann, bob, "hi");
    CHECK(told(before));
    CHECK(message.ok());
    CHECK(lines(1) == Lines{"receive hi"});

    type();
    CHECK(lines(1) == Lines{"receive hi", "typing ann"});
  }

  TEST_CASE_FIXTURE(TypingFixture, "is over after its time without a renewal") {
    meet();
    type();
    pass(Duration{5000});
    type();
    pass(Duration{5999});
    CHECK(lines(1) == Lines{"typing ann", "typing ann"});
    pass(Duration{1});
    CHECK(lines(1) == Lines{"typing ann", "typing ann", "typed ann"});
    CHECK_FALSE(hub().next_deadline());
  }

  TEST_CASE_FIXTURE(TypingFixture, "is ended by a message without a notice") {
    meet();
    type();
    sent(ann, bob, "hi");
    pass(Duration{20000});

    CHECK(lines(1) == Lines{"typing ann", "receive hi"});
  }

  TEST_CASE_FIXTURE(TypingFixture,
                    "to somebody without a conversation, or to oneself, tells nobody") {
    attach(1, bob);
    attach(2, ann);
    type();
    CHECK(told(typing(ann, ann)));
    sent(ann, ann, "note");
    outlet.clear();
    CHECK(told(typing(ann, ann)));

    CHECK(lines(1).empty());
    CHECK(lines(2).empty());
  }

  TEST_CASE_FIXTURE(TypingFixture, "in a conversation of others is not_found") {
    meet();
    const auto answer = typing(eve, ConversationId{1});
    settle();

    CHECK(answer.error() == Errc::not_found);
    CHECK(lines(1).empty());
  }

  TEST_CASE_FIXTURE(TypingFixture, "of more than typing_max is dropped") {
    for (const char* name : {"u1", "u2", "u3"}) sent(user(name), bob, "hi");
    attach(1, bob);
    settle();
    outlet.clear();
    for (const char* name : {"u1", "u2", "u3"}) CHECK(told(typing(user(name), bob)));

    CHECK(lines(1) == Lines{"typing u1", "typing u2"});
  }

  TEST_CASE_FIXTURE(TypingFixture,
                    "asks the store once for all that waits, and gives its error to each") {
    meet();
    store.fail_reads(Errc::unavailable);
    const auto first = typing(ann, bob);
    const auto second = typing(ann, bob);
    lane.run_all();
    CHECK(reads.size() == 1);
    settle();
    CHECK(first.error() == Errc::unavailable);
    CHECK(second.error() == Errc::unavailable);

    store.heal();
    type();
    CHECK(lines(1) == Lines{"typing ann"});
  }
}

TEST_SUITE("Hub::typing, what is known of conversations") {
  TEST_CASE_FIXTURE(HubFixture, "is bounded, and asked for again") {
    constexpr int kMany = 16384;
    std::vector<Draft> drafts;
    for (int i = 0; i <= kMany; ++i) {
      drafts.push_back(PostDraft{ann, user("u" + std::to_string(i)), "hi", {}});
    }
    REQUIRE(memory->append(drafts, clock.now()));
    const auto asks = [&](int i) {
      typing(ann, user("u" + std::to_string(i)));
      lane.run_all();
      return reads.run_all() > 0;
    };
    for (int i = 0; i < kMany; ++i) REQUIRE(asks(i));
    settle();
    CHECK_FALSE(asks(0));

    CHECK(asks(kMany));
    settle();

    CHECK(asks(0));
  }
}

TEST_SUITE("Hub::typing, waiting for the store") {
  TEST_CASE_FIXTURE(HubFixture, "is bounded as reads are") {
    options.reads_max = 1;
    const auto first = typing(ann, bob);
    const auto second = typing(ann, eve);
    settle();

    CHECK(first.ok());
    CHECK(second.error() == Errc::busy);
  }
}

}  // namespace chatrt
