#include "inbox.h"

#include <doctest/doctest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "chatrt/testing/executors.h"
#include "chatrt/testing/recording_log.h"
#include "reuse.h"

namespace chatrt {
namespace {

Draft draft(std::string text) {
  return PostDraft{*UserId::parse("ann"), *UserId::parse("bob"), std::move(text), {}};
}

struct ThrowsOnce final : Executor {
  void post(Task task) override {
    if (std::exchange(throws, false)) throw std::runtime_error("no thread");
    lane.post(std::move(task));
  }
  bool throws = true;
  testing::ManualExecutor lane;
};

struct InboxFixture {
  testing::ManualExecutor lane;
  testing::RecordingLog log;
  Requests taken;
  bool stopping = false;
  testing::ManualExecutor quick;
  Inbox inbox{{.requests_max = 3, .bytes_max = 10, .reads_max = 2},
              log,
              {lane,
               [this] {
                 stopping = inbox.take(taken).stopping;
                 inbox.finish();
               }},
              {quick, [this] {
                 if (!inbox.take_without_drafts(taken)) return inbox.hand_over();
                 inbox.finish();
               }}};

  std::size_t run_all() { return quick.run_all() + lane.run_all(); }

  static Requests posts_of(std::initializer_list<const char*> texts) {
    Requests posts;
    for (const char* text : texts) {
      Draft one = draft(text);
      posts.add(one, PostDone{});
    }
    return posts;
  }
  static std::vector<std::string> texts_of(Requests& requests) {
    std::vector<std::string> texts;
    for (const Draft& one : requests.waiting_drafts()) {
      texts.push_back(std::get<PostDraft>(one).text);
    }
    return texts;
  }

