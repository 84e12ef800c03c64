// SPDX-License-Identifier: Apache-2.0
// The six stages leave exactly the records they promise, in two batches, and a failed, refused or late execution leaves
// nothing of what it added.
#include "runtime/execution_lifecycle_manager.h"

#include <cstddef>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "base/try.h"
#include "runtime/manual_runtime.h"

namespace symphainy::runtime {
namespace {

using public_works::TenantScope;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<std::string> kBegun = {"IntentAccepted", "ExecutionCreated", "ExecutionStarted"};
const std::vector<std::string> kFailed = {"ExecutionFailed"};

class Lifecycle : public ::testing::Test {
 protected:
  /// Runs one execution of a handler and answers its result.
  ExecutionResult run(HandlerBody body) {
    runtime_.support("make", answering(std::move(body)));
    return runtime_.execute(intent_for("make")).value();
  }
  void expect_nothing_but_the_failure(const ExecutionResult& result, std::string_view name) {
    EXPECT_THAT(runtime_.recorded(), ElementsAre(kBegun, kFailed));
    EXPECT_EQ(result.status, ExecutionStatus::failed);
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->name(), name);
    EXPECT_EQ(*runtime_.last_payload(RecordType::execution_failed).find("error")->find("code"), Json(name));
    EXPECT_EQ(result.position, runtime_.last(RecordType::execution_failed).position);
    EXPECT_THAT(result.artifacts, IsEmpty());
    EXPECT_THAT(result.references, IsEmpty());
    EXPECT_THAT(result.events, IsEmpty());
    EXPECT_TRUE(result.value.is_null());
    expect_nothing_added();
  }
  void expect_nothing_added() {
    EXPECT_THAT(runtime_.store.list_references({}).value(), IsEmpty());
    EXPECT_THAT(runtime_.store.list_events({}).value(), IsEmpty());
    EXPECT_FALSE(runtime_.store.state("acme", "latest").value());
  }

