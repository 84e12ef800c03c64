// SPDX-License-Identifier: Apache-2.0
// `symphainy serve`: other commands go through it and print the same, and however it ends nothing is lost or done
// twice.
#include <algorithm>
#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>

#include "served_program.h"

namespace symphainy::tests {
namespace {

namespace fs = std::filesystem;

class Serve : public ServedProgram {
 protected:
  static std::vector<std::string> sorted_lines(const Ended& ended) {
    std::vector<std::string> lines;
    for (const Json& line : ended.json_lines())
      lines.push_back(std::to_string(line.find("line")->as_uint64().value()) + line.dump());
    std::ranges::sort(lines);
    return lines;
  }
};

TEST_F(Serve, ARunThroughTheSocketPrintsWhatARunWithoutItDoes) {
  // Keys that were used before are answered with the first result, so both ways must print it byte for byte.
  const std::string answered = ingest("k1") + ingest("k2", "missing.csv");
  const Ended alone = run(run_arguments(), answered);
  auto node = serve();
  const Ended through = run(run_arguments(), answered);
  EXPECT_EQ(sorted_lines(through), sorted_lines(alone));
  EXPECT_EQ(through.code, alone.code);
  EXPECT_EQ(through.err, alone.err);
  ASSERT_EQ(through.json_lines().size(), 2U);

  const Ended made = run(run_arguments(), ingest("k3"));
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(text(made.json_lines().at(0), "status"), "completed");
  EXPECT_EQ(stop(*node).code, 0);
  EXPECT_EQ(sorted_lines(run(run_arguments(), ingest("k3"))), sorted_lines(made));
}

TEST_F(Serve, WhatIsRefusedIsRefusedAndRecordedInTheSameWords) {
  const std::string refused = R"({"intent_type":"nope"})"
                              "\n"
                              R"({"intent_type":"ingest_file","surprise":1,"parameters":{}})"
                              "\n[1]\n";
  const Ended alone = run(run_arguments(), refused);
  auto node = serve();
  const Ended through = run(run_arguments(), refused);
  EXPECT_EQ(alone.code, 1);
  EXPECT_EQ(through.code, 1);
  const auto expected = alone.json_lines();
  auto lines = through.json_lines();
  ASSERT_EQ(lines.size(), expected.size()) << through.out;
  for (const Json& line : lines) {
    const auto same =
        std::ranges::find_if(expected, [&](const Json& one) { return *one.find("line") == *line.find("line"); });
    ASSERT_NE(same, expected.end());
    EXPECT_EQ(line.find("error")->dump(), same->find("error")->dump());
    EXPECT_EQ(line.find("status")->dump(), same->find("status")->dump());
  }
  const Json list =
      run({"execution", "list", "--data", "data", "--tenant", "acme", "--status", "rejected", "-o", "json"}).json();
  EXPECT_EQ(list.find("executions")->size(), 4U) << "two by each run";
}

TEST_F(Serve, TwoClientsAtOnceWithTheSameKeysDoEachIntentOnce) {
  auto node = serve();
  const std::string intents = ingest_many(200);
  const auto first = start(run_arguments());
  const auto second = start(run_arguments());
  first->write(intents);
  second->write(intents);
  const Ended one = first->wait();
  const Ended two = second->wait();
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(two.code, 0) << two.err;
  EXPECT_EQ(sorted_lines(one), sorted_lines(two));
  EXPECT_EQ(one.json_lines().size(), 200U);
  EXPECT_EQ(completed_executions(), "200");
}

TEST_F(Serve, KilledDuringARunItsClientSaysUnknownAndARerunDoesEachIntentOnce) {
  auto node = serve();
  const std::string intents = ingest_many(4'000);
  write_file("intents.ndjson", intents);
  auto arguments = run_arguments();
  arguments.push_back("intents.ndjson");
  const auto client = start(arguments);
  client->wait_for_lines(100);
  node->signal(SIGKILL);
  EXPECT_EQ(node->wait().code, -SIGKILL);
  const Ended ended = client->wait();
  EXPECT_EQ(ended.code, 4) << ended.err;
  std::size_t unknown = 0;
  std::vector<std::string> done;
  for (const Json& line : ended.json_lines()) {
    if (text(line, "status") == "unknown") ++unknown;
    if (text(line, "status") == "completed") done.push_back(text(line, "execution_id"));
  }
  EXPECT_GE(unknown, 1U);
  EXPECT_GE(done.size(), 100U);
  EXPECT_LT(done.size(), 4'000U);

  const Ended again = run(arguments);
  EXPECT_EQ(again.code, 0) << again.err;
  std::vector<std::string> all;
  for (const Json& line : again.json_lines()) all.push_back(text(line, "execution_id"));
  std::ranges::sort(all);
  for (const std::string& id : done)
    EXPECT_TRUE(std::ranges::binary_search(all, id)) << id << " was acknowledged and lost";
  EXPECT_EQ(completed_executions(), "4000");
}

TEST_F(Serve, ATerminatedNodeAnswersWhatHasArrivedAndLeavesNoSocket) {
  auto node = serve();
  const auto client = start(run_arguments());
  client->write(ingest_many(50));
  client->wait_for_lines(50);
  const Ended ended = stop(*node);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_FALSE(fs::exists(socket_path()));
  client->write(ingest("late"));
  const Ended told = client->wait();
  EXPECT_EQ(told.code, 1) << "nothing is unknown: " << told.err;
  EXPECT_EQ(told.json_lines().size(), 51U);
  EXPECT_EQ(run({"wal", "verify", "--data", "data"}).code, 0);
  EXPECT_EQ(completed_executions(), "50");
}

TEST_F(Serve, ATerminationInTheMiddleOfARunLosesAndRepeatsNothing) {
  auto node = serve();
  write_file("intents.ndjson", ingest_many(4'000));
  auto arguments = run_arguments();
  arguments.push_back("intents.ndjson");
  const auto client = start(arguments);
  client->wait_for_lines(100);
  EXPECT_EQ(stop(*node).code, 0);
  const Ended ended = client->wait();
  EXPECT_NE(ended.code, 0);
  EXPECT_EQ(ended.json_lines().size(), 4'000U) << "every intent has its line";
  EXPECT_EQ(run(arguments).code, 0);
  EXPECT_EQ(completed_executions(), "4000");
}

TEST_F(Serve, TheSocketOfAKilledNodeIsReplaced) {
  auto killed = serve();
  killed->signal(SIGKILL);
  EXPECT_EQ(killed->wait().code, -SIGKILL);
  ASSERT_TRUE(fs::exists(socket_path()));
  EXPECT_EQ(run(run_arguments(), ingest("k1")).code, 0) << "nobody owns the directory";
  auto node = serve();
  EXPECT_EQ(run(run_arguments(), ingest("k1") + ingest("k2")).code, 0);
  EXPECT_EQ(stop(*node).code, 0);
  EXPECT_EQ(completed_executions(), "2");
}

TEST_F(Serve, ASecondNodeIsRefusedAndTheFirstServesOn) {
  auto node = serve();
  const Ended second = run({"serve", "--data", "data"});
  EXPECT_EQ(second.code, 1);
  EXPECT_NE(second.err.find("another process owns the data directory"), std::string::npos) << second.err;
  EXPECT_EQ(run(run_arguments(), ingest("k1")).code, 0);
}

TEST_F(Serve, NobodyElseMayConnect) {
  auto node = serve();
  struct stat found{};
  ASSERT_EQ(::stat(socket_path().c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  EXPECT_FALSE(fs::exists(directory_ / "data/control.sock.new"));
}

TEST_F(Serve, ADirectoryWhosePathIsLongerThanASocketsIsServedToo) {
  data_ = std::string(60, 'd') + "/" + std::string(60, 'e');
  auto node = serve();
  EXPECT_GT(socket_path().size(), 107U);
  EXPECT_EQ(run(run_arguments(), ingest("k1")).code, 0);
  const Ended ended = stop(*node);
  EXPECT_NE(ended.err.find("stopping on request"), std::string::npos);
  EXPECT_EQ(completed_executions(), "1");
}

TEST_F(Serve, WhatIsPublishedIsPublishedThroughIt) {
  auto node = serve();
  ASSERT_EQ(run(run_arguments(), ingest("k1")).code, 0);
  const Ended published = run({"outbox", "publish", "--data", "data"});
  EXPECT_EQ(published.code, 0) << published.err;
  EXPECT_TRUE(fs::exists(directory_ / "data/events/acme/content.ndjson"));
}

TEST_F(Serve, WhatNeedsTheDirectoryForItselfSaysHowToGetIt) {
  auto node = serve();
  const Ended retained = run({"wal", "retain", "--data", "data", "--keep-bytes", "1"});
  EXPECT_EQ(retained.code, 1);
  EXPECT_NE(retained.err.find("log.retain_age"), std::string::npos) << retained.err;
  EXPECT_EQ(run({"wal", "verify", "--data", "data"}).code, 0);
}

TEST_F(Serve, ALogThatCannotBeWrittenEndsTheNodeWithFourAndTheNextGoesOn) {
  // Inherited: a write beyond the limit then fails instead of ending the program.
  const auto before = ::signal(SIGXFSZ, SIG_IGN);
  auto node = serve();
  ::signal(SIGXFSZ, before);
  ASSERT_EQ(run(run_arguments(), ingest("k1")).code, 0);
  ASSERT_EQ(run({"outbox", "publish", "--data", "data"}).code, 0) << "it is the log that meets the limit first";
  const rlimit none{0, 0};
  if (::prlimit(node->process(), RLIMIT_FSIZE, &none, nullptr) != 0) {
    GTEST_SKIP() << "the limits of another process cannot be changed here";
  }
  const Ended unknown = run(run_arguments(), ingest("k2"));
  EXPECT_EQ(unknown.code, 4) << unknown.err;
  EXPECT_EQ(text(unknown.json_lines().at(0), "status"), "unknown") << unknown.out;
  const Ended ended = node->wait();
  EXPECT_EQ(ended.code, 4) << ended.err;
  EXPECT_FALSE(fs::exists(socket_path()));
  node = serve();
  EXPECT_EQ(run(run_arguments(), ingest("k1") + ingest("k2")).code, 0);
  EXPECT_EQ(stop(*node).code, 0);
  EXPECT_EQ(completed_executions(), "2");
}

TEST_F(Serve, ItsRootsCountAndNotTheClients) {
  fs::create_directory(directory_ / "inside");
  write_file("inside/inner.csv", "a\n1\n");
  auto node = serve({"--root", "inside"});
  auto arguments = run_arguments();
  arguments.insert(arguments.end(), {"--root", "."});
  const Ended ended = run(arguments, ingest("in", "inside/inner.csv") + ingest("out", "rows.csv"));
  EXPECT_NE(ended.err.find("served by another process"), std::string::npos) << ended.err;
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(completed_executions(), "1");
}

}  // namespace
}  // namespace symphainy::tests
