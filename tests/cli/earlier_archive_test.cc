// SPDX-License-Identifier: Apache-2.0
// What a store's origin had archived proves the store that was made of it, and can be brought back into it.
#include <gmock/gmock.h>

#include "retained_store.h"

namespace symphainy::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class EarlierArchive : public Retention {
 protected:
  /// A store on its third timeline, with something in the archive of each; `data` is the third.
  void make_store() {
    run({"key", "create", "audit.key"});
    fill(1, 100);
    write_file("monday", checkpoint());
    fill(101, 200);
    retain_and_archive();
    for (const int first : {201, 401}) {
      fill(first, first + 99);
      restore();
      fill(first + 100, first + 199);
      retain_and_archive();
      fill(first + 200, first + 205);
      retain_and_archive();
    }
    records_ = last_position("data");
    std::size_t timelines = 0;
    for (const auto& entry : fs::directory_iterator(path("archive"))) timelines += entry.is_directory() ? 1 : 0;
    ASSERT_EQ(timelines, 3U);
    ASSERT_GT(number(verify(), "first"), 1U);
  }
  std::string checkpoint() { return run({"wal", "checkpoint", "--data", "data", "--key", "audit.key"}).out; }
  Json retain_and_archive() { return retain({"--older-than", "0s", "--archive", "archive"}); }
  void restore() {
    fs::remove_all(path("backup"));
    ASSERT_EQ(run({"backup", "create", "--data", "data", "backup"}).code, 0);
    fs::remove_all(path("data"));
    ASSERT_EQ(run({"backup", "restore", "backup", "--data", "data"}).code, 0);
  }
  Json unretire() {
    const Ended ended = run({"wal", "unretire", "--data", "data", "--archive", "archive"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.json();
  }
  void expect_proven_from_the_first_position() {
    const Json plain = verify();
    const Json joined = verify({"--archive", "archive"});
    EXPECT_EQ(number(joined, "first"), 1U);
    EXPECT_EQ(number(joined, "records"), records_);
    EXPECT_EQ(joined.find("tenants")->dump(), plain.find("tenants")->dump());
    EXPECT_EQ(joined.find("head")->dump(), plain.find("head")->dump());
    EXPECT_TRUE(flag(*verify({"--archive", "archive", "--against", "monday"}).find("checkpoint"), "agrees"));
  }
  /// Without the archive, by both verifiers.
  void expect_brought_back(const std::string& rows) {
    const Json whole = verify();
    EXPECT_EQ(number(whole, "first"), 1U);
    EXPECT_EQ(number(whole, "records"), records_);
    EXPECT_TRUE(flag(*verify({"--against", "monday"}).find("checkpoint"), "agrees"));
    EXPECT_EQ(verify_py("data --against monday"), 0);
    fs::remove_all(path("data/snapshots"));
    remove_state();
    EXPECT_EQ(executions(), rows) << "folded from the first record on";
    expect_state_is_the_fold();
    EXPECT_EQ(run({"wal", "cat", "--data", "data", "--tenant", "*"}).json_lines().size(), records_);
  }

  std::uint64_t records_ = 0;
};

TEST_F(EarlierArchive, ProvesARestoredStoreAndIsBroughtBackIntoIt) {
  make_store();
  expect_proven_from_the_first_position();
  const std::string rows = executions();
  const Json done = unretire();
  EXPECT_EQ(number(done, "last_position"), records_);
  EXPECT_FALSE(fs::exists(path("data/wal/base")));
  expect_brought_back(rows);
  EXPECT_EQ(count(unretire(), "segments"), 0U) << "there is nothing left to bring back";
  fill(701, 703);
  expect_state_is_the_fold();
  EXPECT_GE(count(retain_and_archive(), "retired"), count(done, "segments"));
  records_ = last_position("data");
  expect_proven_from_the_first_position();
}

TEST_F(EarlierArchive, IsCutWhereARepairedStoreBegins) {
  run({"key", "create", "audit.key"});
  fill(1, 100);
  write_file("monday", checkpoint());
  fill(101, 200);
  retain_and_archive();
  fill(201, 300);
  const std::string origin = "archive/" + text(*verify().find("head"), "timeline") + "/";
  const std::string rows = executions();
  flip("data/wal/base", 70);
  ASSERT_EQ(run({"wal", "repair", "--data", "data", "repaired"}).code, 0);
  fs::rename(path("data"), path("damaged"));
  fs::rename(path("repaired"), path("data"));
  records_ = last_position("data");
  expect_refused({"wal", "unretire", "--data", "data", "--archive", "archive"}, 2, {"archive lacks positions"});
  // What is sound of the damaged one, put there by hand.
  for (const std::string& segment : names_in("damaged/wal", ".seg")) {
    const std::string archived = path(origin) + fs::path(segment).filename().string() + ".zst";
    ASSERT_EQ(std::system(("zstd -q '" + segment + "' -o '" + archived + "'").c_str()), 0);
  }
  const std::string first = std::to_string(number(verify(), "first"));
  EXPECT_FALSE(fs::exists(path(origin + std::string(20 - first.size(), '0') + first + ".seg.zst")))
      << "the store begins within a segment of its origin";
  expect_proven_from_the_first_position();
  unretire();
  expect_brought_back(rows);
}

TEST_F(EarlierArchive, DamageInItIsBlamedByItsPathAndNothingIsBroughtBack) {
  make_store();
  const auto before = files_of("data/wal");
  const auto names = names_in("archive", ".zst");
  for (const std::string& name :
       {*std::ranges::min_element(names, {}, [](const std::string& one) { return fs::path(one).filename(); })}) {
    const std::string archived = fs::relative(name, path("."));
    const std::string good = read_whole_file(archived);
    flip(archived, good.size() / 2);
    const Json answer = verify({"--archive", "archive"}, 3);
    EXPECT_EQ(text(*answer.find("damage"), "segment"), archived);
    EXPECT_TRUE(flag(*answer.find("damage"), "in_archive"));
    expect_refused({"wal", "unretire", "--data", "data", "--archive", "archive"}, 3, {archived, "nothing was changed"});
    fs::remove(path(archived));
    expect_refused({"wal", "unretire", "--data", "data", "--archive", "archive"}, 2,
                   {"archive begins at position", "put the segments before into it"});
    write_file(archived, good);
  }
  EXPECT_TRUE(files_of("data/wal") == before);
  expect_refused({"wal", "unretire", "--data", "data", "--archive", "nowhere"}, 2, {"there is no such directory"});
  expect_refused({"wal", "unretire", "--data", "data"}, 2, {"--archive"});
  expect_refused({"wal", "unretire", "--data", "nowhere", "--archive", "archive"}, 2, {"there is no store in nowhere"});
  EXPECT_TRUE(files_of("data/wal") == before);
  // Interrupted before the last step, it has changed nothing yet.
  fs::copy(path("data/wal/base"), path("base"));
  unretire();
  fs::copy(path("base"), path("data/wal/base"));
  EXPECT_GT(number(verify(), "first"), 1U);
  fill(701, 703);
  EXPECT_EQ(names_in("data/wal", ".seg").size(),
            std::ranges::count_if(before, [](const auto& file) { return file.first.ends_with(".seg"); }))
      << "opening has removed what was no part of the log";
}

TEST_F(EarlierArchive, IsToldWholeOnlyWhenItIs) {
  fill(1, 300);
  const Arguments unretire{"wal", "unretire", "--data", "data", "--archive", "archive"};
  expect_refused(unretire, 2, {"there is no such directory"});
  fs::create_directory(path("archive"));
  EXPECT_EQ(number(this->unretire(), "last_position"), last_position("data"));
  const std::string first = "data/wal/00000000000000000001.seg";
  const std::string good = read_whole_file(first);
  flip(first, good.size() / 2);
  expect_refused(unretire, 3, {first});
  write_file(first, good);
  retain_and_archive();
  fs::remove(path("data/wal/base"));
  expect_refused(unretire, 3, {"data/wal"});
}

TEST_F(EarlierArchive, IsNotBroughtBackWhenTheSegmentsAreNotThoseVerified) {
  fill(1, 300);
  retain_and_archive();
  const std::string base = read_whole_file("data/wal/base");
  // Nothing of the archive: it would stand among what is brought back.
  write_file("data/wal/00000000000000000007.seg", "not a segment");
  expect_refused({"wal", "unretire", "--data", "data", "--archive", "archive"}, 1,
                 {"not the one that was verified", "00007.seg: this is not"});
  EXPECT_TRUE(read_whole_file("data/wal/base") == base);
  EXPECT_GT(number(verify(), "first"), 1U);
  fill(301, 301);
  EXPECT_GT(count(unretire(), "segments"), 0U);
  EXPECT_EQ(number(verify(), "first"), 1U);
}

TEST_F(EarlierArchive, WhatIsLeftUnfinishedIsRemoved) {
  fill(1, 300);
  retain_and_archive();
  const std::string unfinished = "data/wal/00000000000000000001.seg.new";
  write_file(unfinished, "cut short");
  fill(301, 301);
  EXPECT_FALSE(fs::exists(path(unfinished))) << "by the opening";
  write_file("data/wal/00000000000000000007.seg.new", "no segment of the archive");
  unretire();
  EXPECT_TRUE(names_in("data/wal", ".new").empty());
}

}  // namespace
}  // namespace symphainy::tests
