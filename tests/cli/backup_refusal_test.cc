// SPDX-License-Identifier: Apache-2.0
// What is no backup, damaged, or in the way is refused with what to do, and nothing is left behind.
#include <chrono>
#include <csignal>
#include <thread>

#include "copied_store.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/segment_log.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/system_random.h"
#include "public_works/adapters/system/thread_executor.h"

namespace symphainy::tests {
namespace {

namespace fs = std::filesystem;

class BackupRefusal : public CopiedStore {
 protected:
  void SetUp() override {
    execute_all("data", 1, 6);
    const Ended ended = run({"backup", "create", "--data", "data", "backup"});
    ASSERT_EQ(ended.code, 0) << ended.err;
    end_ = number(ended.json(), "position");
  }
  void expect_nothing_made() {
    EXPECT_FALSE(fs::exists(path("new")));
    EXPECT_FALSE(fs::exists(path("new.unfinished")));
  }
  std::uint64_t end_ = 0;
};

TEST_F(BackupRefusal, NamesTheFileOfEveryKindThatIsDamaged) {
  const auto files = files_of("backup");
  std::set<std::string> kinds;
  for (const auto& [name, bytes] : files) {
    kinds.insert(fs::path(name).begin()->string() + fs::path(name).extension().string());
    for (const std::size_t offset : {std::size_t{0}, bytes.size() / 2, bytes.size() - 2}) {
      SCOPED_TRACE(name + " " + std::to_string(offset));
      flip("backup/" + name, offset);
      expect_refused({"backup", "restore", "backup", "--data", "new"}, 3, {"the backup is damaged: backup/" + name});
      flip("backup/" + name, offset);
      expect_nothing_made();
    }
    fs::rename(path("backup/" + name), path("away"));
    const int code = name == "backup.json" ? 2 : 3;
    expect_refused({"backup", "restore", "backup", "--data", "new"}, code, {"backup"});
    expect_nothing_made();
    fs::rename(path("away"), path("backup/" + name));
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"artifacts", "backup.json.json", "events.ndjson", "wal", "wal.seg"}));
  EXPECT_TRUE(files_of("backup") == files);
  EXPECT_EQ(run({"backup", "restore", "backup", "--data", "new"}).code, 0) << "what was put right again";
}

