// SPDX-License-Identifier: Apache-2.0
// What the lifecycle waits for and who gets which answer: durability before anything is heard, one execution for
// duplicates, "unknown" when the log stops, and a second attempt after a crash.
#include <cstddef>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/try.h"
#include "runtime/execution_lifecycle_manager.h"
#include "runtime/manual_runtime.h"

namespace symphainy::runtime {
namespace {

using public_works::TenantScope;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Names = std::vector<std::string>;
const Names kBegun = {"IntentAccepted", "ExecutionCreated", "ExecutionStarted"};
const Names kBareEnd = {"ArtifactsHandled", "EventsQueued", "ExecutionCompleted"};

class LifecycleOrder : public ::testing::Test {
 protected:
  /// Counts its runs.
  IntentHandler counting() {
    return answering([this](const Intent&, ExecutionContext&) {
      ++runs_;
      return HandlerResult{Json(runs_)};
    });
  }
  static Intent keyed(const std::string& type, Json parameters = Json::object(), const std::string& tenant = "acme") {
    Intent intent = intent_for(type, std::move(parameters), tenant);
    intent.idempotency_key = "key";
    return intent;
  }

  int runs_ = 0;
  ManualRuntime runtime_;
};

using Durability = LifecycleOrder;
using Duplicates = LifecycleOrder;
using StoppedLog = LifecycleOrder;
using Resuming = LifecycleOrder;

// --- durability

TEST_F(Durability, OfTheAcceptanceIsWaitedForBeforeAHandlerWithEffectsStarts) {
  runtime_.support("make", counting());
  runtime_.log.hold();
  const Heard heard = runtime_.submit(intent_for("make"));
  runtime_.run();
  EXPECT_THAT(runtime_.recorded(), ElementsAre(kBegun)) << "appended, but not durable";
  EXPECT_EQ(runs_, 0);
  runtime_.log.release_one();
  runtime_.run();
  EXPECT_EQ(runs_, 1);
}

TEST_F(Durability, OfTheAcceptanceIsNotWaitedForByAHandlerThatOnlyTouchesItsContext) {
  runtime_.support("make", counting(), Effects::context_only);
  runtime_.log.hold();
  const Heard heard = runtime_.submit(intent_for("make"));
  runtime_.run();
  EXPECT_EQ(runs_, 1);
  EXPECT_THAT(runtime_.recorded(), ElementsAre(kBegun, kBareEnd));
  EXPECT_FALSE(heard->has_value());
  runtime_.log.release_one();
  runtime_.run();
  EXPECT_FALSE(heard->has_value()) << "the acceptance alone is no answer";
  runtime_.log.release_one();
  runtime_.run();
  EXPECT_TRUE(heard->has_value());
}

TEST_F(Durability, OfTheCommitComesBeforeTheResult) {
  const auto fails = [](const Intent&, ExecutionContext&) -> Result<HandlerResult> {
    return fail(ErrorCode::failed, "no", "no");
  };
  runtime_.support("make", counting());
  runtime_.support("fail", answering(fails));
  for (const std::string type : {"make", "fail"}) {
    runtime_.log.hold();
    const Heard heard = runtime_.submit(intent_for(type));
    runtime_.run();
    runtime_.log.release_one();
    runtime_.run();
    EXPECT_EQ(runtime_.log.held(), 1U) << "the commit is appended";
    EXPECT_FALSE(heard->has_value()) << type;
    EXPECT_EQ(runtime_.store.list_executions({}).value().front().status, "running") << "nor is it shown";
    runtime_.log.release();
    runtime_.run();
    EXPECT_TRUE(heard->has_value()) << type;
  }
}

TEST_F(Durability, OfARefusalComesBeforeItsAnswer) {
  runtime_.log.hold();
  const Heard heard = runtime_.submit(intent_for("unknown"));
  runtime_.run();
  EXPECT_EQ(runtime_.log.held(), 1U);
  EXPECT_FALSE(heard->has_value());
  runtime_.log.release();
  runtime_.run();
  EXPECT_EQ((*heard)->value().status, ExecutionStatus::rejected);
}

TEST_F(Durability, IsSharedByExecutionsThatEndTogether) {
  runtime_.support("make", counting(), Effects::context_only);
  runtime_.log.hold();
  std::vector<Heard> heard;
  for (int i = 0; i < 3; ++i) heard.push_back(runtime_.submit(intent_for("make")));
  runtime_.run();
  runtime_.log.release();
  runtime_.run();
  for (const Heard& one : heard) EXPECT_TRUE(one->has_value());
}

// --- duplicates

TEST_F(Duplicates, InFlightWaitForTheFirstAndGetItsResult) {
  Gate gate;
  runtime_.support("make", gated(gate, [this](const Intent&, ExecutionContext& context) {
                     ++runs_;
                     return add_everything(context);
                   }));
  const Intent first = keyed("make");
  Intent same_id = intent_for("make");
  same_id.intent_id = first.intent_id;
  const std::vector<Heard> heard = {runtime_.submit(first), runtime_.submit(keyed("make")), runtime_.submit(same_id)};
  runtime_.run();
  for (const Heard& one : heard) EXPECT_FALSE(one->has_value());
  gate.open();
  runtime_.run();
  ASSERT_TRUE(heard[0]->has_value());
  EXPECT_EQ((*heard[0])->value().status, ExecutionStatus::completed);
  for (const Heard& one : heard) {
    ASSERT_TRUE(one->has_value());
    EXPECT_EQ((*one)->value().to_json(), (*heard[0])->value().to_json());
  }
  EXPECT_EQ(runs_, 1);
  EXPECT_EQ(runtime_.batches(), 2U) << "duplicates leave no record";
}

TEST_F(Duplicates, GetTheSameResultWhenTheFirstHasEndedFoldedOrNot) {
  runtime_.support("make", answering([](const Intent&, ExecutionContext& context) { return add_everything(context); }));
  const std::string first = runtime_.execute(keyed("make")).value().to_json().dump();
  EXPECT_EQ(runtime_.decisions.remembered(), 0U);
  EXPECT_EQ(runtime_.decisions.find_binding(keyed("make")).value()->tracked, nullptr) << "it has ended";
  EXPECT_EQ(runtime_.execute(keyed("make")).value().to_json().dump(), first) << "folded: read back from the log";

  runtime_.fold_at_once = false;
  Intent other = intent_for("make");
  other.idempotency_key = "other key";
  const Heard heard = runtime_.submit(other);
  runtime_.run_without_folding();  // who has ended is still remembered
  ASSERT_TRUE(heard->has_value());
  EXPECT_GT(runtime_.decisions.remembered(), 0U);
  other.intent_id = "another-id";
  const Heard duplicate = runtime_.submit(other);
  runtime_.run_without_folding();
  ASSERT_TRUE(duplicate->has_value());
  EXPECT_EQ((*duplicate)->value().to_json(), (*heard)->value().to_json());
  EXPECT_EQ(runtime_.batches(), 4U);
}

TEST_F(Duplicates, WithAnotherBodyAreRefusedAndDisturbNothing) {
  Gate gate;
  runtime_.support("make", gated(gate, [](const Intent&, ExecutionContext&) { return HandlerResult{}; }));
  const Intent first = keyed("make");
  const Heard heard = runtime_.submit(first);
  runtime_.run();
  Intent same_id = intent_for("make", Json::object({{"n", 2}}));
  same_id.intent_id = first.intent_id;
  const std::vector<std::pair<Intent, std::string>> others = {
      {keyed("make", Json::object({{"n", 1}})), "idempotency_key"}, {same_id, "intent_id"}};
  for (int pass = 0; pass < 2; ++pass) {  // while it runs, and after it has ended and is folded
    for (const auto& [other, bound_by] : others) {
      const std::size_t before = runtime_.batches();
      const ExecutionResult refused = runtime_.execute(other).value();
      EXPECT_EQ(refused.status, ExecutionStatus::rejected);
      ASSERT_TRUE(refused.error);
      EXPECT_EQ(refused.error->code, ErrorCode::conflict);
      EXPECT_EQ(refused.error->reason, "idempotency_conflict");
      EXPECT_EQ(*refused.error->details.find("bound_by"), Json(bound_by));
      EXPECT_NE(*refused.error->details.find("execution_id"), Json(refused.execution_id));
      EXPECT_THAT(runtime_.recorded(before), ElementsAre(Names{"IntentRejected"}));
    }
    EXPECT_EQ(heard->has_value(), pass == 1);
    gate.open();
    runtime_.run();
  }
  EXPECT_EQ((*heard)->value().status, ExecutionStatus::completed);
}

// Answering them would leave the key unbound, or answer one request with two executions.
TEST_F(Duplicates, WhoseIntentIdCameWithAnotherKeyAreRefused) {
  runtime_.support("make", counting());
  const auto of = [](const std::string& id, const std::optional<std::string>& key) {
    Intent intent = intent_for("make");
    intent.intent_id = id;
    intent.idempotency_key = key;
    return intent;
  };
  const auto submit = [&](const std::string& id, const std::optional<std::string>& key) {
    const ExecutionResult result = runtime_.execute(of(id, key)).value();
    return result.error ? "refused: " + result.error->message : result.execution_id;
  };
  const auto refused_because = [](const std::string& why) { return AllOf(HasSubstr("refused: "), HasSubstr(why)); };
  for (const bool folded : {true, false}) {
    SCOPED_TRACE(folded);
    const std::string by = folded ? "" : "-again";
    runtime_.fold_at_once = folded;
    const std::string first = submit("i1" + by, "A" + by);
    EXPECT_THAT(submit("i1" + by, "B" + by), refused_because("submitted with idempotency_key 'A" + by + "', not with"));
    const std::string second = submit("i2" + by, "B" + by);
    EXPECT_NE(second, first);
    EXPECT_THAT(submit("i1" + by, "B" + by), refused_because("'B" + by + "' stands for execution " + second));
    EXPECT_THAT(submit("i1" + by, "B" + by), refused_because("'i1" + by + "' for execution " + first));
    const std::string keyless = submit("i3" + by, std::nullopt);
    EXPECT_THAT(submit("i3" + by, "C" + by), refused_because("submitted without an idempotency_key, not with"));

    EXPECT_EQ(submit("i1" + by, "A" + by), first);
    EXPECT_EQ(submit("new" + by, "A" + by), first);
    EXPECT_EQ(submit("i1" + by, std::nullopt), first);
    EXPECT_EQ(submit("i2" + by, "B" + by), second);
    EXPECT_EQ(submit("i3" + by, std::nullopt), keyless);
  }
  EXPECT_EQ(runs_, 6);
}

TEST_F(Duplicates, OfAnotherTenantAreNone) {
  runtime_.support("make", counting());
  const std::string one = runtime_.execute(keyed("make")).value().execution_id;
  EXPECT_NE(runtime_.execute(keyed("make", Json::object(), "other")).value().execution_id, one);
  EXPECT_EQ(runs_, 2);
}

// --- a log that stops

TEST_F(StoppedLog, BeforeTheAcceptanceIsDurableLeavesTheOutcomeUnknownAndRunsNothing) {
  runtime_.support("make", counting());
  runtime_.log.hold();
  const Heard heard = runtime_.submit(keyed("make"));
  const Heard duplicate = runtime_.submit(keyed("make"));
  runtime_.run();
  runtime_.log.stop();
  runtime_.run();
  EXPECT_EQ(runs_, 0);
  const Heard late = runtime_.submit(intent_for("make"));
  runtime_.run();
  ASSERT_TRUE(late->has_value());
  EXPECT_EQ((*late)->error().code, ErrorCode::stopped);
  for (const Heard& one : {heard, duplicate}) {
    ASSERT_TRUE(one->has_value());
    ASSERT_FALSE(**one) << "it may be on disk: neither completed nor failed can be said";
    EXPECT_EQ((*one)->error().code, ErrorCode::unknown);
    EXPECT_EQ((*one)->error().reason, "outcome_unknown");
  }
}

TEST_F(StoppedLog, WhileTheHandlerRunsLeavesTheOutcomeUnknown) {
  Gate gate;
  runtime_.support("make", gated(gate, [](const Intent&, ExecutionContext&) { return HandlerResult{}; }));
  const Heard heard = runtime_.submit(keyed("make"));
  runtime_.run();
  runtime_.log.stop();
  gate.open();
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  ASSERT_FALSE(**heard);
  EXPECT_EQ((*heard)->error().reason, "outcome_unknown") << "it was accepted, and goes on when the log is opened again";
}

TEST_F(StoppedLog, BeforeTheCommitIsDurableLeavesTheOutcomeUnknownToEverybody) {
  runtime_.support("make", counting());
  runtime_.log.hold();
  const Heard heard = runtime_.submit(keyed("make"));
  runtime_.run();
  runtime_.log.release_one();
  runtime_.run();
  const Heard duplicate = runtime_.submit(keyed("make"));
  runtime_.run();
  EXPECT_EQ(runs_, 1);
  runtime_.log.stop();
  runtime_.run();
  const Heard late = runtime_.submit(keyed("make"));
  runtime_.run();
  for (const Heard& one : {heard, duplicate, late}) {
    ASSERT_TRUE(one->has_value());
    ASSERT_FALSE(**one);
    EXPECT_EQ((*one)->error().reason, "outcome_unknown");
  }
  // A process that opens what is on disk can say it: the commit had got there.
  ManualRuntime again(runtime_.copy_of_log());
  EXPECT_EQ(again.execute(keyed("make")).value().status, ExecutionStatus::completed);
}

// --- resuming

// Says what of an execution must be the same in every attempt.
Result<HandlerResult> describe(const Intent& intent, ExecutionContext& context) {
  TRY(add_everything(context));
  return HandlerResult{Json::object({{"execution", context.execution_id()},
                                     {"id", context.new_id()},
                                     {"intent", intent.to_json()},
                                     {"random", context.random()}})};
}

TEST_F(Resuming, GoesOnAsTheNextAttemptWithTheSameSeed) {
  Gate gate;
  runtime_.support("make", gated(gate, describe));
  const Heard heard = runtime_.submit(intent_for("make", Json::object({{"n", 1}})));
  runtime_.run();
  ManualRuntime again(runtime_.copy_of_log(), 2);  // other random numbers than the first process had
  again.support("make", answering(describe));
  const auto live = again.decisions.live();
  ASSERT_EQ(live.size(), 1U);
  again.clock.advance_us(5'000);
  const std::size_t before = again.batches();
  const Heard resumed = again.resume(live.front());
  again.run();
  gate.open();  // and what would have been
  runtime_.run();
  ASSERT_TRUE(heard->has_value() && resumed->has_value());
  const ExecutionResult first = (*heard)->value();
  const ExecutionResult second = (*resumed)->value();
  EXPECT_EQ(second.status, ExecutionStatus::completed);
  EXPECT_EQ(second.execution_id, first.execution_id);
  EXPECT_EQ(second.value, first.value) << "random numbers and ids derive from the seed that was recorded";
  EXPECT_EQ(second.references.front().reference_id, first.references.front().reference_id);
  EXPECT_EQ(second.events.front().event_id, first.events.front().event_id);
  EXPECT_GE(second.duration_us, 5'000) << "from its acceptance, by the process before";

  const auto recorded = again.recorded(before);
  ASSERT_EQ(recorded.size(), 2U);
  EXPECT_EQ(recorded[0], Names{"ExecutionStarted"}) << "it is accepted and created once";
  EXPECT_EQ(recorded[1].front(), "ArtifactsHandled");
  EXPECT_EQ(again.last_payload(RecordType::execution_started), Json::object({{"attempt", 2}, {"epoch", 2}}));
  EXPECT_EQ(again.last(RecordType::execution_completed).attempt, 2U);
  const auto row = again.store.execution(TenantScope::only("acme"), second.execution_id).value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->attempt, 2U);
  EXPECT_EQ(row->batches.size(), 3U);
  EXPECT_THAT(again.decisions.live(), IsEmpty());
}

TEST_F(Resuming, WaitsForItsStartToBeDurable) {
  runtime_.support("make", counting());
  runtime_.log.hold();
  const Heard heard = runtime_.submit(intent_for("make"));
  runtime_.run();
  ManualRuntime again(runtime_.copy_of_log());
  again.support("make", counting());
  again.log.hold();
  const Heard resumed = again.resume(again.decisions.live().at(0));
  again.run();
  EXPECT_EQ(runs_, 0);
  again.log.release();
  again.run();
  EXPECT_EQ(runs_, 1);
  EXPECT_TRUE(resumed->has_value());
}

TEST_F(Resuming, IsDoneByADuplicateThatComesFirst) {
  Gate gate;
  runtime_.support("make", gated(gate, [](const Intent&, ExecutionContext&) { return HandlerResult{}; }));
  const Heard heard = runtime_.submit(keyed("make"));
  runtime_.run();
  ManualRuntime again(runtime_.copy_of_log());
  again.support("make", counting());
  const TrackedPtr tracked = again.decisions.live().at(0);
  const Heard duplicate = again.submit(keyed("make"));
  const Heard resumed = again.resume(tracked);
  again.run();
  ASSERT_TRUE(duplicate->has_value() && resumed->has_value());
  EXPECT_EQ((*duplicate)->value().execution_id, tracked->row.execution_id);
  EXPECT_EQ((*duplicate)->value().to_json(), (*resumed)->value().to_json());
  EXPECT_EQ(runs_, 1) << "the other one waits for it";
  gate.open();
}

TEST_F(Resuming, WithoutAHandlerIsParkedUntilThereIsOne) {
  Gate gate;
  runtime_.support("make", gated(gate, [](const Intent&, ExecutionContext&) { return HandlerResult{}; }));
  const Heard heard = runtime_.submit(intent_for("make"));
  runtime_.run();
  ManualRuntime again(runtime_.copy_of_log());
  again.support("make", counting(), Effects::external, Json::object(), 2);  // another version is another handler
  const std::size_t before = again.batches();
  const Heard resumed = again.resume(again.decisions.live().at(0));
  again.run();
  ASSERT_TRUE(resumed->has_value());
  const ExecutionResult result = (*resumed)->value();
  EXPECT_EQ(result.status, ExecutionStatus::parked);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->reason, "missing_handler");
  EXPECT_THAT(result.error->message, ::testing::HasSubstr("'make' version 1 (things/handle)"));
  EXPECT_THAT(again.recorded(before), ElementsAre(Names{"ExecutionStarted"}, Names{"ExecutionParked"}));
  EXPECT_EQ(runs_, 0);
  again.support("make", counting());
  const Heard acted = again.command({Action::resume, "acme", result.execution_id, {"user", "u"}, "it is back", true});
  again.run();
  ASSERT_TRUE(acted->has_value());
  EXPECT_EQ((*acted)->value().status, ExecutionStatus::completed);
  EXPECT_EQ(runs_, 1);
  EXPECT_THAT(again.decisions.live(), IsEmpty());
  gate.open();
}

TEST_F(Resuming, AfterTheDeadlineDoesNotStartTheHandlerAgain) {
  Gate gate;
  runtime_.support("make", gated(gate, [](const Intent&, ExecutionContext&) { return HandlerResult{}; }));
  Intent intent = intent_for("make");
  intent.deadline_us = runtime_.clock.wall_us() + 1'000;
  const Heard heard = runtime_.submit(intent);
  runtime_.run();
  ManualRuntime again(runtime_.copy_of_log());
  again.support("make", counting());
  again.clock.advance_us(1'000);
  const Heard resumed = again.resume(again.decisions.live().at(0));
  again.run();
  EXPECT_EQ((*resumed)->value().error->name(), "deadline_exceeded");
  EXPECT_EQ(runs_, 0);
  gate.open();
}

TEST_F(Resuming, FindsNothingToDoForWhatHasEnded) {
  runtime_.support("make", counting());
  ASSERT_TRUE(runtime_.execute(intent_for("make")));
  ManualRuntime again(runtime_.copy_of_log());
  EXPECT_THAT(again.decisions.live(), IsEmpty());
}

// --- held back

TEST_F(LifecycleOrder, WithoutRoomNothingNewBeginsAndWhatWasSeenIsStillAnswered) {
  runtime_.support("make", counting());
  const auto first = runtime_.execute(keyed("make"));
  ASSERT_TRUE(first);
  const std::size_t before = runtime_.batches();
  runtime_.log.fill_up(true);
  const auto refused = runtime_.execute(intent_for("make"));
  ASSERT_FALSE(refused) << "nothing was recorded, so this is no result";
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(refused.error().reason, "no_space");
  EXPECT_EQ(runtime_.batches(), before);
  const auto again = runtime_.execute(keyed("make"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->execution_id, first->execution_id);
  runtime_.log.fill_up(false);
  EXPECT_TRUE(runtime_.execute(intent_for("make")));
}

TEST_F(LifecycleOrder, HoldsNewIntentsBackWhileTheFoldLagsTooFar) {
  Admission& admission = runtime_.admission;
  runtime_.support("make", counting());
  admission.appended(2'000'000, 0);
  const Heard one = runtime_.submit(intent_for("make"));
  const Heard two = runtime_.submit(intent_for("make"));
  runtime_.run();
  EXPECT_EQ(runtime_.batches(), 0U);
  admission.folded(1'000'000);
  runtime_.run();
  EXPECT_TRUE(one->has_value() && two->has_value());
  admission.appended(5'000'000, 0);
  const Heard three = runtime_.submit(intent_for("make"));
  runtime_.run();
  EXPECT_FALSE(three->has_value());
  admission.close(Error{ErrorCode::corrupt, "the fold has failed", "fold_failed", {}});
  runtime_.run();
  ASSERT_TRUE(three->has_value());
  ASSERT_FALSE(**three);
  EXPECT_EQ((*three)->error().reason, "fold_failed");
  EXPECT_EQ(runs_, 2);
}

}  // namespace
}  // namespace symphainy::runtime
