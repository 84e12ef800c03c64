// SPDX-License-Identifier: Apache-2.0
// Giving up the beginning of a log: what is kept is whole and provable, what is needed is kept, and what is gone is
// answered for.
#include "app/retention.h"

#include <chrono>
#include <csignal>
#include <future>
#include <gmock/gmock.h>
#include <thread>

#include "symphainy/runtime.h"

#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/sqlite/sqlite_schema.h"
#include "retained_store.h"

namespace symphainy::tests {
namespace {

using ::testing::HasSubstr;

TEST_F(Retention, RetiresWhatIsOldAndBothVerifiersProveTheRest) {
  fill(1, 300);
  const Json whole = verify();
  const Ended before = run({"wal", "retain", "--data", "data", "--older-than", "0s", "--dry-run"});
  EXPECT_EQ(count(before.json(), "retired"), names_in("data/wal", ".seg").size() - 1);
  EXPECT_EQ(verify(), whole) << "a dry run changes nothing";
  EXPECT_FALSE(fs::exists(path("data/snapshots")));

  const Json done = retain({"--older-than", "0s", "--archive", path("archive")});
  ASSERT_GE(count(done, "retired"), 3U) << done.dump();
  EXPECT_EQ(count(done, "archived"), count(done, "retired"));
  EXPECT_EQ(done.find("retired")->dump(), before.json().find("retired")->dump()) << "as the dry run said";
  EXPECT_EQ(names_in("data/wal", ".seg").size(), 1U);
  const std::uint64_t first = number(done, "first_position");
  const Json kept = verify();
  EXPECT_EQ(number(kept, "first"), first);
  EXPECT_EQ(number(kept, "records"), number(whole, "last") + 1 - first);
  EXPECT_EQ(kept.find("head")->dump(), whole.find("head")->dump());
  EXPECT_EQ(kept.find("tenants")->dump(), whole.find("tenants")->dump());
  const std::string program = "python3 -B " SYMPHAINY_SOURCE_DIR "/tools/verify.py " + path("data") + " > /dev/null";
  EXPECT_EQ(std::system(program.c_str()), 0);

  const Json joined = verify({"--archive", path("archive")});
  EXPECT_EQ(number(joined, "first"), 1U);
  EXPECT_EQ(number(joined, "records"), number(whole, "records"));
  expect_state_is_the_fold();

  fill(301, 400);
  EXPECT_EQ(number(verify(), "first"), first);
  EXPECT_EQ(number(verify({"--archive", path("archive")}), "first"), 1U);
  expect_state_is_the_fold();
  for (const std::string& name : names_in("data", ".db"))
    EXPECT_EQ(fs::status(name).permissions() & fs::perms::mask, fs::perms::owner_read | fs::perms::owner_write) << name;
}

TEST_F(Retention, KeepsSoManyBytes) {
  fill(1, 300);
  const std::size_t segments = names_in("data/wal", ".seg").size();
  EXPECT_EQ(count(retain({"--keep-bytes", "100000000"}), "retired"), 0U);
  EXPECT_EQ(count(retain({"--older-than", "1h"}), "retired"), 0U);
  EXPECT_EQ(count(retain({"--keep-bytes", "2097152"}), "retired"), segments - 2)
      << "a sealed one and the last are kept";
  environment_["SYMPHAINY_LOG_RETAIN_BYTES"] = "1048576";
  EXPECT_EQ(run({"wal", "retain", "--data", "data"}).code, 0) << "as it is configured";
  const Ended none = run({"wal", "retain", "--data", "nowhere", "--older-than", "1d"});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("there is no store in nowhere"));
  environment_.erase("SYMPHAINY_LOG_RETAIN_BYTES");
  const Ended unsaid = run({"wal", "retain", "--data", "data"});
  EXPECT_EQ(unsaid.code, 2);
  EXPECT_THAT(unsaid.err, HasSubstr("--older-than"));
  const Ended no_span = run({"wal", "retain", "--data", "data", "--older-than", "soon"});
  EXPECT_EQ(no_span.code, 2);
  EXPECT_THAT(no_span.err, HasSubstr("span of time"));
}

TEST_F(Retention, AnswersForWhatIsGone) {
  const Json first = fill(1, 300);
  const std::string id = text(first, "execution_id");
  const std::string at = "--data";
  retain({"--older-than", "0s", "--archive", path("archive")});
  fill(301, 301);

  const Ended shown = run({"execution", "show", id, at, "data", "--tenant", "acme", "-o", "json"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_EQ(text(shown.json(), "status"), "completed");
  EXPECT_TRUE(flag(shown.json(), "history_retired"));
  EXPECT_EQ(run({"execution", "show", id, at, "data", "--tenant", "acme", "-o", "table"}).code, 0);

  environment_["SYMPHAINY_LOG_ARCHIVE"] = path("archive");
  run({"key", "create", "audit.key"});
  const std::vector<Arguments> need_records{
      {"execution", "show", id, at, "data", "--tenant", "acme", "--timeline"},
      {"execution", "show", id, at, "data", "--tenant", "acme", "--as-of", "1"},
      {"why", id, at, "data", "--tenant", "acme"},
      {"wal", "cat", at, "data", "--tenant", "*", "--from", "1"},
      {"wal", "cat", at, "data", "--tenant", "acme", "--from", "1"},
      {"wal", "export", at, "data", "--tenant", "acme", "--key", "audit.key", "--out", "acme.bundle"}};
  for (const Arguments& arguments : need_records) {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, 1) << arguments[0] << " " << arguments[1] << ended.out << ended.err;
    EXPECT_THAT(ended.err, HasSubstr("retired history")) << arguments[0] << " " << arguments[1];
    EXPECT_THAT(ended.err, HasSubstr(path("archive"))) << arguments[0] << " " << arguments[1];
    EXPECT_EQ(ended.out, "") << arguments[0] << " " << arguments[1];
  }
  EXPECT_FALSE(fs::exists(path("acme.bundle")));

  const Ended rest = run({"wal", "cat", at, "data", "--tenant", "acme"});
  EXPECT_EQ(rest.code, 0);
  EXPECT_THAT(rest.err, HasSubstr("what was before is retired"));
  const std::uint64_t kept = number(rest.json_lines().front(), "tenant_seq");
  const Ended from = run({"wal", "cat", at, "data", "--tenant", "acme", "--from", std::to_string(kept)});
  EXPECT_EQ(from.code, 0) << from.err;
  EXPECT_EQ(from.out, rest.out);

  // The key is known still: the intent is not executed again, and its answer says why there is none.
  const std::string known = executions();
  const Ended again = run({"run", at, "data", "--tenant", "acme"}, intent(1));
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.out + again.err, HasSubstr("history_retired"));
  EXPECT_THAT(again.out + again.err, HasSubstr(id));
  EXPECT_THAT(again.out + again.err, HasSubstr("completed"));
  EXPECT_EQ(executions(), known);
}

TEST_F(Retention, LostProjectionsAreRebuiltFromTheNewestGoodSnapshotAndTheRest) {
  fill(1, 200);
  ASSERT_GE(count(retain({"--older-than", "0s"}), "retired"), 1U);
  fill(201, 400);
  retain({"--older-than", "0s"});
  fill(401, 420);
  const std::string answers = executions();
  const auto snapshots = names_in("data/snapshots", ".db");
  ASSERT_EQ(snapshots.size(), 2U);

  for (const char* how : {"missing", "no database", "another schema"}) {
    SCOPED_TRACE(how);
    if (how[0] == 'm') remove_state();
    if (how[0] == 'n') {
      remove_state();
      write_file("data/state.db", std::string(20'000, 'x'));
    }
    if (how[0] == 'a') run_sql("data/state.db", "PRAGMA user_version=1");
    EXPECT_EQ(executions(), answers);
    expect_state_is_the_fold();
  }

  const std::string newest = fs::relative(snapshots[1], path("."));
  const std::string manifest = newest.substr(0, newest.size() - 3) + ".json";
  for (const std::string& damaged : {newest, manifest}) {
    SCOPED_TRACE(damaged);
    const std::string good = read_whole_file(damaged);
    flip(damaged, good.size() / 2);
    remove_state();
    EXPECT_EQ(executions(), answers) << "the older one and more of the log do as well";
    expect_state_is_the_fold();
    write_file(damaged, good);
  }
  EXPECT_EQ(run({"run", "--data", "data", "--tenant", "acme"}, intents(1001, 1003)).code, 0);
}

TEST_F(Retention, ProjectionsThatCannotBeRebuiltAreNotDropped) {
  fill(1, 200);
  ASSERT_GE(count(retain({"--older-than", "0s"}), "retired"), 1U);
  const std::string answers = executions();
  for (const std::string& name : names_in("data/snapshots", ".db")) flip(fs::relative(name, path(".")), 9'000);
  EXPECT_EQ(executions(), answers) << "while they are there, no snapshot is needed";

  run_sql("data/state.db", "PRAGMA user_version=1");
  const auto before = files_of("data");
  for (const Arguments& arguments : {Arguments{"run", "--data", "data", "--tenant", "acme"},
                                     Arguments{"execution", "list", "--data", "data", "--tenant", "acme"}}) {
    const Ended ended = run(arguments, intents(1, 1));
    EXPECT_EQ(ended.code, 1) << ended.out;
    EXPECT_THAT(ended.err, HasSubstr("schema version 1"));
    EXPECT_THAT(ended.err, HasSubstr("docs/guides/retention.md"));
  }
  EXPECT_EQ(files_of("data").at("state.db"), before.at("state.db"));
  run_sql("data/state.db", "PRAGMA user_version=" + std::to_string(public_works::kSchemaVersion));
  EXPECT_EQ(executions(), answers);
}

// As docs/guides/retention.md says it is done.
TEST_F(Retention, ArchivedSegmentsCanBePutBack) {
  fill(1, 300);
  const Json whole = verify();
  const std::string answers = executions();
  ASSERT_GE(count(retain({"--older-than", "0s", "--archive", path("archive")}), "retired"), 3U);
  for (const std::string& name : names_in("archive", ".zst")) {
    const std::string segment = path("data/wal/") + fs::path(name).stem().string();
    ASSERT_EQ(std::system(("zstd -q -d '" + name + "' -o '" + segment + "'").c_str()), 0);
  }
  EXPECT_GT(number(verify(), "first"), 1U) << "before the base they are no part of the log";
  flip("data/wal/base", 50);
  fs::remove(path("data/wal/base"));
  EXPECT_EQ(verify(), whole);
  remove_state();
  fs::remove_all(path("data/snapshots"));
  EXPECT_EQ(executions(), answers);
}

TEST_F(Retention, ADamagedArchiveIsFoundBeforeAnythingIsRetired) {
  fill(1, 300);
  Json done = retain({"--archive", path("archive")});
  EXPECT_EQ(count(done, "retired"), 0U) << "copying alone gives nothing up";
  ASSERT_GE(count(done, "archived"), 3U);
  const std::string archived = fs::relative(names_in("archive", ".zst")[1], path("."));
  flip(archived, read_whole_file(archived).size() / 2);
  const auto segments = names_in("data/wal", ".seg");
  const Ended refused = run({"wal", "retain", "--data", "data", "--older-than", "0s", "--archive", path("archive")});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr(archived));
  EXPECT_EQ(names_in("data/wal", ".seg"), segments);

  fs::remove(path(archived));
  done = retain({"--older-than", "0s", "--archive", path("archive")});
  EXPECT_EQ(count(done, "retired"), segments.size() - 1);
  flip(archived, read_whole_file(archived).size() / 2);
  const Ended verified = run({"wal", "verify", "--data", "data", "--archive", path("archive")});
  EXPECT_EQ(verified.code, 3);
  EXPECT_THAT(verified.err, HasSubstr(archived));
  EXPECT_EQ(number(verify(), "first"), number(done, "first_position")) << "the store itself is whole";
  EXPECT_EQ(run({"wal", "verify", "--data", "data", "--archive", path("elsewhere")}).code, 2);
}

TEST_F(Retention, ACheckpointFromBeforeIsHeldToTheArchive) {
  fill(1, 150);
  run({"key", "create", "audit.key"});
  write_file("monday.checkpoint", run({"wal", "checkpoint", "--data", "data", "--key", "audit.key"}).out);
  fill(151, 400);
  write_file("tuesday.checkpoint", run({"wal", "checkpoint", "--data", "data", "--key", "audit.key"}).out);
  retain({"--older-than", "0s", "--archive", path("archive")});
  EXPECT_TRUE(flag(*verify({"--against", "tuesday.checkpoint"}).find("checkpoint"), "agrees"));
  const Json monday = verify({"--against", "monday.checkpoint"}, 2);
  EXPECT_THAT(text(*monday.find("checkpoint"), "reason"), HasSubstr("--archive"));
  for (const char* name : {"monday.checkpoint", "tuesday.checkpoint"}) {
    const Json joined = verify({"--against", name, "--archive", path("archive")});
    EXPECT_TRUE(flag(*joined.find("checkpoint"), "agrees")) << name;
  }
}

TEST_F(Retention, AnArchiveInTheDataDirectoryIsRefused) {
  fill(1, 200);
  fs::create_directory_symlink(path("data"), path("link"));
  const auto before = files_of("data/wal");
  for (const std::string archive : {"data", "data/archive", "data/wal", "link/archive", "./data/../data/archive"}) {
    expect_refused({"wal", "retain", "--data", "data", "--older-than", "0s", "--archive", archive}, 2,
                   {archive + " lies in data itself", "name a directory outside of it"});
    expect_refused({"wal", "retain", "--data", "data", "--older-than", "0s", "--archive", archive, "--dry-run"}, 2,
                   {"lies in data itself"});
  }
  EXPECT_FALSE(fs::exists(path("data/archive")));
  EXPECT_FALSE(fs::exists(path("data/snapshots")));
  const auto after = files_of("data/wal");
  for (const auto& [name, bytes] : before) EXPECT_TRUE(after.contains(name)) << name;
  EXPECT_GE(count(retain({"--older-than", "0s", "--archive", path("data.archive")}), "retired"), 1U);
}

// --- what is needed is kept
// -------------------------------------------------------------------------------------------

Task<Result<HandlerResult>> say(const Intent& intent, ExecutionContext& context) {
  if (auto said = context.add_event({"said", Json(std::string(60'000, 'x')), intent.intent_id, "words"}); !said)
    co_return std::unexpected(said.error());
  co_return HandlerResult{};
}

class RetentionOfANode : public Retention {
 protected:
  RuntimeOptions options() {
    RuntimeOptions options;
    options.data_directory = path("data");
    options.segment_bytes = 1024 * 1024;
    return options;
  }
  std::unique_ptr<Runtime> open(const RuntimeOptions& options) {
    auto runtime = Runtime::open(options);
    EXPECT_TRUE(runtime) << runtime.error().message;
    EXPECT_TRUE((*runtime)->register_intent({.intent_type = "say"}, "words", "say", say));
    return *std::move(runtime);
  }
  static void speak(Runtime& runtime, int times) {
    for (int i = 0; i < times; ++i) {
      const auto said = runtime.execute(Intent::create("say", "acme", "s", "s", {"user", "u"}));
      ASSERT_TRUE(said) << said.error().message;
      ASSERT_EQ(said->status, ExecutionStatus::completed) << said->to_json().dump();
    }
  }
  bool first_segment_is_there() { return fs::exists(path("data/wal/00000000000000000001.seg")); }
  std::size_t snapshots_there() {
    return fs::exists(path("data/snapshots")) ? names_in("data/snapshots", ".json").size() : 0;
  }
  template <typename Condition>
  static bool comes_true(const Condition& condition) {
    for (int i = 0; i < 600 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return condition();
  }
};

TEST_F(RetentionOfANode, WhatIsNotPublishedIsKept) {
  RuntimeOptions silent = options();
  silent.publish_events = false;
  {
    const auto runtime = open(silent);
    speak(*runtime, 60);
  }
  Json done = retain({"--older-than", "0s"});
  EXPECT_EQ(count(done, "retired"), 0U);
  EXPECT_THAT(held_by(done), HasSubstr("publisher ndjson"));
  {
    const auto runtime = open(options());
    ASSERT_TRUE(runtime->drain());
  }
  done = retain({"--older-than", "0s"});
  EXPECT_GE(count(done, "retired"), 2U) << done.dump();
  EXPECT_EQ(held_by(done), "");
  std::size_t lines = 0;
  std::ifstream stream(path("data/events/acme/words.ndjson"));
  for (std::string line; std::getline(stream, line);) ++lines;
  EXPECT_EQ(lines, 60U);
}

TEST_F(RetentionOfANode, ARunningNodeGivesUpWhatIsConfiguredButNotWhatIsUnderWay) {
  RuntimeOptions some = options();
  some.log_retention.retain_bytes = 1;
  some.log_retention.archive = path("archive");
  const auto runtime = open(some);
  std::promise<void> may_end;
  const std::shared_future<void> wait(may_end.get_future());
  const auto hold = [wait](const Intent&, ExecutionContext&) -> Task<Result<HandlerResult>> {
    wait.wait();
    return [](int) -> Task<Result<HandlerResult>> { co_return HandlerResult{}; }(0);
  };
  ASSERT_TRUE(runtime->register_intent({.intent_type = "hold"}, "words", "hold", hold));
  std::promise<Result<ExecutionResult>> ended;
  runtime->submit(Intent::create("hold", "acme", "s", "s", {"user", "u"}),
                  [&](Result<ExecutionResult> result) { ended.set_value(std::move(result)); });
  // The second snapshot is taken by a later round than the first, which could have retired something.
  for (const std::size_t snapshots : {1U, 2U}) {
    speak(*runtime, 60);
    ASSERT_TRUE(comes_true([&] { return snapshots_there() >= snapshots; }));
  }
  EXPECT_TRUE(first_segment_is_there()) << "the execution under way began there";
  may_end.set_value();
  ASSERT_TRUE(ended.get_future().get());
  EXPECT_TRUE(comes_true([this] { return !first_segment_is_there(); }));
  speak(*runtime, 30);
  ASSERT_TRUE(runtime->close());
  EXPECT_GT(number(verify(), "first"), 1U);
  EXPECT_EQ(number(verify({"--archive", path("archive")}), "first"), 1U);
  expect_state_is_the_fold();
}

TEST_F(Retention, ABackupKeepsEverything) {
  fill(1, 200);
  public_works::PosixFileSystem files;
  const app::DataDirectory directory{path("data")};
  {
    const auto hold = app::hold_history(files, directory);
    ASSERT_TRUE(hold);
    EXPECT_EQ(app::hold_history(files, directory).error().code, ErrorCode::unavailable);
    const Json done = retain({"--older-than", "0s"});
    EXPECT_EQ(count(done, "retired"), 0U);
    EXPECT_THAT(held_by(done), HasSubstr("backup"));
  }
  EXPECT_GE(count(retain({"--older-than", "0s"}), "retired"), 1U);
}

// --- dying at any moment
// ----------------------------------------------------------------------------------------------

TEST_F(Retention, KilledAtAnyMomentItLosesNothingThatIsKept) {
  fill(1, 300);
  const std::string answers = executions();
  const std::uint64_t last = number(verify(), "last");
  fs::copy(path("data"), path("good"), fs::copy_options::recursive);
  int unfinished = 0;
  for (int delay_us = 0; delay_us < 120'000; delay_us += 4'000) {
    SCOPED_TRACE(delay_us);
    fs::remove_all(path("data"));
    fs::remove_all(path("archive"));
    fs::copy(path("good"), path("data"), fs::copy_options::recursive);
    const auto program = start({"wal", "retain", "--data", "data", "--older-than", "0s", "--archive", path("archive")});
    std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
    program->signal(SIGKILL);
    unfinished += program->wait().code == -SIGKILL ? 1 : 0;
    ASSERT_EQ(number(verify(), "last"), last);
    ASSERT_EQ(executions(), answers);
    if (number(verify(), "first") > 1) ASSERT_EQ(number(verify({"--archive", path("archive")}), "first"), 1U);
    remove_state();
    ASSERT_EQ(executions(), answers);
    retain({"--older-than", "0s", "--archive", path("archive")});
    ASSERT_EQ(number(verify({"--archive", path("archive")}), "records"), last);
  }
  EXPECT_GT(unfinished, 5);
}

}  // namespace
}  // namespace symphainy::tests
