// SPDX-License-Identifier: Apache-2.0
// Snapshots outlive the log that they were made of: they are its fold, two are good before more of it goes, and none is
// removed while it may be needed.
#include <gmock/gmock.h>

#include "app/retention.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "retained_store.h"

namespace symphainy::tests {
namespace {

using ::testing::HasSubstr;

TEST_F(Retention, WhatIsWrongInTheProjectionsIsFoundAfterTheLogIsRetired) {
  for (const int first : {1, 201}) {  // the second time the snapshot is made of the one before
    fill(first, first + 199);
    const std::string answers = executions();
    run_sql("data/state.db", "UPDATE executions SET status = 'failed', attempt = 7 WHERE rowid % 50 = 3");
    ASSERT_NE(executions(), answers);
    retain({"--older-than", "0s"});
    ASSERT_GT(number(verify(), "first"), 1U);
    const Ended checked = run({"state", "verify", "--data", "data"});
    EXPECT_EQ(checked.code, 3) << checked.out << checked.err;
    EXPECT_THAT(checked.out, HasSubstr("attempt"));
    remove_state();
    EXPECT_EQ(executions(), answers) << "rebuilt from the snapshot";
    expect_state_is_the_fold();
  }
  EXPECT_EQ(names_in("data/snapshots", ".json").size(), 2U);
  EXPECT_EQ(files_of("data/snapshots").size(), 6U) << "nothing else is left there";
}

TEST_F(Retention, NothingIsRetiredOnFewerThanTwoGoodSnapshots) {
  fill(1, 400);
  ASSERT_GE(count(retain({"--keep-bytes", "3145728"}), "retired"), 1U) << "the first time, the log was whole";
  ASSERT_EQ(names_in("data/snapshots", ".json").size(), 1U);
  const auto segments = names_in("data/wal", ".seg");
  ASSERT_EQ(segments.size(), 3U);
  for (const bool dry_run : {true, false}) {
    const Json held = retain(dry_run ? Arguments{"--older-than", "0s", "--dry-run"} : Arguments{"--older-than", "0s"});
    EXPECT_EQ(count(held, "retired"), 0U) << held.dump();
    EXPECT_THAT(held_by(held), HasSubstr("second snapshot"));
  }
  EXPECT_EQ(names_in("data/wal", ".seg"), segments);
  fill(401, 500);
  const Json done = retain({"--older-than", "0s"});
  EXPECT_EQ(count(done, "retired"), 2U) << done.dump();
  EXPECT_EQ(names_in("data/snapshots", ".json").size(), 2U);
  expect_state_is_the_fold();

  fill(501, 700);
  const auto kept = names_in("data/wal", ".seg");
  for (const std::string& name : names_in("data/snapshots", ".db")) flip(fs::relative(name, path(".")), 9'000);
  const Ended refused = run({"wal", "retain", "--data", "data", "--older-than", "0s"});
  EXPECT_EQ(refused.code, 3) << refused.out;
  EXPECT_THAT(refused.err, HasSubstr("no snapshot in data/snapshots is good"));
  EXPECT_THAT(refused.err, HasSubstr("docs/guides/retention.md"));
  EXPECT_EQ(names_in("data/wal", ".seg"), kept);
}

class RetentionBesideTroubledSnapshots : public Retention {
 protected:
  /// Two snapshots, and log for a third.
  void SetUp() override {
    for (const int first : {1, 201}) {
      fill(first, first + 199);
      retain({"--older-than", "0s"});
    }
    ASSERT_GT(number(verify(), "first"), 1U);
    fill(401, 500);
    manifests_ = names_in("data/snapshots", ".json");
    segments_ = names_in("data/wal", ".seg");
    ASSERT_EQ(manifests_.size(), 2U);
    newest_ = fs::path(manifests_.back()).replace_extension(".db");
  }
  void expect_all_is_kept() {
    EXPECT_TRUE(std::ranges::includes(names_in("data/snapshots", ".json"), manifests_));
    EXPECT_EQ(names_in("data/wal", ".seg"), segments_);
  }
  void expect_that_it_goes_on() {
    const Json done = retain({"--older-than", "0s"});
    const auto now = names_in("data/snapshots", ".json");
    ASSERT_EQ(now.size(), 2U);
    EXPECT_GT(now.back(), manifests_.back());
    EXPECT_EQ(files_of("data/snapshots").size(), 6U);
    expect_state_is_the_fold();
  }

  std::vector<std::string> manifests_;
  std::vector<std::string> segments_;
  std::string newest_;
};

TEST_F(RetentionBesideTroubledSnapshots, OneThatCannotBeReadNowIsNotRemoved) {
  fs::rename(newest_, path("away"));
  fs::create_symlink(newest_, newest_);  // "too many levels of symbolic links": it says nothing of what was there
  const Ended refused = run({"wal", "retain", "--data", "data", "--older-than", "0s"});
  EXPECT_EQ(refused.code, 1) << refused.out;
  EXPECT_THAT(refused.err, HasSubstr(fs::path(newest_).filename().string()));
  expect_all_is_kept();
  fs::remove(newest_);
  fs::rename(path("away"), newest_);
  expect_that_it_goes_on();
  EXPECT_TRUE(fs::exists(newest_)) << "it is the older one now";
}

TEST_F(RetentionBesideTroubledSnapshots, ADamagedOneIsRemovedOnlyOnceThereIsANewOne) {
  flip(fs::relative(newest_, path(".")), 9'000);
  const std::string last = std::to_string(last_position("data"));
  const std::string manifest = "data/snapshots/" + std::string(20 - last.size(), '0') + last + ".json.new";
  fs::create_directory(path(manifest));  // so none can be finished
  const Ended refused = run({"wal", "retain", "--data", "data", "--older-than", "0s"});
  EXPECT_EQ(refused.code, 1) << refused.out;
  EXPECT_THAT(refused.err, HasSubstr(manifest));
  expect_all_is_kept();
  fs::remove(path(manifest));
  expect_that_it_goes_on();
  EXPECT_FALSE(fs::exists(newest_));
}

TEST_F(RetentionBesideTroubledSnapshots, ABackupKeepsThoseThatItFound) {
  public_works::PosixFileSystem files;
  {
    const auto hold = app::hold_history(files, {path("data")});
    ASSERT_TRUE(hold);
    retain({"--older-than", "0s"});
    const auto now = names_in("data/snapshots", ".json");
    EXPECT_EQ(now.size(), 3U);
    EXPECT_TRUE(std::ranges::includes(now, manifests_));
    fill(501, 600);
  }
  expect_that_it_goes_on();
  for (const std::string& manifest : manifests_) EXPECT_FALSE(fs::exists(manifest));
}

}  // namespace
}  // namespace symphainy::tests
