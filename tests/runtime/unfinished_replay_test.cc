// SPDX-License-Identifier: Apache-2.0
// Replay of executions that go on, are parked, took several attempts, were cancelled or undone: held to what the log
// tells of them, and to nothing else.
#include <gmock/gmock.h>

#include "runtime/replay_fixture.h"

namespace symphainy::runtime {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

const Result<Json> kNoConnection = fail(ErrorCode::unavailable, "no connection", "no_connection");

class UnfinishedReplayed : public Replays {
 protected:
  ~UnfinishedReplayed() override {
    gate_.open();
    runtime_.run();
  }
  /// Stands still in the function of that step.
  void stand_still_in(std::string name, Acts acts) {
    stops_at_ = std::move(name);
    ASSERT_FALSE(run_as(performing(std::move(acts))).has_value());
    ASSERT_TRUE(gate_.reached());
  }
  static IntentSupport parking() {
    IntentSupport support{.intent_type = "work"};
    support.out_of_attempts = OutOfAttempts::park;
    return support;
  }
  void act(Action action) {
    (void)runtime_.command({action, "acme", row().execution_id, {"user", "maria"}, "", false});
    runtime_.run();
  }
  static Task<Result<void>> ignore(Act act, ExecutionContext* context) {
    (void)co_await act.perform(*context);
    co_return Result<void>();
  }
  static Task<Result<HandlerResult>> ends_otherwise(Act act, ExecutionContext* context) {
    (void)co_await act.perform(*context);
    co_return failing("other");
  }
  /// Reports "history_ended", asked for that.
  void expect_history_ends_at(IntentHandler handler, const std::string& asked) {
    const ReplayReport report = report_with(std::move(handler));
    EXPECT_EQ(to_string(report.outcome), "history_ended");
    EXPECT_THAT(report.asked.dump(), HasSubstr(asked));
  }
  void expect_same(IntentHandler handler) {
    const ReplayReport report = report_with(std::move(handler));
    EXPECT_EQ(to_string(report.outcome), "same")
        << (report.divergence ? report.divergence->what + " " + report.divergence->key : "");
  }
};

TEST_F(UnfinishedReplayed, WhatGoesOnIsReplayedToTheEndOfItsHistory) {
  stand_still_in("b", {now(), step("a"), step("b"), step("c")});
  expect_history_ends_at(performing({now(), step("a"), step("b"), step("c")}), R"("step":"b#1")");
  expect_history_ends_at(performing({now(), step("a"), step("other")}), R"("step":"other#1")");
  EXPECT_EQ(divergence_with(performing({now(), step("x"), step("b")})).key, "x#1");
  EXPECT_EQ(divergence_with(performing({now()})).what, "missing_step");
}

TEST_F(UnfinishedReplayed, AHandlerThatWouldEndBehindTheHistoryIsNoDivergence) {
  stand_still_in("b", {step("a"), step("b")});
  expect_same(performing({step("a")}));
}

TEST_F(UnfinishedReplayed, AStepOfASagaThatBeganIsHeldToItsInputAndKind) {
  stand_still_in("b", {undoable("a"), undoable("b")});
  expect_history_ends_at(performing({undoable("a"), undoable("b")}), R"("step":"b#1")");
  const Divergence plain = divergence_with(performing({undoable("a"), step("b", Json("b"))}));
  EXPECT_EQ(plain.expected.find("kind")->as_string(), "undoable");
  EXPECT_EQ(plain.got.find("kind")->as_string(), "plain");
  EXPECT_EQ(plain.position, position_of(RecordType::step_started));
  EXPECT_EQ(divergence_with(performing({undoable("a")})).what, "missing_step") << "it would never be undone";
}

TEST_F(UnfinishedReplayed, WhatIsParkedForItsErrorFailsAgainInTheSameWay) {
  ASSERT_EQ(run_as(performing({step("a"), step("b", Json(), kNoConnection)}), parking())->status,
            ExecutionStatus::parked);
  expect_same(performing({step("a"), step("b", Json())}));
  EXPECT_EQ(divergence_with(performing({step("a")}, failing("no_connection"))).what, "missing_step");
}

TEST_F(UnfinishedReplayed, ResumedItIsHeldToWhatTheLastAttemptWasAnswered) {
  ASSERT_EQ(run_as(performing({now(), step("a"), now(), step("b", Json(), kNoConnection)}), parking())->status,
            ExecutionStatus::parked);
  act(Action::resume);
  ASSERT_EQ(row().attempt, 2U);
  ASSERT_EQ(row().status, "parked");
  expect_same(performing({now(), step("a"), now(), step("b", Json())}));
  EXPECT_THAT(report_with(performing({now(), step("a"), now(), step("b", Json())})).not_compared,
              Contains(HasSubstr("before attempt 2")));
}

TEST_F(UnfinishedReplayed, WhatSucceededInALaterAttemptIsTheSame) {
  int tries = 0;
  const auto handler = [&](const Intent&, ExecutionContext& context) {
    const Result<Json> outcome = ++tries == 1 ? kNoConnection : Result<Json>(Json("made"));
    return performing({now(), step("a"), now(), step("b", Json(), outcome)})(context.intent(), context);
  };
  IntentSupport support{.intent_type = "work"};
  support.retry.max_tries = 2;
  support.retry.first_delay_us = 0;
  ASSERT_EQ(run_as(handler, std::move(support))->status, ExecutionStatus::completed);
  ASSERT_EQ(row().attempt, 2U);
  expect_same(performing({now(), step("a"), now(), step("b", Json())}));
  EXPECT_EQ(divergence_with(performing({now(), step("a"), step("b", Json())})).what, "step");
}

TEST_F(UnfinishedReplayed, WhatIsParkedForAnotherInputIsHeldToWhatWasRecordedBefore) {
  stand_still_in("b", {step("a", Json(1)), step("b")});
  ManualRuntime next(runtime_.copy_of_log(), 2);
  next.support("work", performing({now(), step("a", Json(2)), step("b")}));
  const Heard heard = next.resume(next.decisions.live().front());
  next.run();
  ASSERT_EQ(heard->value()->error->reason, "step_diverged");
  auto replay = ExecutionReplay::open({nullptr, next.store, next.store, next.log, next.artifacts}).value();
  IntentRegistry registry;
  ASSERT_TRUE(registry.register_intent({.intent_type = "work"}, "things", "handle",
                                       performing({step("a", Json(1)), step("b")})));
  const auto rows = next.store.list_executions({}).value();
  const auto report = replay->replay(rows.front(), registry, std::chrono::seconds(30)).value();
  EXPECT_EQ(to_string(report.outcome), "history_ended");
  EXPECT_THAT(report.not_compared, Contains(HasSubstr("step_diverged")));
}

TEST_F(UnfinishedReplayed, CancelledInAStepItsHandlerHearsItFromTheNextOne) {
  stand_still_in("a", {step("a"), step("b")});
  act(Action::cancel);
  gate_.open();
  runtime_.run();
  ASSERT_EQ(row().status, "cancelled");
  expect_same(performing({step("a"), step("b")}));
  EXPECT_THAT(report_with(performing({step("a"), step("b")})).not_compared, Contains(HasSubstr("cancelled")));
  EXPECT_EQ(divergence_with(performing({step("a")}, failing("other"))).what, "result");
}

TEST_F(UnfinishedReplayed, CancelledItsHandlerHearsItWhereItLooks) {
  const Act look = call([](ExecutionContext& context) -> Result<void> {
    if (context.is_cancelled()) return fail(ErrorCode::cancelled, "so be it", "heard");
    return {};
  });
  stand_still_in("a", {look, step("a"), look, step("b")});
  act(Action::cancel);
  gate_.open();
  runtime_.run();
  ASSERT_EQ(row().error_code, "heard");
  expect_same(performing({look, step("a"), look, step("b")}));
}

TEST_F(UnfinishedReplayed, CancelledTooLateItsHandlerMayHaveLookedBefore) {
  const Act look = call([](ExecutionContext& context) -> Result<void> {
    if (context.is_cancelled()) return fail(ErrorCode::cancelled, "so be it", "heard");
    return {};
  });
  // Another order of the same moments: it looks, somebody cancels, and it hears of that from its next step.
  bool looked = false;
  const Act look_once = call([&looked](ExecutionContext& context) -> Result<void> {
    return std::exchange(looked, true) && context.is_cancelled()
               ? Result<void>(fail(ErrorCode::cancelled, "so be it", "heard"))
               : Result<void>();
  });
  stand_still_in("a", {step("a"), look_once, step("b")});
  act(Action::cancel);
  gate_.open();
  runtime_.run();
  ASSERT_EQ(row().status, "cancelled");
  ASSERT_NE(row().error_code, "heard");
  expect_same(performing({step("a"), look, step("b")}));
}

TEST_F(UnfinishedReplayed, WhatCompletedAlthoughItWasCancelledIsTheSame) {
  const auto stubborn = [this] {
    const auto ignoring = [](Act act) {
      return Act{[act](ExecutionContext& context) { return ignore(act, &context); }};
    };
    return performing({step("a"), now(), ignoring(step("b")), now(), ignoring(step("c")), put("k", Json(1))});
  };
  stops_at_ = "a";
  ASSERT_FALSE(run_as(stubborn()).has_value());
  act(Action::cancel);
  gate_.open();
  runtime_.run();
  ASSERT_EQ(row().status, "completed");
  ASSERT_EQ(runs_, 1) << "two steps were refused";
  expect_same(stubborn());
  EXPECT_EQ(divergence_with(performing({step("x")})).key, "x#1");
}

TEST_F(UnfinishedReplayed, WhatWasMissingThenNeedNotBeMissingNow) {
  const Result<HandlerResult> busy = fail(ErrorCode::unavailable, "the state store is busy", "busy");
  ASSERT_EQ(run_as(performing({step("a")}, busy))->status, ExecutionStatus::failed);
  expect_same(performing({step("a")}));
  EXPECT_THAT(report_with(performing({step("a")})).not_compared, Contains(HasSubstr("missing or broken then")));
  expect_history_ends_at(performing({step("a"), state("k")}), "state k");
  EXPECT_EQ(divergence_with(performing({step("a"), step("b")})).key, "b#1");
}

TEST_F(UnfinishedReplayed, WhatAStepMissedIsMissedAgain) {
  ASSERT_EQ(run_as(performing({step("a", Json(), kNoConnection)}))->status, ExecutionStatus::failed);
  const auto heedless = [this](const Intent&, ExecutionContext& context) {
    return ends_otherwise(step("a", Json()), &context);
  };
  EXPECT_EQ(divergence_with(heedless).what, "result");
}

TEST_F(UnfinishedReplayed, WhatWasTerminatedIsHeldToWhatIsRecorded) {
  stand_still_in("b", {step("a"), step("b")});
  act(Action::terminate);
  ASSERT_EQ(row().status, "terminated");
  expect_history_ends_at(performing({step("a"), step("b")}), "b#1");
  EXPECT_EQ(divergence_with(performing({step("x")})).key, "x#1");
  EXPECT_THAT(report_with(performing({step("a")})).not_compared, Contains(HasSubstr("terminated")));
}

TEST_F(UnfinishedReplayed, WhoseDeadlinePassedIsHeldToWhatIsRecorded) {
  Intent intent = intent_for("work");
  intent.deadline_us = runtime_.clock.wall_us() + 1'000'000;
  stops_at_ = "b";
  ASSERT_FALSE(run_as(performing({step("a"), step("b")}), {.intent_type = "work"}, std::move(intent)).has_value());
  runtime_.clock.advance_us(2'000'000);
  runtime_.run();
  ASSERT_EQ(row().error_code, "deadline_exceeded");
  expect_history_ends_at(performing({step("a"), step("b")}), "b#1");
}

// --- sagas

TEST_F(UnfinishedReplayed, ASagaThatCompletedIsTheSame) {
  ASSERT_EQ(run_as(performing({undoable("a"), pivot("b"), step("c")}))->status, ExecutionStatus::completed);
  expect_same(performing({undoable("a"), pivot("b"), step("c")}));
  EXPECT_EQ(divergence_with(performing({undoable("a"), undoable("b")})).key, "b#1");
  EXPECT_EQ(divergence_with(performing({step("a", Json("a")), pivot("b")})).key, "a#1") << "it cannot be undone now";
}

TEST_F(UnfinishedReplayed, ASagaThatWasUndoneIsReplayedToItsErrorAndNotUndoneAgain) {
  ASSERT_EQ(run_as(performing({undoable("a"), undoable("b"), undoable("c", kNoConnection)}))->status,
            ExecutionStatus::compensated);
  ASSERT_EQ(undos_, 2);
  expect_same(performing({undoable("a"), undoable("b"), undoable("c")}));
  EXPECT_THAT(report_with(performing({undoable("a"), undoable("b"), undoable("c")})).not_compared,
              Contains(HasSubstr("undo functions")));
  const Divergence found = divergence_with(performing({undoable("a"), undoable("c"), undoable("b")}));
  EXPECT_EQ(found.what, "missing_step");
  EXPECT_EQ(found.key, "b#1");
  EXPECT_EQ(divergence_with(performing({undoable("a"), undoable("b")}, failing("other"))).key, "c#1");
}

TEST_F(UnfinishedReplayed, AnErrorOfASagaIsHeldToWhyItWasUndone) {
  ASSERT_EQ(run_as(performing({undoable("a")}, failing("no_money")))->status, ExecutionStatus::compensated);
  expect_same(performing({undoable("a")}, failing("no_money")));
  const Divergence found = divergence_with(performing({undoable("a")}, failing("no_time")));
  EXPECT_EQ(found.what, "result");
  EXPECT_EQ(found.position, position_of(RecordType::compensation_begun));
}

TEST_F(UnfinishedReplayed, ASagaWhoseDeadlinePassedIsHeldToWhatItHadDone) {
  Intent intent = intent_for("work");
  intent.deadline_us = runtime_.clock.wall_us() + 1'000'000;
  stops_at_ = "b";
  const auto acts = [this] { return Acts{undoable("a"), undoable("b"), now()}; };
  ASSERT_FALSE(run_as(performing(acts()), {.intent_type = "work"}, std::move(intent)).has_value());
  runtime_.clock.advance_us(2'000'000);
  runtime_.run();
  gate_.open();
  runtime_.run();
  ASSERT_EQ(row().status, "compensated");
  expect_history_ends_at(performing(acts()), "b#1");
  EXPECT_EQ(divergence_with(performing({undoable("x")})).key, "x#1");
}

TEST_F(UnfinishedReplayed, ASagaThatWasCancelledIsTheSame) {
  stand_still_in("a", {undoable("a"), undoable("b")});
  act(Action::cancel);
  gate_.open();
  runtime_.run();
  ASSERT_EQ(row().status, "cancelled");
  ASSERT_EQ(undos_, 1);
  expect_same(performing({undoable("a"), undoable("b")}));
}

}  // namespace
}  // namespace symphainy::runtime
