// The public side of the Hub: what is refused at once, reads, and the counts.
#include <doctest/doctest.h>

#include "hub_fixture.h"

namespace chatrt {

TEST_SUITE("Hub: what is refused at once") {
  TEST_CASE_FIXTURE(HubFixture, "a post with a bad argument") {
    options.text_bytes_max = 8;
    options.client_id_bytes_max = 4;

    CHECK(post(UserId{}, bob, "hi").error() == Errc::invalid_argument);
    CHECK(post(ann, UserId{}, "hi").error() == Errc::invalid_argument);
    CHECK(post(ann, bob, "").error() == Errc::invalid_argument);
    CHECK(post(ann, bob, "123456789").error() == Errc::too_large);
    CHECK(post(ann, bob, std::string("a\0b", 3)).error() == Errc::invalid_argument);
    CHECK(post(ann, bob, "\xC3").error() == Errc::invalid_argument);
    CHECK(post(ann, bob, "hi", "12345").error() == Errc::invalid_argument);
    CHECK(post(ann, bob, "hi", "a\n").error() == Errc::invalid_argument);
    CHECK(post(ann, bob, "hi", "\xFF").error() == Errc::invalid_argument);

    CHECK(lane.size() == 0);
    CHECK(hub().stats().drafts_refused == 9);
  }

  TEST_CASE_FIXTURE(HubFixture, "the longest text and client id pass") {
    options.text_bytes_max = 8;
    options.client_id_bytes_max = 4;

    const auto sent = post(ann, bob, "12345678", "1234");
    settle();

    CHECK(sent.ok());
  }

  TEST_CASE_FIXTURE(HubFixture, "whatever names nobody") {
    Answer<Page<Message>> history;
    Answer<std::vector<Presence>> presence;

    hub().history({}, bob, {}, 1, history.done());
    hub().presence({}, {bob}, presence.done());

    CHECK(history.error() == Errc::invalid_argument);
    CHECK(presence.error() == Errc::invalid_argument);
    CHECK(attach(1, {}).error() == Errc::invalid_argument);
    CHECK(mark({}, {1}, MarkKind::read, 1).error() == Errc::invalid_argument);
    CHECK(typing({}, bob).error() == Errc::invalid_argument);
    CHECK(typing(ann, UserId{}).error() == Errc::invalid_argument);
  }

  TEST_CASE_FIXTURE(HubFixture, "what the Authorizer does not allow") {
    authorizer.refused = Errc::permission_denied;
    Answer<Page<Message>> history;

    hub().history(ann, bob, {}, 1, history.done());

    CHECK(history.error() == Errc::permission_denied);
    CHECK(post(ann, bob, "hi").error() == Errc::permission_denied);
    CHECK(typing(ann, bob).error() == Errc::permission_denied);
  }

  TEST_CASE_FIXTURE(HubFixture, "what does not fit into the inbox") {
    options.inbox_max = 2;
    const auto first = post(ann, bob, "1");
    const auto second = attach(1, ann);

    CHECK(post(ann, bob, "2").error() == Errc::busy);
    CHECK(mark(ann, {1}, MarkKind::read, 1).error() == Errc::busy);
    CHECK(attach(2, ann).error() == Errc::busy);
    CHECK(typing(ann, bob).error() == Errc::busy);
    CHECK(hub().stats().inbox == 2);
    settle();

    CHECK(first.ok());
    CHECK(second.ok());
    CHECK(post(ann, bob, "3").given->empty());
  }

  TEST_CASE_FIXTURE(HubFixture, "reads above their number") {
    options.reads_max = 1;
    Answer<Hub::Sync> first;
    Answer<Hub::Sync> second;
    Answer<std::vector<Presence>> presence;

    hub().sync(ann, {}, 1, first.done());
    hub().sync(ann, {}, 1, second.done());
    hub().presence(ann, {}, presence.done());

    CHECK(second.error() == Errc::busy);
    CHECK(presence.error() == Errc::busy);
    CHECK(hub().stats().reads == 1);
    settle();
    CHECK(first.ok());
    CHECK(hub().stats().reads == 0);
  }

  TEST_CASE_FIXTURE(HubFixture, "reads above the number of one user, while others read") {
    options.user_reads_max = 1;
    std::vector<Answer<Page<Message>>> anns(3);
    Answer<std::vector<Presence>> presence;
    Answer<Page<Conversation>> bobs;

    for (const auto& one : anns) hub().history(ann, bob, {}, 1, one.done());
    hub().presence(ann, {}, presence.done());
    hub().conversations(bob, {}, 1, bobs.done());

    CHECK(anns[2].error() == Errc::busy);
    CHECK(presence.error() == Errc::busy);
    CHECK(reads.size() == 2);  // one of each user
    CHECK(hub().stats().reads == 3);
    settle();
    CHECK(anns[0].ok());
    CHECK(anns[1].ok());
    CHECK(bobs.ok());
    CHECK(hub().stats().reads == 0);
  }

  TEST_CASE_FIXTURE(HubFixture, "an empty `done` is no error") {
    hub().post({ann, bob, "", ""}, nullptr);
    hub().post({ann, bob, "hi", ""}, nullptr);
    hub().attach({1}, {.user = ann}, nullptr);
    hub().sync(ann, {}, 1, nullptr);
    settle();

    CHECK(hub().stats().messages_committed == 1);
    CHECK(hub().stats().connections == 1);
  }
}

TEST_SUITE("Hub: reads") {
  TEST_CASE_FIXTURE(HubFixture,
                    "are cut to page_bytes_max of text, at the end that is asked last") {
    options.page_bytes_max = 10;
    for (const char* text : {"aaaa", "bbbb", "cccc", "dddd"}) sent(ann, bob, text);
    const auto texts = [](const Page<Message>& page) {
      std::string all = page.more ? "more:" : "all:";
      for (const Message& message : page.items) all += message.text.substr(0, 1);
      return all;
    };
    Answer<Page<Message>> newest, older, newer, last;
    Answer<Hub::Sync> sync, rest;

    hub().history(ann, bob, {}, 50, newest.done());
    hub().history(ann, bob, {.before = Sequence{3}}, 50, older.done());
    hub().history(ann, bob, {.after = Sequence{1}}, 50, newer.done());
    hub().history(ann, bob, {.before = Sequence{4}, .after = Sequence{0}}, 50, last.done());
    hub().sync(bob, {}, 50, sync.done());
    hub().sync(bob, Position{2}, 50, rest.done());
    settle();

    CHECK(texts(newest.value()) == "more:cd");
    CHECK(texts(older.value()) == "all:ab");
    CHECK(texts(newer.value()) == "more:bc");
    CHECK(texts(last.value()) == "more:bc");
    CHECK(sync.value().changes.size() == 2);
    CHECK(sync.value().more);
    CHECK(sync.value().position == Position{2});
    CHECK(rest.value().changes.size() == 2);
    CHECK_FALSE(rest.value().more);
    CHECK(rest.value().position == Position{4});
  }

  TEST_CASE_FIXTURE(HubFixture, "have one item at least, however long it is") {
    options.page_bytes_max = 1;
    sent(ann, bob, "long");
    sent(ann, user("cid"), "longer");
    Answer<Page<Message>> page;
    Answer<Page<Conversation>> conversations;

    hub().history(ann, bob, {}, 50, page.done());
    hub().conversations(ann, std::nullopt, 50, conversations.done());
    settle();

    CHECK(page.value().items.size() == 1);
    CHECK_FALSE(page.value().more);
    REQUIRE(conversations.value().items.size() == 1);
    CHECK(conversations.value().items.front().last_message.text == "longer");
    CHECK(conversations.value().more);
  }

  TEST_CASE_FIXTURE(HubFixture, "refuse a limit of 0 and cut a high one to page_max") {
    options.page_max = 2;
    for (int i = 0; i < 3; ++i) sent(ann, bob, "m");
    Answer<Page<Message>> none;
    Answer<Page<Message>> page;
    Answer<Page<Conversation>> conversations;
    Answer<Hub::Sync> sync;

    hub().history(ann, bob, {}, 0, none.done());
    hub().history(ann, bob, {}, 100, page.done());
    hub().conversations(bob, std::nullopt, 100, conversations.done());
    hub().sync(bob, {}, 100, sync.done());
    settle();

    CHECK(none.error() == Errc::invalid_argument);
    CHECK(page.value().items.size() == 2);
    CHECK(page.value().more);
    CHECK(conversations.value().items.front().unread == 3);
    CHECK(sync.value().changes.size() == 2);
    CHECK(sync.value().position == Position{2});
    CHECK(sync.value().more);
  }

  TEST_CASE_FIXTURE(HubFixture, "sync ends at the log's end, also for those without a part in it") {
    sent(ann, bob, "m");
    Answer<Hub::Sync> mine;
    Answer<Hub::Sync> none;
    Answer<Hub::Sync> above;

    hub().sync(bob, {}, 10, mine.done());
    hub().sync(eve, {}, 10, none.done());
    hub().sync(bob, Position{99}, 10, above.done());
    settle();

    CHECK(mine.value().position == Position{1});
    CHECK(none.value().changes.empty());
    CHECK(none.value().position == Position{1});
    CHECK(above.value().changes.empty());
    CHECK(above.value().position == Position{1});
  }

  TEST_CASE_FIXTURE(HubFixture,
                    "sync is not behind what it gives, also when that came as it read") {
    struct WrittenTo final : testing::FaultyStore {
      using FaultyStore::FaultyStore;
      Result<Position> last_position() const override {
        const auto end = FaultyStore::last_position();
        write();
        return end;
      }
      std::function<void()> write;
    } written{*memory};
    std::vector<Draft> drafts{PostDraft{ann, bob, "m", {}}};
    written.write = [&] { REQUIRE(memory->append(drafts, clock.now())); };
    Hub other(parts_with(*registry, written, outlet));
    Answer<Hub::Sync> sync;

    other.sync(bob, {}, 10, sync.done());
    settle();

    CHECK(sync.value().changes.size() == 1);
    CHECK(sync.value().position == Position{1});
    other.stop();
  }

  TEST_CASE_FIXTURE(HubFixture, "give the store's error") {
    store.fail_reads(Errc::corrupt);
    Answer<Hub::Sync> sync;
    Answer<Page<Conversation>> conversations;

    hub().sync(ann, {}, 1, sync.done());
    hub().conversations(ann, std::nullopt, 1, conversations.done());
    settle();

    CHECK(sync.error() == Errc::corrupt);
    CHECK(conversations.error() == Errc::corrupt);
  }
}

TEST_SUITE("HubOptions") {
  TEST_CASE_FIXTURE(HubFixture, "of 0 where at least one is needed count as one") {
    options.page_max = 0;
    options.batch_max = 0;
    options.replays_max = 0;
    options.recent_changes_max = 0;
    for (int i = 0; i < 3; ++i) sent(ann, bob, "m" + std::to_string(i));
    Answer<Page<Message>> page;

    hub().history(ann, bob, {}, 5, page.done());
    const auto attached = attach(1, bob, 0);
    settle();

    CHECK(page.value().items.size() == 1);
    CHECK(attached.ok());
    CHECK(lines(1) == Lines{"receive m0", "receive m1", "receive m2"});
  }
}

TEST_SUITE("Hub::stats") {
  TEST_CASE_FIXTURE(HubFixture, "counts what has happened") {
    attach(1, ann);
    attach(2, ann);
    attach(3, bob);
    settle();
    post(ann, bob, "hi", "1");
    settle();
    post(ann, bob, "hi", "1");
    settle();
    store.fail_next_append(Errc::storage_full);
    post(ann, bob, "no");
    settle();

    const Hub::Stats stats = hub().stats();
    CHECK(stats.messages_committed == 1);
    CHECK(stats.messages_repeated == 1);
    CHECK(stats.drafts_refused == 1);
    CHECK(stats.commits == 2);
    CHECK(stats.commits_failed == 1);
    CHECK(stats.events_sent == 3);
    CHECK(stats.users_online == 2);
    CHECK(stats.connections == 3);
    CHECK(stats.inbox == 0);
    CHECK(stats.reads == 0);
  }
}

TEST_SUITE("Hub: the trace") {
  TEST_CASE_FIXTURE(HubFixture, "tells each connection a message was sent to, live and replayed") {
    attach(1, ann);
    attach(2, bob);
    attach(3, bob);
    settle();

    const Message message = sent(ann, bob, "hi");
    sent(bob, eve, "nobody is there");
    attach(4, bob, message.position.value - 1);
    settle();

    CHECK(trace.lines == Lines{"m1 to receiver 2 3", "m1 to author 1", "m2 to author 2 3",
                               "m1 to receiver 4, replayed", "m2 to author 4, replayed"});
  }

  TEST_CASE_FIXTURE(HubFixture, "tells what was refused: at once, by the store, and with a batch") {
    options.text_bytes_max = 4;
    post(ann, bob, "too long", "a1");
    post(ann, bob, "one", "a2");
    settle();
    post(ann, bob, "two", "a2");
    settle();
    store.fail_next_append(Errc::storage_full);
    post(ann, bob, "new", "a3");
    settle();

    CHECK(trace.lines ==
          Lines{"refused a1 too_large", "refused a2 conflict", "refused a3 storage_full"});
  }

  TEST_CASE_FIXTURE(HubFixture, "tells what a full inbox refuses, with its id") {
    options.inbox_max = 1;
    post(ann, bob, "one", "a1");
    post(ann, bob, "two", "a2");

    CHECK(trace.lines == Lines{"refused a2 busy"});
    settle();
  }
}

}  // namespace chatrt
