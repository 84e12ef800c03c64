// SPDX-License-Identifier: Apache-2.0
// What every command has: help with examples, usage errors in one line, JSON on demand, completion.
#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "program.h"

namespace symphainy::tests {
namespace {

class Surface : public ProgramTest {};

const std::vector<std::vector<std::string>> kCommands{{"run"},
                                                      {"serve"},
                                                      {"execution"},
                                                      {"execution", "list"},
                                                      {"execution", "show"},
                                                      {"execution", "why"},
                                                      {"execution", "replay"},
                                                      {"replay"},
                                                      {"why"},
                                                      {"wal"},
                                                      {"wal", "cat"},
                                                      {"wal", "verify"},
                                                      {"wal", "repair"},
                                                      {"wal", "retain"},
                                                      {"wal", "unretire"},
                                                      {"backup"},
                                                      {"backup", "create"},
                                                      {"backup", "restore"},
                                                      {"outbox"},
                                                      {"outbox", "list"},
                                                      {"outbox", "publish"},
                                                      {"reference"},
                                                      {"reference", "list"},
                                                      {"reference", "show"},
                                                      {"lineage"},
                                                      {"intent"},
                                                      {"intent", "types"},
                                                      {"intent", "schema"},
                                                      {"state"},
                                                      {"state", "get"},
                                                      {"state", "list"},
                                                      {"state", "verify"},
                                                      {"sql"},
                                                      {"config"},
                                                      {"config", "show"},
                                                      {"version"},
                                                      {"demo"},
                                                      {"bench"},
                                                      {"completion"},
                                                      {"completion", "bash"}};

TEST_F(Surface, EveryCommandHasHelpWithAnExample) {
  std::vector<std::vector<std::string>> all = kCommands;
  all.push_back({});
  for (auto arguments : all) {
    std::string path = "symphainy";
    for (const auto& word : arguments) path += " " + word;
    arguments.push_back("--help");
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, 0) << path;
    const auto examples = ended.out.find("Examples:\n");
    ASSERT_NE(examples, std::string::npos) << path << "\n" << ended.out;
    EXPECT_NE(ended.out.find("symphainy " + (arguments.size() > 1 ? arguments.front() : "demo"), examples),
              std::string::npos)
        << path;
    EXPECT_EQ(ended.err, "");
  }
}

TEST_F(Surface, UsageErrorsAreOneLineAndNameTheHelp) {
  const std::vector<std::vector<std::string>> wrong{{},
                                                    {"frobnicate"},
                                                    {"execution"},
                                                    {"execution", "lst"},
                                                    {"execution", "show"},
                                                    {"run", "--nonsense"},
                                                    {"run", "a", "b"},
                                                    {"wal", "cat", "--limit", "x"},
                                                    {"version", "-o", "xml"},
                                                    {"wal", "cat", "--limit", "-1"}};
  for (const auto& arguments : wrong) {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, 2) << ended.err;
    EXPECT_EQ(ended.err.rfind("symphainy: ", 0), 0U) << ended.err;
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    EXPECT_NE(ended.err.find("--help"), std::string::npos) << ended.err;
    EXPECT_EQ(ended.out, "");
  }
}

TEST_F(Surface, JsonMayBeAskedForAnywhere) {
  EXPECT_EQ(text(run({"-o", "json", "version"}).json(), "name"), "symphainy");
  EXPECT_EQ(text(run({"version", "--output=json"}).json(), "name"), "symphainy");
  EXPECT_TRUE(run({"config", "-o", "json", "show"}).json().is_object());
  EXPECT_TRUE(run({"completion", "bash", "-o", "json"}).json().is_object());
}

TEST_F(Surface, WhatCannotBeWrittenIsAnError) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) GTEST_SKIP() << "no /dev/full here";
  for (const auto& arguments : std::vector<Arguments>{{"version"}, {"run", "--help"}, {"completion", "bash"}}) {
    const Ended ended = start(arguments, full)->wait();
    EXPECT_EQ(ended.code, 1) << arguments.front();
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    EXPECT_NE(ended.err.find("cannot write to stdout"), std::string::npos) << ended.err;
  }
  ::close(full);
}

TEST_F(Surface, TheReleaseIsPrinted) {
  EXPECT_EQ(run({"version"}).out, run({"--version"}).out);
  EXPECT_EQ(run({"version"}).out.rfind("symphainy ", 0), 0U);
}

TEST_F(Surface, TheCompletionScriptIsSoundAndCompletes) {
  const Ended script = run({"completion", "bash"});
  ASSERT_EQ(script.code, 0);
  write_file("completion.bash", script.out);
  const std::string file = directory_ / "completion.bash";
  EXPECT_EQ(std::system(("bash -n " + file).c_str()), 0);
  const std::string complete = "bash -c 'source " + file +
                               "; COMP_WORDS=(symphainy wal ver); COMP_CWORD=2; _symphainy; "
                               "test \"${COMPREPLY[*]}\" = verify'";
  EXPECT_EQ(std::system(complete.c_str()), 0);
  const std::string top = "bash -c 'source " + file +
                          "; COMP_WORDS=(symphainy exe); COMP_CWORD=1; _symphainy; "
                          "test \"${COMPREPLY[*]}\" = execution'";
  EXPECT_EQ(std::system(top.c_str()), 0);
}

TEST_F(Surface, CompletionKeepsNamesWithBlanksAndDoesNotTakeValuesForCommands) {
  write_file("completion.bash", run({"completion", "bash"}).out);
  write_file("my intents.ndjson", "");
  std::filesystem::create_directory(directory_ / "my data");
  const auto completes = [this](const std::string& words, const std::string& expected) {
    write_file("check.bash", "source completion.bash\ncompopt() { :; }\nCOMP_WORDS=(symphainy " + words +
                                 ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_symphainy\n"
                                 "printf '%s\\n' \"${COMPREPLY[@]}\" > completed\n");
    EXPECT_EQ(std::system(("cd " + directory_.path() + " && bash check.bash").c_str()), 0) << words;
    std::ifstream file(directory_ / "completed");
    std::string all;
    for (std::string line; std::getline(file, line);) all += "[" + line + "]";
    EXPECT_EQ(all, expected) << words;
  };
  completes("run my", "[my data][my intents.ndjson]");
  completes("run --data my", "[my data]");
  completes("wal cat --data my", "[my data]");
  completes("wal --tenant cat ver", "[verify]");
  completes("--tenant wal exe", "[execution]");
  completes("execution list --tenant = wal --stat", "[--status]");
  completes("-o j", "[json]");
  completes("reference show --content --ten", "[--tenant]");
}

TEST_F(Surface, AWordThatIsAlsoACommandMayBeAnArgument) {
  const Ended ended = run({"state", "get", "version", "--data", "none", "--tenant", "acme"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_NE(ended.err.find("no store"), std::string::npos) << ended.err;
}

}  // namespace
}  // namespace symphainy::tests
