// SPDX-License-Identifier: Apache-2.0
// `symphainy demo` and `symphainy bench`, as people run them.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "program.h"

namespace symphainy::tests {
namespace {

class Demo : public ProgramTest {
 protected:
  void bring(const std::string& name) {
    const std::filesystem::path from = std::filesystem::path(SYMPHAINY_SOURCE_DIR) / name;
    const std::filesystem::path to = directory_ / name;
    std::filesystem::create_directories(to.parent_path());
    std::filesystem::copy_file(from, to);
  }
};

TEST_F(Demo, ShowsTheWholeLifecycleOfTheProjectsFiles) {
  for (const char* name : {"examples/policies.csv", "README.md", "ARCHITECTURE.md"}) bring(name);
  const Ended ended = run({"demo", "--data", "data"});
  ASSERT_EQ(ended.code, 0) << ended.out << ended.err;
  for (const char* part : {"accept_intent", "create_execution", "execute_intent", "handle_artifacts", "publish_events",
                           "complete_execution", "distinct", "content.analyzed", "└── ", "\"intact\":true"})
    EXPECT_NE(ended.out.find(part), std::string::npos) << part << "\n" << ended.out;
  EXPECT_EQ(run({"wal", "verify", "--data", "data"}).code, 0);
}

TEST_F(Demo, EndsWithCommandsThatWorkAsPrinted) {
  write_file("mine.csv", "name,amount\nWood,1.50\n");
  const Ended ended = run({"demo", "--file", "mine.csv", "--data", "it's my data"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const auto next = ended.out.find("Try next\n");
  ASSERT_NE(next, std::string::npos) << ended.out;
  std::istringstream commands(ended.out.substr(ended.out.find('\n', next) + 1));
  int ran = 0;
  for (std::string line; std::getline(commands, line); ++ran) {
    EXPECT_NE(line.find(SYMPHAINY_BINARY), std::string::npos) << line;
    write_file("next.sh", line + "\n");
    EXPECT_EQ(std::system(("cd " + directory_.path() + " && sh next.sh > said 2>&1").c_str()), 0) << line;
  }
  EXPECT_EQ(ran, 3) << ended.out;
  EXPECT_NE(ended.out.find("execution why"), std::string::npos) << ended.out;
}

TEST_F(Demo, RefusesAPathThatNoIntentCanSay) {
  write_file("caf\xE9.csv", "a\n1\n");
  const Ended ended = run({"demo", "--file", "caf\xE9.csv"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_NE(ended.err.find("not UTF-8"), std::string::npos) << ended.err;
}

TEST_F(Demo, TakesTheUsersOwnFileInADirectoryOfItsOwn) {
  write_file("mine.csv", "name,amount\nWood,1.50\nSteel,2.25\n");
  const Ended ended = run({"demo", "--file", "mine.csv", "-o", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json json = ended.json();
  EXPECT_TRUE(std::filesystem::is_directory(text(json, "data") + "/wal"));
  const Json& columns = *json.find("files")->at(0).find("result")->find("columns");
  EXPECT_EQ(text(columns.at(1), "sum"), "3.75");
  EXPECT_EQ(json.find("events")->size(), 2U);
}

TEST_F(Demo, OutsideTheProjectSaysWhatToDo) {
  const Ended ended = run({"demo"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_NE(ended.err.find("--file"), std::string::npos);
  EXPECT_EQ(run({"demo", "--file", "absent.csv"}).code, 2);
}

TEST_F(Demo, BenchMeasuresInADirectoryThatItRemoves) {
  const Ended ended = run({"bench", "--in-flight", "8", "--seconds", "0.2", "-o", "json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json json = ended.json();
  for (const char* key : {"throughput", "p50_us", "p99_us", "limit", "ratio"})
    EXPECT_NE(json.find(key), nullptr) << key;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    EXPECT_FALSE(entry.is_directory()) << entry.path();
  // What was written, not the zeros that segments begin with.
  EXPECT_GT(json.find("log_bytes_per_execution")->as_double().value(), 500);
  EXPECT_LT(json.find("log_bytes_per_execution")->as_double().value(), 10'000);
  EXPECT_GT(json.find("batches_per_group")->as_double().value(), 0.5);
  EXPECT_LE(json.find("batches_per_group")->as_double().value(), 16);
  EXPECT_EQ(run({"bench", "--in-flight", "0"}).code, 2);
  EXPECT_EQ(run({"bench", "--steps", "1001"}).code, 2);
  const Ended steps = run({"bench", "--steps", "3", "--seconds", "0.2", "-o", "json"});
  EXPECT_EQ(steps.json().find("commits_per_execution")->as_double(), 4.0) << steps.err;
  EXPECT_EQ(run({"bench", "--seconds", "0"}).code, 2);
}

TEST_F(Demo, BenchRemovesItsDirectoryWhenItIsStopped) {
  const auto is_there = [this] {
    const auto entries = std::filesystem::directory_iterator(directory_.path());
    return std::any_of(begin(entries), end(entries), [](const auto& entry) { return entry.is_directory(); });
  };
  const auto program = start({"bench", "--in-flight", "8", "--seconds", "600"});
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!is_there() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  program->signal(SIGINT);
  const Ended ended = program->wait();
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.err, "symphainy: stopped on request\n");
  EXPECT_EQ(ended.out, "");
  EXPECT_FALSE(is_there());
}

}  // namespace
}  // namespace symphainy::tests
