// SPDX-License-Identifier: Apache-2.0
// What somebody does to an execution: it is on the record, with who did it and why, before anybody hears of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "runtime/execution_history.h"
#include "runtime/manual_runtime.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Names = std::vector<std::string>;
const Names kBegun = {"IntentAccepted", "ExecutionCreated", "ExecutionStarted"};

// A handler that takes the steps "one" and "two", and stands still in "one" until the gate opens.
struct Work {
  Gate gate;
  std::vector<std::string> effects;
  bool saw_cancellation = false;

  IntentHandler handler(bool swallow = false) {
    return [this, swallow](const Intent&, ExecutionContext& context) { return take_steps(this, swallow, &context); };
  }
  static Task<Result<HandlerResult>> take_steps(Work* work, bool swallow, ExecutionContext* context) {
    const StepFunction one = [work, context](const StepRun&) { return work->stand_still("one", context); };
    const StepFunction two = [work](const StepRun&) { return work->note("two"); };
    auto first = co_await context->step("one", Json(), one);
    if (!first) co_return std::unexpected(first.error());
    auto second = co_await context->step("two", Json(), two);
    if (!second && !swallow) co_return std::unexpected(second.error());
    if (auto put = context->put_state("done", Json(true)); !put) co_return std::unexpected(put.error());
    co_return HandlerResult{Json(second ? "both" : second.error().reason)};
  }
  Task<Result<Json>> stand_still(std::string name, ExecutionContext* context) {
    co_await gate;
    saw_cancellation = context->is_cancelled();
    co_return co_await note(std::move(name));
  }
  Task<Result<Json>> note(std::string name) {
    effects.push_back(name);
    co_return Json(name);
  }
};

class ExecutionCommands : public ::testing::Test {
 protected:
  ~ExecutionCommands() override {
    work_.gate.open();
    runtime_.run();
  }
  /// An execution in the middle of its first step.
  void begin(bool swallow = false) {
    runtime_.support("work", work_.handler(swallow));
    heard_ = runtime_.submit(intent_for("work"));
    runtime_.run();
    ASSERT_TRUE(work_.gate.reached());
    id_ = live().front()->row.execution_id;
  }
  std::vector<TrackedPtr> live() { return runtime_.decisions.live(); }
  ExecutionCommand to(Action action, bool wait = false) const {
    return {action, "acme", id_, {"user", "maria"}, "wrong file", wait};
  }
  Heard act(Action action, bool wait = false) {
    Heard answer = runtime_.command(to(action, wait));
    runtime_.run();
    return answer;
  }
  static std::string reason_of(const Heard& heard) {
    if (!heard->has_value()) return "not answered";
    return (*heard)->has_value() ? "no error" : (*heard)->error().reason;
  }
  static ExecutionStatus status_of(const Heard& heard) { return heard->value().value().status; }
  public_works::ExecutionRow row() { return runtime_.store.list_executions({}).value().front(); }

  Work work_;
  ManualRuntime runtime_;
  Heard heard_;
  std::string id_;
};

TEST_F(ExecutionCommands, CancellingIsHeardInAStepAndRefusesTheNext) {
  begin();
  const Heard answer = act(Action::cancel);
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ(status_of(answer), ExecutionStatus::running) << "it has been asked for";
  EXPECT_FALSE(heard_->has_value());
  work_.gate.open();
  runtime_.run();
  ASSERT_TRUE(heard_->has_value());
  const ExecutionResult result = heard_->value().value();
  EXPECT_EQ(result.status, ExecutionStatus::cancelled);
  EXPECT_EQ(result.error->reason, "cancellation_requested");
  EXPECT_EQ(result.error->message, "cancelled by user:maria: wrong file");
  EXPECT_TRUE(work_.saw_cancellation);
  EXPECT_THAT(work_.effects, ElementsAre("one")) << "what had begun is finished, nothing else begins";
  EXPECT_THAT(runtime_.recorded(),
              ElementsAre(kBegun, Names{"CancellationRequested"}, Names{"StepCompleted", "ExecutionCancelled"}));
  const Json asked = runtime_.last_payload(RecordType::cancellation_requested);
  EXPECT_EQ(asked.dump(), R"({"actor":{"id":"maria","type":"user"},"reason":"wrong file"})");
  EXPECT_EQ(row().status, "cancelled");
  EXPECT_EQ(row().error_code, "cancellation_requested");
  EXPECT_THAT(live(), IsEmpty());
  EXPECT_EQ(result_from_history(read_history(runtime_.log, row()).value())->to_json(), result.to_json());
}

TEST_F(ExecutionCommands, NobodyHearsOfACancellationThatIsNotDurable) {
  begin();
  runtime_.log.hold();
  const Heard answer = act(Action::cancel);
  work_.gate.open();
  runtime_.run();
  EXPECT_FALSE(answer->has_value());
  EXPECT_FALSE(work_.saw_cancellation);
  runtime_.log.release();
  runtime_.run();
  EXPECT_TRUE(answer->has_value());
}

