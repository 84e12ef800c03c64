// SPDX-License-Identifier: Apache-2.0
// A store whose log's beginning was retired is backed up, restored and repaired like any other, as far back as its
// snapshots know what was before; where they do not, that is said.
#include <chrono>
#include <gmock/gmock.h>
#include <thread>

#include "symphainy/runtime.h"

#include "copied_store.h"

namespace symphainy::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class RetiredBackup : public CopiedStore {
 protected:
  /// So many intents with content that stands in the log: a few dozen for a segment. Numbers from 1,000 on.
  void fill(int first, int last, const std::string& data = "data") {
    std::string lines;
    for (int i = first; i <= last; ++i) {
      std::string content = "content " + std::to_string(i) + std::string(9'000, 'x');
      lines += R"({"intent_type":"ingest_file","idempotency_key":"key-)" + std::to_string(i) +
               R"(","parameters":{"name":"file-)" + std::to_string(i) + R"(","bytes":")" + base::to_base64(content) +
               "\"}}\n";
    }
    const Ended ended = run({"run", "--data", data, "--tenant", "acme"}, lines);
    ASSERT_EQ(ended.code, 0) << ended.err;
  }
  Json retain(const std::string& data = "data") {
    const Ended ended = run({"wal", "retain", "--data", data, "--older-than", "0s"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.json();
  }
  /// Stored content, then a retired segment or more; the position of the snapshot.
  std::uint64_t retired_store() {
    execute_all("data", 1, 10);
    fill(1'001, 1'150);
    fs::copy(path(segment_of("data")), path("retired"));
    const Json done = retain();
    EXPECT_GE(done.find("retired")->size(), 1U) << done.dump();
    return number(done, "snapshot");
  }
  Json succeed(const Arguments& arguments) {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, 0) << ended.out << ended.err;
    return ended.json();
  }
  Json back_up(const std::string& data = "data", const std::string& target = "backup") {
    return succeed({"backup", "create", "--data", data, target});
  }
  Json restore(const std::string& target, Arguments more = {}, const std::string& backup = "backup") {
    more.insert(more.begin(), {"backup", "restore", backup, "--data", target});
    return succeed(more);
  }
  /// The log, by both verifiers, and that the projections are its fold.
  void expect_whole(const std::string& data) {
    expect_intact(data);
    answers(data);  // makes the projections where there are none yet
    const Ended ended = run({"state", "verify", "--data", data});
    EXPECT_EQ(ended.code, 0) << ended.out << ended.err;
  }
  /// Everything in the projections that users can ask for.
  std::string rows(const std::string& data) {
    std::string all = answers(data);
    for (const char* table : {"executions", "state", "data_references", "provenance", "events", "streams"}) {
      all += run({"sql", "--data", data, "--tenant", "*", "-o", "json", std::string("SELECT * FROM ") + table}).out;
    }
    EXPECT_GT(all.size(), 1'000U);
    return all;
  }
  static std::string name_of(std::uint64_t position) {
    return std::string(20 - std::to_string(position).size(), '0') + std::to_string(position);
  }
  void expect_nothing_made(const std::string& name) {
    EXPECT_FALSE(fs::exists(path(name)));
    EXPECT_FALSE(fs::exists(path(name + ".unfinished")));
  }
  /// Damages the batch with this position; the position that it begins at.
  std::uint64_t damage(std::uint64_t position) {
    std::vector<std::string> segments;
    for (const auto& [name, bytes] : files_of("data/wal")) {
      if (name.ends_with(".seg")) segments.push_back(name);
    }
    for (const std::string& name : segments) {
      const std::string bytes = read_whole_file("data/wal/" + name);
      for (std::size_t at = 12'288; at + 56 < bytes.size();) {
        const auto length = base::load_integer<std::uint32_t>(bytes.data() + at + 4);
        const auto count = base::load_integer<std::uint32_t>(bytes.data() + at + 8);
        const auto first = base::load_integer<std::uint64_t>(bytes.data() + at + 16);
        if (length == 0) break;
        if (first <= position && position < first + count) {
          flip("data/wal/" + name, at + 100);
          return first;
        }
        at += length;
      }
    }
    ADD_FAILURE() << "no batch has position " << position;
    return 0;
  }
};

TEST_F(RetiredBackup, RestoresEverythingOnANewTimeline) {
  // A stream whose every event was recorded where nothing is kept.
  const auto whisper = [this](const std::string& data, int i) {
    const Ended ended = run({"run", "--data", data, "--tenant", "quiet"}, intents(i, i));
    EXPECT_EQ(ended.code, 0) << ended.err;
    const std::string stream = read_whole_file(data + "/events/quiet/content.ndjson");
    return std::ranges::count(stream, '\n');
  };
  EXPECT_EQ(whisper("data", 1), 1);
  const std::uint64_t snapshot = retired_store();
  execute_all("data", 11, 20);
  succeed({"key", "create", "audit.key"});
  write_file("monday", run({"wal", "checkpoint", "--data", "data", "--key", "audit.key"}).out);
  const std::string rows_then = rows("data");
  const Json made = back_up();
  EXPECT_EQ(made.find("snapshots")->dump(), "[" + std::to_string(snapshot) + "]");
  EXPECT_EQ(number(made, "artifacts"), 170U) << "most of them are named by retired records alone";
  EXPECT_EQ(number(made, "events"), 171U);
  EXPECT_EQ(made.find("missing")->size(), 0U);
  EXPECT_FALSE(fs::exists(path("backup/state.db")));
  expect_intact("backup");
  const std::string stream = read_whole_file("data/events/acme/content.ndjson");
  const auto content = files_of("data/artifacts");
  execute_all("data", 21, 30);

  const Json restored = restore("restored");
  EXPECT_EQ(number(restored, "position"), number(made, "position"));
  EXPECT_NE(text(restored, "timeline"), text(made, "timeline"));
  EXPECT_FALSE(fs::exists(path("restored/state.db")));
  EXPECT_EQ(rows("restored"), rows_then);
  expect_whole("restored");
  EXPECT_EQ(read_whole_file("restored/events/acme/content.ndjson"), stream);
  EXPECT_TRUE(files_of("restored/artifacts") == content);
  EXPECT_EQ(content.size(), 170U);
  const Json before = succeed({"wal", "verify", "--data", "data"});
  EXPECT_EQ(number(succeed({"wal", "verify", "--data", "restored"}), "first"), number(before, "first"));
  const Json held = succeed({"wal", "verify", "--data", "restored", "--against", "monday"});
  EXPECT_EQ(text(*held.find("checkpoint"), "earlier_timeline"), text(made, "timeline"));
  EXPECT_EQ(verify_py("restored --against monday"), 0);

  EXPECT_EQ(whisper("restored", 2), 2);
  EXPECT_THAT(read_whole_file("restored/events/quiet/content.ndjson"), HasSubstr(R"("sequence":"2")"));
  execute_all("restored", 11, 40);  // ten of them are known
  EXPECT_EQ(stream_of("restored").size(), 190U);
  expect_whole("restored");
  fill(1'151, 1'300, "restored");
  const Json done = retain("restored");
  EXPECT_GT(number(done, "snapshot"), snapshot);
  EXPECT_GE(number(done, "first_position"), number(before, "first"));
  expect_whole("restored");
  EXPECT_EQ(back_up("restored", "second").find("snapshots")->size(), 2U);
  restore("again", {}, "second");
  EXPECT_EQ(rows("again"), rows("restored"));
  expect_whole("again");
  EXPECT_EQ(succeed({"wal", "verify", "--data", "again", "--against", "monday"}).find("checkpoint")->dump(),
            held.find("checkpoint")->dump());
  execute_all("again", 35, 45);
  EXPECT_EQ(stream_of("again").size(), 345U);
}

TEST_F(RetiredBackup, GoesBackAsFarAsASnapshotKnows) {
  const std::uint64_t older = retired_store();
  const std::string rows_then = rows("data");
  execute_all("data", 11, 14);
  const std::uint64_t between = last_position("data");
  const std::string rows_between = rows("data");
  const std::string time = text(run({"wal", "cat", "--data", "data", "--tenant", "*"}).json_lines().back(), "time");
  fill(1'151, 1'300);
  const std::uint64_t newer = number(retain(), "snapshot");
  ASSERT_GT(newer, between);
  execute_all("data", 15, 18);
  const Json made = back_up();
  EXPECT_EQ(made.find("snapshots")->dump(), "[" + std::to_string(newer) + "," + std::to_string(older) + "]");

  restore("at-older", {"--to-position", std::to_string(older)});
  EXPECT_EQ(rows("at-older"), rows_then);
  EXPECT_EQ(stream_of("at-older").size(), 160U);
  EXPECT_EQ(number(restore("at-between", {"--to-position", std::to_string(between)}), "position"), between);
  EXPECT_EQ(rows("at-between"), rows_between);
  EXPECT_EQ(files_of("at-between/artifacts").size(), 164U) << "content that it does not name was copied";
  EXPECT_EQ(number(restore("by-time", {"--to-time", time}), "position"), between);
  EXPECT_EQ(number(restore("at-newer", {"--to-position", std::to_string(newer)}), "events_left_behind"), 4U);
  for (const std::string data : {"at-older", "at-between", "by-time", "at-newer"}) {
    SCOPED_TRACE(data);
    expect_whole(data);
    const std::size_t published = stream_of(data).size();
    execute_all(data, 31, 35);
    EXPECT_EQ(stream_of(data).size(), published + 5);
    expect_whole(data);
  }

  const std::string earliest = "known from position " + std::to_string(older) + " on";
  expect_refused({"backup", "restore", "backup", "--data", "new", "--to-position", std::to_string(older - 1)}, 1,
                 {"the log in backup begins at position", earliest, "the earliest position"});
  expect_refused({"backup", "restore", "backup", "--data", "new", "--to-position", "1"}, 1, {earliest});
  expect_refused({"backup", "restore", "backup", "--data", "new", "--to-time", "2001-01-01T00:00:00Z"}, 1, {earliest});
  expect_nothing_made("new");
}

TEST_F(RetiredBackup, DamageInItsBaseOrSnapshotsIsRefused) {
  retired_store();
  back_up();
  std::set<std::string> kinds;
  for (const auto& [name, bytes] : files_of("backup")) {
    if (!name.starts_with("snapshots/") && name != "wal/base") continue;
    kinds.insert(fs::path(name).extension());
    for (const std::size_t offset : {std::size_t{0}, bytes.size() / 2, bytes.size() - 2}) {
      SCOPED_TRACE(name + " " + std::to_string(offset));
      flip("backup/" + name, offset);
      expect_refused({"backup", "restore", "backup", "--data", "new"}, 3, {"the backup is damaged: backup/" + name});
      flip("backup/" + name, offset);
    }
    fs::rename(path("backup/" + name), path("away"));
    expect_refused({"backup", "restore", "backup", "--data", "new"}, 3, {"the backup is damaged: backup/"});
    fs::rename(path("away"), path("backup/" + name));
    expect_nothing_made("new");
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"", ".base", ".db", ".json"}));
  const std::string artifact = files_of("backup/artifacts").begin()->first;
  fs::rename(path("backup/artifacts/" + artifact), path("away"));
  expect_refused({"backup", "restore", "backup", "--data", "new"}, 3, {"backup/artifacts/" + artifact, "missing"});
  fs::rename(path("away"), path("backup/artifacts/" + artifact));
  restore("new");
}

TEST_F(RetiredBackup, ADamagedSnapshotOfTheStoreIsPassedOver) {
  const std::uint64_t older = retired_store();
  fill(1'151, 1'300);
  const std::uint64_t newer = number(retain(), "snapshot");
  flip("data/snapshots/" + name_of(newer) + ".db", 9'000);
  EXPECT_EQ(back_up().find("snapshots")->dump(), "[" + std::to_string(older) + "]");
  EXPECT_EQ(files_of("backup/snapshots").size(), 3U);
  restore("restored");
  EXPECT_EQ(rows("restored"), rows("data"));
  flip("data/snapshots/" + name_of(older) + ".db", 9'000);
  const Ended refused = run({"backup", "create", "--data", "data", "new"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("no snapshot in data/snapshots is good"));
  expect_nothing_made("new");
}

Task<Result<HandlerResult>> say(const Intent& intent, ExecutionContext& context) {
  if (auto said = context.add_event({"said", Json(std::string(60'000, 'x')), intent.intent_id, "words"}); !said)
    co_return std::unexpected(said.error());
  co_return HandlerResult{};
}

// The store takes snapshots and gives up its log meanwhile: at once, and five seconds later.
TEST_F(RetiredBackup, IsTakenWhileTheStoreIsInUse) {
  retired_store();
  execute_all("data", 11, 20);
  environment_["SYMPHAINY_LOG_RETAIN_BYTES"] = "1";
  environment_["SYMPHAINY_LOG_SNAPSHOT_EVERY"] = "1";
  const auto program = start({"run", "--data", "data", "--tenant", "acme", "--concurrency", "8"});
  environment_.erase("SYMPHAINY_LOG_RETAIN_BYTES");
  environment_.erase("SYMPHAINY_LOG_SNAPSHOT_EVERY");
  std::jthread feeder([&] { program->write(intents(21, 100)); });
  program->wait_for_lines(5);
  std::vector<std::string> names;
  std::set<std::string> snapshots;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  for (bool last = false; !last;) {
    for (const auto& entry : fs::directory_iterator(path("data/snapshots"))) {
      const std::string name = entry.path().filename();
      if (name.ends_with(".json") && name != "unfinished.json") snapshots.insert(name);
    }
    last = snapshots.size() >= 3;
    if (snapshots.size() == 2 && feeder.joinable()) {
      feeder.join();
      program->write(intents(101, 200));  // for the third
    }
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "no third snapshot was taken";
    const std::string name = "backup-" + std::to_string(names.size());
    const Ended ended = run({"backup", "create", "--data", "data", name});
    if (ended.code == 1 && ended.err.find("is just being retired; try again") != std::string::npos) continue;
    ASSERT_EQ(ended.code, 0) << ended.err;
    names.push_back(name);
  }
  const Ended ended = program->wait();
  ASSERT_EQ(ended.code, 0) << ended.err;
  ASSERT_GE(names.size(), 2U);
  for (const std::string& name : {names.front(), names.back()}) {
    restore(name + ".restored", {}, name);
    expect_whole(name + ".restored");
    run({"run", "--data", name + ".restored", "--tenant", "acme"}, intents(11, 200));
    EXPECT_EQ(stream_of(name + ".restored").size(), 350U) << "what is known by its key alone is not executed again";
    expect_whole(name + ".restored");
  }
}

// The snapshot was taken while events waited to be published that are retired by now.
TEST_F(RetiredBackup, APointThatNeedsWhatIsRetiredIsRefused) {
  {
    RuntimeOptions silent;
    silent.data_directory = path("data");
    silent.segment_bytes = 1024 * 1024;
    silent.publish_events = false;
    const auto runtime = Runtime::open(silent);
    ASSERT_TRUE(runtime) << runtime.error().message;
    ASSERT_TRUE((*runtime)->register_intent({.intent_type = "say"}, "words", "say", say));
    for (int i = 0; i < 40; ++i) {
      const auto said = (*runtime)->execute(Intent::create("say", "acme", "s", "s", {"user", "u"}));
      ASSERT_TRUE(said) << said.error().message;
    }
  }
  const Json held = retain();
  const std::uint64_t older = number(held, "snapshot");
  ASSERT_EQ(held.find("retired")->size(), 0U) << held.dump();
  fill(1'001, 1'100);  // and publishes
  ASSERT_GE(retain().find("retired")->size(), 1U);
  back_up();
  expect_refused({"backup", "restore", "backup", "--data", "new", "--to-position", std::to_string(older)}, 1,
                 {"publisher ndjson need the log from position", "is retired; choose a later point"});
  expect_nothing_made("new");
  restore("new");
  EXPECT_EQ(rows("new"), rows("data"));
  expect_whole("new");
}

TEST_F(RetiredBackup, RepairKeepsTheBeginningAndASnapshotBeforeTheEnd) {
  const std::uint64_t older = retired_store();
  execute_all("data", 11, 14);
  const std::uint64_t between = last_position("data");
  const std::string rows_between = rows("data");
  execute_all("data", 15, 16);
  fill(1'151, 1'300);
  const std::uint64_t newer = number(retain(), "snapshot");
  const std::string rows_newer = rows("data");
  execute_all("data", 17, 18);
  fs::copy(path("retired"), path("data/wal/00000000000000000001.seg"));  // a crash came while it was being removed
  fs::copy(path("data"), path("good"), fs::copy_options::recursive);
  const auto repaired_after_damage = [&](std::uint64_t position, const std::string& target) {
    fs::remove_all(path("data"));
    fs::copy(path("good"), path("data"), fs::copy_options::recursive);
    const std::uint64_t first_lost = damage(position);
    const auto before = files_of("data");
    const Json told = succeed({"wal", "repair", "--data", "data", target});
    EXPECT_TRUE(files_of("data") == before) << "the damaged directory was changed";
    EXPECT_EQ(number(told, "position"), first_lost - 1);
    EXPECT_EQ(told.find("missing")->size(), 0U) << told.dump();
    expect_whole(target);
    return number(*told.find("lost"), "bytes");
  };
  EXPECT_LT(repaired_after_damage(newer + 1, "late"), 500'000U) << "what was retired is not lost";
  EXPECT_EQ(rows("late"), rows_newer);
  EXPECT_EQ(files_of("late/snapshots").size(), 6U);
  flip("good/snapshots/" + name_of(newer) + ".db", 9'000);  // or the new store would begin behind it
  repaired_after_damage(between + 1, "early");
  EXPECT_EQ(rows("early"), rows_between);
  EXPECT_EQ(files_of("early/snapshots").size(), 3U);
  for (const std::string data : {"late", "early"}) {
    execute_all(data, 31, 35);
    expect_whole(data);
    back_up(data, data + ".backup");
    restore(data + ".restored", {}, data + ".backup");
    EXPECT_EQ(rows(data + ".restored"), rows(data));
  }

  damage(older - 1);
  flip("data/snapshots/" + name_of(older) + ".base", 50);
  const auto expect_no_repair = [this](int code, const std::vector<std::string>& said) {
    const Ended ended = run({"wal", "repair", "--data", "data", "new"});
    EXPECT_EQ(ended.code, code) << ended.out;
    for (const std::string& part : said) EXPECT_THAT(ended.err, HasSubstr(part));
  };
  expect_no_repair(1, {"the log in data begins at position", "known from position " + std::to_string(older) + " on"});
  fs::remove(path("data/wal/00000000000000000001.seg"));
  flip("data/wal/base", 50);
  expect_no_repair(3, {"nothing in data is sound", "data/wal/base"});
  expect_nothing_made("new");
}

}  // namespace
}  // namespace symphainy::tests