  ManualRuntime runtime_;
};

using Failures = Lifecycle;
using Refusals = Lifecycle;
using Deadlines = Lifecycle;

// --- the six stages

TEST_F(Lifecycle, LeavesTheRecordsOfItsSixStagesInTwoBatches) {
  runtime_.support("make", answering([](const Intent&, ExecutionContext& context) { return add_everything(context); }));
  EXPECT_EQ(runtime_.execute(intent_for("make")).value().status, ExecutionStatus::completed);
  EXPECT_THAT(
      runtime_.recorded(),
      ElementsAre(kBegun, std::vector<std::string>{"ArtifactsHandled", "ReferencesRegistered", "ProvenanceTracked",
                                                   "StateChanged", "EventsQueued", "ExecutionCompleted"}));
}

TEST_F(Lifecycle, LeavesOutTheRecordsOfWhatWasNotAdded) {
  run([](const Intent&, ExecutionContext&) { return HandlerResult{}; });
  EXPECT_THAT(runtime_.recorded(),
              ElementsAre(kBegun, std::vector<std::string>{"ArtifactsHandled", "EventsQueued", "ExecutionCompleted"}));
}

TEST_F(Lifecycle, RecordsWhatTheContextAnsweredBeforeWhatWasMadeOfIt) {
  run([](const Intent&, ExecutionContext& context) -> Result<HandlerResult> {
    TRY(const auto state, context.get_state("absent"));
    return HandlerResult{Json::object({{"at", context.now_us()}, {"found", state.has_value()}})};
  });
  EXPECT_THAT(runtime_.recorded(1), ElementsAre(std::vector<std::string>{"ContextObserved", "ArtifactsHandled",
                                                                         "EventsQueued", "ExecutionCompleted"}));
  EXPECT_EQ(runtime_.last_payload(RecordType::context_observed).find("observations")->size(), 2U);
}

TEST_F(Lifecycle, WritesEveryRecordForItsExecutionTenantAttemptAndEpoch) {
  const ExecutionResult result = run([](const Intent&, ExecutionContext& context) { return add_everything(context); });
  for (const auto& batch : runtime_.contents->batches) {
    for (const base::LogRecord& record : batch->records) {
      EXPECT_EQ(record.execution.text(), result.execution_id);
      EXPECT_EQ(record.tenant, "acme");
      EXPECT_EQ(record.partition_epoch, 1U);
      // It is accepted and created once, whatever the number of attempts.
      EXPECT_EQ(record.attempt, record.position <= 2 ? 0U : 1U) << record.position;
    }
  }
  EXPECT_EQ(runtime_.last_payload(RecordType::execution_started), Json::object({{"attempt", 1}, {"epoch", 1}}));
}

TEST_F(Lifecycle, RecordsTheIntentByteForByteAndWhatItRunsUnder) {
  runtime_.support("make", answering([](const Intent&, ExecutionContext&) { return HandlerResult{}; }));
  Intent intent = intent_for("make", Json::object({{"z", 1}, {"a", "ä\n"}}));
  intent.idempotency_key = "key";
  intent.priority = 3;
  ASSERT_TRUE(runtime_.execute(intent));
  const Json accepted = runtime_.last_payload(RecordType::intent_accepted);
  EXPECT_EQ(accepted.find("intent")->dump(), intent.canonical());
  EXPECT_EQ(*accepted.find("fingerprint"), Json(intent.fingerprint()));
  const Json created = runtime_.last_payload(RecordType::execution_created);
  EXPECT_EQ(*created.find("domain_service"), Json("things"));
  EXPECT_EQ(*created.find("handler"), Json("handle"));
  EXPECT_EQ(*created.find("handler_version"), Json(1));
  EXPECT_EQ(created.find("seed")->as_string().value().size(), 32U);
}

TEST_F(Lifecycle, AnswersWhatItCommitted) {
  runtime_.support("make", answering([this](const Intent&, ExecutionContext& context) {
                     runtime_.clock.advance_us(250);
                     return add_everything(context);
                   }));
  const Intent intent = intent_for("make");
  const ExecutionResult result = runtime_.execute(intent).value();
  EXPECT_EQ(result.status, ExecutionStatus::completed);
  EXPECT_EQ(result.intent_id, intent.intent_id);
  EXPECT_EQ(result.intent_type, "make");
  EXPECT_EQ(result.tenant_id, "acme");
  EXPECT_EQ(result.duration_us, 250);
  EXPECT_EQ(result.position, 9U);
  EXPECT_EQ(result.artifacts.size(), 1U);
  EXPECT_EQ(result.events.size(), 1U);
  ASSERT_EQ(result.references.size(), 2U);
  EXPECT_EQ(result.value, Json::object({{"reference", result.references.front().reference_id}}));
  EXPECT_EQ(result.references.front().created_at_us, runtime_.last(RecordType::references_registered).time_us);
  EXPECT_EQ(runtime_.last_payload(RecordType::execution_completed),
            Json::object({{"duration_us", 250}, {"result", result.value}}));
  const auto row = runtime_.store.execution(TenantScope::only("acme"), result.execution_id).value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->status, "completed");
  EXPECT_EQ(row->ended_position, result.position);
}

TEST_F(Lifecycle, RunsTheHighestVersionOfAHandler) {
  for (const std::uint32_t version : {1U, 3U, 2U}) {
    runtime_.support("make", answering([version](const Intent&, ExecutionContext&) { return HandlerResult{version}; }),
                     Effects::external, Json::object(), version);
  }
  EXPECT_EQ(runtime_.execute(intent_for("make"))->value, Json(3));
  EXPECT_EQ(*runtime_.last_payload(RecordType::execution_created).find("handler_version"), Json(3));
}

// --- failures