TEST_F(ExecutionCommands, AHandlerThatIsCancelledMayCompleteAllTheSame) {
  begin(true);
  (void)act(Action::cancel);
  work_.gate.open();
  runtime_.run();
  EXPECT_EQ(status_of(heard_), ExecutionStatus::completed);
  EXPECT_EQ(heard_->value()->value.dump(), R"("cancellation_requested")");
  EXPECT_EQ(runtime_.store.state("acme", "done").value()->value, "true");
}

TEST_F(ExecutionCommands, CancellingTwiceRecordsNothingMore) {
  begin();
  (void)act(Action::cancel);
  const std::size_t before = runtime_.batches();
  EXPECT_EQ(reason_of(act(Action::cancel)), "no error");
  EXPECT_EQ(runtime_.batches(), before);
}

TEST_F(ExecutionCommands, WhoeverWaitsHearsTheEnd) {
  begin();
  const Heard answer = act(Action::cancel, true);
  EXPECT_FALSE(answer->has_value());
  work_.gate.open();
  runtime_.run();
  EXPECT_EQ(status_of(answer), ExecutionStatus::cancelled);
}

TEST_F(ExecutionCommands, ACancellationOutlivesTheProcess) {
  begin();
  (void)act(Action::cancel);
  Work after;
  after.gate.open();
  ManualRuntime again(runtime_.copy_of_log(), 2);
  again.support("work", after.handler());
  const Heard resumed = again.resume(again.decisions.live().front());
  again.run();
  EXPECT_EQ(status_of(resumed), ExecutionStatus::cancelled);
  EXPECT_EQ(resumed->value()->error->message, "cancelled by user:maria: wrong file");
  EXPECT_THAT(after.effects, IsEmpty()) << "the first step was not recorded, so it is refused too";
}

TEST_F(ExecutionCommands, TerminatingEndsItWhateverItsHandlerDoes) {
  begin();
  const Heard answer = act(Action::terminate);
  ASSERT_TRUE(heard_->has_value()) << "while its handler stands still";
  EXPECT_EQ(status_of(heard_), ExecutionStatus::terminated);
  EXPECT_EQ(heard_->value()->error->message, "terminated by user:maria: wrong file");
  EXPECT_EQ(status_of(answer), ExecutionStatus::terminated);
  EXPECT_THAT(runtime_.recorded(), ElementsAre(kBegun, Names{"ExecutionTerminated"}));
  const Json end = runtime_.last_payload(RecordType::execution_terminated);
  EXPECT_EQ(end.find("actor")->dump(), R"({"id":"maria","type":"user"})");
  EXPECT_EQ(end.find("reason")->dump(), R"("wrong file")");
  EXPECT_EQ(row().status, "terminated");
  work_.gate.open();
  runtime_.run();
  EXPECT_THAT(runtime_.recorded(), ElementsAre(kBegun, Names{"ExecutionTerminated"})) << "nothing of it is recorded";
  EXPECT_THAT(work_.effects, ElementsAre("one"));
}

TEST_F(ExecutionCommands, TerminatingBeforeTheHandlerBeganKeepsItFromBeginning) {
  runtime_.support("work", work_.handler());
  runtime_.log.hold();
  heard_ = runtime_.submit(intent_for("work"));
  runtime_.run();
  id_ = live().front()->row.execution_id;
  const Heard answer = act(Action::terminate);
  EXPECT_FALSE(answer->has_value());
  runtime_.log.release();
  runtime_.run();
  EXPECT_EQ(status_of(answer), ExecutionStatus::terminated);
  EXPECT_EQ(status_of(heard_), ExecutionStatus::terminated);
  EXPECT_FALSE(work_.gate.reached());
  EXPECT_EQ(row().status, "terminated");
}

TEST_F(ExecutionCommands, WhatHasEndedIsLeftAsItIs) {
  begin();
  EXPECT_EQ(reason_of(act(Action::resume)), "not_parked");
  work_.gate.open();
  runtime_.run();
  ASSERT_EQ(status_of(heard_), ExecutionStatus::completed);
  const std::size_t before = runtime_.batches();
  for (const Action action : {Action::cancel, Action::terminate, Action::resume}) {
    EXPECT_EQ(reason_of(act(action)), "has_ended") << to_string(action);
  }
  EXPECT_EQ(runtime_.batches(), before);
}

