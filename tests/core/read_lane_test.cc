#include "read_lane.h"

#include <doctest/doctest.h>

#include <string>

#include "chatrt/testing/executors.h"

namespace chatrt {
namespace {

const UserId kAnn = *UserId::parse("ann");
const UserId kBob = *UserId::parse("bob");

struct ReadLaneFixture {
  testing::ManualExecutor executor;
  bool throws = false;
  std::string ran;
  ReadLane lane{[this](Executor::Task task) {
                  if (throws) return false;
                  executor.post(std::move(task));
                  return true;
                },
                2};

  Executor::Task task(const UserId& user, char name) {
    return [this, user, name] {
      ran += name;
      lane.leave(user);
    };
  }
};

}  // namespace

TEST_SUITE("ReadLane") {
  TEST_CASE_FIXTURE(ReadLaneFixture, "has one read of a user on the lane, in order of arrival") {
    CHECK(lane.post(kAnn, task(kAnn, '1')));
    CHECK(lane.post(kAnn, task(kAnn, '2')));
    CHECK(lane.post(kAnn, task(kAnn, '3')));
    CHECK(executor.size() == 1);
    executor.run_all();
    CHECK(ran == "123");
    CHECK(lane.post(kAnn, task(kAnn, '4')));
    CHECK(executor.size() == 1);
    executor.run_all();
    CHECK(ran == "1234");
  }

  TEST_CASE_FIXTURE(ReadLaneFixture, "lets others in between") {
    for (const char name : {'1', '2', '3'}) CHECK(lane.post(kAnn, task(kAnn, name)));
    CHECK(lane.post(kBob, task(kBob, 'b')));
    executor.run_all();
    CHECK(ran == "1b23");
  }

  TEST_CASE_FIXTURE(ReadLaneFixture, "refuses what is too much of one user, and of no other") {
    for (const char name : {'1', '2', '3'}) CHECK(lane.post(kAnn, task(kAnn, name)));
    CHECK_FALSE(lane.post(kAnn, task(kAnn, '4')));
    CHECK(lane.post(kBob, task(kBob, 'b')));
    lane.post_always(kAnn, task(kAnn, '5'));
    executor.run_all();
    CHECK(ran == "1b235");
    CHECK(lane.post(kAnn, task(kAnn, '6')));
  }

  TEST_CASE_FIXTURE(ReadLaneFixture, "goes on with the next where the lane takes one not") {
    throws = true;
    CHECK(lane.post(kAnn, task(kAnn, '1')));
    throws = false;
    CHECK(lane.post(kAnn, task(kAnn, '2')));
    CHECK(lane.post(kAnn, task(kAnn, '3')));
    throws = true;
    executor.run_all();
    throws = false;
    CHECK(lane.post(kAnn, task(kAnn, '4')));
    executor.run_all();
    CHECK(ran == "24");
  }
}

}  // namespace chatrt
