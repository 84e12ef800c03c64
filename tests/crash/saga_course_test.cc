// SPDX-License-Identifier: Apache-2.0
// Executions whose steps are undone: what the log, and the ledger, may say of them passes, and everything else is
// reported as I9.
#include "crash/saga_course.h"

#include <gtest/gtest.h>

#include "crash/course_story.h"

namespace symphainy::tests {
namespace {

class SagaCourseTest : public CourseStory {
 protected:
  SagaCourseTest() : CourseStory("noting") { ran(1, ""); }

  void do_step(const std::string& key) {
    add({begins(key)});
    ran(attempt_, key);
    add({step(RecordType::step_completed, key)});
  }
  void fail_step(const std::string& key) {
    add({begins(key)});
    ran(attempt_, key);
    add({step(RecordType::step_failed, key)});
  }
  void undo(const std::string& key) {
    ran(attempt_, "undo:" + key);
    add({undone(key)});
  }
  // "a" and "b" are done, "c" fails.
  void fail_of_c() {
    do_step("a#1");
    do_step("b#1");
    fail_step("c#1");
  }
  void goes_on_in_another_process() {
    open_again();
    add({started()});
    ran(attempt_, "");
  }
  void goes_on_resumed() {
    base::RecordDraft somebody = resumed();
    add({std::move(somebody), started()});
    ran(attempt_, "");
  }
  base::RecordDraft begins(const std::string& key) const {
    return record(RecordType::step_started, fmt::format(R"({{"input_digest":"","key":"{}"}})", key));
  }
  base::RecordDraft crosses(const std::string& key) const {
    return record(RecordType::step_started, fmt::format(R"({{"input_digest":"","key":"{}","pivot":true}})", key));
  }
  base::RecordDraft undone(const std::string& key) const {
    return record(RecordType::step_compensated, fmt::format(R"({{"key":"{}","tries":1}})", key));
  }
  base::RecordDraft undoing() const {
    return record(RecordType::compensation_begun, runtime::compensation_begun_payload(kBroke));
  }
  base::RecordDraft stuck(const std::string& reason = "compensation_stuck") const {
    return record(RecordType::compensation_stuck,
                  runtime::failed_payload(7, {ErrorCode::failed, "it does not go back", reason, {}}));
  }
  base::RecordDraft compensated() const {
    return record(RecordType::execution_compensated, runtime::failed_payload(7, kBroke));
  }