TEST_F(BackupRefusal, NamesTheOffsetInTheLog) {
  flip(segment_of("backup"), 12'400);
  expect_refused({"backup", "restore", "backup", "--data", "new"}, 3,
                 {segment_of("backup"), "at offset 12288", "position 1", "use another backup"});
}

TEST_F(BackupRefusal, OfALogThatIsAnotherOrWentOn) {
  execute_all("data", 7, 7);
  ASSERT_EQ(run({"backup", "create", "--data", "data", "later"}).code, 0);
  fs::remove_all(path("backup/wal"));
  fs::copy(path("later/wal"), path("backup/wal"), fs::copy_options::recursive);
  expect_refused({"backup", "restore", "backup", "--data", "new"}, 3,
                 {"backup/wal", "is not the one that was backed up"});
  expect_nothing_made();
}

TEST_F(BackupRefusal, OfWhatIsNoBackup) {
  expect_refused({"backup", "restore", "data", "--data", "new"}, 2, {"data is no backup", "symphainy backup create"});
  expect_refused({"backup", "restore", "nowhere", "--data", "new"}, 2, {"nowhere is no backup"});
  std::string manifest = read_whole_file("backup/backup.json");
  manifest.replace(manifest.find("\"format\":1"), 10, "\"format\":2");
  write_file("backup/backup.json", manifest);
  expect_refused({"backup", "restore", "backup", "--data", "new"}, 3, {"format 2", "newer than this release"});
  expect_nothing_made();
}

TEST_F(BackupRefusal, OfPointsThatTheBackupDoesNotHave) {
  const auto to = [this](const std::string& option, const std::string& value, const std::vector<std::string>& said) {
    expect_refused({"backup", "restore", "backup", "--data", "new", option, value}, 2, said);
    expect_nothing_made();
  };
  to("--to-position", std::to_string(end_ + 1), {"the backup ends at position " + std::to_string(end_)});
  to("--to-position", "0", {"there was no store yet at position 0", "its first batch ends at position 2"});
  to("--to-position", "1", {"there was no store yet at position 1"});
  to("--to-time", "2001-01-01T00:00:00Z", {"there was no store yet at 2001-01-01T00:00:00.000000Z"});
  to("--to-time", "2999-01-01T00:00:00Z", {"the backup was taken at", "knows nothing of 2999"});
  to("--to-time", "yesterday", {"--to-time 'yesterday' is no time", "2026-01-31T12:00:00Z"});
  expect_refused(
      {"backup", "restore", "backup", "--data", "new", "--to-time", "2026-01-31T12:00:00Z", "--to-position", "3"}, 2,
      {"--to-position and --to-time"});
}

TEST_F(BackupRefusal, OfDirectoriesThatCannotBeUsed) {
  expect_refused({"backup", "create", "--data", "nowhere", "new"}, 2, {"there is no store in nowhere"});
  expect_refused({"backup", "create", "--data", "data", "backup"}, 2, {"backup exists already"});
  expect_refused({"backup", "create", "--data", "data", "data"}, 2, {"data lies in data itself"});
  expect_refused({"backup", "create", "--data", "data", "data/../data/deep/new"}, 2,
                 {"name a directory outside of it"});
  expect_refused({"backup", "create", "--data", "backup", "new"}, 2, {"backup is a backup"});
  expect_refused({"backup", "restore", "backup", "--data", "data"}, 2,
                 {"data exists already", "nothing is written over"});
  expect_refused({"backup", "restore", "backup", "--data", "backup/new"}, 2, {"backup/new lies in backup itself"});
  write_file("file", "x");
  expect_refused({"backup", "restore", "backup", "--data", "file"}, 2, {"file exists already"});
  fs::create_directory(path("new.unfinished"));
  expect_refused({"backup", "restore", "backup", "--data", "new"}, 2, {"new.unfinished is in the way", "remove it"});
  fs::remove(path("new.unfinished"));
  fs::create_directory(path("new"));
  EXPECT_EQ(run({"backup", "restore", "backup", "--data", "new/"}).code, 0) << "an empty one may be there";
}

TEST_F(BackupRefusal, ABackupIsNotOpenedAsAStore) {
  const auto before = files_of("backup");
  expect_refused({"run", "--data", "backup", "--tenant", "acme"}, 2,
                 {"backup is a backup", "symphainy backup restore"});
  expect_refused({"execution", "list", "--data", "backup", "--tenant", "acme"}, 2, {"backup is a backup"});
  EXPECT_TRUE(files_of("backup") == before);
}

TEST_F(BackupRefusal, OfARetiredBeginningThatNoSnapshotKnows) {
  execute_all("data", 7, 160);
  {
    public_works::PosixFileSystem files;
    public_works::SystemClock clock;
    public_works::SystemRandom random;
    public_works::ThreadExecutor writer(clock, 1, "writer");
    public_works::ThreadExecutor background(clock, 1, "background");
    const auto log = public_works::SegmentLog::open(
        files, clock, random, {.directory = path("data/wal"), .writer = &writer, .background = &background});
    ASSERT_TRUE(log) << log.error().message;
    const auto retired = (*log)->retire((*log)->durable_position());
    ASSERT_TRUE(retired) << retired.error().message;
    ASSERT_FALSE(retired->empty()) << "there was one segment only";
    ASSERT_TRUE((*log)->close());
  }
  const std::vector<std::string> said{"the log in data begins at position", "no snapshot in data/snapshots is good"};
  expect_refused({"backup", "create", "--data", "data", "new"}, 1, said);
  flip("data/wal/head", 8);  // beside the batches: all of them are sound
  flip("data/wal/head", 4'104);
  expect_refused({"wal", "repair", "--data", "data", "new"}, 1, said);
  flip(segment_of("data"), 12'400);
  expect_refused({"wal", "repair", "--data", "data", "new"}, 3, {"nothing in data is sound"});
  expect_nothing_made();
}

TEST_F(BackupRefusal, ADamagedLogIsNotBackedUp) {
  flip(segment_of("data"), 12'400);
  expect_refused({"backup", "create", "--data", "data", "new"}, 3,
                 {segment_of("data"), "offset 12288", "position 1", "symphainy wal repair DIR",
                  "symphainy backup restore BACKUP"});
  expect_nothing_made();
}

TEST_F(BackupRefusal, WhatTheStoreItselfLacksIsTold) {
  std::vector<std::string> artifacts;
  for (const auto& [name, bytes] : files_of("data/artifacts")) artifacts.push_back(name);
  ASSERT_EQ(artifacts.size(), 6U);
  fs::remove(path("data/artifacts/" + artifacts[0]));
  flip("data/artifacts/" + artifacts[1], 100);
  const Ended ended = run({"backup", "create", "--data", "data", "partial"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_NE(ended.err.find("lacks 2 of the files"), std::string::npos) << ended.err;
  const Json made = ended.json();
  EXPECT_EQ(made.find("missing")->size(), 2U) << made.dump();
  EXPECT_NE(ended.out.find("artifacts/" + artifacts[0]), std::string::npos);
  EXPECT_NE(ended.out.find("it is damaged"), std::string::npos);
  const Ended restored = run({"backup", "restore", "partial", "--data", "new"});
  EXPECT_EQ(restored.code, 0) << restored.err;
  EXPECT_EQ(restored.json().find("missing")->size(), 2U);
  expect_intact("new");
}

TEST_F(BackupRefusal, AStreamThatIsNotTheStoresOwnIsToldAndLeftOut) {
  const std::string stream = "data/events/acme/content.ndjson";
  const std::string whole = read_whole_file(stream);
  const std::string last = whole.substr(whole.rfind('\n', whole.size() - 2) + 1);
  const auto renamed = [&](const std::string& member) {
    const Json event = Json::parse(last.substr(0, last.size() - 1)).value();
    std::string other = last;
    other.replace(other.find(text(event, member)), text(event, member).size(), "01a20948-216d-7388-9f0b-fe7809bedb50");
    return whole.substr(0, whole.size() - last.size()) + other;
  };
  const std::map<std::string, std::string> wrong{{"no event", whole + "{}\n"},
                                                 {"of another store", renamed("storeid")},
                                                 {"is not the one that the log knows as 6", renamed("id")}};
  int count = 0;
  for (const auto& [reason, content] : wrong) {
    SCOPED_TRACE(reason);
    write_file(stream, content);
    const std::string target = "stream-" + std::to_string(count++);
    const Ended ended = run({"backup", "create", "--data", "data", target});
    EXPECT_EQ(ended.code, 3);
    EXPECT_NE(ended.out.find(reason), std::string::npos) << ended.out;
    EXPECT_NE(ended.out.find("events/acme/content.ndjson"), std::string::npos) << ended.out;
    EXPECT_FALSE(fs::exists(path(target + "/events/acme/content.ndjson")));
    const Ended restored = run({"backup", "restore", target, "--data", target + ".restored"});
    EXPECT_EQ(restored.code, 0) << restored.err;
    EXPECT_EQ(restored.json().find("missing")->size(), 1U) << restored.out;
  }
  write_file(stream, whole + R"({"torn)");
  EXPECT_EQ(run({"backup", "create", "--data", "data", "torn"}).code, 0);
  EXPECT_EQ(read_whole_file("torn/events/acme/content.ndjson"), whole);
}

TEST_F(BackupRefusal, AnInterruptedOneLeavesNothingUnderItsName) {
  // Much content, each synced, so that there is time to be interrupted.
  std::string many;
  for (int i = 0; i < 300; ++i) {
    many += R"({"intent_type":"ingest_file","parameters":{"name":"m","bytes":")" +
            base::to_base64("content " + std::to_string(i) + std::string(17'000, 'x')) + "\"}}\n";
  }
  ASSERT_EQ(run({"run", "--data", "data", "--tenant", "acme"}, many).code, 0);
  ASSERT_EQ(run({"backup", "create", "--data", "data", "large"}).code, 0);
  int interrupted = 0;
  int round = 0;
  const auto interrupt = [&](const Arguments& arguments, const std::string& target, std::size_t shards) {
    const auto program = start(arguments);
    const fs::path artifacts = path(target + ".unfinished/artifacts/sha256");
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    std::error_code gone;
    while (std::chrono::steady_clock::now() < give_up) {
      const auto count = std::distance(fs::directory_iterator(artifacts, gone), fs::directory_iterator());
      if (static_cast<std::size_t>(count) >= shards || fs::exists(path(target))) break;
    }
    program->signal(SIGKILL);
    static_cast<void>(program->wait());
    if (fs::exists(path(target))) return expect_intact(target);
    ++interrupted;
    EXPECT_TRUE(fs::exists(path(target + ".unfinished")));
    const Ended verified = run({"wal", "verify", "--data", target + ".unfinished"});
    EXPECT_NE(verified.code, 0) << verified.out;
    EXPECT_NE(run({"backup", "restore", target + ".unfinished", "--data", "none"}).code, 0);
    expect_refused(arguments, 2, {target + ".unfinished is in the way"});
    fs::remove_all(path(target + ".unfinished"));
    EXPECT_EQ(run(arguments).code, 0);
    expect_intact(target);
  };
  for (const std::size_t shards : {1, 40, 120}) {
    const std::string target = "new-" + std::to_string(round++);
    interrupt({"backup", "restore", "large", "--data", target}, target, shards);
    interrupt({"backup", "create", "--data", "data", target + ".backup"}, target + ".backup", shards);
  }
  RecordProperty("interrupted", interrupted);
  EXPECT_GT(interrupted, 0) << "none was interrupted before it was done";
}

}  // namespace
}  // namespace symphainy::tests