TEST_F(Failures, OfTheHandlerLeaveNothingOfWhatItAdded) {
  const ExecutionResult result = run([](const Intent&, ExecutionContext& context) -> Result<HandlerResult> {
    TRY(add_everything(context));
    return fail(ErrorCode::unavailable, "no luck today", "no_luck", Json::object({{"n", 1}}));
  });
  expect_nothing_but_the_failure(result, "no_luck");
  EXPECT_EQ(result.error->code, ErrorCode::unavailable);
  EXPECT_EQ(result.error->message, "no luck today");
  const Json recorded = *runtime_.last_payload(RecordType::execution_failed).find("error");
  EXPECT_EQ(*recorded.find("kind"), Json("unavailable"));
  EXPECT_EQ(*recorded.find("details"), Json::object({{"n", 1}}));
}

TEST_F(Failures, OfAHandlerThatThrowsSayWhatItThrew) {
  const ExecutionResult result = run([](const Intent&, ExecutionContext& context) -> Result<HandlerResult> {
    TRY(add_everything(context));
    throw std::runtime_error("the disk is on fire");
  });
  expect_nothing_but_the_failure(result, "handler_threw");
  EXPECT_EQ(result.error->code, ErrorCode::failed);
  EXPECT_THAT(result.error->message, HasSubstr("the disk is on fire"));
}

TEST_F(Failures, OfAHandlerThatThrowsAnythingElseAreFailuresToo) {
  const ExecutionResult result = run([](const Intent&, ExecutionContext&) -> Result<HandlerResult> { throw 42; });
  expect_nothing_but_the_failure(result, "handler_threw");
}

