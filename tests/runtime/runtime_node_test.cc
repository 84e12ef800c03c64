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
#include "runtime/state_surface.h"
#include "runtime/whole_life.h"

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
  std::unique_ptr<RuntimeNode> open(const RuntimeOptions& options = {}) { return open_on(store_, log_, options); }
  std::unique_ptr<RuntimeNode> open_on(BusyStore& store, tests::HeldEventLog& log, const RuntimeOptions& options = {}) {
    auto node = RuntimeNode::open({.owner = nullptr,
                                   .log = log,
                                   .state = store,
                                   .lineage = store,
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
  std::shared_ptr<public_works::MemoryLogContents> contents_ = std::make_shared<public_works::MemoryLogContents>();
  tests::HeldEventLog log_{clock_, random_, contents_};
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

// --- projections that are behind when it is opened
// -------------------------------------------------------------------------

// Counts in the tenant's state, one reference after the other, an event each time.
IntentHandler counts() {
  return [](const Intent& intent, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    const Json* expected = intent.parameters.find("expected");
    const auto put = context.put_state("count", Json(1), expected->as_uint64());
    if (!put) co_return std::unexpected(put.error());
    ReferenceDraft draft;
    draft.type = "file";
    const auto reference = context.register_reference(std::move(draft));
    if (!reference) co_return std::unexpected(reference.error());
    if (const Json* source = intent.parameters.find("source"); source != nullptr) {
      const auto tracked = context.track_provenance(*reference, std::string(*source->as_string()));
      if (!tracked) co_return std::unexpected(tracked.error());
    }
    const auto event = context.add_event({"things.done", Json(), "", "things"});
    if (!event) co_return std::unexpected(event.error());
    co_return HandlerResult{Json(*reference)};
  };
}

Intent counting(const std::string& key, std::uint64_t expected, const std::string& source = "") {
  Json parameters = Json::object({{"expected", expected}});
  if (!source.empty()) parameters["source"] = source;
  Intent intent = Intent::create("do", "acme", "session", "solution", {"user", "u"}, std::move(parameters));
  intent.idempotency_key = key;
  return intent;
}

TEST_F(RuntimeNodeTest, DecidesByTheLogBeforeTheProjectionsHaveIt) {
  std::string first;
  std::string reference;
  {
    const auto node = open();
    support(*node, counts());
    const auto result = node->execute(counting("a", 0));
    ASSERT_TRUE(result && result->status == ExecutionStatus::completed) << result->error->message;
    first = result->execution_id;
    reference = std::string(*result->value.as_string());
    ASSERT_TRUE(node->close());
  }
  tests::HeldEventLog log(clock_, random_, contents_);
  BusyStore behind;
  behind.busy = true;
  const auto node = open_on(behind, log);
  ASSERT_TRUE(node->register_intent({.intent_type = "do"}, "things", "do", counts())) << "known already";
  EXPECT_EQ(node->execute(counting("a", 0))->execution_id, first) << "the key is taken";
  const auto conflict = node->execute(counting("b", 0));
  ASSERT_TRUE(conflict);
  EXPECT_EQ(conflict->error->reason, "state_conflict") << "the state has a version";
  const auto next = node->execute(counting("c", 1, reference));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->status, ExecutionStatus::completed) << "the reference is known: " << next->error->message;
  EXPECT_EQ(behind.position().value(), 0U) << "and nothing of it was folded";
  behind.busy = false;
  ASSERT_TRUE(node->drain());
  EXPECT_EQ(behind.position().value(), log.durable_position());
  ASSERT_TRUE(node->close());
  const auto lines = publisher_.lines({"acme", "things"});
  EXPECT_EQ(lines.size(), 2U) << "each event once, its sequence behind the one before";
  public_works::MemoryStateStore kept;
  ASSERT_TRUE(fold_log(log, kept));
  EXPECT_EQ(rows_of(kept), rows_of(static_cast<public_works::MemoryStateStore&>(behind)));
}

TEST_F(RuntimeNodeTest, GoesOnWithWhatWasUnfinishedBeforeTheProjectionsHaveIt) {
  auto contents = std::make_shared<public_works::MemoryLogContents>(*whole_life().contents());
  tests::HeldEventLog log(clock_, random_, contents);
  BusyStore behind;
  behind.busy = true;
  std::atomic<int> runs = 0;
  const auto node = open_on(behind, log);
  ASSERT_TRUE(node->register_intent({.intent_type = "ingest_file", .version = 1}, "content", "ingest",
                                    [&](const Intent&, ExecutionContext&) -> Task<Result<HandlerResult>> {
                                      ++runs;
                                      co_return HandlerResult{};
                                    }));
  EXPECT_EQ(node->resume().value(), 2U) << "intents c and d of the log made by hand";
  behind.busy = false;
  ASSERT_TRUE(node->close());
  EXPECT_EQ(runs, 2);
  EXPECT_TRUE(behind.live_executions().value().empty());
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
