// SPDX-License-Identifier: Apache-2.0
// Damage before a good snapshot costs history and nothing else: the store is repaired, and backed up, from behind the
// snapshot, and what it knows is all there.
#include <gmock/gmock.h>

#include "symphainy/runtime.h"

#include "retained_store.h"

namespace symphainy::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class DamagedBeginning : public Retention {
 protected:
  /// Two snapshots; the log begins before the older one, and goes on behind the newer.
  void make_store() {
    fill(1, 200);
    older_ = number(retain({"--older-than", "0s"}), "snapshot");
    fill(201, 400);
    environment_["SYMPHAINY_LOG_SNAPSHOT_EVERY"] = "1";
    newer_ = number(retain({"--keep-bytes", "1000000000"}), "snapshot");
    environment_.erase("SYMPHAINY_LOG_SNAPSHOT_EVERY");
    fill(401, 420);
    first_ = number(verify(), "first");
    last_ = last_position("data");
    rows_ = executions();
    ASSERT_GT(first_, 1U);
    ASSERT_LT(first_, older_);
    ASSERT_LT(older_, newer_);
    ASSERT_LT(newer_, last_);
    keep();
  }
  void keep() {
    fs::remove_all(path("good"));
    fs::copy(path("data"), path("good"), fs::copy_options::recursive);
  }
  void put_back() {
    for (const char* name : {"data", "repaired", "backup", "restored"}) fs::remove_all(path(name));
    fs::copy(path("good"), path("data"), fs::copy_options::recursive);
  }
  struct Batch {
    std::string segment;  // relative
    std::size_t offset = 0;
    std::uint64_t first = 0;
  };
  Batch batch_with(std::uint64_t position) {
    for (const std::string& name : names_in("data/wal", ".seg")) {
      const std::string segment = fs::relative(name, path("."));
      const std::string bytes = read_whole_file(segment);
      for (std::size_t at = 12'288; at + 56 < bytes.size();) {
        const auto length = base::load_integer<std::uint32_t>(bytes.data() + at + 4);
        const auto count = base::load_integer<std::uint32_t>(bytes.data() + at + 8);
        const auto first = base::load_integer<std::uint64_t>(bytes.data() + at + 16);
        if (length == 0) break;
        if (first <= position && position < first + count) return {segment, at, first};
        at += length;
      }
    }
    ADD_FAILURE() << "no batch has position " << position;
    return {};
  }
  void damage(std::uint64_t position) {
    const Batch batch = batch_with(position);
    flip(batch.segment, batch.offset + 100);
  }
  std::string base_of(std::uint64_t snapshot) {
    const std::string digits = std::to_string(snapshot);
    return "data/snapshots/" + std::string(20 - digits.size(), '0') + digits + ".base";
  }
  Json repair() {
    const auto before = files_of("data");
    const Ended ended = run({"wal", "repair", "--data", "data", "repaired"});
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_TRUE(files_of("data") == before) << "the damaged directory was changed";
    return ended.json();
  }
  void use(const std::string& data) {
    fs::remove_all(path("data"));
    fs::rename(path(data), path("data"));
  }
  /// That is all there, as far as it is asked for, and goes on.
  void expect_whole(const std::string& data) {
    use(data);
    expect_intact("data");
    EXPECT_EQ(executions(), rows_);
    expect_state_is_the_fold();
    const Ended known = run({"run", "--data", "data", "--tenant", "acme"}, intent(known_));
    EXPECT_EQ(known.code, 0) << known.err;
    EXPECT_EQ(executions(), rows_) << "its key is known";
    EXPECT_EQ(run({"run", "--data", "data", "--tenant", "acme"}, intents(2'001, 2'003)).code, 0);
    verify();
    expect_state_is_the_fold();
  }
  void expect_only_history_lost(const Json& told, std::uint64_t last) {
    const Json* history = told.find("history_lost");
    ASSERT_NE(history, nullptr) << told.dump();
    EXPECT_EQ(number(*history, "first"), first_);
    EXPECT_EQ(number(*history, "last"), last);
    EXPECT_EQ(number(told, "position"), last_);
    EXPECT_EQ(count(told, "missing"), 0U) << told.dump();
  }
  void expect_repaired_behind(std::uint64_t snapshot) {
    const Json told = repair();
    expect_only_history_lost(told, snapshot);
    EXPECT_EQ(number(*told.find("lost"), "positions"), 0U) << told.dump();
    EXPECT_EQ(number(*told.find("lost"), "bytes"), 0U) << told.dump();
    EXPECT_EQ(number(run({"wal", "verify", "--data", "repaired"}).json(), "first"), snapshot + 1);
    expect_whole("repaired");
  }
  void expect_backed_up_behind(std::uint64_t snapshot) {
    const auto before = files_of("data");
    const Ended made = run({"backup", "create", "--data", "data", "backup"});
    EXPECT_EQ(made.code, 3) << made.err;
    EXPECT_THAT(made.err, HasSubstr("positions " + std::to_string(first_) + " to " + std::to_string(snapshot)));
    EXPECT_THAT(made.err, HasSubstr("symphainy wal repair"));
    expect_only_history_lost(made.json(), snapshot);
    EXPECT_TRUE(files_of("data/wal") == files_of("good/wal") || before == files_of("data"));
    const Ended restored = run({"backup", "restore", "backup", "--data", "restored"});
    ASSERT_EQ(restored.code, 0) << restored.err;
    expect_whole("restored");
  }