TEST_F(Failures, AreRecordedAlsoWhenTheErrorItselfCannotBe) {
  const ExecutionResult result = run([](const Intent&, ExecutionContext&) -> Result<HandlerResult> {
    return fail(ErrorCode::failed, "bytes: \xff", "", Json(std::string(100'000, 'x')));
  });
  expect_nothing_but_the_failure(result, "failed");
  EXPECT_EQ(*runtime_.last_payload(RecordType::execution_failed).find("error")->find("message"),
            Json(result.error->message));
}

TEST_F(Failures, ComeOfAResultThatIsTooLargeToRecord) {
  const ExecutionResult result = run([](const Intent&, ExecutionContext& context) -> Result<HandlerResult> {
    TRY(add_everything(context));
    return HandlerResult{Json(std::string(kMaxResultBytes + 1, 'x'))};
  });
  EXPECT_EQ(result.status, ExecutionStatus::failed);
  EXPECT_THAT(runtime_.recorded(), ElementsAre(kBegun, kFailed));
  expect_nothing_added();
}

TEST_F(Failures, ComeOfACompareAndSetThatLostAtTheCommit) {
  Gate slow;
  const HandlerBody body = [](const Intent&, ExecutionContext& context) -> Result<HandlerResult> {
    TRY(add_everything(context));
    TRY(context.put_state("counter", Json(1), 0));
    return HandlerResult{};
  };
  runtime_.support("slow", gated(slow, body));
  runtime_.support("quick", answering(body));
  const Heard loser = runtime_.submit(intent_for("slow"));
  runtime_.run();
  const ExecutionResult winner = runtime_.execute(intent_for("quick")).value();
  ASSERT_EQ(winner.status, ExecutionStatus::completed);
  const std::size_t before = runtime_.batches();
  slow.open();
  runtime_.run();
  ASSERT_TRUE(loser->has_value());
  const ExecutionResult lost = (*loser)->value();
  EXPECT_EQ(lost.status, ExecutionStatus::failed);
  ASSERT_TRUE(lost.error);
  EXPECT_EQ(lost.error->code, ErrorCode::conflict);
  EXPECT_EQ(lost.error->reason, "state_conflict");
  EXPECT_EQ(lost.error->details, Json::object({{"key", "counter"}, {"expected", 0}, {"actual", 1}}));
  EXPECT_THAT(runtime_.recorded(before), ElementsAre(kFailed));
  EXPECT_THAT(lost.artifacts, IsEmpty());
  EXPECT_EQ(runtime_.store.list_references({}).value().size(), 2U) << "the winner's alone";
  EXPECT_EQ(runtime_.store.state("acme", "latest").value()->version, 1U);

  runtime_.support("make", answering([](const Intent&, ExecutionContext& context) { return add_everything(context); }));
  ASSERT_EQ(runtime_.execute(intent_for("make"))->status, ExecutionStatus::completed);
  EXPECT_EQ(*runtime_.last_payload(RecordType::events_queued).find("events")->at(0).find("sequence"), Json(2))
      << "what was refused used no sequence up";
}

TEST_F(Failures, ComeOfACompareAndSetThatLostToWhatIsNotFoldedYet) {
  runtime_.fold_at_once = false;
  runtime_.support("make", answering([](const Intent&, ExecutionContext& context) -> Result<HandlerResult> {
                     TRY(context.put_state("counter", Json(1), 0));
                     return HandlerResult{};
                   }));
  const Heard first = runtime_.submit(intent_for("make"));
  const Heard second = runtime_.submit(intent_for("make"));
  runtime_.run_without_folding();
  EXPECT_EQ(runtime_.store.position().value(), 0U);
  EXPECT_EQ((*first)->value().status, ExecutionStatus::completed);
  ASSERT_TRUE((*second)->value().error);
  EXPECT_EQ((*second)->value().error->reason, "state_conflict");
}

// --- refusals

TEST_F(Refusals, AreRecordedAlone) {
  bool ran = false;
  runtime_.support("make", answering([&](const Intent&, ExecutionContext&) { return ran = true, HandlerResult{}; }),
                   Effects::external, Json::object({{"required", Json::array({"must"})}}));
  Intent invalid = intent_for("make");
  invalid.priority = 12;
  const std::vector<std::pair<Intent, std::string>> refused = {
      {intent_for("unknown"), "unknown_intent_type"},
      {intent_for("make"), "invalid_intent"},  // the parameters lack "must"
      {invalid, "invalid_intent"}};
  for (const auto& [intent, reason] : refused) {
    const std::size_t before = runtime_.batches();
    const ExecutionResult result = runtime_.execute(intent).value();
    EXPECT_EQ(result.status, ExecutionStatus::rejected);
    EXPECT_EQ(result.error->reason, reason);
    EXPECT_THAT(runtime_.recorded(before), ElementsAre(std::vector<std::string>{"IntentRejected"}));
    const base::LogRecord& record = runtime_.last(RecordType::intent_rejected);
    EXPECT_EQ(record.execution.text(), result.execution_id);
    EXPECT_EQ(record.position, result.position);
    const Json payload = runtime_.last_payload(RecordType::intent_rejected);
    EXPECT_EQ(*payload.find("error")->find("code"), Json(reason));
    EXPECT_EQ(*payload.find("intent")->find("intent_id"), Json(intent.intent_id));
  }
  EXPECT_FALSE(ran);
}

TEST_F(Refusals, BindNeitherKeyNorIntentId) {
  Intent intent = intent_for("make");
  intent.idempotency_key = "key";
  EXPECT_EQ(runtime_.execute(intent)->status, ExecutionStatus::rejected);
  runtime_.support("make", answering([](const Intent&, ExecutionContext&) { return HandlerResult{}; }));
  EXPECT_EQ(runtime_.execute(intent)->status, ExecutionStatus::completed);
}

TEST_F(Refusals, OfWhatIsNoIntentKeepWhatWasValidInIt) {
  const Json almost = Json::object({{"tenant_id", "acme"}, {"intent_type", "make"}, {"session_id", "not a name!"}});
  const Heard heard = runtime_.reject(almost, Error{ErrorCode::invalid_argument, "refused", "invalid_intent", {}});
  runtime_.run();
  const ExecutionResult result = heard->value().value();
  EXPECT_EQ(result.status, ExecutionStatus::rejected);
  EXPECT_EQ(result.intent_type, "make");
  EXPECT_THAT(runtime_.recorded(), ElementsAre(std::vector<std::string>{"IntentRejected"}));
  const Json known = *runtime_.last_payload(RecordType::intent_rejected).find("intent");
  EXPECT_EQ(*known.find("intent_type"), Json("make"));
  EXPECT_EQ(*known.find("session_id"), Json(""));
}

TEST_F(Refusals, WithoutATenantAreNotRecorded) {
  Intent nobodys = intent_for("make");
  nobodys.tenant_id = "no name!";
  const ExecutionResult direct = runtime_.execute(nobodys).value();
  const Heard heard =
      runtime_.reject(Json("nonsense"), Error{ErrorCode::invalid_argument, "refused", "invalid_intent", {}});
  runtime_.run();
  for (const ExecutionResult& result : {direct, heard->value().value()}) {
    EXPECT_EQ(result.status, ExecutionStatus::rejected);
    EXPECT_EQ(result.error->reason, "invalid_intent");
    EXPECT_EQ(result.execution_id, "");
    EXPECT_EQ(result.position, 0U);
  }
  EXPECT_THAT(runtime_.recorded(), IsEmpty());
}

// --- deadlines

TEST_F(Deadlines, ThatHavePassedKeepTheHandlerFromStarting) {
  bool ran = false;
  runtime_.support("make", answering([&](const Intent&, ExecutionContext&) { return ran = true, HandlerResult{}; }));
  Intent intent = intent_for("make");
  intent.deadline_us = runtime_.clock.wall_us();
  const ExecutionResult result = runtime_.execute(intent).value();
  expect_nothing_but_the_failure(result, "deadline_exceeded");
  EXPECT_THAT(result.error->message, HasSubstr(base::format_time(*intent.deadline_us)));
  EXPECT_FALSE(ran);
}

TEST_F(Deadlines, ThatPassDuringTheHandlerEndTheExecutionAndTheLateAnswerIsIgnored) {
  Gate gate;
  ExecutionContext* seen = nullptr;
  std::optional<bool> owner_when_late;
  runtime_.support("make", gated(gate, [&](const Intent&, ExecutionContext& context) {
                     seen = &context;
                     owner_when_late = context.still_owner();
                     return add_everything(context);
                   }));
  Intent intent = intent_for("make");
  intent.deadline_us = runtime_.clock.wall_us() + 1'000;
  const Heard heard = runtime_.submit(intent);
  runtime_.run();
  runtime_.partition.advance_us(999);
  runtime_.run();
  EXPECT_TRUE(gate.reached());
  EXPECT_FALSE(heard->has_value());
  runtime_.partition.advance_us(1);
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  expect_nothing_but_the_failure((*heard)->value(), "deadline_exceeded");
  EXPECT_EQ((*heard)->value().duration_us, 1'000);

  gate.open();
  runtime_.run();
  EXPECT_NE(seen, nullptr) << "the late handler does run to its end";
  EXPECT_EQ(owner_when_late, false);
  EXPECT_THAT(runtime_.recorded(), ElementsAre(kBegun, kFailed)) << "nothing is added to what has ended";
  expect_nothing_added();
}

TEST_F(Deadlines, ThatAreMetChangeNothing) {
  Gate gate;
  runtime_.support("make", gated(gate, [](const Intent&, ExecutionContext& context) {
                     EXPECT_TRUE(context.still_owner());
                     return add_everything(context);
                   }));
  Intent intent = intent_for("make");
  intent.deadline_us = runtime_.clock.wall_us() + 1'000;
  const Heard heard = runtime_.submit(intent);
  runtime_.run();
  runtime_.partition.advance_us(999);
  gate.open();
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ((*heard)->value().status, ExecutionStatus::completed);
  const std::size_t before = runtime_.batches();
  runtime_.partition.advance_us(10'000);
  runtime_.run();
  EXPECT_EQ(runtime_.batches(), before) << "the timer finds nothing to end";
}

}  // namespace
}  // namespace symphainy::runtime
