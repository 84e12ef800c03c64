// SPDX-License-Identifier: Apache-2.0
#include "runtime/start_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;

TrackedPtr execution(const std::string& tenant, const std::string& id) {
  auto tracked = std::make_shared<TrackedExecution>();
  tracked->row.tenant = tenant;
  tracked->row.execution_id = id;
  return tracked;
}

std::vector<std::string> all_of(StartQueue& queue) {
  std::vector<std::string> order;
  while (const TrackedPtr next = queue.next()) order.push_back(next->row.execution_id);
  return order;
}

TEST(StartQueue, StartsTheTenantsInTurn) {
  StartQueue queue;
  for (const char* id : {"a1", "a2", "a3", "a4"}) queue.add(execution("a", id), StartQueue::kUsualPriority);
  for (const char* id : {"b1", "b2"}) queue.add(execution("b", id), StartQueue::kUsualPriority);
  EXPECT_THAT(all_of(queue), ElementsAre("a1", "b1", "a2", "b2", "a3", "a4"));
}

TEST(StartQueue, StartsTheMostUrgentOfATenantFirstAndTheOldestOfThose) {
  StartQueue queue;
  queue.add(execution("a", "usual"), StartQueue::kUsualPriority);
  queue.add(execution("a", "urgent"), 0);
  queue.add(execution("a", "urgent too"), 0);
  queue.add(execution("a", "last"), 9);
  EXPECT_THAT(all_of(queue), ElementsAre("urgent", "urgent too", "usual", "last"));
}

TEST(StartQueue, HasRoomForSoManyAndAgainWhenOneHasEnded) {
  StartQueue queue;
  for (std::size_t i = 0; i < StartQueue::kMaxRunning; ++i) {
    ASSERT_TRUE(queue.has_room());
    queue.begun();
  }
  EXPECT_FALSE(queue.has_room());
  queue.ended();
  EXPECT_TRUE(queue.has_room());
}

}  // namespace
}  // namespace symphainy::runtime