  std::uint64_t first_ = 0;
  std::uint64_t older_ = 0;
  std::uint64_t newer_ = 0;
  std::uint64_t last_ = 0;
  int known_ = 419;  // an intent that is not retired
  std::string rows_;
};

TEST_F(DamagedBeginning, ADamagedBaseCostsOnlyWhatIsBeforeTheOlderSnapshot) {
  make_store();
  const std::size_t size = read_whole_file("data/wal/base").size();
  for (const std::size_t offset : {std::size_t{0}, size / 2, size}) {
    SCOPED_TRACE(offset);
    put_back();
    if (offset < size) {
      flip("data/wal/base", offset);
    } else {
      fs::remove(path("data/wal/base"));
    }
    const Ended refused = run({"run", "--data", "data", "--tenant", "acme"}, intent(421));
    EXPECT_EQ(refused.code, 3) << refused.out << refused.err;
    EXPECT_THAT(refused.err, HasSubstr(offset < size ? "data/wal/base: damaged" : "does not continue position 0"));
    EXPECT_THAT(refused.err, HasSubstr("symphainy wal repair DIR"));
    verify({}, 3);
    fs::copy(path("data"), path("damaged"), fs::copy_options::recursive);
    expect_repaired_behind(older_);
    use("damaged");
    expect_backed_up_behind(older_);
  }
}

TEST_F(DamagedBeginning, ADamagedSegmentCostsOnlyWhatIsBeforeTheNextSnapshot) {
  make_store();
  ASSERT_GE(names_in("data/wal", ".seg").size(), 4U);
  for (const std::uint64_t position : {first_, older_, older_ + 1, newer_}) {
    SCOPED_TRACE(position);
    put_back();
    damage(position);
    verify({}, 3);
    const std::uint64_t snapshot = position <= older_ ? older_ : newer_;
    fs::copy(path("data"), path("damaged"), fs::copy_options::recursive);
    expect_repaired_behind(snapshot);
    use("damaged");
    if (position == older_ || position == newer_) expect_backed_up_behind(snapshot);
  }
  put_back();
  fs::remove(names_in("data/wal", ".seg").front());  // what follows the older one is gone with it
  fs::copy(path("data"), path("damaged"), fs::copy_options::recursive);
  expect_repaired_behind(newer_);
  use("damaged");
  expect_backed_up_behind(newer_);
  put_back();
  flip(batch_with(first_).segment, 40);  // beside the batches
  const Json told = repair();
  EXPECT_EQ(told.find("history_lost"), nullptr) << told.dump();
  first_ = number(run({"wal", "verify", "--data", "repaired"}).json(), "first");
  expect_whole("repaired");
}

// Else it would be told as one of the whole store.
TEST_F(DamagedBeginning, ABackupBehindDamageReachesTheLogsEnd) {
  make_store();
  flip(segment_of("data"), 20);
  const Ended refused = run({"run", "--data", "data", "--tenant", "acme"}, intent(421));
  EXPECT_EQ(refused.code, 3) << refused.out << refused.err;
  expect_backed_up_behind(older_);
  put_back();
  fs::remove(names_in("data/wal", ".seg").front());
  damage(last_);
  const Ended no_backup = run({"backup", "create", "--data", "data", "backup"});
  EXPECT_EQ(no_backup.code, 3) << no_backup.out;
  EXPECT_THAT(no_backup.err, HasSubstr("symphainy wal repair DIR"));
  EXPECT_FALSE(fs::exists(path("backup")));
}

