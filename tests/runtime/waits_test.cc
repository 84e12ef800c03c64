// SPDX-License-Identifier: Apache-2.0
// Executions that wait: for a time, for a signal, over the death of their process.
#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/manual_runtime.h"

namespace symphainy::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Names = std::vector<std::string>;
constexpr std::int64_t kHourUs = 3'600'000'000;
constexpr std::int64_t kSecondUs = 1'000'000;

// Notes what is alive in a handler.
struct Alive {
  explicit Alive(int* count) : count(count) { ++*count; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --*count; }
  int* count;
};

struct World {
  Names effects;
  int alive = 0;
  int runs = 0;

  StepFunction does(std::string name) {
    return [this, name = std::move(name)](const StepRun&) { return act(name); };
  }
  Task<Result<Json>> act(std::string name) {
    effects.push_back(name);
    co_return Json("made by " + name);
  }
};

Task<Result<HandlerResult>> nap(World* world, ExecutionContext* context, std::chrono::microseconds duration) {
  ++world->runs;
  const Alive alive(&world->alive);
  auto before = co_await context->step("before", Json(), world->does("before"));
  if (!before) co_return std::unexpected(before.error());
  const std::int64_t began_us = context->now_us();
  if (auto over = co_await context->sleep(duration); !over) co_return std::unexpected(over.error());
  auto after = co_await context->step("after", Json(began_us), world->does("after"));
  if (!after) co_return std::unexpected(after.error());
  co_return HandlerResult{*after};
}
IntentHandler napping(World& world, std::chrono::microseconds duration) {
  return [&world, duration](const Intent&, ExecutionContext& context) { return nap(&world, &context, duration); };
}

Task<Result<HandlerResult>> nap_until(ExecutionContext* context, std::int64_t utc_us) {
  if (auto over = co_await context->sleep_until(utc_us); !over) co_return std::unexpected(over.error());
  co_return HandlerResult{Json("awake")};
}
IntentHandler napping_until(std::int64_t utc_us) {
  return [utc_us](const Intent&, ExecutionContext& context) { return nap_until(&context, utc_us); };
}

// Asks for an approval, and takes it.
Task<Result<HandlerResult>> ask(World* world, ExecutionContext* context,
                                std::optional<std::chrono::microseconds> timeout) {
  ++world->runs;
  const Alive alive(&world->alive);
  auto asked = co_await context->step("ask", Json(), world->does("ask"));
  if (!asked) co_return std::unexpected(asked.error());
  const auto answer = co_await context->wait_signal("approved", timeout);
  if (!answer) co_return std::unexpected(answer.error());
  if (!*answer) co_return HandlerResult{Json("nobody answered")};
  const Signal& signal = **answer;
  co_return HandlerResult{Json::object({{"by", signal.actor.id}, {"id", signal.signal_id}, {"value", signal.value}})};
}
IntentHandler asking(World& world, std::optional<std::chrono::microseconds> timeout = std::nullopt) {
  return [&world, timeout](const Intent&, ExecutionContext& context) { return ask(&world, &context, timeout); };
}

class Waits : public ::testing::Test {
 protected:
  Heard begin(const IntentHandler& handler, std::optional<std::int64_t> deadline_us = std::nullopt) {
    support(runtime_, handler);
    Intent intent = intent_for("work");
    intent.deadline_us = deadline_us;
    Heard heard = runtime_.submit(std::move(intent));
    runtime_.run();
    return heard;
  }
  static void support(ManualRuntime& runtime, const IntentHandler& handler) {
    runtime.support(
        {.intent_type = "work",
         .signals = {{"approved", Json::parse(R"({"type": "boolean"})").value()}, {"noted", Json::object()}}},
        handler);
  }
  static public_works::ExecutionRow row_in(ManualRuntime& runtime) {
    return runtime.store.list_executions({}).value().front();
  }
  public_works::ExecutionRow row() { return row_in(runtime_); }
  static Result<ExecutionResult> send(ManualRuntime& runtime, const std::string& name, Json value,
                                      const std::string& id = "") {
    const Heard heard = runtime.command({.action = Action::signal,
                                         .tenant_id = "acme",
                                         .execution_id = row_in(runtime).execution_id,
                                         .actor = {"user", "ann"},
                                         .reason = "asked",
                                         .wait_for_end = false,
                                         .signal = SignalDraft{name, std::move(value), id}});
    runtime.run();
    return heard->value();
  }
  Result<ExecutionResult> send(const std::string& name, Json value, const std::string& id = "") {
    return send(runtime_, name, std::move(value), id);
  }
  Heard act(Action action) {
    Heard heard = runtime_.command({action, "acme", row().execution_id, {"user", "maria"}, "", true});
    runtime_.run();
    return heard;
  }
  void pass(ManualRuntime& runtime, std::int64_t us) {
    runtime.partition.advance_us(us);
    runtime.run();
  }
  void pass(std::int64_t us) { pass(runtime_, us); }
  Names records() {
    Names out;
    for (const auto& batch : runtime_.recorded()) out.insert(out.end(), batch.begin(), batch.end());
    return out;
  }

