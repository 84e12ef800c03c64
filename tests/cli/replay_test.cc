// SPDX-License-Identifier: Apache-2.0
// A new build of a program against what the old one left: `replay --all` and `execution replay`.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <iterator>
#include <map>
#include <signal.h>

#include "retained_store.h"

namespace symphainy::tests {
namespace {

using ::testing::HasSubstr;

class ReplayTest : public ProgramTest {
 protected:
  void SetUp() override { program_ = fs::path(SYMPHAINY_BINARY).parent_path() / "orders_program"; }

  /// Orders placed by the build as the environment says it is; the id of the first.
  std::string place(int orders) {
    std::string lines;
    for (int i = 0; i < orders; ++i)
      lines += R"({"intent_type":"order.place","parameters":{"order":)" + std::to_string(i) + "}}\n";
    const Ended ended = run({"run", "--data", "data", "--tenant", "acme", "--concurrency", "1"}, lines);
    EXPECT_EQ(ended.code, 0) << ended.err;
    const auto results = ended.json_lines();
    return results.empty() ? "" : text(results.front(), "execution_id");
  }
  Ended replay_all(const Arguments& more = {}) {
    Arguments arguments{"replay", "--all", "--data", "data", "--tenant", "acme"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  Ended replay(const std::string& id, const Arguments& more = {}) {
    Arguments arguments{"execution", "replay", id, "--data", "data", "--tenant", "acme"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  static std::uint64_t count(const Ended& ended, std::string_view what) {
    const auto lines = ended.json_lines();
    if (lines.empty() || lines.back().find("summary") == nullptr) return UINT64_MAX;
    return lines.back().find("summary")->find(what)->as_uint64().value_or(UINT64_MAX);
  }
  /// Every file below the directory; not what SQLite keeps beside a database that is being read.
  std::map<std::string, std::string> bytes_of(const std::string& directory) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory_ / directory)) {
      if (!entry.is_regular_file() || entry.path().string().find("state.db-") != std::string::npos) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      files[entry.path().string()] = {std::istreambuf_iterator<char>(file), {}};
    }
    return files;
  }
  std::string effects() {
    std::ifstream file(directory_ / "effects");
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

TEST_F(ReplayTest, TheSameProgramDoesTheSameAgainRunsNoStepAndWritesNothing) {
  (void)place(3);
  const std::string effects_before = effects();
  ASSERT_EQ(std::ranges::count(effects_before, '\n'), 6);
  const auto before = bytes_of("data");
  const Ended ended = replay_all();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(count(ended, "same"), 3U);
  EXPECT_EQ(count(ended, "replayed"), 3U);
  EXPECT_EQ(effects(), effects_before);
  EXPECT_EQ(bytes_of("data"), before);
}

TEST_F(ReplayTest, ANewBuildThatDoesOtherwiseIsToldWithTheRecord) {
  const std::string id = place(2);
  environment_["ORDER_STEPS"] = "reserve,bill";
  const Ended all = replay_all();
  EXPECT_EQ(all.code, 1);
  EXPECT_EQ(count(all, "diverged"), 2U);
  const Ended one = replay(id);
  EXPECT_EQ(one.code, 1);
  const Json json = one.json();
  EXPECT_EQ(text(json, "replay"), "diverged");
  const Json& found = *json.find("divergence");
  EXPECT_EQ(text(found, "what"), "step");
  EXPECT_EQ(text(found, "key"), "bill#1");
  EXPECT_EQ(text(*found.find("expected"), "step"), "charge#1");
  EXPECT_THAT(text(found, "what_to_do"), HasSubstr("as version 2"));
  EXPECT_EQ(text(*json.find("record"), "name"), "StepCompleted");
  EXPECT_EQ(json.find("record")->find("position"), nullptr) << "positions are the operator's";
}

TEST_F(ReplayTest, TheOperatorSeesThePositionOfTheRecord) {
  const std::string id = place(1);
  environment_["ORDER_EVENT"] = "order.taken";
  const Ended ended = run({"execution", "replay", id, "--data", "data", "--tenant", "*"});
  EXPECT_EQ(ended.code, 1) << ended.err;
  const Json json = ended.json();
  EXPECT_EQ(text(*json.find("divergence"), "what"), "event");
  const Ended records = run({"execution", "show", id, "--timeline", "--data", "data", "--tenant", "*", "-o", "json"});
  const Json timeline = *records.json().find("timeline");
  for (std::size_t i = 0; i < timeline.size(); ++i) {
    if (text(timeline.at(i), "record") != "EventsQueued") continue;
    EXPECT_EQ(json.find("record")->find("position")->as_uint64(), timeline.at(i).find("position")->as_uint64());
    return;
  }
  FAIL() << "no record of the event";
}

TEST_F(ReplayTest, PeopleReadWhatToLookAtAndASentence) {
  (void)place(2);
  EXPECT_EQ(replay_all({"-o", "table"}).out, "0 of 2 replayed executions diverged\n");
  environment_["ORDER_STEPS"] = "reserve";
  const Ended ended = replay_all({"-o", "table", "--sample", "1"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.out, HasSubstr("missing_step charge#1"));
  EXPECT_THAT(ended.out, HasSubstr("the tenant's record"));
  EXPECT_THAT(ended.out, HasSubstr("1 of 1 replayed execution diverged"));
}

TEST_F(ReplayTest, WhatThisProgramHasNoHandlerForIsSkippedAndCounted) {
  const std::string id = place(2);
  fill_store();
  program_ = SYMPHAINY_BINARY;
  const Ended some = replay_all();
  EXPECT_EQ(some.code, 0) << some.err;
  EXPECT_EQ(count(some, "same"), 2U);
  EXPECT_EQ(some.json_lines().back().find("summary")->find("skipped")->dump(), R"({"missing_handler":2})");
  const Ended none = replay_all({"--type", "order.place"});
  EXPECT_EQ(none.code, 1) << "a check that compared nothing is not passed";
  EXPECT_THAT(none.err, HasSubstr("nothing was compared"));
  const Ended one = replay(id);
  EXPECT_EQ(one.code, 1);
  EXPECT_THAT(one.err, HasSubstr("'order.place' version 1 (orders/place)"));
}

TEST_F(ReplayTest, AnExecutionIsHeldToTheVersionItBeganWith) {
  (void)place(1);
  environment_["ORDER_VERSIONS"] = "1,2";
  EXPECT_EQ(replay_all().json_lines().front().find("handler_version")->as_uint64(), 1U);
  environment_["ORDER_VERSIONS"] = "2";
  EXPECT_THAT(replay_all().out, HasSubstr(R"("skipped":{"missing_handler":1})"));
}

TEST_F(ReplayTest, ASchemaThatTheDirectoryWouldRefuseIsRefusedBeforeTheDeployment) {
  (void)place(1);
  environment_["ORDER_SCHEMA"] = R"({"type":"object"})";
  const Ended ended = replay_all();
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("register the new one as version 2"));
}

TEST_F(ReplayTest, ASampleIsTheSameEachTimeAndSpreadOverEachType) {
  (void)place(9);
  fill_store();
  const Ended first = replay_all({"--sample", "3"});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(count(first, "replayed"), 5U) << "3 of 9 orders, and one of each of the other two types";
  EXPECT_EQ(replay_all({"--sample", "3"}).out, first.out);
  const auto all = replay_all({"--type", "order.place"}).json_lines();
  const auto some = replay_all({"--type", "order.place", "--sample", "3"}).json_lines();
  ASSERT_EQ(all.size(), 10U);
  ASSERT_EQ(some.size(), 4U);
  for (const auto& [chosen, of] : std::map<std::size_t, std::size_t>{{0, 0}, {1, 4}, {2, 8}})
    EXPECT_EQ(text(some[chosen], "execution_id"), text(all[of], "execution_id"));
}

TEST_F(ReplayTest, SinceAndUntilNarrowIt) {
  (void)place(2);
  EXPECT_EQ(count(replay_all({"--since", "1h"}), "replayed"), 2U);
  EXPECT_EQ(count(replay_all({"--until", "1h"}), "replayed"), 0U);
}

TEST_F(ReplayTest, WorksBesideTheProcessThatOwnsTheDirectory) {
  const std::string id = place(2);
  const auto node = start({"serve", "--data", "data"});
  EXPECT_THAT(node->wait_for_notices(1), HasSubstr("serving data"));
  EXPECT_EQ(count(replay_all(), "same"), 2U);
  environment_["ORDER_STEPS"] = "reserve,bill";
  EXPECT_EQ(replay(id).code, 1);
  node->signal(SIGTERM);
  EXPECT_EQ(node->wait().code, 0);
}

TEST_F(ReplayTest, AHandlerThatNeverReturnsDoesNotHoldItUp) {
  const std::string id = place(1);
  environment_["ORDER_HANGS"] = "yes";
  const Ended ended = replay(id, {"--timeout", "1"});
  EXPECT_EQ(ended.code, 1) << ended.err;
  EXPECT_EQ(text(ended.json(), "replay"), "timed_out");
  EXPECT_EQ(count(replay_all({"--timeout", "1"}), "timed_out"), 1U);
}

TEST_F(ReplayTest, AWrongQuestionIsAnsweredWithWhatIsRight) {
  (void)place(1);
  const std::vector<std::pair<Arguments, std::string>> wrong{
      {{"replay"}, "say which executions: --all"},
      {{"replay", "--all", "--sample", "0"}, "--sample 0 replays nothing"},
      {{"replay", "--all", "--sample", "some"}, "no whole number"},
      {{"replay", "--all", "--timeout", "0"}, "--timeout 0 is none"},
      {{"replay", "--all", "--since", "yesterday"}, "yesterday"}};
  for (auto [arguments, said] : wrong) {
    arguments.insert(arguments.end(), {"--data", "data", "--tenant", "acme"});
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, 2) << said;
    EXPECT_THAT(ended.err, HasSubstr(said));
  }
  EXPECT_THAT(replay("0193a0c0-7d7e-7c4f-8e0a-5f5b3c2d1e0f").err, HasSubstr("this tenant has no execution"));
}

TEST_F(ReplayTest, AnotherTenantsExecutionsAreNotReplayed) {
  const std::string id = place(1);
  EXPECT_EQ(run({"execution", "replay", id, "--data", "data", "--tenant", "globex"}).code, 1);
  EXPECT_EQ(count(run({"replay", "--all", "--data", "data", "--tenant", "globex"}), "replayed"), 0U);
}

TEST_F(Retention, WhatIsRetiredIsNotReplayedAndCounted) {
  const std::string id = text(fill(1, 300), "execution_id");
  retain({"--older-than", "0s"});
  fill(301, 301);
  const Ended one = run({"execution", "replay", id, "--data", "data", "--tenant", "acme"});
  EXPECT_EQ(one.code, 1);
  EXPECT_THAT(one.err, HasSubstr("retired history"));
  const Ended all = run({"replay", "--all", "--data", "data", "--tenant", "acme"});
  EXPECT_EQ(all.code, 0) << all.err;
  const Json summary = *all.json_lines().back().find("summary");
  const std::uint64_t skipped = number(*summary.find("skipped"), "history_retired");
  EXPECT_GT(skipped, 0U);
  EXPECT_EQ(number(summary, "same") + skipped, 301U);
}

}  // namespace
}  // namespace symphainy::tests
