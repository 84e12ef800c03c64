// SPDX-License-Identifier: Apache-2.0
// Executions that executions start.
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "runtime/manual_runtime.h"

namespace symphainy::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr std::int64_t kHourUs = 3'600'000'000;

ChildIntent child_of(const std::string& type, Json parameters = Json::object()) {
  return {.intent_type = type, .parameters = std::move(parameters)};
}

Task<Result<HandlerResult>> give(ExecutionContext* context, std::string name, ChildIntent child) {
  auto ended = co_await context->execute(std::move(name), std::move(child));
  if (!ended) co_return std::unexpected(ended.error());
  Json value = Json::object({{"status", to_string(ended->status)}, {"value", ended->value}});
  if (ended->error) value["error"] = Json(ended->error->name());
  co_return HandlerResult{std::move(value)};
}
// Has one child do it.
IntentHandler giving(const std::string& type) {
  return [type](const Intent&, ExecutionContext& context) { return give(&context, "it", child_of(type)); };
}

Task<Result<HandlerResult>> give_to_many(ExecutionContext* context, int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) {
    auto id = co_await context->spawn("one", child_of("work", Json::object({{"number", i}})));
    if (!id) co_return std::unexpected(id.error());
    ids.push_back(*id);
  }
  auto ended = co_await context->wait_children(std::move(ids));
  if (!ended) co_return std::unexpected(ended.error());
  Json values = Json::array();
  for (const ChildResult& child : **ended) values.push_back(child.value);
  co_return HandlerResult{std::move(values)};
}
IntentHandler giving_to_many(int count) {
  return [count](const Intent&, ExecutionContext& context) { return give_to_many(&context, count); };
}

Task<Result<HandlerResult>> spawn_and_go(ExecutionContext* context) {
  auto id = co_await context->spawn("one", child_of("work"));
  if (!id) co_return std::unexpected(id.error());
  co_return HandlerResult{Json(*id)};
}

Task<Result<HandlerResult>> sleep_an_hour(ExecutionContext* context) {
  if (auto over = co_await context->sleep(1h); !over) co_return std::unexpected(over.error());
  co_return HandlerResult{Json("slept")};
}

class Children : public ::testing::Test {
 protected:
  Children() { support(runtime_); }
  static void support(ManualRuntime& runtime) {
    runtime.support("work", answering([](const Intent& intent, ExecutionContext&) -> Result<HandlerResult> {
                      const Json* number = intent.parameters.find("number");
                      return HandlerResult{number == nullptr ? Json("done") : *number};
                    }));
    runtime.support("fail", answering([](const Intent&, ExecutionContext&) -> Result<HandlerResult> {
                      return fail(ErrorCode::failed, "it did not work", "did_not_work");
                    }));
    runtime.support("sleep", [](const Intent&, ExecutionContext& context) { return sleep_an_hour(&context); });
    runtime.support("picky", answering([](const Intent&, ExecutionContext&) { return HandlerResult{}; }),
                    Effects::external, Json::parse(R"({"required": ["what"]})").value());
  }
  public_works::ExecutionRow row_of(const std::string& type) { return row_of(runtime_, type); }
  static public_works::ExecutionRow row_of(ManualRuntime& runtime, const std::string& type) {
    public_works::ExecutionFilter filter;
    filter.intent_type = type;
    return runtime.store.list_executions(filter).value().at(0);
  }
  std::map<std::string, int> count_by_status(const std::string& type) {
    public_works::ExecutionFilter filter;
    filter.intent_type = type;
    filter.limit = 100'000;
    std::map<std::string, int> counts;
    for (const auto& row : runtime_.store.list_executions(filter).value()) ++counts[row.status];
    return counts;
  }
  Heard begin(const std::string& type, const IntentHandler& handler) {
    runtime_.support(type, handler);
    Heard heard = runtime_.submit(intent_for(type));
    runtime_.run();
    return heard;
  }
  void act(Action action, const std::string& type) {
    (void)runtime_.command({action, "acme", row_of(type).execution_id, {"user", "maria"}, "enough", true});
    runtime_.run();
  }
  void pass(std::int64_t us) {
    runtime_.partition.advance_us(us);
    runtime_.run();
  }

  ManualRuntime runtime_;
};

TEST_F(Children, AnswerTheirParent) {
  const Heard heard = begin("parent", giving("work"));
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().value.dump(), R"({"status":"completed","value":"done"})");
  EXPECT_EQ(row_of("work").parent, row_of("parent").execution_id);
  EXPECT_EQ(row_of("work").actor, "user:maria");
}