  World world_;
  ManualRuntime runtime_;
};

// --- timers

TEST_F(Waits, WhoSleepsForAnHourIsNotHereMeanwhile) {
  const Heard heard = begin(napping(world_, 1h));
  EXPECT_EQ(world_.alive, 0);
  EXPECT_EQ(row().status, "waiting");
  EXPECT_EQ(row().wake_us, 1'700'000'000'000'000 + kHourUs);

  pass(kHourUs - 1);
  EXPECT_FALSE(*heard);
  pass(1);
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().value, Json("made by after"));
  EXPECT_THAT(world_.effects, ElementsAre("before", "after"));
  EXPECT_EQ(world_.runs, 2);
  Names names = records();
  names.resize(9);
  EXPECT_THAT(names, ElementsAre("IntentAccepted", "ExecutionCreated", "ExecutionStarted", "ContextObserved",
                                 "StepCompleted", "WaitBegun", "WaitEnded", "ExecutionStarted", "StepCompleted"));
  EXPECT_EQ(row().wake_us, 0);
}

TEST_F(Waits, AMomentIsWaitedForOnTheSpot) {
  const Heard heard = begin(napping(world_, 500ms));
  EXPECT_EQ(world_.alive, 1);
  pass(499'999);
  EXPECT_FALSE(*heard);
  pass(1);
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().status, ExecutionStatus::completed);
  EXPECT_EQ(world_.runs, 1);
}

TEST_F(Waits, SleepingForNoTimeEndsAtOnce) {
  const Heard heard = begin(napping(world_, 0s));
  ASSERT_TRUE(*heard);
  EXPECT_EQ(world_.runs, 1);
}

TEST_F(Waits, DurationsBelowNothingAndBeyondACenturyAreRefused) {
  for (const auto duration : {std::chrono::microseconds(-1), std::chrono::microseconds(INT64_MAX)}) {
    ManualRuntime runtime;
    World world;
    support(runtime, napping(world, duration));
    const auto result = runtime.execute(intent_for("work")).value();
    EXPECT_EQ(result.status, ExecutionStatus::failed);
    EXPECT_EQ(result.error->code, ErrorCode::invalid_argument);
    EXPECT_THAT(result.error->message, HasSubstr("0 to 100 years"));
  }
}

TEST_F(Waits, AnotherProcessWakesItWhenItIsDue) {
  (void)begin(napping(world_, 1h));
  ManualRuntime reopened(runtime_.copy_of_log(), 2);
  World after;
  support(reopened, napping(after, 1h));
  for (const TrackedPtr& tracked : reopened.decisions.live()) reopened.lifecycle->take_up_waiting(tracked);
  pass(reopened, kHourUs - 1);
  EXPECT_EQ(after.runs, 0);
  pass(reopened, 1);
  EXPECT_EQ(row_in(reopened).status, "completed");
  EXPECT_THAT(after.effects, ElementsAre("after"));
}

