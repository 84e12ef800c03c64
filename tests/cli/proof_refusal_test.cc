// SPDX-License-Identifier: Apache-2.0
// What a proof cannot say is told as that, never as damage; and what was not found is named itself.
#include <filesystem>
#include <gmock/gmock.h>

#include "copied_store.h"

namespace symphainy::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class ProofRefusal : public CopiedStore {
 protected:
  /// About 80 of them fill a segment.
  void fill(int first, int last) {
    std::string lines;
    for (int i = first; i <= last; ++i) {
      lines += R"({"intent_type":"ingest_file","idempotency_key":"key-)" + std::to_string(i) +
               R"(","parameters":{"name":"f","bytes":")" + base::to_base64(std::string(9'000, 'a' + i % 26)) + "\"}}\n";
    }
    const Ended ended = run({"run", "--data", "data", "--tenant", "acme"}, lines);
    ASSERT_EQ(ended.code, 0) << ended.err;
  }
  std::uint64_t keep_checkpoint(const std::string& name) {
    if (!fs::exists(path("audit.key"))) run({"key", "create", "audit.key"});
    const Ended made = run({"wal", "checkpoint", "--data", "data", "--key", "audit.key"});
    EXPECT_EQ(made.code, 0) << made.err;
    write_file(name, made.out);
    return number(made.json(), "position");
  }
  Json retain(Arguments more) {
    Arguments arguments{"wal", "retain", "--data", "data", "--older-than", "0s"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.json();
  }
  Ended verify(const Arguments& more) {
    Arguments arguments{"wal", "verify", "--data", "data"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  /// Paths of the archived segments, oldest first.
  std::vector<std::string> archived() {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(path("archive")))
      if (entry.path().extension() == ".zst") names.push_back(entry.path());
    std::ranges::sort(names);
    return names;
  }
  static std::uint64_t position_of(const std::string& archived) {
    return std::stoull(fs::path(archived).filename().string().substr(0, 20));
  }
  /// Of checkpoint.agrees; nothing when it is null.
  static std::optional<bool> agrees(const Ended& ended) {
    const Json answer = ended.json();
    const Json* checkpoint = answer.find("checkpoint");
    return checkpoint == nullptr ? std::nullopt : checkpoint->find("agrees")->as_bool();
  }
};

TEST_F(ProofRefusal, AnArchiveThatBeginsLaterProvesFromThereOn) {
  fill_store("quiet");
  fill(1, 150);
  const std::uint64_t lost = keep_checkpoint("lost");
  fill(151, 300);
  const std::uint64_t given_up = number(retain({}), "first_position") - 1;
  ASSERT_LT(lost, given_up);
  fill(301, 450);
  const std::uint64_t kept = keep_checkpoint("kept");
  fill(451, 600);
  const std::uint64_t last = last_position("data");
  retain({"--archive", path("archive")});  // the older of two snapshots is from the first time still
  fill(601, 750);
  ASSERT_LT(kept, number(retain({"--archive", path("archive")}), "first_position"));
  keep_checkpoint("now");
  const Json plain = verify({}).json();

  const Ended joined = verify({"--archive", "archive"});
  ASSERT_EQ(joined.code, 0) << joined.out << joined.err;
  const Json answer = joined.json();
  EXPECT_EQ(number(answer, "first"), given_up + 1);
  EXPECT_GE(number(answer, "last"), last);
  EXPECT_EQ(number(answer, "tenants"), number(plain, "tenants")) << "also those without a record in the archive";
  ASSERT_NE(answer.find("archive"), nullptr);
  EXPECT_EQ(number(*answer.find("archive"), "first"), given_up + 1);
  EXPECT_THAT(text(*answer.find("archive"), "note"), HasSubstr("not proven"));

  for (const char* name : {"kept", "now"}) {
    const Ended held = verify({"--archive", "archive", "--against", name});
    EXPECT_EQ(held.code, 0) << held.out << held.err;
    EXPECT_EQ(agrees(held), true) << name;
  }
  const Ended before = verify({"--archive", "archive", "--against", "lost"});
  EXPECT_EQ(before.code, 2);
  EXPECT_EQ(agrees(before), std::nullopt);
  EXPECT_THAT(before.err, HasSubstr("where the archive begins"));
  const std::string from = std::to_string(position_of(archived()[1]) + 1);
  const Ended later = verify({"--archive", "archive", "--from", from});
  EXPECT_EQ(later.code, 0) << later.out << later.err;
  EXPECT_EQ(number(later.json(), "first"), position_of(archived()[1]));

  const std::vector<std::string> names = archived();
  ASSERT_GE(names.size(), 3U);
  const std::string lacking =
      std::to_string(position_of(names[1])) + " to " + std::to_string(position_of(names[2]) - 1);
  fs::remove(names[1]);
  expect_refused({"wal", "verify", "--data", "data", "--archive", "archive"}, 2, {"lacks positions " + lacking});
  EXPECT_EQ(verify({"--archive", "archive", "--from", std::to_string(position_of(names[2]))}).code, 0);
}

TEST_F(ProofRefusal, AnArchiveOfAnotherStoreProvesNothing) {
  fill(1, 300);
  retain({"--archive", path("archive")});
  fs::rename(path("data"), path("other"));
  fill(1, 300);
  retain({});
  expect_refused({"wal", "verify", "--data", "data", "--archive", "archive"}, 2,
                 {"archive has nothing of what was retired of this log, or of the timelines that it comes from"});
}

TEST_F(ProofRefusal, AnArchiveThatIsNotThereIsRefusedAlsoWhenItIsNotNeeded) {
  fill_store();
  expect_refused({"wal", "verify", "--data", "data", "--archive", "nosuch"}, 2,
                 {"--archive nosuch: there is no such directory"});
  retain({"--archive", path("unused"), "--dry-run"});
  EXPECT_FALSE(fs::exists(path("unused")));
  retain({"--archive", path("unused")});
  EXPECT_EQ(verify({"--archive", "unused"}).code, 0) << "nothing was sealed yet, but that is the place";
}

TEST_F(ProofRefusal, ADamagedArchiveIsBlamedByItsOwnPath) {
  fill(1, 300);
  retain({"--archive", path("archive")});
  const std::vector<std::string> names = archived();
  ASSERT_GE(names.size(), 3U);
  for (const std::size_t which : {0UZ, 1UZ, names.size() - 1}) {
    for (const bool packed_again : {false, true}) {
      SCOPED_TRACE(std::to_string(which) + (packed_again ? ", changed before it was compressed" : ", flipped"));
      fs::copy_file(names[which], path("good"));
      if (packed_again) {
        ASSERT_EQ(std::system(("zstd -q -d '" + names[which] + "' -o '" + path("segment") + "'").c_str()), 0);
        flip("segment", 20'000);
        ASSERT_EQ(std::system(("zstd -q -f '" + path("segment") + "' -o '" + names[which] + "'").c_str()), 0);
      } else {
        flip(fs::relative(names[which], path(".")), fs::file_size(names[which]) / 2);
      }
      const Ended ended = verify({"--archive", "archive"});
      EXPECT_EQ(ended.code, 3);
      const Json answer = ended.json();
      const Json* damage = answer.find("damage");
      ASSERT_NE(damage, nullptr) << ended.out;
      EXPECT_EQ(path(text(*damage, "segment")), names[which]);
      EXPECT_GE(number(*damage, "position"), position_of(names[which]));
      EXPECT_THAT(ended.err, HasSubstr("the archive is damaged in " + text(*damage, "segment")));
      EXPECT_THAT(ended.err, Not(HasSubstr("wal repair"))) << "the log itself is intact";
      EXPECT_EQ(verify({}).code, 0);
      fs::remove(path("segment"));
      fs::remove(names[which]);
      fs::rename(path("good"), names[which]);
    }
  }
  EXPECT_EQ(verify({"--archive", "archive"}).code, 0);
}

TEST_F(ProofRefusal, WhatIsNotReadIsNotDamaged) {
  fill_store("quiet");
  fill(1, 150);
  const std::uint64_t monday = keep_checkpoint("monday");
  fill(151, 400);
  keep_checkpoint("tuesday");
  const std::string beyond = std::to_string(monday + 1);
  expect_refused({"wal", "verify", "--data", "data", "--from", beyond, "--against", "monday"}, 2,
                 {"--from " + beyond, "position " + std::to_string(monday)});
  // Nobody's chain is doubted because its records were not read.
  const Ended held = verify({"--from", beyond, "--against", "tuesday"});
  EXPECT_EQ(held.code, 0) << held.out << held.err;
  EXPECT_EQ(agrees(held), true);

  retain({"--archive", path("archive")});
  const Ended retired = verify({"--against", "monday"});
  EXPECT_EQ(retired.code, 2) << retired.out;
  EXPECT_EQ(agrees(retired), std::nullopt);
  EXPECT_EQ(retired.json().find("intact")->as_bool(), true);
  EXPECT_THAT(retired.err, HasSubstr("--archive"));
  EXPECT_EQ(verify_py("data --against monday"), 2);
  const Ended joined = verify({"--against", "monday", "--archive", "archive"});
  EXPECT_EQ(joined.code, 0) << joined.out << joined.err;
  EXPECT_EQ(agrees(joined), true);
  EXPECT_EQ(verify({"--from", "200", "--archive", "archive"}).code, 0);
}

TEST_F(ProofRefusal, InputThatCannotBeReadIsTheCallersMistake) {
  fill_store();
  fs::create_directory(path("folder"));
  for (const char* file : {"nofile", "folder"}) {
    SCOPED_TRACE(file);
    const std::string said = std::string("cannot read ") + file;
    expect_refused({"wal", "verify", file}, 2, {said});
    expect_refused({"wal", "verify", "--data", "data", "--against", file}, 2, {said});
    expect_refused({"wal", "verify", "--data", "data", "--public-key", file}, 2, {said});
    expect_refused({"wal", "checkpoint", "--data", "data", "--key", file}, 2, {said});
    expect_refused({"wal", "export", "--data", "data", "--tenant", "acme", "--key", file}, 2, {said});
  }
}

TEST_F(ProofRefusal, OnlyADirectoryWithoutALogHoldsNoStore) {
  fill_store();
  const Ended blamed = run({"backup", "create", "--data", "data", "/proc/x/y"});
  EXPECT_NE(blamed.code, 0);
  EXPECT_THAT(blamed.err, HasSubstr("/proc/x"));
  EXPECT_THAT(blamed.err, Not(HasSubstr("there is no store")));
  fs::create_directories(path("empty/wal"));
  for (const char* nothing : {"nowhere", "empty"}) {
    SCOPED_TRACE(nothing);
    const std::string said = std::string("in ") + nothing;
    run({"key", "create", "audit.key"});
    expect_refused({"backup", "create", "--data", nothing, "new"}, 2, {"there is no store " + said});
    expect_refused({"state", "verify", "--data", nothing}, 2, {"there is no store " + said});
    expect_refused({"wal", "retain", "--data", nothing, "--older-than", "1d"}, 2, {"there is no store " + said});
    expect_refused({"wal", "verify", "--data", nothing}, 2, {"there is no log " + said});
    expect_refused({"wal", "checkpoint", "--data", nothing, "--key", "audit.key"}, 2, {"there is no log " + said});
  }
  fs::remove(path("data/wal/head"));
  const Ended headless = verify({});
  EXPECT_EQ(headless.code, 3) << headless.err;
  for (const Arguments& arguments :
       {Arguments{"backup", "create", "--data", "data", "new"}, Arguments{"state", "verify", "--data", "data"},
        Arguments{"wal", "retain", "--data", "data", "--older-than", "1d"},
        Arguments{"wal", "checkpoint", "--data", "data", "--key", "audit.key"}}) {
    const Ended ended = run(arguments);
    EXPECT_NE(ended.code, 0) << arguments[0];
    EXPECT_THAT(ended.err, Not(HasSubstr("there is no "))) << arguments[0] << arguments[1];
  }
}

TEST_F(ProofRefusal, ARestoreTellsWhatItsBackupLacked) {
  execute_all("data", 1, 6);
  for (const auto& entry : fs::recursive_directory_iterator(path("data/artifacts"))) {
    if (!entry.is_regular_file()) continue;
    fs::remove(entry.path());
    break;
  }
  ASSERT_EQ(run({"backup", "create", "--data", "data", "backup"}).code, 3);
  const Ended restored = run({"backup", "restore", "backup", "--data", "restored"});
  EXPECT_EQ(restored.code, 0) << restored.err;
  EXPECT_EQ(restored.json().find("missing")->size(), 1U);
  EXPECT_THAT(restored.err, HasSubstr("lacks 1 of the files"));
}

}  // namespace
}  // namespace symphainy::tests