TEST_F(ExecutionCommands, AnEndThatIsNotDurableYetIsAnEnd) {
  begin();
  runtime_.log.hold();
  work_.gate.open();
  runtime_.run();
  runtime_.log.release_one();  // the steps, not the commit
  runtime_.run();
  ASSERT_FALSE(heard_->has_value());
  EXPECT_EQ(reason_of(act(Action::terminate)), "has_ended");
  runtime_.log.release();
  runtime_.run();
  EXPECT_EQ(status_of(heard_), ExecutionStatus::completed);
}

TEST_F(ExecutionCommands, OfAnotherTenantOrNobodyFindNothing) {
  begin();
  ExecutionCommand foreign = to(Action::terminate);
  foreign.tenant_id = "other";
  Heard answer = runtime_.command(foreign);
  runtime_.run();
  EXPECT_EQ(reason_of(answer), "unknown_execution");
  id_ = "0193a0c0-7d7e-7c4f-8e0a-5f5b3c2d1e0f";
  EXPECT_EQ(reason_of(act(Action::cancel)), "unknown_execution");
  EXPECT_FALSE(heard_->has_value());
}

TEST_F(ExecutionCommands, ThatSayNotWhoActsAreRefused) {
  begin();
  const auto refusal = [this](auto change) {
    ExecutionCommand command = to(Action::cancel);
    change(command);
    const Heard answer = runtime_.command(command);
    runtime_.run();
    return reason_of(answer) == "invalid_command" ? (*answer)->error().message : reason_of(answer);
  };
  EXPECT_THAT(refusal([](auto& command) { command.actor.type = "no name!"; }), HasSubstr("actor.type"));
  EXPECT_THAT(refusal([](auto& command) { command.actor.id = ""; }), HasSubstr("actor.id"));
  EXPECT_THAT(refusal([](auto& command) { command.actor.id = std::string(257, 'x'); }), HasSubstr("actor.id"));
  EXPECT_THAT(refusal([](auto& command) { command.reason = "\xff"; }), HasSubstr("reason"));
  EXPECT_THAT(refusal([](auto& command) { command.reason = std::string(1025, 'x'); }), HasSubstr("reason"));
  EXPECT_THAT(refusal([](auto& command) { command.execution_id = "x"; }), HasSubstr("execution_id"));
  EXPECT_THAT(refusal([](auto& command) { command.tenant_id = ""; }), HasSubstr("tenant_id"));
  EXPECT_EQ(runtime_.batches(), 1U);
}

// --- what is parked

// Fails until it is told not to, and is parked then.
class Parked : public ExecutionCommands {
 protected:
  void SetUp() override {
    IntentSupport support{.intent_type = "work"};
    support.out_of_attempts = OutOfAttempts::park;
    runtime_.support(std::move(support), [this](const Intent&, ExecutionContext& context) { return run(&context); });
    heard_ = runtime_.submit(intent_for("work"));
    runtime_.run();
    ASSERT_EQ(status_of(heard_), ExecutionStatus::parked);
    id_ = heard_->value()->execution_id;
  }
  Task<Result<HandlerResult>> run(ExecutionContext* context) {
    auto good = co_await context->step("good", Json(), [this](const StepRun&) { return work_.note("good"); });
    if (!good) co_return std::unexpected(good.error());
    auto bad = co_await context->step("bad", Json(), [this](const StepRun&) { return fail_or_not(); });
    if (!bad) co_return std::unexpected(bad.error());
    co_return HandlerResult{Json("at last")};
  }
  Task<Result<Json>> fail_or_not() {
    work_.effects.emplace_back("bad");
    if (fails_) co_return fail(ErrorCode::unavailable, "no connection", "no_connection");
    co_return Json();
  }
  bool fails_ = true;
};

TEST_F(Parked, ItSaysWhyAndWaits) {
  EXPECT_EQ(heard_->value()->error->reason, "no_connection");
  EXPECT_EQ(row().status, "parked");
  EXPECT_EQ(row().error_code, "no_connection");
  EXPECT_EQ(live().size(), 1U);
}

TEST_F(Parked, ResumedItDoesAgainWhatFailedAndNothingElse) {
  fails_ = false;
  const Heard answer = act(Action::resume);
  EXPECT_EQ(status_of(answer), ExecutionStatus::running) << "answered when that is durable";
  EXPECT_EQ(row().status, "completed");
  EXPECT_THAT(work_.effects, ElementsAre("good", "bad", "bad"));
  EXPECT_THAT(runtime_.recorded(1).back(),
              ElementsAre("StepCompleted", "ArtifactsHandled", "EventsQueued", "ExecutionCompleted"));
  EXPECT_EQ(runtime_.last_payload(RecordType::execution_resumed).dump(),
            R"({"actor":{"id":"maria","type":"user"},"reason":"wrong file"})");
}

