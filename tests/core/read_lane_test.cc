#include "read_lane.h"

#include <doctest/doctest.h>

#include <string>

#include "chatrt/testing/executors.h"

namespace chatrt {
namespace {

struct ReadLaneFixture {
  const UserId ann = *UserId::parse("ann");
  const UserId bob = *UserId::parse("bob");
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
    CHECK(lane.post(ann, task(ann, '1')));
    CHECK(lane.post(ann, task(ann, '2')));
    CHECK(lane.post(ann, task(ann, '3')));
    CHECK(executor.size() == 1);
    executor.run_all();
    CHECK(ran == "123");
    CHECK(lane.post(ann, task(ann, '4')));
    CHECK(executor.size() == 1);
    executor.run_all();
    CHECK(ran == "1234");
  }

  TEST_CASE_FIXTURE(ReadLaneFixture, "lets others in between") {
    for (const char name : {'1', '2', '3'}) CHECK(lane.post(ann, task(ann, name)));
    CHECK(lane.post(bob, task(bob, 'b')));
    executor.run_all();
    CHECK(ran == "1b23");
  }

  TEST_CASE_FIXTURE(ReadLaneFixture, "refuses what is too much of one user, and of no other") {
    for (const char name : {'1', '2', '3'}) CHECK(lane.post(ann, task(ann, name)));
    CHECK_FALSE(lane.post(ann, task(ann, '4')));
    CHECK(lane.post(bob, task(bob, 'b')));
    lane.post_always(ann, task(ann, '5'));
    executor.run_all();
    CHECK(ran == "1b235");
    CHECK(lane.post(ann, task(ann, '6')));
  }

  TEST_CASE_FIXTURE(ReadLaneFixture, "goes on with the next where the lane takes one not") {
    throws = true;
    CHECK(lane.post(ann, task(ann, '1')));
    throws = false;
    CHECK(lane.post(ann, task(ann, '2')));
    CHECK(lane.post(ann, task(ann, '3')));
    throws = true;
    executor.run_all();
    throws = false;
    CHECK(lane.post(ann, task(ann, '4')));
    executor.run_all();
    CHECK(ran == "24");
  }
}

}  // namespace chatrt
