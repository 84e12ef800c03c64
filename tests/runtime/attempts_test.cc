// SPDX-License-Identifier: Apache-2.0
// Attempts: an execution whose handler fails is attempted again as its intent type says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "runtime/execution_history.h"
#include "runtime/manual_runtime.h"
#include "runtime/retry_policy.h"

namespace symphainy::runtime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

constexpr std::int64_t kSecondUs = 1'000'000;

IntentSupport supporting(RetryPolicy retry, OutOfAttempts out = OutOfAttempts::fail) {
  IntentSupport support{.intent_type = "work"};
  support.retry = std::move(retry);
  support.out_of_attempts = out;
  return support;
}

class Attempts : public ::testing::Test {
 protected:
  ~Attempts() override {
    runtime_.lifecycle->stop_waiting();
    runtime_.run();
  }
  /// A handler that fails so often.
  void support(const IntentSupport& support, std::size_t failures, std::string reason = "flaky") {
    runtime_.support(support, answering([this, failures, reason](const Intent&, ExecutionContext& context) {
                       began_us_.push_back(runtime_.clock.steady_us());
                       attempts_.push_back(context.attempt());
                       if (auto put = context.put_state("attempt", Json(context.attempt())); !put)
                         return Result<HandlerResult>(std::unexpected(put.error()));
                       if (attempts_.size() <= failures)
                         return Result<HandlerResult>(fail(ErrorCode::unavailable, "not now", reason));
                       return Result<HandlerResult>(HandlerResult{Json("at last")});
                     }));
  }
  Heard submit(Intent intent = intent_for("work")) {
    Heard heard = runtime_.submit(std::move(intent));
    runtime_.run();
    return heard;
  }
  /// Until it is answered, or nothing is waited for any more.
  void let_time_pass(std::int64_t span_us, std::int64_t step_us = kSecondUs / 10) {
    for (std::int64_t passed = 0; passed < span_us; passed += step_us) {
      runtime_.clock.advance_us(step_us);
      runtime_.run();
    }
  }
  ExecutionResult result_of(const Heard& heard) { return heard->value().value(); }

  ManualRuntime runtime_;
  std::vector<std::int64_t> began_us_;
  std::vector<std::uint32_t> attempts_;
};

TEST_F(Attempts, AreMadeAgainAfterADelayThatDoubles) {
  support(supporting({.max_tries = 4, .first_delay_us = kSecondUs, .max_delay_us = 60 * kSecondUs}), 3);
  const Heard heard = submit();
  EXPECT_FALSE(heard->has_value());
  let_time_pass(10 * kSecondUs);
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::completed);
  EXPECT_EQ(result_of(heard).value.dump(), R"("at last")");
  EXPECT_THAT(attempts_, ElementsAre(1, 2, 3, 4));
  for (std::size_t i = 1; i < began_us_.size(); ++i) {
    const std::int64_t full = kSecondUs << (i - 1);
    EXPECT_THAT(began_us_[i] - began_us_[i - 1], AllOf(Ge(full * 8 / 10), Le(full + kSecondUs / 10))) << i;
  }
  EXPECT_EQ(runtime_.store.state("acme", "attempt").value()->value, "4") << "what failed left nothing";
  const auto row = runtime_.store.list_executions({}).value().front();
  EXPECT_EQ(row.attempt, 4U);
  EXPECT_THAT(row.error_code, IsEmpty());
  EXPECT_EQ(result_from_history(read_history(runtime_.log, row).value())->to_json(), result_of(heard).to_json());
}

TEST_F(Attempts, ThatFailedAreOnTheRecordAndShownWhileTheNextIsWaitedFor) {
  support(supporting({.max_tries = 2, .first_delay_us = kSecondUs}), 2);
  const Heard heard = submit();
  EXPECT_THAT(runtime_.recorded().back(), ElementsAre("AttemptFailed"));
  const Json failed = runtime_.last_payload(RecordType::attempt_failed);
  EXPECT_EQ(failed.find("error")->find("code")->as_string(), "flaky");
  EXPECT_THAT(failed.find("retry_after_us")->as_int64().value(), AllOf(Ge(kSecondUs * 8 / 10), Le(kSecondUs)));
  const auto row = runtime_.store.list_executions({}).value().front();
  EXPECT_EQ(row.status, "running");
  EXPECT_EQ(row.error_code, "flaky");
  let_time_pass(2 * kSecondUs);
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::failed);
  EXPECT_EQ(result_of(heard).error->reason, "flaky");
  EXPECT_THAT(attempts_, SizeIs(2));
}