TEST_F(Parked, ResumedInVainItIsParkedAgainAndTheOneWhoWaitsHearsIt) {
  const Heard answer = act(Action::resume, true);
  EXPECT_EQ(status_of(answer), ExecutionStatus::parked);
  EXPECT_EQ(row().attempt, 2U);
  fails_ = false;
  EXPECT_EQ(status_of(act(Action::resume, true)), ExecutionStatus::completed);
}

TEST_F(Parked, WhatResumingBroughtOutlivesTheProcess) {
  (void)act(Action::resume, true);
  ManualRuntime again(runtime_.copy_of_log(), 2);
  IntentSupport support{.intent_type = "work"};
  support.out_of_attempts = OutOfAttempts::park;
  again.support(std::move(support), [this](const Intent&, ExecutionContext& context) { return run(&context); });
  fails_ = false;
  work_.effects.clear();
  const Heard answer = again.command(to(Action::resume, true));
  again.run();
  EXPECT_EQ(status_of(answer), ExecutionStatus::completed);
  EXPECT_THAT(work_.effects, ElementsAre("bad"));
}

TEST_F(Parked, CancelledItsHandlerRunsOnceMoreAndHearsIt) {
  fails_ = false;
  const Heard answer = act(Action::cancel, true);
  EXPECT_EQ(status_of(answer), ExecutionStatus::cancelled);
  EXPECT_EQ(row().error_code, "no_connection") << "what it had failed of";
  EXPECT_THAT(work_.effects, ElementsAre("good", "bad")) << "both are recorded: nothing runs again";
}

TEST_F(Parked, TerminatedItEndsAtOnceAlsoForADuplicate) {
  const Heard answer = act(Action::terminate);
  EXPECT_EQ(status_of(answer), ExecutionStatus::terminated);
  EXPECT_EQ(row().status, "terminated");
  EXPECT_THAT(live(), IsEmpty());
  EXPECT_EQ(reason_of(act(Action::resume)), "has_ended");
  EXPECT_THAT(work_.effects, ElementsAre("good", "bad"));
}

TEST_F(Parked, WhatIsAskedForWhileItsParkingIsNotDurableIsAskedOfOneThatIsParked) {
  const std::vector<std::pair<Action, ExecutionStatus>> asked = {{Action::resume, ExecutionStatus::parked},
                                                                 {Action::cancel, ExecutionStatus::cancelled}};
  for (const auto& [action, outcome] : asked) {
    runtime_.log.hold();
    const Heard parked = act(Action::resume, true);
    ASSERT_TRUE(runtime_.log.release_one());
    runtime_.run();
    ASSERT_EQ(runtime_.log.held(), 1U) << "that it is parked again";
    const Heard answer = act(action, true);
    EXPECT_EQ(runtime_.log.held(), 1U);
    runtime_.log.release();
    runtime_.run();
    EXPECT_EQ(status_of(parked), ExecutionStatus::parked);
    ASSERT_TRUE(answer->has_value());
    EXPECT_EQ(status_of(answer), outcome) << to_string(action);
  }
  EXPECT_THAT(live(), IsEmpty());
}

TEST_F(Parked, TerminatedWhileItsParkingIsNotDurableItEnds) {
  runtime_.log.hold();
  (void)act(Action::resume);
  ASSERT_TRUE(runtime_.log.release_one());
  runtime_.run();
  const Heard answer = act(Action::terminate);
  runtime_.log.release();
  runtime_.run();
  EXPECT_EQ(status_of(answer), ExecutionStatus::terminated);
  EXPECT_EQ(row().status, "terminated");
}

TEST_F(Parked, CancelledTwiceNobodyHearsOfItBeforeItIsDurable) {
  runtime_.log.hold();
  const Heard first = act(Action::cancel);
  const Heard second = act(Action::cancel);
  EXPECT_FALSE(first->has_value());
  EXPECT_FALSE(second->has_value());
  runtime_.log.release();
  runtime_.run();
  EXPECT_TRUE(first->has_value());
  EXPECT_TRUE(second->has_value());
}

TEST_F(ExecutionCommands, WhoseOutcomeNobodyKnowsHaveNotEnded) {
  begin();
  runtime_.log.hold();
  work_.gate.open();
  runtime_.run();
  runtime_.log.stop();
  runtime_.run();
  EXPECT_EQ(heard_->value().error().code, ErrorCode::unknown);
  const Heard answer = act(Action::cancel);
  EXPECT_EQ(answer->value().error().code, ErrorCode::unknown);
}

TEST_F(Parked, WhatNobodyHasGoneOnWithCanBeTerminated) {
  ManualRuntime again(runtime_.copy_of_log(), 2);
  const Heard answer = again.command(to(Action::terminate));
  again.run();
  EXPECT_EQ(status_of(answer), ExecutionStatus::terminated);
  EXPECT_THAT(again.decisions.live(), IsEmpty());
}

}  // namespace
}  // namespace symphainy::runtime
