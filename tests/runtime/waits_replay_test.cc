// SPDX-License-Identifier: Apache-2.0
// Replay of executions that wait, or waited: how long it took then, it takes no time now.
#include <chrono>
#include <gmock/gmock.h>

#include "runtime/replay_fixture.h"

namespace symphainy::runtime {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class WaitsReplayed : public Replays {
 protected:
  static Act sleep(std::chrono::microseconds duration) {
    return {[duration](ExecutionContext& context) { return context.sleep(duration); }};
  }
  static Act sleep_until(std::int64_t utc_us) {
    return {[utc_us](ExecutionContext& context) { return context.sleep_until(utc_us); }};
  }
  static Act wait_for(std::string name, std::optional<std::chrono::microseconds> timeout = std::nullopt) {
    return {[name, timeout](ExecutionContext& context) { return await_signal(name, timeout, &context); }};
  }
  void begin(Acts acts) {
    IntentSupport support{.intent_type = "work"};
    support.signals = {{"approved", Json::object()}};
    ASSERT_FALSE(run_as(performing(std::move(acts)), std::move(support)).has_value());
    ASSERT_EQ(row().status, "waiting");
  }
  void pass(std::chrono::microseconds time) {
    runtime_.clock.advance_us(time.count());
    runtime_.run();
  }
  void act(Action action, const std::string& signal = "") {
    ExecutionCommand command{action, "acme", row().execution_id, {"user", "ann"}, "", false};
    if (!signal.empty()) command.signal = {.name = signal, .value = Json(true), .signal_id = ""};
    const Heard heard = runtime_.command(std::move(command));
    runtime_.run();
    ASSERT_TRUE(heard->value().has_value()) << heard->value().error().message;
  }
  void expect(std::string_view outcome, Acts acts) {
    const ReplayReport report = report_with(performing(std::move(acts)));
    EXPECT_EQ(to_string(report.outcome), outcome)
        << (report.divergence ? report.divergence->got.dump() : report.asked.dump());
  }

 private:
  static Task<Result<void>> await_signal(std::string name, std::optional<std::chrono::microseconds> timeout,
                                         ExecutionContext* context) {
    auto came = co_await context->wait_signal(name, timeout);
    if (!came) co_return std::unexpected(came.error());
    if (auto put = context->put_state("came", Json(came->has_value())); !put) co_return put;
    co_return Result<void>();
  }
};

TEST_F(WaitsReplayed, WhatSleptIsTheSameAtOnce) {
  begin({step("a"), now(), sleep(1h), now(), step("b")});
  pass(2h);
  ASSERT_EQ(row().status, "completed");
  expect("same", {step("a"), now(), sleep(1h), now(), step("b")});
}

TEST_F(WaitsReplayed, WhatSleepsIsReplayedToItsWait) {
  begin({step("a"), sleep(1h), step("b")});
  expect("history_ended", {step("a"), sleep(1h), step("b")});
  EXPECT_THAT(report_with(performing({step("a"), sleep(1h)})).asked.dump(), HasSubstr(R"("wait":"timer#1")"));
  const Divergence found = divergence_with(performing({step("a"), step("b")}));
  EXPECT_EQ(found.what, "step");
  EXPECT_EQ(found.expected.find("wait")->as_string(), "timer#1");
  EXPECT_EQ(found.position, position_of(RecordType::wait_begun));
}

TEST_F(WaitsReplayed, ASignalIsAnsweredAgain) {
  begin({wait_for("approved", 1h), step("a")});
  act(Action::signal, "approved");
  ASSERT_EQ(row().status, "completed");
  expect("same", {wait_for("approved", 1h), step("a")});
  EXPECT_EQ(divergence_with(performing({step("a")})).what, "missing_wait");
  EXPECT_EQ(divergence_with(performing({wait_for("noted", 1h), step("a")})).key, "signal:noted#1");
  EXPECT_EQ(divergence_with(performing({wait_for("approved"), step("a")})).what, "wait") << "without a time limit";
}

TEST_F(WaitsReplayed, ASignalThatDidNotComeInTimeDoesNotComeNow) {
  begin({wait_for("approved", 1h)});
  pass(2h);
  ASSERT_EQ(row().status, "completed");
  expect("same", {wait_for("approved", 1h)});
}

TEST_F(WaitsReplayed, AnotherTimeIsADivergenceAndAnotherDurationIsNotSeen) {
  const std::int64_t then_us = runtime_.clock.wall_us() + 3'600'000'000;
  begin({sleep_until(then_us), sleep(1min)});
  pass(2h);
  pass(2h);
  ASSERT_EQ(row().status, "completed");
  expect("same", {sleep_until(then_us), sleep(2min)});
  EXPECT_EQ(divergence_with(performing({sleep_until(then_us + 1), sleep(1min)})).key, "timer#1");
  EXPECT_EQ(divergence_with(performing({sleep(1h), sleep(1min)})).key, "timer#1");
}

TEST_F(WaitsReplayed, AnAddedWaitIsADivergence) {
  begin({sleep(1h), step("a")});
  pass(2h);
  const Divergence found = divergence_with(performing({sleep(1h), sleep(1h), step("a")}));
  EXPECT_EQ(found.what, "wait");
  EXPECT_EQ(found.key, "timer#2");
  EXPECT_EQ(found.expected.find("step")->as_string(), "a#1");
}

TEST_F(WaitsReplayed, CancelledWhileItWaitedItsHandlerHearsItFromTheWait) {
  begin({step("a"), sleep(1h), step("b")});
  act(Action::cancel);
  ASSERT_EQ(row().status, "cancelled");
  expect("same", {step("a"), sleep(1h), step("b")});
}

}  // namespace
}  // namespace symphainy::runtime