// Damage is no reason to take no more snapshots: without them nothing is retired either.
TEST_F(DamagedBeginning, SnapshotsAreTakenBehindOldDamage) {
  make_store();
  const auto take = [this] {
    environment_["SYMPHAINY_LOG_SNAPSHOT_EVERY"] = "1";  // for this alone: else what fills takes some beside
    const auto snapshot = number(retain({"--keep-bytes", "1000000000"}), "snapshot");
    environment_.erase("SYMPHAINY_LOG_SNAPSHOT_EVERY");
    return snapshot;
  };
  fill(421, 430);
  rows_ = executions();
  keep();

  damage(first_);
  flip(base_of(newer_), 90);
  EXPECT_TRUE(fs::exists(path(base_of(take())))) << "the older one's chains lead there";

  put_back();
  damage(first_);
  flip(base_of(newer_), 90);
  flip(base_of(older_), 90);
  const std::uint64_t without = take();
  const std::string base = base_of(without);
  EXPECT_FALSE(fs::exists(path(base))) << "no chains lead there";
  const Json manifest = Json::parse(read_whole_file(base.substr(0, base.size() - 4) + "json")).value();
  EXPECT_EQ(number(manifest, "format"), 1U);
  fill(431, 440);
  rows_ = executions();
  EXPECT_GT(take(), without);
  remove_state();
  EXPECT_EQ(executions(), rows_) << "from a snapshot without chains";
  expect_state_is_the_fold();
}

// Nothing follows the snapshot; the head knows it.
TEST_F(DamagedBeginning, ALogThatEndsWithItsOnlySnapshotIsRepaired) {
  fill(1, 200);
  older_ = last_ = number(retain({"--older-than", "0s"}), "snapshot");
  first_ = number(verify(), "first");
  ASSERT_EQ(last_, last_position("data"));
  rows_ = executions();
  flip("data/wal/base", 60);
  const Ended no_backup = run({"backup", "create", "--data", "data", "backup"});
  EXPECT_EQ(no_backup.code, 3);
  EXPECT_THAT(no_backup.err, HasSubstr("data/wal/base: damaged"));
  EXPECT_THAT(no_backup.err, HasSubstr("symphainy wal repair DIR"));
  const Json told = repair();
  expect_only_history_lost(told, older_);
  use("repaired");
  expect_intact("data");
  EXPECT_EQ(executions(), rows_);
  expect_state_is_the_fold();
  remove_state();
  EXPECT_EQ(executions(), rows_) << "from the snapshot that the log begins behind";
  // It is a store like any other: it is retired further, and backed up, but not gone back to before it begins.
  fill(201, 400);
  rows_ = executions();
  last_ = last_position("data");
  ASSERT_EQ(run({"backup", "create", "--data", "data", "backup"}).code, 0);
  expect_refused({"backup", "restore", "backup", "--data", "new", "--to-position", std::to_string(older_ - 1)}, 1,
                 {"known from position " + std::to_string(older_) + " on"});
  expect_refused({"backup", "restore", "backup", "--data", "new", "--to-time", "2001-01-01T00:00:00Z"}, 1,
                 {"known from position " + std::to_string(older_) + " on"});
  const Ended exactly = run({"backup", "restore", "backup", "--data", "new", "--to-position", std::to_string(older_)});
  EXPECT_EQ(exactly.code, 0) << exactly.err;
  EXPECT_EQ(number(exactly.json(), "position"), older_);
  expect_intact("new");
  retain({"--older-than", "0s"});
  fill(401, 600);
  rows_ = executions();
  EXPECT_GE(count(retain({"--older-than", "0s"}), "retired"), 1U);
  EXPECT_EQ(executions(), rows_);
  expect_state_is_the_fold();
  flip("data/wal/base", 60);
  EXPECT_EQ(run({"wal", "repair", "--data", "data", "again"}).code, 0);
  use("again");
  EXPECT_EQ(executions(), rows_);
  expect_intact("data");
}

TEST_F(DamagedBeginning, ASnapshotThatIsNotGoodIsNotBegunBehind) {
  make_store();
  const std::string older = base_of(older_);
  const std::string newer = base_of(newer_);
  const auto database = [](std::string base) { return base.replace(base.size() - 4, 4, "db"); };
  const auto expect_newer = [this](const char* how) {
    SCOPED_TRACE(how);
    flip("data/wal/base", 70);
    expect_repaired_behind(newer_);
    put_back();
  };
  flip(older, 90);
  expect_newer("its chains are damaged");
  flip(database(older), 9'000);
  expect_newer("its rows are damaged");
  fs::remove(path(older));
  expect_newer("its chains are missing");
  // Its place in the log is damaged, so nothing confirms it.
  damage(older_ + 1);
  expect_newer("what follows it is damaged");

  flip(older, 90);
  flip(newer, 90);
  remove_state();
  EXPECT_EQ(executions(), rows_) << "its rows are good all the same";
  expect_state_is_the_fold();
  flip("data/wal/base", 70);
  for (const Arguments& arguments :
       {Arguments{"wal", "repair", "--data", "data", "new"}, Arguments{"backup", "create", "--data", "data", "new"}}) {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, 3) << ended.out;
    EXPECT_THAT(ended.err, HasSubstr("data/wal/base"));
    EXPECT_THAT(ended.err, HasSubstr("symphainy backup restore"));
    EXPECT_THAT(ended.err, Not(HasSubstr("history_retired")));
    EXPECT_FALSE(fs::exists(path("new")));
    EXPECT_FALSE(fs::exists(path("new.unfinished")));
  }
}