  std::optional<Error> put(std::string text) {
    Draft put = draft(std::move(text));
    return inbox.put(put, PostDone{});
  }
};

}  // namespace

TEST_SUITE("Inbox") {
  TEST_CASE_FIXTURE(InboxFixture, "posts one drain for all that comes before it runs") {
    CHECK_FALSE(put("a"));
    CHECK_FALSE(inbox.put([] {}));
    CHECK_FALSE(put("b"));

    CHECK(lane.size() == 1);
    CHECK(quick.size() == 0);
    CHECK(inbox.waiting() == 3);
    lane.run_all();
    CHECK(taken.waiting_drafts().size() == 2);
    CHECK(taken.entries.size() == 3);
    CHECK(std::holds_alternative<LaneTask>(taken.entries[1]));
    CHECK(inbox.waiting() == 0);
  }

  TEST_CASE_FIXTURE(InboxFixture, "posts a drain of what is not to be stored to the other lane") {
    CHECK_FALSE(inbox.put([] {}));
    CHECK_FALSE(inbox.put([] {}));

    CHECK(quick.size() == 1);
    quick.run_all();
    CHECK(taken.entries.size() == 2);
    CHECK(lane.size() == 0);
  }

  TEST_CASE_FIXTURE(InboxFixture, "hands over what waits with a draft, as it came") {
    CHECK_FALSE(inbox.put([] {}));
    CHECK_FALSE(put("a"));
    CHECK(quick.size() == 1);
    CHECK(lane.size() == 0);

    quick.run_all();
    CHECK(taken.entries.empty());
    CHECK(quick.size() == 0);
    REQUIRE(lane.size() == 1);
    lane.run_all();
    REQUIRE(taken.entries.size() == 2);
    CHECK(std::holds_alternative<LaneTask>(taken.entries[0]));
  }

  TEST_CASE("posts the next drain to the lane of what has come during one") {
    testing::ManualExecutor lane;
    testing::ManualExecutor quick;
    testing::RecordingLog log;
    std::optional<Inbox> inbox;
    std::vector<std::function<void()>> meanwhile;
    const auto drain = [&] {
      Requests taken;
      inbox->take(taken);
      if (!meanwhile.empty()) std::exchange(meanwhile, {}).front()();
      inbox->finish();
    };
    inbox.emplace(Inbox::Limits{.requests_max = 9, .bytes_max = 9, .reads_max = 9}, log,
                  Inbox::Lane{lane, drain}, Inbox::Lane{quick, drain});
    const auto put_draft = [&] {
      Draft put = draft("a");
      CHECK_FALSE(inbox->put(put, PostDone{}));
    };

    meanwhile = {put_draft};
    CHECK_FALSE(inbox->put([] {}));
    quick.run_one();
    CHECK(quick.size() == 0);
    CHECK(lane.size() == 1);

    meanwhile = {[&] { CHECK_FALSE(inbox->put([] {})); }};
    lane.run_one();
    CHECK(quick.size() == 1);
    CHECK(lane.size() == 0);
    quick.run_all();
  }

  TEST_CASE_FIXTURE(InboxFixture,
                    "is busy above its number of requests, but for those always taken") {
    for (int i = 0; i < 3; ++i) CHECK_FALSE(inbox.put([] {}));

    CHECK(inbox.put([] {})->code == Errc::busy);
    inbox.put_always([] {});
    CHECK(inbox.waiting() == 4);
    run_all();
  }

  TEST_CASE_FIXTURE(InboxFixture,
                    "is busy above its bytes of text; a text larger than all may pass alone") {
    CHECK_FALSE(put("12345678901234"));
    CHECK(put("1")->code == Errc::busy);
    lane.run_all();
    taken.clear();

    CHECK_FALSE(put("123456789"));
    CHECK(put("12")->code == Errc::busy);
    CHECK_FALSE(put("1"));
    lane.run_all();
  }

  TEST_CASE("gives memory of drafts that are over for drafts that come, but for large texts") {
    testing::ManualExecutor lane;
    testing::RecordingLog log;
    Requests taken;
    std::vector<std::string> texts;
    std::optional<Inbox> inbox;
    const Inbox::Lane drain{lane, [&] {
                              inbox->take(taken);
                              for (const Draft& draft : taken.waiting_drafts()) {
                                texts.push_back(std::get<PostDraft>(draft).text);
                              }
                              taken.clear();
                              inbox->finish();
                            }};
    inbox.emplace(Inbox::Limits{.requests_max = 9, .bytes_max = 9999, .reads_max = 9}, log, drain,
                  drain);
    const auto memory_for = [&](std::string text) {
      Draft put = draft(std::move(text));
      CHECK_FALSE(inbox->put(put, PostDone{}));
      return std::get<PostDraft>(put).text;
    };
    CHECK(memory_for("small").empty());
    CHECK(memory_for(std::string(5000, 'l')).empty());
    lane.run_all();
    CHECK_FALSE(inbox->put([] {}));  // with the turn after it, the memory is where drafts come in
    lane.run_all();

    CHECK(memory_for("next") == "small");
    CHECK(memory_for("last").empty());

    lane.run_all();
    CHECK(texts == std::vector<std::string>{"small", std::string(5000, 'l'), "next", "last"});
  }

  TEST_CASE("keeps memory of some thousand drafts at most") {
    Requests requests;
    for (std::size_t i = 0; i < 3 * kReusedDraftsMax; ++i) {
      Draft one = draft("text");
      requests.add(one, PostDone{});
    }
    requests.clear();
    CHECK(requests.drafts.size() == kReusedDraftsMax);
  }

  TEST_CASE_FIXTURE(InboxFixture, "leaves a refused draft as it was") {
    for (int i = 0; i < 3; ++i) CHECK_FALSE(inbox.put([] {}));
    Draft kept = draft("text");
    Entry entry{PostDone{[](auto) {}}};

    CHECK(inbox.put(kept, std::move(entry)));

    CHECK(std::get<PostDraft>(kept).text == "text");
    CHECK(std::get<PostDone>(entry));  // NOLINT: refused, so not moved from
    run_all();
  }

  TEST_CASE_FIXTURE(InboxFixture, "takes many posts at once, behind what waits, with one drain") {
    Requests posts = posts_of({"a", "b"});
    CHECK_FALSE(inbox.put(posts));
    CHECK(posts.entries.empty());
    posts = posts_of({"c"});
    CHECK_FALSE(inbox.put(posts));
    CHECK(posts.entries.empty());
    CHECK(lane.size() == 1);

    lane.run_all();
    CHECK(texts_of(taken) == std::vector<std::string>{"a", "b", "c"});
    CHECK(taken.entries.size() == 3);
    CHECK(taken.bytes == 3);
  }

  TEST_CASE_FIXTURE(InboxFixture,
                    "of many posts refuses those that have no room, and takes the rest") {
    Errc code{};
    std::size_t first = 0;
    std::vector<std::string> expected;
    Requests posts;
    SUBCASE("for their number, in an empty inbox") {
      posts = posts_of({"a", "b", "c", "d", "e"});
      expected = {"a", "b", "c"};
      code = Errc::busy;
      first = 3;
    }
    SUBCASE("for their number, in one that is not") {
      CHECK_FALSE(put("0"));
      posts = posts_of({"a", "b", "c"});
      expected = {"0", "a", "b"};
      code = Errc::busy;
      first = 2;
    }
    SUBCASE("for their bytes") {
      posts = posts_of({"12345", "123456", "1"});
      expected = {"12345"};
      code = Errc::busy;
      first = 1;
    }
    SUBCASE("one that is larger than all may pass alone") {
      posts = posts_of({"12345678901", "1"});
      expected = {"12345678901"};
      code = Errc::busy;
      first = 1;
    }
    SUBCASE("all after close()") {
      inbox.close();
      posts = posts_of({"a", "b"});
      code = Errc::shutting_down;
    }
    const std::vector<std::string> before = texts_of(posts);

    const auto refused = inbox.put(posts);

    REQUIRE(refused);
    CHECK(refused->error.code == code);
    CHECK(refused->first == first);
    const std::vector<std::string> left = texts_of(posts);
    REQUIRE(left.size() == before.size());
    for (std::size_t i = first; i < left.size(); ++i) CHECK(left[i] == before[i]);
    run_all();
    CHECK(texts_of(taken) == expected);
  }

  TEST_CASE_FIXTURE(InboxFixture, "bounds reads, but for the Hub's own") {
    CHECK_FALSE(inbox.begin_read());
    CHECK_FALSE(inbox.begin_read());
    CHECK(inbox.begin_read()->code == Errc::busy);
    inbox.begin_own_read();
    CHECK(inbox.reads() == 3);

    inbox.end_read();
    inbox.end_read();
    inbox.end_read([] {});
    CHECK(inbox.reads() == 0);
    CHECK(quick.run_all() == 1);
    CHECK(taken.entries.size() == 1);
  }

  TEST_CASE_FIXTURE(InboxFixture, "takes nothing after close()") {
    inbox.close();

    CHECK(put("a")->code == Errc::shutting_down);
    CHECK(inbox.put([] {})->code == Errc::shutting_down);
    CHECK(inbox.begin_read()->code == Errc::shutting_down);
    inbox.put_always([] {});
    CHECK(inbox.waiting() == 0);
    inbox.close();
  }

  TEST_CASE("a lane that throws is asked again with the next request") {
    ThrowsOnce lane;
    testing::RecordingLog log;
    int ran = 0;
    Requests taken;
    std::optional<Inbox> inbox;
    const Inbox::Lane drain{lane, [&] {
                              inbox->take(taken);
                              for (const Entry& entry : taken.entries) std::get<LaneTask>(entry)();
                              inbox->finish();
                            }};
    inbox.emplace(Inbox::Limits{.requests_max = 9, .bytes_max = 9, .reads_max = 9}, log, drain,
                  drain);

    CHECK_FALSE(inbox->put([&] { ++ran; }));
    CHECK(lane.lane.run_all() == 0);
    CHECK_FALSE(inbox->put([&] { ++ran; }));
    lane.lane.run_all();

    CHECK(ran == 2);
    CHECK(log.lines() == std::vector<std::string>{"error hub_lane_threw"});
  }
}

}  // namespace chatrt