  const Error kBroke{ErrorCode::failed, "it broke", "broke", {}};
};

TEST_F(SagaCourseTest, WhatFailsIsUndoneInReverse) {
  fail_of_c();
  add({undoing()});
  undo("b#1");
  undo("a#1");
  add({compensated()});
  heard("compensated", end());
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(SagaCourseTest, WhatNobodyKnowsOfIsUndoneToo) {
  do_step("a#1");
  add({begins("b#1")});
  goes_on_in_another_process();
  add({cancellation()});
  add({undoing()});
  undo("b#1");
  undo("a#1");
  add({cancelled()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(SagaCourseTest, I9NothingIsUndoneBehindAPivotThatHasBegun) {
  do_step("a#1");
  add({crosses("b#1")});
  add({undoing()});
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), (Broken{"I9"})) << told_;
}

TEST_F(SagaCourseTest, APivotThatFailedLeavesTheWayBackOpen) {
  do_step("a#1");
  add({crosses("b#1")});
  ran(attempt_, "b#1");
  add({step(RecordType::step_failed, "b#1")});
  add({undoing()});
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(SagaCourseTest, I9NothingIsGivenUpBehindThePivot) {
  do_step("a#1");
  add({crosses("b#1")});
  ran(attempt_, "b#1");
  add({step(RecordType::step_completed, "b#1")});
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, UndoingGoesOnInAnotherProcessAndIsShownSo) {
  story_.quiescent = false;
  fail_of_c();
  add({undoing()});
  ran(1, "undo:b#1");
  goes_on_in_another_process();
  EXPECT_EQ(broken(), Broken{}) << told_;
  undo("b#1");
  goes_on_in_another_process();
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(SagaCourseTest, OfOneThatIsLateAnotherAttemptOfTheSameProcessUndoesTheSteps) {
  fail_of_c();
  add({undoing()});
  add({started()});
  ran(attempt_, "");
  undo("b#1");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(SagaCourseTest, I6AnotherAttemptOfTheSameProcessGoesOnWithUndoing) {
  fail_of_c();
  add({undoing()});
  undo("b#1");
  add({started()});
  ran(attempt_, "");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I6"}) << told_;
}

TEST_F(SagaCourseTest, WhatFailedBeginsAgainInTheNextAttempt) {
  fail_of_c();
  add({attempt_failed()});
  add({started()});
  fail_step("c#1");
  add({undoing()});
  undo("b#1");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(SagaCourseTest, WhatIsStuckWaitsAndGoesOnWhenItIsResumed) {
  fail_of_c();
  add({undoing()});
  ran(1, "undo:b#1");
  add({stuck()});
  heard("compensation_stuck", end());
  EXPECT_EQ(broken(), Broken{}) << told_;
  goes_on_resumed();
  undo("b#1");
  undo("a#1");
  add({compensated()});
  did("resume", "compensated", end());
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(SagaCourseTest, WhatIsStuckForItsHandlerGoesOnByItself) {
  fail_of_c();
  add({undoing()});
  add({stuck("missing_handler")});
  goes_on_in_another_process();
  undo("b#1");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(SagaCourseTest, WhoeverTerminatesItMayLeaveStepsAsTheyAre) {
  fail_of_c();
  add({undoing()});
  undo("b#1");
  add({stuck()});
  add({terminated()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(SagaCourseTest, I1WhatWasAcknowledgedAsStuckWasNotStuckThere) {
  fail_of_c();
  add({undoing()});
  add({stuck()});
  heard("compensation_stuck", end() - 1);
  EXPECT_EQ(broken(), Broken{"I1"}) << told_;
}

TEST_F(SagaCourseTest, I14WhatIsStuckGoesOnByItself) {
  fail_of_c();
  add({undoing()});
  add({stuck()});
  goes_on_in_another_process();
  undo("b#1");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(SagaCourseTest, I14ItIsCompensatedAlthoughSomebodyAskedItToEnd) {
  fail_of_c();
  add({cancellation()});
  add({undoing()});
  undo("b#1");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(SagaCourseTest, I9UndoneInTheOrderOfTheirBeginning) {
  fail_of_c();
  add({undoing()});
  undo("a#1");
  undo("b#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9AStepThatFailedIsUndone) {
  fail_of_c();
  add({undoing()});
  undo("c#1");
  undo("b#1");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9OneIsUndoneTwice) {
  fail_of_c();
  add({undoing()});
  undo("b#1");
  add({undone("b#1")});
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9OneIsLeftAsItIs) {
  for (const bool cancels : {false, true}) {
    const Story clean = story_;
    fail_of_c();
    if (cancels) add({cancellation()});
    add({undoing()});
    undo("b#1");
    add({cancels ? cancelled() : compensated()});
    EXPECT_EQ(broken(), Broken{"I9"}) << told_;
    story_ = clean;
  }
}

TEST_F(SagaCourseTest, I9WhatNobodyKnowsOfIsLeftAsItIs) {
  do_step("a#1");
  add({begins("b#1")});
  goes_on_in_another_process();
  add({cancellation()});
  add({undoing()});
  undo("a#1");
  add({cancelled()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9ItFailsOrIsCancelledWithSomethingToUndo) {
  for (const bool cancels : {false, true}) {
    const Story clean = story_;
    fail_of_c();
    if (cancels) add({cancellation()});
    add({cancels ? cancelled() : failed()});
    EXPECT_EQ(broken(), Broken{"I9"}) << told_;
    story_ = clean;
  }
}

TEST_F(SagaCourseTest, I9ItIsUndoneAlthoughThereIsNothingToUndo) {
  fail_step("a#1");
  add({undoing()});
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9AStepIsUndoneThatIsNotToldToHaveBegun) {
  do_step("a#1");
  ran(1, "b#1");
  add({step(RecordType::step_completed, "b#1")});
  add({undoing()});
  undo("b#1");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9WhatIsUndoneOrStuckOrCompensatedHasNotBegunToBe) {
  fail_of_c();
  const Story failing = story_;
  for (const auto& record : {undone("b#1"), compensated()}) {
    story_ = failing;
    add({record});
    add({terminated()});
    story_.with_stores = false;
    const Broken found = broken();
    EXPECT_TRUE(found.contains("I9")) << told_;
  }
  story_ = failing;
  add({stuck()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9SomethingElseIsDoneWhileItIsUndone) {
  fail_of_c();
  add({undoing()});
  const Story begun = story_;
  const std::vector<base::RecordDraft> elsewhere = {begins("d#1"), step(RecordType::step_completed, "d#1"),
                                                    step(RecordType::step_failed, "d#1"), undoing()};
  for (const auto& record : elsewhere) {
    add({record});
    undo("b#1");
    undo("a#1");
    add({compensated()});
    EXPECT_EQ(broken(), Broken{"I9"}) << told_;
    story_ = begun;
  }
  add({parked()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
  story_ = begun;
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9AStepBeginsTwiceAlthoughItHasNotFailed) {
  add({begins("a#1")});
  goes_on_in_another_process();
  do_step("a#1");
  add({undoing()});
  undo("a#1");
  add({compensated()});
  EXPECT_TRUE(broken().contains("I9")) << told_;
}

// --- the ledger

TEST_F(SagaCourseTest, I9AnUndoThatIsRecordedRunsAgain) {
  fail_of_c();
  add({undoing()});
  undo("b#1");
  goes_on_in_another_process();
  ran(2, "undo:b#1");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9AnUndoRunsBeforeTheOneBeforeItIsRecorded) {
  fail_of_c();
  add({undoing()});
  ran(1, "undo:b#1");
  ran(1, "undo:a#1");
  goes_on_in_another_process();
  undo("b#1");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9AnUndoRunsTwiceWithAnotherInBetween) {
  fail_of_c();
  add({undoing()});
  undo("b#1");
  undo("a#1");
  ran(1, "undo:b#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9AnUndoRunsThatNothingCallsFor) {
  fail_of_c();
  const Story failing = story_;
  ran(1, "undo:b#1");
  add({terminated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
  story_ = failing;
  add({undoing()});
  ran(1, "undo:c#1");
  add({terminated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9AStepRunsWhileItIsUndone) {
  fail_of_c();
  add({undoing()});
  goes_on_in_another_process();
  ran(2, "d#1");
  undo("b#1");
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9WhatIsUndoneWasNotUndoneByAnybody) {
  fail_of_c();
  add({undoing()});
  add({undone("b#1")});
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

TEST_F(SagaCourseTest, I9WhatIsUndoneWasNeverDone) {
  add({begins("a#1")});
  add({step(RecordType::step_completed, "a#1")});
  add({undoing()});
  undo("a#1");
  add({compensated()});
  EXPECT_EQ(broken(), Broken{"I9"}) << told_;
}

}  // namespace
}  // namespace symphainy::tests