TEST_F(Attempts, ThatAreAllUsedUpParkItWhereThatIsWanted) {
  support(supporting({.max_tries = 2, .first_delay_us = 0}, OutOfAttempts::park), 3);
  const Heard heard = submit();
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::parked);
  EXPECT_EQ(result_of(heard).error->reason, "flaky");
  const Heard resumed =
      runtime_.command({Action::resume, "acme", result_of(heard).execution_id, {"user", "maria"}, "", true});
  runtime_.run();
  EXPECT_EQ(result_of(resumed).status, ExecutionStatus::completed) << "its attempts count anew";
  EXPECT_THAT(attempts_, ElementsAre(1, 2, 3, 4));
}

TEST_F(Attempts, AreNotMadeAgainForWhatAnotherDoesNotHelp) {
  support(supporting({.max_tries = 5, .first_delay_us = 0, .non_retryable = {"bad_file"}}, OutOfAttempts::park), 9,
          "bad_file");
  EXPECT_EQ(result_of(submit()).status, ExecutionStatus::failed);
  EXPECT_THAT(attempts_, SizeIs(1));
}

TEST_F(Attempts, AreNotMadeAgainWhenTheFirstIsTooOld) {
  support(supporting({.max_tries = 100,
                      .first_delay_us = kSecondUs,
                      .max_delay_us = kSecondUs,
                      .max_age_us = 3 * kSecondUs + kSecondUs / 2}),
          100);
  const Heard heard = submit();
  let_time_pass(20 * kSecondUs);
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::failed);
  EXPECT_THAT(attempts_.size(), AllOf(Ge(3U), Le(5U)));
}

TEST_F(Attempts, AreNotMadeAgainWhenTheDeadlineHadPassedBeforeTheHandlerBegan) {
  for (const OutOfAttempts out : {OutOfAttempts::fail, OutOfAttempts::park}) {
    IntentSupport kind = supporting({.max_tries = 3, .first_delay_us = kSecondUs}, out);
    kind.intent_type = out == OutOfAttempts::park ? "parks" : "fails";
    support(kind, 9);
    Intent late = intent_for(kind.intent_type);
    late.deadline_us = runtime_.clock.wall_us() + kSecondUs;
    runtime_.log.hold();
    const Heard heard = submit(std::move(late));
    let_time_pass(2 * kSecondUs);
    runtime_.log.release();
    let_time_pass(10 * kSecondUs);
    ASSERT_TRUE(heard->has_value());
    EXPECT_EQ(result_of(heard).status, ExecutionStatus::failed);
    EXPECT_EQ(result_of(heard).error->code, ErrorCode::deadline_exceeded);
    EXPECT_EQ(runtime_.store.list_executions({}).value().front().attempt, 1U);
  }
  EXPECT_THAT(attempts_, SizeIs(0));
}

TEST_F(Attempts, AreNotWaitedForBehindTheDeadline) {
  support(supporting({.max_tries = 5, .first_delay_us = 60 * kSecondUs, .max_delay_us = 60 * kSecondUs}), 9);
  Intent intent = intent_for("work");
  intent.deadline_us = runtime_.clock.wall_us() + kSecondUs;
  const Heard heard = submit(intent);
  ASSERT_TRUE(heard->has_value()) << "at once";
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::failed);
  EXPECT_EQ(result_of(heard).error->reason, "flaky");
}

