// SPDX-License-Identifier: Apache-2.0
// Executions that are attempted again, parked, resumed, cancelled and terminated: what the log may say of them passes,
// and everything else is reported under its invariant and no other.
#include "crash/execution_course.h"

#include <gtest/gtest.h>

#include "crash/course_story.h"

namespace symphainy::tests {
namespace {

class ExecutionCourseTest : public CourseStory {};

// --- attempts and their steps

TEST_F(ExecutionCourseTest, WhatFailedRunsAgainInTheNextAttempt) {
  ran(1, "move#1");
  add({step(RecordType::step_failed), attempt_failed()});
  add({started()});
  ran(2, "move#1");
  add({step(RecordType::step_failed), attempt_failed()});
  add({started()});
  ran(3, "move#1");
  add({step(RecordType::step_completed), failed()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(ExecutionCourseTest, AnAttemptThatFailedIsShownWithWhatItFailedOfUntilTheNextBegins) {
  story_.quiescent = false;
  add({attempt_failed()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(ExecutionCourseTest, I5AStepThatCompletedIsRecordedAgainByTheNextAttempt) {
  add({step(RecordType::step_completed), attempt_failed()});
  add({started()});
  add({step(RecordType::step_completed), failed()});
  EXPECT_EQ(broken(), Broken{"I5"}) << told_;
}

TEST_F(ExecutionCourseTest, I5AStepThatCompletedFailsLater) {
  add({step(RecordType::step_completed), attempt_failed()});
  add({started()});
  add({step(RecordType::step_failed), failed()});
  EXPECT_EQ(broken(), Broken{"I5"}) << told_;
}

TEST_F(ExecutionCourseTest, I5AStepFailsTwiceInOneAttempt) {
  add({step(RecordType::step_failed), step(RecordType::step_failed), failed()});
  EXPECT_EQ(broken(), Broken{"I5"}) << told_;
}

TEST_F(ExecutionCourseTest, I5AStepThatFailedIsRecordedAgainAlthoughOnlyTheProcessDied) {
  add({step(RecordType::step_failed)});
  open_again();
  add({started()});
  add({step(RecordType::step_completed), failed()});
  EXPECT_EQ(broken(), Broken{"I5"}) << told_;
}

TEST_F(ExecutionCourseTest, I5AStepThatFailedRanAgainAlthoughOnlyTheProcessDied) {
  ran(1, "move#1");
  add({step(RecordType::step_failed)});
  open_again();
  add({started()});
  ran(2, "move#1");
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I5"}) << told_;
}

TEST_F(ExecutionCourseTest, I5AStepThatCompletedRanAgainInTheNextAttempt) {
  ran(1, "move#1");
  add({step(RecordType::step_completed), attempt_failed()});
  add({started()});
  ran(2, "move#1");
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I5"}) << told_;
}

TEST_F(ExecutionCourseTest, I5WhatAnEarlierAttemptRecordedIsNotWhatThisOneDid) {
  ran(1, "move#1");
  add({step(RecordType::step_failed), attempt_failed()});
  add({started()});
  ran(2, "move#1");
  ran(2, "charge#1");
  add({step(RecordType::step_completed, "charge#1"), failed()});
  EXPECT_EQ(broken(), Broken{"I5"}) << told_;
}

TEST_F(ExecutionCourseTest, I6AnotherAttemptBeginsAlthoughTheOneBeforeHasNotFailed) {
  add({started()});
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I6"}) << told_;
}

TEST_F(ExecutionCourseTest, I6AnAttemptThatFailedGoesOn) {
  add({attempt_failed()});
  add({step(RecordType::step_completed)});
  add({started()});
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I6"}) << told_;
}

TEST_F(ExecutionCourseTest, I14AnAttemptThatFailedIsTheLast) {
  add({attempt_failed()});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

// --- parking

TEST_F(ExecutionCourseTest, WhatIsParkedWaitsAndWhoeverAskedHearsIt) {
  add({step(RecordType::step_failed), parked()});
  heard("parked", end());
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(ExecutionCourseTest, I1WhatWasAcknowledgedAsParkedWasNotParkedThere) {
  add({step(RecordType::step_failed), parked()});
  heard("parked", end() - 1);
  EXPECT_EQ(broken(), Broken{"I1"}) << told_;
}

TEST_F(ExecutionCourseTest, ResumedItDoesAgainWhatFailedAndIsParkedAgain) {
  ran(1, "move#1");
  add({step(RecordType::step_failed), parked()});
  const std::uint64_t first = end();
  base::RecordDraft somebody = resumed();
  add({std::move(somebody), started()});
  ran(2, "move#1");
  add({step(RecordType::step_failed), parked()});
  heard("parked", first);
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(ExecutionCourseTest, I5CancellingDoesNotLetStepsThatFailedRunAgain) {
  add({step(RecordType::step_failed), parked()});
  base::RecordDraft somebody = cancellation();
  add({std::move(somebody), started()});
  add({step(RecordType::step_failed), cancelled()});
  EXPECT_EQ(broken(), Broken{"I5"}) << told_;
}

TEST_F(ExecutionCourseTest, WhoseHandlerWasMissingGoesOnByItself) {
  add({parked("missing_handler")});
  open_again();
  add({started()});
  add({failed()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(ExecutionCourseTest, I14WhatIsParkedGoesOnByItself) {
  add({parked()});
  open_again();
  add({started()});
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(ExecutionCourseTest, I14WhatIsParkedTakesAStep) {
  add({parked()});
  add({step(RecordType::step_completed)});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(ExecutionCourseTest, I14WhatIsParkedFails) {
  add({parked()});
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(ExecutionCourseTest, I14WhatIsNotParkedIsResumed) {
  add({attempt_failed()});
  add({started()});
  base::RecordDraft somebody = resumed();
  add({std::move(somebody), started()});
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(ExecutionCourseTest, I14SomebodyCancelledItWhileItWasParkedAndNothingHappened) {
  add({parked()});
  add({cancellation()});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

// --- ends

TEST_F(ExecutionCourseTest, CancelledInTheMiddleOfAnAttempt) {
  add({cancellation()});
  add({step(RecordType::step_completed), cancelled()});
  heard("cancelled", end());
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(ExecutionCourseTest, CancelledWhileItWasParked) {
  add({step(RecordType::step_failed), parked()});
  base::RecordDraft somebody = cancellation();
  add({std::move(somebody), started()});
  add({cancelled()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(ExecutionCourseTest, TerminatedWhileItRunsWaitsOrIsParked) {
  for (const bool parks : {false, true}) {
    ExecutionCourse course;
    EXPECT_TRUE(course.follow(read(started(), 1), Json()).empty());
    EXPECT_TRUE(course.follow(read(parks ? parked() : attempt_failed(), 2), Json()).empty());
    EXPECT_TRUE(course.follow(read(terminated(), 3), Json()).empty());
    attempt_ = 0;
  }
  attempt_ = 1;
  add({terminated()});
  heard("terminated", end());
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(ExecutionCourseTest, I14ItIsCancelledAlthoughNobodyAsked) {
  add({cancelled()});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(ExecutionCourseTest, I14ItFailsAlthoughSomebodyAskedItToEnd) {
  add({cancellation()});
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(ExecutionCourseTest, I14SomethingFollowsBeingCancelledOrTerminated) {
  story_.with_stores = false;
  add({cancellation()});
  add({cancelled()});
  const std::size_t as_cancelled = story_.batches.size();
  for (const auto& late : {step(RecordType::step_completed), cancellation(), terminated(), failed()}) {
    add({late});
    EXPECT_EQ(broken(), Broken{"I14"}) << told_;
    story_.batches.resize(as_cancelled);
  }
  story_.batches.resize(as_cancelled - 2);
  add({terminated()});
  add({step(RecordType::step_completed)});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

// --- what whoever acted was told

TEST_F(ExecutionCourseTest, WhatWasDoneIsOnTheRecord) {
  add({parked()});
  base::RecordDraft somebody = resumed();
  add({std::move(somebody), started()});
  add({parked()});
  did("resume", "parked", end());
  base::RecordDraft another = cancellation();
  add({std::move(another), started()});
  did("cancel", "running", end());
  add({terminated()});
  did("terminate", "terminated", end());
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(ExecutionCourseTest, I1WhatWasDoneIsNotOnTheRecord) {
  add({parked()});
  for (const char* action : {"resume", "cancel", "terminate"}) {
    did(action, "running", end());
    EXPECT_EQ(broken(), Broken{"I1"}) << action << told_;
    story_.acts.clear();
  }
  did("resume", "running", end());
  story_.acts.back().execution_id = Story::id('x').text();
  EXPECT_EQ(broken(), Broken{"I1"}) << told_;
}

TEST_F(ExecutionCourseTest, I14WhatWasDoneCameToSomethingElse) {
  add({terminated()});
  did("terminate", "cancelled", end());
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(ExecutionCourseTest, I14AnEndIsAnotherOneThanWasAnswered) {
  add({terminated()});
  heard("cancelled", end());
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

}  // namespace
}  // namespace symphainy::tests
