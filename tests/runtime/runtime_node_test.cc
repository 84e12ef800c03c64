// SPDX-License-Identifier: Apache-2.0
// The node as a whole, where its rooms meet: what happens beside the main flow when the log stops, a handler is late,
// the projections cannot be written for a while, or a callback throws.
#include "runtime/runtime_node.h"

#include <atomic>
#include <chrono>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <vector>

#include "base/try.h"
#include "held_event_log.h"
#include "public_works/adapters/memory/memory_artifact_store.h"
#include "public_works/adapters/memory/memory_event_log.h"
#include "public_works/adapters/memory/memory_event_publisher.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/thread_executor.h"

namespace symphainy::runtime {
namespace {

using public_works::ThreadExecutor;
using ::testing::HasSubstr;

// Refuses to take changes while it is told to, as a database does that somebody else holds.
class BusyStore final : public public_works::MemoryStateStore {
 public:
  Result<void> apply(const public_works::StateChanges& changes) override {
    if (busy) {
      ++refused;
      return fail(ErrorCode::unavailable, "database is locked", "busy");
    }
    return MemoryStateStore::apply(changes);
  }
  std::atomic<bool> busy = false;
  std::atomic<int> refused = 0;
};

class RuntimeNodeTest : public ::testing::Test {
 protected:
  std::unique_ptr<RuntimeNode> open(RuntimeOptions options = {}) {
    auto node = RuntimeNode::open({.owner = nullptr,
                                   .log = log_,
                                   .state = store_,
                                   .lineage = store_,
                                   .artifacts = artifacts_,
                                   .publisher = &publisher_,
                                   .publisher_name = "memory",
                                   .partition = partition_,
                                   .fold = fold_,
                                   .relay = relay_,
                                   .handlers = handlers_,
                                   .clock = clock_,
                                   .random = random_,
                                   .log_sink =
                                       [this](LogLevel, const std::string&, std::string_view message) {
                                         const std::lock_guard lock(mutex_);
                                         logged_.emplace_back(message);
                                       }},
                                  options);
    CHECK(node);
    return *std::move(node);
  }
  void support(RuntimeNode& node, const IntentHandler& handler) {
    ASSERT_TRUE(node.register_intent({.intent_type = "do"}, "things", "do", handler));
  }
  static Intent intent(const std::string& tenant = "acme") {
    return Intent::create("do", tenant, "session", "solution", {"user", "u"});
  }

  public_works::SystemClock clock_;
  public_works::SeededRandom random_{1};
  tests::HeldEventLog log_{clock_, random_, std::make_shared<public_works::MemoryLogContents>()};
  BusyStore store_;
  public_works::MemoryArtifactStore artifacts_;
  public_works::MemoryEventPublisher publisher_;
  std::mutex mutex_;
  std::vector<std::string> logged_;  // guarded by mutex_
  ThreadExecutor relay_{clock_, 1, "relay"};
  ThreadExecutor fold_{clock_, 1, "fold"};
  ThreadExecutor handlers_{clock_, 2, "handlers"};
  ThreadExecutor partition_{clock_, 1, "partition"};
};

IntentHandler does_nothing() {
  return [](const Intent&, ExecutionContext&) -> Task<Result<HandlerResult>> { co_return HandlerResult{}; };
}

TEST_F(RuntimeNodeTest, ClosingWaitsForAHandlerThatIsLaterThanItsDeadline) {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  std::atomic<bool> ended = false;
  const auto node = open();
  support(*node, [&](const Intent&, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    released.wait();
    (void)context.get_state("key");  // reaches into the node
    ended = true;
    co_return HandlerResult{};
  });
  Intent late = intent();
  late.deadline_us = clock_.wall_us() + 20'000;
  const auto result = node->execute(std::move(late));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->error->code, ErrorCode::deadline_exceeded);
  auto closing = std::async(std::launch::async, [&] { return node->close(); });
  EXPECT_EQ(closing.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  EXPECT_FALSE(ended);
  release.set_value();
  EXPECT_TRUE(closing.get());
  EXPECT_TRUE(ended);
}

TEST_F(RuntimeNodeTest, AnEmptyTaskIsAFailureAndNoCrash) {
  const auto node = open();
  support(*node, [](const Intent&, ExecutionContext&) { return Task<Result<HandlerResult>>(); });
  const auto result = node->execute(intent());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->error->reason, "empty_task");
}

TEST_F(RuntimeNodeTest, ACallbackThatThrowsIsLoggedAndTheNextIntentRuns) {
  const auto node = open();
  support(*node, does_nothing());
  node->submit(intent(), [](const Result<ExecutionResult>&) { throw std::runtime_error("the caller's own"); });
  EXPECT_TRUE(node->execute(intent()));
  ASSERT_TRUE(node->close());
  EXPECT_THAT(logged_, ::testing::ElementsAre(HasSubstr("callback threw: the caller's own")));
}

TEST_F(RuntimeNodeTest, WhoeverWaitsForAdmissionHearsThatTheLogHasStopped) {
  RuntimeOptions options;
  options.max_fold_lag_records = 1;
  const auto node = open(options);
  support(*node, does_nothing());
  ASSERT_TRUE(node->drain());
  store_.busy = true;  // so that the lag stays
  ASSERT_TRUE(node->execute(intent()));
  std::promise<Result<ExecutionResult>> heard;
  node->submit(intent(), [&](Result<ExecutionResult> result) { heard.set_value(std::move(result)); });
  auto future = heard.get_future();
  EXPECT_EQ(future.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout) << "it waits for admission";
  log_.stop();
  const auto result = future.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::stopped);
  store_.busy = false;
}

TEST_F(RuntimeNodeTest, TooManyBytesNotFoldedHoldIntentsBackAsTooManyRecordsDo) {
  RuntimeOptions options;
  options.max_fold_lag_bytes = 10'000;
  const auto node = open(options);
  support(*node, does_nothing());
  ASSERT_TRUE(node->drain());
  store_.busy = true;
  Intent large = intent();
  large.parameters["text"] = std::string(20'000, 'x');
  ASSERT_TRUE(node->execute(std::move(large)));
  std::promise<Result<ExecutionResult>> heard;
  node->submit(intent(), [&](Result<ExecutionResult> result) { heard.set_value(std::move(result)); });
  auto future = heard.get_future();
  EXPECT_EQ(future.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  store_.busy = false;
  EXPECT_TRUE(future.get()) << "and go on when it is folded";
}

TEST_F(RuntimeNodeTest, AStoreThatIsBusyForAWhileIsAskedAgain) {
  const auto node = open();
  support(*node, does_nothing());
  ASSERT_TRUE(node->drain());
  store_.busy = true;
  ASSERT_TRUE(node->execute(intent())) << "executing does not wait for the projections";
  while (store_.refused < 2) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  store_.busy = false;
  EXPECT_TRUE(node->drain());
  EXPECT_EQ(store_.list_executions({}).value().size(), 1U);
  EXPECT_TRUE(node->execute(intent()));
  EXPECT_TRUE(node->close());
}

TEST_F(RuntimeNodeTest, MayBeClosedByTwoThreadsAtOnce) {
  const auto node = open();
  auto other = std::async(std::launch::async, [&] { return node->close(); });
  EXPECT_TRUE(node->close());
  EXPECT_TRUE(other.get());
}

}  // namespace
}  // namespace symphainy::runtime
