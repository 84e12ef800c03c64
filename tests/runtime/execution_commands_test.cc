// SPDX-License-Identifier: Apache-2.0
// What somebody does to an execution: it is on the record, with who did it and why, before anybody hears of it.
#include <gmock/gmock.h>

#include "runtime/execution_commands_fixture.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
  GatedWork after;
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

}  // namespace
}  // namespace symphainy::runtime
