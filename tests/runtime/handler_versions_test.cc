// SPDX-License-Identifier: Apache-2.0
// An execution stays on the version of its handler that it began with, whatever newer ones there are; without it, it
// is parked, says what to do, and goes on when it is back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/manual_runtime.h"

namespace symphainy::runtime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Version 1 stands still in its step, or fails in it, until it is told otherwise.
class HandlerVersions : public ::testing::Test {
 protected:
  ~HandlerVersions() override { gate_.open(); }

  IntentHandler version(int number) {
    return [this, number](const Intent&, ExecutionContext& context) { return work(this, number, &context); };
  }
  static IntentSupport support(std::uint32_t number) {
    IntentSupport support{.intent_type = "work", .version = number};
    support.out_of_attempts = OutOfAttempts::park;
    return support;
  }
  void begin_under_version_1() {
    dying_.support(support(1), version(1));
    begun_ = dying_.submit(intent_for("work"));
    dying_.run();
  }
  /// What the next process does with it, by itself.
  static Result<ExecutionResult> go_on(ManualRuntime& runtime) {
    const auto execution = runtime.decisions.live().at(0);
    EXPECT_TRUE(runtime.lifecycle->goes_on_by_itself(*execution));
    const Heard heard = runtime.resume(execution);
    runtime.run();
    return heard->value();
  }

  Gate gate_;
  bool stands_still_ = true;
  bool fails_ = false;
  ManualRuntime dying_;
  Heard begun_;

 private:
  static Task<Result<HandlerResult>> work(HandlerVersions* self, int number, ExecutionContext* context) {
    auto done = co_await context->step("effect", Json(), [self](const StepRun&) { return effect(self); });
    if (!done) co_return std::unexpected(done.error());
    co_return HandlerResult{Json(number)};
  }
  static Task<Result<Json>> effect(HandlerVersions* self) {
    if (self->stands_still_) co_await self->gate_;
    if (self->fails_) co_return fail(ErrorCode::unavailable, "no connection", "no_connection");
    co_return Json();
  }
};

TEST_F(HandlerVersions, WhatBeganUnderVersion1GoesOnUnderItAndNewIntentsTakeVersion2) {
  begin_under_version_1();
  ManualRuntime next(dying_.copy_of_log(), 2);
  stands_still_ = false;
  next.support(support(1), version(1));
  next.support(support(2), version(2));
  EXPECT_EQ(go_on(next)->value.dump(), "1");
  EXPECT_EQ(next.execute(intent_for("work"))->value.dump(), "2");
}

TEST_F(HandlerVersions, TheOrderOfRegistrationDoesNotMatter) {
  begin_under_version_1();
  ManualRuntime next(dying_.copy_of_log(), 2);
  stands_still_ = false;
  next.support(support(2), version(2));
  next.support(support(1), version(1));
  EXPECT_EQ(go_on(next)->value.dump(), "1");
  EXPECT_EQ(next.execute(intent_for("work"))->value.dump(), "2");
}

TEST_F(HandlerVersions, WhatIsParkedUnderVersion1IsResumedUnderIt) {
  stands_still_ = false;
  fails_ = true;
  begin_under_version_1();
  ASSERT_EQ(begun_->value()->status, ExecutionStatus::parked);
  ManualRuntime next(dying_.copy_of_log(), 2);
  fails_ = false;
  next.support(support(1), version(1));
  next.support(support(2), version(2));
  const Heard heard =
      next.command({Action::resume, "acme", begun_->value()->execution_id, {"user", "maria"}, "", true});
  next.run();
  EXPECT_EQ(heard->value()->status, ExecutionStatus::completed);
  EXPECT_EQ(heard->value()->value.dump(), "1");
}

TEST_F(HandlerVersions, WithoutItsVersionItIsParkedSaysWhatToDoAndGoesOnWhenThatIsBack) {
  begin_under_version_1();
  ManualRuntime without(dying_.copy_of_log(), 2);
  stands_still_ = false;
  without.support(support(2), version(2));
  const auto parked = go_on(without);
  ASSERT_EQ(parked->status, ExecutionStatus::parked);
  EXPECT_EQ(parked->error->reason, "missing_handler");
  EXPECT_THAT(parked->error->message,
              AllOf(HasSubstr("began under 'work' version 1 (things/handle)"),
                    HasSubstr("register that version again, beside the new ones, and open the directory"),
                    HasSubstr("Or terminate it")));
  EXPECT_EQ(without.execute(intent_for("work"))->value.dump(), "2") << "new intents are none the worse for it";
  EXPECT_FALSE(without.lifecycle->goes_on_by_itself(*without.decisions.live().at(0))) << "it is still missing";

  ManualRuntime back(without.copy_of_log(), 3);
  back.support(support(1), version(1));
  back.support(support(2), version(2));
  ASSERT_THAT(back.decisions.live(), SizeIs(1));
  const auto gone_on = go_on(back);
  EXPECT_EQ(gone_on->status, ExecutionStatus::completed);
  EXPECT_EQ(gone_on->value.dump(), "1");
}

}  // namespace
}  // namespace symphainy::runtime