TEST_F(Children, AreAcceptedInOneBatchWithTheStepThatStartsThem) {
  (void)begin("parent", giving("work"));
  EXPECT_THAT(
      runtime_.recorded(),
      IsSupersetOf({std::vector<std::string>{"StepCompleted", "IntentAccepted", "ExecutionCreated", "ExecutionStarted"},
                    std::vector<std::string>{"ArtifactsHandled", "EventsQueued", "ExecutionCompleted", "ChildEnded",
                                             "WaitEnded"}}));
}

TEST_F(Children, ThatFailAreAResult) {
  const Heard heard = begin("parent", giving("fail"));
  EXPECT_EQ(heard->value().value().status, ExecutionStatus::completed);
  EXPECT_EQ(heard->value().value().value.dump(), R"({"error":"did_not_work","status":"failed","value":null})");
}

TEST_F(Children, ThatMayNotBeFailTheStep) {
  for (const auto& [type, reason] :
       {std::pair("nobody", "unknown_intent_type"), std::pair("picky", "invalid_intent")}) {
    ManualRuntime runtime;
    support(runtime);
    runtime.support("parent", giving(type));
    const auto result = runtime.execute(intent_for("parent")).value();
    EXPECT_EQ(result.status, ExecutionStatus::failed);
    EXPECT_EQ(result.error->reason, reason);
  }
}

TEST_F(Children, AreWaitedForByAParentThatIsNotThere) {
  const Heard heard = begin("parent", giving("sleep"));
  pass(kHourUs - 1);
  EXPECT_FALSE(*heard);
  EXPECT_EQ(row_of("parent").status, "waiting");
  EXPECT_THAT(row_of("parent").waits_for, HasSubstr("children"));
  pass(1);
  ASSERT_TRUE(*heard);
  EXPECT_THAT(heard->value().value().value.dump(), HasSubstr("slept"));
}

TEST_F(Children, EndForAParentInAnotherProcess) {
  (void)begin("parent", giving("sleep"));
  pass(kHourUs / 2);
  ManualRuntime reopened(runtime_.copy_of_log(), 2, 1'700'000'000'000'000 + kHourUs / 2);
  support(reopened);
  reopened.support("parent", giving("sleep"));
  for (const TrackedPtr& tracked : reopened.decisions.live()) reopened.lifecycle->take_up_waiting(tracked);
  reopened.partition.advance_us(kHourUs / 2);
  reopened.run();
  EXPECT_EQ(row_of(reopened, "parent").status, "completed");
}

TEST_F(Children, AreWaitedForWhileWhoeverStartsTheirParentAgainIsAnsweredAtOnce) {
  runtime_.support("parent", giving("sleep"));
  const Intent intent = intent_for("parent");
  for (int i = 0; i < 3; ++i) {  // it begins, waits with its frame, and without
    const Heard heard = runtime_.start_execution(intent);
    pass(i * kHourUs / 4);
    ASSERT_TRUE(*heard) << i;
    EXPECT_EQ(heard->value().value().status, i == 2 ? ExecutionStatus::waiting : ExecutionStatus::running) << i;
  }
  pass(kHourUs);
  const Heard heard = runtime_.start_execution(intent);
  runtime_.run();
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().status, ExecutionStatus::completed);
  EXPECT_EQ(count_by_status("parent").size(), 1U);
}

TEST_F(Children, OfAParentThatNobodyHasTakenUpYetEndForWhoeverStartsItAgain) {
  runtime_.support("parent", giving("sleep"));
  const Intent intent = intent_for("parent");
  (void)runtime_.start_execution(intent);
  runtime_.run();
  pass(kHourUs / 2);
  ManualRuntime reopened(runtime_.copy_of_log(), 2, 1'700'000'000'000'000 + kHourUs / 2);
  support(reopened);
  reopened.support("parent", giving("sleep"));
  const Heard heard = reopened.start_execution(intent);
  reopened.run();
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().status, ExecutionStatus::waiting);
  for (const TrackedPtr& tracked : reopened.decisions.live()) reopened.lifecycle->take_up_waiting(tracked);
  reopened.partition.advance_us(kHourUs / 2);
  reopened.run();
  EXPECT_EQ(row_of(reopened, "parent").status, "completed");
}

TEST_F(Children, AreAllWaitedFor) {
  const Heard heard = begin("parent", giving_to_many(100));
  ASSERT_TRUE(*heard);
  const Json& values = heard->value().value().value;
  ASSERT_EQ(values.size(), 100U);
  EXPECT_EQ(values.at(99), Json(99));
  EXPECT_EQ(count_by_status("work")["completed"], 100);
}

