// SPDX-License-Identifier: Apache-2.0
// Executions that wait: what the log may say of that passes, and everything else is reported as I16 and nothing else.
#include "crash/wait_course.h"

#include <gtest/gtest.h>

#include "crash/course_story.h"

namespace symphainy::tests {
namespace {

constexpr std::int64_t kSecond = 1'000'000;  // each batch of a story is a second behind the one before

class WaitCourseTest : public CourseStory {
 protected:
  /// Of a batch that is added now, and of the one so many behind it.
  [[nodiscard]] std::int64_t time_of_next(std::int64_t later = 0) const {
    return (static_cast<std::int64_t>(story_.batches.size()) + 1 + later) * kSecond;
  }
  [[nodiscard]] base::RecordDraft timer(std::int64_t due_us, const std::string& by = "duration",
                                        const std::string& key = "timer#1") const {
    return record(RecordType::wait_begun,
                  fmt::format(R"({{"due_by":"{1}","due_us":{0},"key":"{2}","kind":"timer","name":"","observed":0,)"
                              R"("wake_by":"{1}","wake_us":{0}}})",
                              due_us, by, key));
  }
  [[nodiscard]] base::RecordDraft wait_for(const std::string& name, int number = 1, std::int64_t due_us = 0) const {
    const std::string due = due_us == 0 ? "" : fmt::format(R"("due_by":"duration","due_us":{},)", due_us);
    return record(RecordType::wait_begun, fmt::format(R"({{{}"key":"signal:{}#{}","kind":"signal","name":"{}",)"
                                                      R"("observed":0}})",
                                                      due, name, number, name));
  }
  [[nodiscard]] base::RecordDraft over(const std::string& key, const std::string& signal_id = "") const {
    const std::string with = signal_id.empty() ? "" : fmt::format(R"(,"signal_id":"{}")", signal_id);
    return record(RecordType::wait_ended, fmt::format(R"({{"key":"{}"{}}})", key, with));
  }
  [[nodiscard]] base::RecordDraft signal(const std::string& id, const std::string& name = "approved") const {
    return record(RecordType::signal_received,
                  fmt::format(R"({{"actor":{{"id":"maria","type":"user"}},"name":"{}","reason":"","received_us":1,)"
                              R"("signal_id":"{}","value":true}})",
                              name, id));
  }
};

// --- timers

TEST_F(WaitCourseTest, ATimerEndsWhenItIsDueAndAnotherAttemptGoesOn) {
  add({timer(time_of_next(1))});
  add({over("timer#1"), started()});
  add({timer(time_of_next(1), "wall", "timer#2")});
  add({over("timer#2")});
  add({step(RecordType::step_completed), failed()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(WaitCourseTest, I16ATimerEndsBeforeTheTimeOfDayThatItNames) {
  add({timer(time_of_next(1) + 1, "wall")});
  add({over("timer#1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I16ATimerEndsBeforeItHasLasted) {
  add({timer(time_of_next(1) + 1)});
  add({over("timer#1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, HowLongItLastedIsNotTheRecordsToTellWhenTheWallClockIsSet) {
  story_.wall_clock_is_set = true;
  add({timer(time_of_next(1) + 1)});
  add({over("timer#1"), failed()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(WaitCourseTest, I16ATimerThatIsNeverDue) {
  add({record(RecordType::wait_begun, R"({"key":"timer#1","kind":"timer","name":"","observed":0})")});
  add({cancellation(), cancelled()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

// --- beginnings and ends

TEST_F(WaitCourseTest, I16AWaitBeginsOnceMoreBehindACrash) {
  add({timer(time_of_next(2))});
  open_again();
  add({started(), timer(time_of_next())});
  add({over("timer#1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I16AWaitBeginsWhileAnotherIsNotOver) {
  add({timer(time_of_next(1)), wait_for("approved")});
  add({signal("s-1"), over("signal:approved#1", "s-1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I16AWaitEndsTwice) {
  add({timer(time_of_next(1))});
  add({over("timer#1"), over("timer#1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I16WhatEndsIsNotWhatHadBegun) {
  story_.with_stores = false;
  add({timer(time_of_next(1))});
  add({over("timer#2"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I16AStepIsTakenWhileItWaits) {
  add({timer(time_of_next(1)), step(RecordType::step_completed)});
  add({over("timer#1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, WhoeverWasToldToEndGoesOnBesideWhatItWaitedFor) {
  add({timer(time_of_next(100))});
  add({cancellation(), started()});
  add({step(RecordType::step_failed), cancelled()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(WaitCourseTest, WhatWaitsIsWokenAtItsDeadlineAndFails) {
  add({wait_for("approved")});
  add({started()});
  add({failed()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(WaitCourseTest, I6AnotherAttemptBeginsLongAfterTheWaitWasOver) {
  add({timer(time_of_next(1))});
  add({over("timer#1"), step(RecordType::step_completed)});
  add({started()});
  add({failed()});
  EXPECT_EQ(broken(), Broken{"I6"}) << told_;
}

// --- signals

TEST_F(WaitCourseTest, SignalsAreTakenByTheirNamesInTheOrderOfTheirComing) {
  add({signal("s-1"), signal("s-2", "other"), signal("s-3"), wait_for("approved"), over("signal:approved#1", "s-1")});
  add({wait_for("approved", 2), over("signal:approved#2", "s-3"), wait_for("other")});
  add({over("signal:other#1", "s-2")});
  add({wait_for("approved", 3, time_of_next(1))});
  add({over("signal:approved#3"), failed()});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(WaitCourseTest, ASignalIsKeptForWhatIsParkedOrFailed) {
  add({attempt_failed()});
  add({signal("s-1")});
  add({started(), parked()});
  add({signal("s-2")});
  did("signal", "parked", end() - 1);
  story_.acts.back().signal_id = "s-2";
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(WaitCourseTest, I16ASignalIsTakenTwice) {
  story_.with_stores = false;
  add({signal("s-1"), wait_for("approved"), over("signal:approved#1", "s-1")});
  add({wait_for("approved", 2), over("signal:approved#2", "s-1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I16AWaitEndsWithASignalThatNobodySent) {
  add({wait_for("approved"), over("signal:approved#1", "s-1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I16AWaitEndsWithASignalOfAnotherName) {
  add({signal("s-1", "other"), wait_for("approved"), over("signal:approved#1", "s-1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I16ALaterSignalIsTakenFirst) {
  add({signal("s-1"), signal("s-2"), wait_for("approved"), over("signal:approved#1", "s-2"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I16ASignalIsReceivedTwice) {
  add({signal("s-1"), signal("s-1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I16TheTimeOfAWaitCameAlthoughItsSignalWasThere) {
  add({wait_for("approved", 1, time_of_next(1))});
  add({signal("s-1"), over("signal:approved#1"), failed()});
  EXPECT_EQ(broken(), Broken{"I16"}) << told_;
}

TEST_F(WaitCourseTest, I1ASignalThatWasTakenForSentIsNotInTheLog) {
  add({signal("s-1"), failed()});
  did("signal", "running", end() - 1);
  story_.acts.back().signal_id = "s-2";
  EXPECT_EQ(broken(), Broken{"I1"}) << told_;
}

// --- what is left

TEST_F(WaitCourseTest, WhatWaitsMayBeLeftWhenEverythingIsDrained) {
  add({wait_for("approved")});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(WaitCourseTest, WhatIsNotDueYetMayBeLeftToo) {
  add({timer(time_of_next(1))});
  EXPECT_EQ(broken(), Broken{}) << told_;
}

TEST_F(WaitCourseTest, I14NobodyHasWokenWhatWasDueLongAgo) {
  add({timer(time_of_next())});
  for (int seconds = 0; seconds < 12; ++seconds) open_again();
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(WaitCourseTest, I14WhatWasCancelledWaitsNoLonger) {
  add({timer(time_of_next(100))});
  add({cancellation()});
  EXPECT_EQ(broken(), Broken{"I14"}) << told_;
}

TEST_F(WaitCourseTest, I11TheStoreHasAnotherTimeForIt) {
  add({timer(time_of_next(100))});
  story_.change_what_is_folded = [due = time_of_next(99)](std::vector<Story::Batch>& batches) {
    std::string& payload = batches.back().drafts.front().payload;
    const std::string wake = fmt::format(R"("wake_us":{})", due);
    const std::size_t at = payload.find(wake);
    ASSERT_NE(at, std::string::npos);
    payload.replace(at, wake.size(), fmt::format(R"("wake_us":{})", due + 1));
  };
  EXPECT_EQ(broken(), Broken{"I11"}) << told_;
}

}  // namespace
}  // namespace symphainy::tests