TEST_F(Waits, OneThatWasDueWhileNobodyWasThereIsWokenAtOnce) {
  (void)begin(napping(world_, 1h));
  ManualRuntime reopened(runtime_.copy_of_log(), 2, 1'700'000'000'000'000 + 3 * kHourUs);
  World after;
  support(reopened, napping(after, 1h));
  for (const TrackedPtr& tracked : reopened.decisions.live()) reopened.lifecycle->take_up_waiting(tracked);
  reopened.run();
  EXPECT_EQ(row_in(reopened).status, "completed");
}

TEST_F(Waits, SettingTheWallClockMovesNoDuration) {
  const Heard heard = begin(napping(world_, 1h));
  runtime_.clock.set_wall_us(1'700'000'000'000'000 + 5 * kHourUs);
  pass(kHourUs - 1);
  EXPECT_FALSE(*heard);
  runtime_.clock.set_wall_us(1'600'000'000'000'000);
  pass(1);
  EXPECT_TRUE(*heard);
}

TEST_F(Waits, SettingTheWallClockMovesATimeOfDay) {
  const Heard heard = begin(napping_until(1'700'000'000'000'000 + 5 * kHourUs));
  pass(kHourUs);
  EXPECT_FALSE(*heard);
  runtime_.clock.set_wall_us(1'700'000'000'000'000 + 5 * kHourUs);
  pass(kSecondUs);
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().value, Json("awake"));
}

TEST_F(Waits, ATimeOfDayThatIsPutBackIsWaitedForLonger) {
  const Heard heard = begin(napping_until(1'700'000'000'000'000 + kHourUs));
  runtime_.clock.set_wall_us(1'700'000'000'000'000 - kHourUs);
  pass(kHourUs + kSecondUs);
  EXPECT_FALSE(*heard);
  pass(kHourUs);
  EXPECT_TRUE(*heard);
}

TEST_F(Waits, ATimeOfDayThatHasPassedIsNoWait) {
  const Heard heard = begin(napping_until(1'600'000'000'000'000));
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().status, ExecutionStatus::completed);
}

// --- signals

TEST_F(Waits, ASignalWakesWhoWaitsForIt) {
  const Heard heard = begin(asking(world_));
  pass(kHourUs);
  EXPECT_EQ(world_.alive, 0);
  EXPECT_EQ(row().status, "waiting");
  EXPECT_EQ(row().wake_us, 0);
  EXPECT_EQ(send("approved", Json(true), "s1")->status, ExecutionStatus::running);
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().value.dump(), R"({"by":"ann","id":"s1","value":true})");
  EXPECT_THAT(world_.effects, ElementsAre("ask"));
  const Json record = runtime_.last_payload(RecordType::signal_received);
  EXPECT_EQ(record.find("actor")->dump(), R"({"id":"ann","type":"user"})");
  EXPECT_EQ(record.find("reason")->as_string(), "asked");
}

TEST_F(Waits, ASignalWithinTheMomentIsTakenOnTheSpot) {
  const Heard heard = begin(asking(world_));
  EXPECT_EQ(world_.alive, 1);
  EXPECT_TRUE(send("approved", Json(true)));
  ASSERT_TRUE(*heard);
  EXPECT_EQ(world_.runs, 1);
}

TEST_F(Waits, ASignalThatComesEarlyIsKept) {
  Gate gate;
  World world;
  const IntentHandler handler = [&](const Intent&, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    return [](Gate* gate, World* world, ExecutionContext* context) -> Task<Result<HandlerResult>> {
      co_await *gate;
      co_return co_await ask(world, context, 1h);
    }(&gate, &world, &context);
  };
  const Heard heard = begin(handler);
  EXPECT_TRUE(send("approved", Json(false), "early"));
  EXPECT_TRUE(send("approved", Json(true), "later"));
  gate.open();
  runtime_.run();
  ASSERT_TRUE(*heard);
  EXPECT_THAT(heard->value().value().value.dump(), HasSubstr("\"id\":\"early\""));
}

TEST_F(Waits, AnotherSignalWakesNobodyAndIsKept) {
  const Heard heard = begin(asking(world_));
  pass(kHourUs);
  EXPECT_EQ(send("noted", Json(1))->status, ExecutionStatus::waiting);
  EXPECT_FALSE(*heard);
  EXPECT_EQ(world_.runs, 1);
}

TEST_F(Waits, ATimeoutIsAnAnswerToo) {
  const Heard heard = begin(asking(world_, 2h));
  pass(2 * kHourUs);
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().value, Json("nobody answered"));
}

TEST_F(Waits, WhatWasReceivedIsTakenByTheNextProcess) {
  (void)begin(asking(world_));
  pass(kHourUs);
  ManualRuntime reopened(runtime_.copy_of_log(), 2);
  World after;
  support(reopened, asking(after));
  for (const TrackedPtr& tracked : reopened.decisions.live()) reopened.lifecycle->take_up_waiting(tracked);
  EXPECT_TRUE(send(reopened, "approved", Json(true), "s1"));
  EXPECT_EQ(row_in(reopened).status, "completed");
  EXPECT_THAT(after.effects, IsEmpty());
}

TEST_F(Waits, TheSameSignalAgainIsReceivedOnce) {
  (void)begin(asking(world_));
  pass(kHourUs);
  EXPECT_TRUE(send("noted", Json(1), "n"));
  const std::size_t batches = runtime_.batches();
  EXPECT_TRUE(send("noted", Json(1), "n"));
  EXPECT_EQ(runtime_.batches(), batches);
  const auto other = send("noted", Json(2), "n");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().reason, "signal_conflict");
}

TEST_F(Waits, WhoSendsTheSameSignalAgainCanWaitForTheEnd) {
  (void)begin(asking(world_));
  pass(kHourUs);
  EXPECT_TRUE(send("noted", Json(1), "n"));
  const Heard again = runtime_.command({.action = Action::signal,
                                        .tenant_id = "acme",
                                        .execution_id = row().execution_id,
                                        .actor = {"user", "ann"},
                                        .reason = "asked",
                                        .wait_for_end = true,
                                        .signal = SignalDraft{"noted", Json(1), "n"}});
  runtime_.run();
  EXPECT_FALSE(*again);
  EXPECT_TRUE(send("approved", Json(true)));
  ASSERT_TRUE(*again && **again);
  EXPECT_EQ((**again)->status, ExecutionStatus::completed);
}

TEST_F(Waits, WhatNoIntentTypeTakesIsRefused) {
  (void)begin(asking(world_));
  const auto unknown = send("aproved", Json(true));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().reason, "unknown_signal");
  EXPECT_THAT(unknown.error().message, HasSubstr("approved, noted"));
  const auto wrong = send("approved", Json("yes"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::invalid_argument);
  EXPECT_TRUE(send("approved", Json(true)));
  const auto late = send("approved", Json(true));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, "has_ended");
}

// --- commands and deadlines

TEST_F(Waits, WhoSleepsIsCancelled) {
  const Heard heard = begin(napping(world_, 1h));
  EXPECT_EQ(act(Action::cancel)->value().value().status, ExecutionStatus::cancelled);
  EXPECT_EQ(heard->value().value().status, ExecutionStatus::cancelled);
  EXPECT_EQ(world_.runs, 2);
  EXPECT_EQ(world_.alive, 0);
  EXPECT_THAT(world_.effects, ElementsAre("before"));
}

TEST_F(Waits, WhoWaitsForAMomentIsCancelledAtOnce) {
  const Heard heard = begin(asking(world_));
  EXPECT_EQ(act(Action::cancel)->value().value().status, ExecutionStatus::cancelled);
  EXPECT_TRUE(*heard);
  EXPECT_EQ(world_.runs, 1);
}

TEST_F(Waits, WhoSleepsIsTerminated) {
  const Heard heard = begin(napping(world_, 1h));
  EXPECT_EQ(act(Action::terminate)->value().value().status, ExecutionStatus::terminated);
  EXPECT_EQ(heard->value().value().status, ExecutionStatus::terminated);
  pass(2 * kHourUs);
  EXPECT_EQ(world_.runs, 1);
}

TEST_F(Waits, WhoWaitsForAMomentIsTerminatedAtOnce) {
  const Heard heard = begin(asking(world_));
  EXPECT_EQ(act(Action::terminate)->value().value().status, ExecutionStatus::terminated);
  EXPECT_TRUE(*heard);
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(Waits, TheDeadlineIsHeardInTheSleep) {
  const Heard heard = begin(napping(world_, 3h), 1'700'000'000'000'000 + kHourUs);
  EXPECT_EQ(row().wake_us, 1'700'000'000'000'000 + kHourUs);
  pass(kHourUs);
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().value().error->code, ErrorCode::deadline_exceeded);
}

TEST_F(Waits, ClosingAnswersThoseWhoWaitAndLeavesTheRestToTheNext) {
  const Heard heard = begin(napping(world_, 1h));
  runtime_.lifecycle->stop_waiting();
  runtime_.run();
  ASSERT_TRUE(*heard);
  EXPECT_EQ(heard->value().error().reason, "closing");
  EXPECT_EQ(row().status, "waiting");
}

TEST_F(Waits, ASubmissionAgainWaitsToo) {
  support(runtime_, napping(world_, 1h));
  Intent intent = intent_for("work");
  const Heard first = runtime_.submit(intent);
  runtime_.run();
  const Heard second = runtime_.submit(intent);
  runtime_.run();
  EXPECT_FALSE(*second);
  pass(kHourUs);
  ASSERT_TRUE(*second);
  EXPECT_EQ(first->value().value().execution_id, second->value().value().execution_id);
}

TEST_F(Waits, WhoStartsItAgainHearsAtOnceThatItWaits) {
  support(runtime_, napping(world_, 1h));
  const Intent intent = intent_for("work");
  (void)runtime_.submit(intent);
  runtime_.run();
  std::optional<Result<ExecutionResult>> heard;
  runtime_.partition.post([&] {
    spawn(runtime_.lifecycle->start(intent, [&heard](Result<ExecutionResult> result) { heard = std::move(result); }));
  });
  runtime_.run();
  ASSERT_TRUE(heard && *heard);
  EXPECT_EQ((*heard)->execution_id, row().execution_id);
  EXPECT_EQ((*heard)->status, ExecutionStatus::waiting);
}

// --- what does not fit what is recorded

TEST_F(Waits, AHandlerThatAsksForSomethingElseIsParked) {
  (void)begin(napping(world_, 1h));
  ManualRuntime reopened(runtime_.copy_of_log(), 2);
  World after;
  support(reopened, asking(after));
  for (const TrackedPtr& tracked : reopened.decisions.live()) reopened.lifecycle->take_up_waiting(tracked);
  (void)reopened.command({Action::cancel, "acme", row_in(reopened).execution_id, {"user", "maria"}, "", true});
  reopened.run();
  EXPECT_EQ(row_in(reopened).status, "parked");
  EXPECT_EQ(row_in(reopened).error_code, "step_diverged");
}

}  // namespace
}  // namespace symphainy::runtime