TEST_F(Children, MoreThanMayRunWaitForRoom) {
  constexpr int kMany = static_cast<int>(StartQueue::kMaxRunning) + 500;
  runtime_.support("parent", giving_to_many(kMany), Effects::context_only);
  runtime_.log.hold();  // none of them ends
  const Heard heard = runtime_.submit(intent_for("parent"));
  runtime_.run_without_folding();
  int pending = 0;
  for (const TrackedPtr& tracked : runtime_.decisions.live()) pending += tracked->row.status == "pending" ? 1 : 0;
  EXPECT_EQ(pending, 500);
  runtime_.log.release();
  runtime_.run();
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().status, ExecutionStatus::completed);
  EXPECT_EQ(count_by_status("work")["completed"], kMany);
}

TEST_F(Children, OutliveAParentThatDoesNotWait) {
  const Heard heard = begin("parent", [](const Intent&, ExecutionContext& context) { return spawn_and_go(&context); });
  ASSERT_TRUE(*heard);
  EXPECT_EQ(row_of("work").status, "completed");
}

TEST_F(Children, AreCancelledWithTheirParent) {
  const Heard heard = begin("parent", giving("sleep"));
  pass(kHourUs / 2);
  act(Action::cancel, "parent");
  EXPECT_EQ(row_of("parent").status, "cancelled");
  EXPECT_EQ(row_of("sleep").status, "cancelled");
  EXPECT_TRUE(*heard);
}

TEST_F(Children, AreCancelledWithAParentThatIsTerminated) {
  for (const std::int64_t us : {std::int64_t{0}, kHourUs / 2}) {  // with its frame, and without
    ManualRuntime runtime;
    support(runtime);
    runtime.support("parent", giving("sleep"));
    (void)runtime.submit(intent_for("parent"));
    runtime.run();
    runtime.partition.advance_us(us);
    runtime.run();
    (void)runtime.command(
        {Action::terminate, "acme", row_of(runtime, "parent").execution_id, {"user", "ann"}, "", true});
    runtime.run();
    EXPECT_EQ(row_of(runtime, "parent").status, "terminated");
    EXPECT_EQ(row_of(runtime, "sleep").status, "cancelled");
  }
}

TEST_F(Children, ThatAreTerminatedTellTheirParent) {
  const Heard heard = begin("parent", giving("sleep"));
  pass(kHourUs / 2);
  act(Action::terminate, "sleep");
  ASSERT_TRUE(*heard);
  EXPECT_THAT(heard->value().value().value.dump(), HasSubstr("\"status\":\"terminated\""));
}

TEST_F(Children, AreNotSpawnedTwiceByAnotherAttempt) {
  IntentSupport support{.intent_type = "parent"};
  support.retry = {.max_tries = 3, .first_delay_us = 0};
  int runs = 0;
  runtime_.support(std::move(support), [&runs](const Intent&, ExecutionContext& context) {
    return [](int* runs, ExecutionContext* context) -> Task<Result<HandlerResult>> {
      auto given = co_await give(context, "it", child_of("work"));
      if (++*runs < 3) co_return fail(ErrorCode::failed, "not yet");
      co_return given;
    }(&runs, &context);
  });
  const Heard heard = runtime_.submit(intent_for("parent"));
  runtime_.run();
  EXPECT_EQ(heard->value().value().status, ExecutionStatus::completed);
  EXPECT_EQ(count_by_status("work")["completed"], 1);
}

TEST_F(Children, OfSomebodyElseAreNotWaitedFor) {
  const Heard other = begin("other", giving("work"));
  const std::string id = row_of("work").execution_id;
  const Heard heard = begin("parent", [id](const Intent&, ExecutionContext& context) {
    return [](std::string id, ExecutionContext* context) -> Task<Result<HandlerResult>> {
      std::vector<std::string> ids{id};
      auto ended = co_await context->wait_children(std::move(ids));
      if (!ended) co_return std::unexpected(ended.error());
      co_return HandlerResult{};
    }(id, &context);
  });
  EXPECT_EQ(heard->value().value().error->reason, "unknown_child");
}

TEST_F(Children, ThatAreStillPendingStartInTheNextProcess) {
  constexpr int kMany = static_cast<int>(StartQueue::kMaxRunning) + 10;
  runtime_.support("parent", giving_to_many(kMany), Effects::context_only);
  runtime_.log.hold();
  (void)runtime_.submit(intent_for("parent"));
  runtime_.run_without_folding();
  ManualRuntime reopened(runtime_.copy_of_log(), 2);
  support(reopened);
  reopened.support("parent", giving_to_many(kMany));
  for (const TrackedPtr& tracked : reopened.decisions.live()) {
    if (tracked->row.status == "waiting") reopened.lifecycle->take_up_waiting(tracked);
    if (tracked->row.status == "pending") reopened.lifecycle->take_up_pending(tracked);
    if (reopened.lifecycle->goes_on_by_itself(*tracked)) (void)reopened.resume(tracked);
  }
  reopened.run();
  EXPECT_EQ(row_of(reopened, "parent").status, "completed");
}

}  // namespace
}  // namespace symphainy::runtime
