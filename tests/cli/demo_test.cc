// SPDX-License-Identifier: Apache-2.0
// `symphainy demo` and `symphainy bench`, as people run them.
#include <filesystem>

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
  for (const char* part :
       {"accept_intent", "create_execution", "execute_intent", "handle_artifacts", "publish_events",
        "complete_execution", "distinct", "content.analyzed", "└── ", "\"intact\":true", "symphainy why"})
    EXPECT_NE(ended.out.find(part), std::string::npos) << part << "\n" << ended.out;
  EXPECT_EQ(run({"wal", "verify", "--data", "data"}).code, 0);
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
  EXPECT_EQ(run({"bench", "--in-flight", "0"}).code, 2);
  EXPECT_EQ(run({"bench", "--seconds", "0"}).code, 2);
}

}  // namespace
}  // namespace symphainy::tests