// An older log put back beside newer snapshots: they may be of another future.
TEST_F(DamagedBeginning, ASnapshotBeyondTheLogsEndIsNotBegunBehind) {
  fill(1, 200);
  older_ = number(retain({"--older-than", "0s"}), "snapshot");
  fill(201, 220);
  known_ = 220;
  first_ = number(verify(), "first");
  last_ = last_position("data");
  rows_ = executions();
  fs::copy(path("data/wal"), path("older"), fs::copy_options::recursive);
  fill(221, 400);
  newer_ = number(retain({"--older-than", "0s"}), "snapshot");
  ASSERT_GT(newer_, last_);
  fs::remove_all(path("data/wal"));
  fs::rename(path("older"), path("data/wal"));
  flip("data/wal/base", 70);
  const Json told = repair();
  expect_only_history_lost(told, older_);
  expect_whole("repaired");
}

Task<Result<HandlerResult>> say(const Intent& intent, ExecutionContext& context) {
  if (auto said = context.add_event({"said", Json("x"), intent.intent_id, "words"}); !said)
    co_return std::unexpected(said.error());
  co_return HandlerResult{};
}

TEST_F(DamagedBeginning, WhatTheStoreStillNeedsIsNotLeftOut) {
  const auto speak = [this](int times) {
    RuntimeOptions silent;
    silent.data_directory = path("data");
    silent.publish_events = false;
    const auto runtime = Runtime::open(silent);
    ASSERT_TRUE(runtime) << runtime.error().message;
    ASSERT_TRUE((*runtime)->register_intent({.intent_type = "say"}, "words", "say", say));
    for (int i = 0; i < times; ++i)
      ASSERT_TRUE((*runtime)->execute(Intent::create("say", "acme", "s", "s", {"user", "u"})));
  };
  speak(10);
  environment_["SYMPHAINY_LOG_SNAPSHOT_EVERY"] = "1";
  newer_ = number(retain({"--keep-bytes", "1000000000"}), "snapshot");
  environment_.erase("SYMPHAINY_LOG_SNAPSHOT_EVERY");
  speak(1);
  ASSERT_GT(last_position("data"), newer_);
  const std::uint64_t damaged = batch_with(newer_ / 2).first;
  damage(damaged);
  const Ended refused = run({"backup", "create", "--data", "data", "backup"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("symphainy wal repair DIR"));
  const Json told = repair();  // events before the snapshot wait to be published
  EXPECT_EQ(number(told, "position"), damaged - 1);
  EXPECT_EQ(told.find("history_lost"), nullptr);
  use("repaired");
  expect_intact("data");
  EXPECT_EQ(run({"outbox", "publish", "--data", "data"}).code, 0);
}

// As 0.1.0 wrote them before: format 1, and no chains.
TEST_F(DamagedBeginning, SnapshotsOfAnEarlierReleaseAreReadButNotBegunBehind) {
  make_store();
  for (const std::uint64_t snapshot : {older_, newer_}) {
    const std::string base = base_of(snapshot);
    const std::string manifest = base.substr(0, base.size() - 4) + "json";
    Json json = Json::parse(read_whole_file(manifest)).value();
    EXPECT_EQ(number(json, "format"), 2U);
    json.erase("base");
    json["format"] = 1;
    write_file(manifest, json.dump() + "\n");
    fs::remove(path(base));
  }
  remove_state();
  EXPECT_EQ(executions(), rows_);
  expect_state_is_the_fold();
  ASSERT_EQ(run({"backup", "create", "--data", "data", "backup"}).code, 0);
  ASSERT_EQ(run({"backup", "restore", "backup", "--data", "restored"}).code, 0);
  flip("data/wal/base", 70);
  const Ended refused = run({"wal", "repair", "--data", "data", "new"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("nothing in data is sound: data/wal/base"));
  EXPECT_THAT(refused.err, HasSubstr("an earlier release took it"));
  use("restored");
  EXPECT_EQ(executions(), rows_);
  fill(421, 600);
  const std::uint64_t first_with_chains = number(retain({"--older-than", "0s"}), "snapshot");
  fill(601, 610);
  rows_ = executions();
  last_ = last_position("data");
  known_ = 610;
  EXPECT_TRUE(fs::exists(path(base_of(first_with_chains))));
  first_ = number(verify(), "first");
  flip("data/wal/base", 70);
  expect_only_history_lost(repair(), first_with_chains);
  expect_whole("repaired");
}

}  // namespace
}  // namespace symphainy::tests