TEST_F(Attempts, WaitNoLongerForACommand) {
  support(supporting({.max_tries = 2, .first_delay_us = 3'600 * kSecondUs, .max_delay_us = 3'600 * kSecondUs}), 9);
  for (const Action action : {Action::cancel, Action::terminate}) {
    SCOPED_TRACE(to_string(action));
    const Heard heard = submit();
    ASSERT_FALSE(heard->has_value());
    const std::string id = runtime_.decisions.live().back()->row.execution_id;
    const Heard answer = runtime_.command({action, "acme", id, {"user", "maria"}, "", true});
    runtime_.run();
    ASSERT_TRUE(heard->has_value());
    EXPECT_EQ(result_of(heard).status,
              action == Action::cancel ? ExecutionStatus::cancelled : ExecutionStatus::terminated);
    EXPECT_EQ(result_of(answer).status, result_of(heard).status);
  }
}

TEST_F(Attempts, AreLeftToTheNextProcessWhenThisOneCloses) {
  support(supporting({.max_tries = 2, .first_delay_us = 3'600 * kSecondUs, .max_delay_us = 3'600 * kSecondUs}), 1);
  const Heard heard = submit();
  runtime_.lifecycle->stop_waiting();
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ(heard->value().error().reason, "closing");
  EXPECT_EQ(heard->value().error().code, ErrorCode::unknown) << "it was accepted, so it is not refused";
  const std::string id = runtime_.store.list_executions({}).value().front().execution_id;
  const Heard late = runtime_.command({Action::cancel, "acme", id, {"user", "maria"}, "", false});
  runtime_.run();
  EXPECT_EQ(late->value().error().reason, "closing") << "it has not ended";
  ManualRuntime again(runtime_.copy_of_log(), 2);
  again.support("work", answering([](const Intent&, ExecutionContext& context) {
                  return HandlerResult{Json(context.attempt())};
                }));
  const Heard resumed = again.resume(again.decisions.live().front());
  again.run();
  EXPECT_EQ(result_of(resumed).value.as_int64(), 2);
}

// What was read behind the last completed step may be why it failed.
TEST_F(Attempts, ReadAgainWhatWasReadBehindTheLastCompletedStep) {
  IntentSupport kind = supporting({.max_tries = 3, .first_delay_us = kSecondUs});
  std::vector<std::int64_t> before;
  std::vector<std::int64_t> behind;
  int steps = 0;
  const auto body = [&](ExecutionContext* context) -> Task<Result<HandlerResult>> {
    before.push_back(context->now_us());
    (void)co_await context->step("one", Json(before.back()), [&](const StepRun&) -> Task<Result<Json>> {
      ++steps;
      co_return Json();
    });
    behind.push_back(context->now_us());
    if (behind.size() < 3) co_return fail(ErrorCode::conflict, "somebody was faster", "state_conflict");
    co_return HandlerResult{};
  };
  runtime_.support(kind, [&](const Intent&, ExecutionContext& context) { return body(&context); });
  const Heard heard = submit();
  let_time_pass(5 * kSecondUs);
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::completed);
  EXPECT_EQ(steps, 1);
  EXPECT_THAT(before, ElementsAre(before[0], before[0], before[0])) << "the step's input comes of it";
  EXPECT_LT(behind[0], behind[1]);
  EXPECT_LT(behind[1], behind[2]);
}

TEST_F(Attempts, APolicyThatMakesNoSenseIsRefusedAtRegistration) {
  const auto refusal = [this](RetryPolicy retry) {
    const auto registered = runtime_.registry.register_intent(supporting(std::move(retry)), "things", "handle",
                                                              answering([](auto&&...) { return HandlerResult{}; }));
    return registered ? std::string() : registered.error().message;
  };
  EXPECT_THAT(refusal({.max_tries = 0}), HasSubstr("max_tries"));
  EXPECT_THAT(refusal({.first_delay_us = -1}), HasSubstr("first_delay_us"));
  EXPECT_THAT(refusal({.max_delay_us = 25 * 3'600 * kSecondUs}), HasSubstr("max_delay_us"));
  EXPECT_THAT(refusal({.max_age_us = -1}), HasSubstr("max_age_us"));
  EXPECT_EQ(refusal({.max_age_us = 366 * 24 * 3'600 * kSecondUs}), "");
}

}  // namespace
}  // namespace symphainy::runtime
