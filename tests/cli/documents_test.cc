// SPDX-License-Identifier: Apache-2.0
// Every command line that README.md, the guides and the program's own help show is run, in a directory that has what
// they speak of, and must succeed.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "symphainy/runtime.h"

#include "approvals.h"
#include "program.h"

namespace symphainy::tests {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The lines of a Markdown document's shell blocks that call the program.
std::vector<std::string> commands_of(const fs::path& document) {
  std::vector<std::string> commands;
  bool in_shell = false;
  std::istringstream text(read_file(document));
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("```"))
      in_shell = line == "```sh" || line == "```bash";
    else if (in_shell && std::regex_search(line, std::regex(R"((^|[|(] ?)symphainy )")))
      commands.push_back(line);
  }
  return commands;
}

Task<Result<HandlerResult>> take_note(const Intent&, ExecutionContext& context) {
  if (auto put = context.put_state("policies/latest", Json(1)); !put) co_return std::unexpected(put.error());
  co_return HandlerResult{};
}

Task<Result<HandlerResult>> lose_note(const Intent&, ExecutionContext&) {
  co_return fail(ErrorCode::failed, "it is lost", "lost");
}

/// A node serves until it is stopped: it is started, waited for until it says that it serves, and stopped as a person
/// would; then it must have ended well.
std::string served_and_stopped(const std::string& line) {
  return "coproc NODE { exec " + line +
         " 2>&1\n}\nnode=$NODE_PID\nsaid=\n"
         "until [[ $said == *': serving '* ]]; do read -r said <&${NODE[0]}; echo \"$said\"; done\n"
         "kill -TERM $node\nwait $node";
}

class Documents : public ProgramTest {
 protected:
  void SetUp() override {
    const fs::path source = SYMPHAINY_SOURCE_DIR;
    fs::create_directory(directory_ / "examples");
    fs::copy_file(source / "examples/policies.csv", directory_ / "examples/policies.csv");
    fs::copy_file(source / "examples/policies.csv", directory_ / "policies.csv");
    fs::create_directory(directory_ / "archive");
    fs::create_directory(directory_ / "bin");
    fs::create_symlink(SYMPHAINY_BINARY, directory_ / "bin/symphainy");
    fs::create_symlink(SYMPHAINY_APPROVALS, directory_ / "bin/symphainy_approvals");
    write_file("intents.ndjson", R"({"intent_type":"ingest_file","parameters":{"path":"policies.csv"}})"
                                 "\n");
    take_state();
    fill_store();
    // What a person has who made a key, a checkpoint and a bundle before.
    for (const char* line :
         {"symphainy key create audit.key", "symphainy wal checkpoint --key audit.key > monday.checkpoint",
          "symphainy wal export --key audit.key --out acme.bundle"})
      run_line(line, std::string("preparation: ") + line);
    run_line("symphainy backup create monday.backup", "preparation");
    fs::copy(directory_ / "data", directory_ / "damaged", fs::copy_options::recursive);
    fs::resize_file(directory_ / "damaged/wal/00000000000000000001.seg", 14'000);
    execution_ = first_id("execution", "executions", "execution_id");
    reference_ = first_id("reference", "references", "reference_id");
  }

  /// An execution that waits for somebody to act, for an example that does.
  std::string parked() {
    RuntimeOptions options;
    options.data_directory = directory_ / "data";
    const auto runtime = Runtime::open(options).value();
    IntentSupport support{.intent_type = "note.lose"};
    support.out_of_attempts = OutOfAttempts::park;
    EXPECT_TRUE(runtime->register_intent(std::move(support), "notes", "lose", lose_note));
    return runtime->execute(Intent::create("note.lose", "acme", "s", "s", {"user", "u"}))->execution_id;
  }

  /// One that has failed, for an example that does it once more.
  std::string failed() {
    return text(execute(R"({"intent_type":"ingest_file","parameters":{"path":"lost.csv"}})"), "execution_id");
  }

  /// One that waits for a signal.
  std::string waiting() {
    RuntimeOptions options;
    options.data_directory = directory_ / "data";
    const auto runtime = Runtime::open(options).value();
    EXPECT_TRUE(register_approvals(*runtime));
    const auto begun = begin_buying(*runtime);
    EXPECT_TRUE(begun && runtime->close());
    return begun.value_or("");
  }

  void take_state() {
    RuntimeOptions options;
    options.data_directory = directory_ / "data";
    const auto runtime = Runtime::open(options);
    ASSERT_TRUE(runtime) << runtime.error().message;
    ASSERT_TRUE((*runtime)->register_intent({.intent_type = "note.take"}, "notes", "take", take_note));
    ASSERT_TRUE((*runtime)->execute(Intent::create("note.take", "acme", "s", "s", {"user", "u"})));
    ASSERT_TRUE((*runtime)->close());
  }

  std::string first_id(const std::string& command, const std::string& list, const std::string& member) {
    const Json rows = run({command, "list", "--data", "data", "--tenant", "acme", "-o", "json"}).json();
    return text(rows.find(list)->at(0), member);
  }

  /// What stands for something in an example, replaced by something that is there.
  std::string made_real(std::string line) {
    if (std::regex_search(line, std::regex("backup (create|restore)|wal repair"))) ++copies_;
    const std::string copy = std::to_string(copies_);
    const std::vector<std::pair<const char*, std::string>> replacements{
        {R"(\bexecution (cancel|terminate|resume) (ID|EXECUTION)\b)", "execution $1 PARKED"},
        {R"(\bexecution (retry|rerun) (ID|EXECUTION)\b)", "execution $1 FAILED"},
        // Only a program with handlers of its own has executions that take signals.
        {R"(\bsymphainy execution signal (ID|EXECUTION)\b)", "symphainy_approvals execution signal WAITING"},
        {R"(\bexecution (show|why|replay) ID\b)", "execution $1 " + execution_},
        {R"(\breference show ID\b)", "reference show " + reference_},
        {R"(\bwhy ID\b)", "why " + execution_},
        {R"(\bEXECUTION\b)", execution_},
        {R"(\bREFERENCE\b)", reference_},
        {R"(/backup/log\b)", "./archive"},
        {R"([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b)", execution_},
        {R"([0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8e0a-[0-9a-f]{12}\b)", reference_},
        {R"(\bKEY\b)", "policies/latest"},
        {R"(\bTYPE\b)", "analyze_content"},
        {R"( --seconds \S+)", ""},
        {R"(\bsymphainy bench\b)", "symphainy bench --seconds 0.1"},
        {R"((> |--out )(monday\.checkpoint|acme\.bundle))", "$1new-$2"},
        {R"((backup create .*)\./monday\.backup)", "$1./new-" + copy + ".backup"},
        {R"(\./(restored|repaired)\b)", "./$1-" + copy},
        {R"(/srv/files)", "."},
        {R"(127\.0\.0\.1:9464)", "127.0.0.1:0"},
        {R"(/mnt/fast/|/etc/bash_completion\.d/|/secure/place/)", "./new-"}};
    for (const auto& [pattern, replacement] : replacements)
      line = std::regex_replace(line, std::regex(pattern), replacement);
    if (const auto acted_on = line.find(" PARKED "); acted_on != std::string::npos)
      line.replace(acted_on + 1, 6, parked());
    if (const auto acted_on = line.find(" FAILED "); acted_on != std::string::npos)
      line.replace(acted_on + 1, 6, failed());
    if (const auto acted_on = line.find(" WAITING "); acted_on != std::string::npos)
      line.replace(acted_on + 1, 7, waiting());
    return line;
  }

  void expect_to_run(const std::string& line, const std::string& from) {
    const std::string real = made_real(line);
    const bool lives_on = std::regex_search(line, std::regex(R"(^\s*symphainy serve\b)"));
    run_line(lives_on ? served_and_stopped(real.substr(0, real.find(" #"))) : real, from + ": " + line);
  }

  void run_line(const std::string& line, const std::string& told) {
    write_file("example.sh", "set -euo pipefail\nexport SYMPHAINY_DATA=data SYMPHAINY_TENANT=acme\n" + line + "\n");
    const std::string& home = directory_.path();
    const std::string command =
        "cd " + home + " && PATH=" + home + "/bin:$PATH TMPDIR=" + home + " bash example.sh > said 2>&1 < /dev/null";
    EXPECT_EQ(std::system(command.c_str()), 0) << told << "\n" << read_file(directory_ / "said");
  }

  std::string execution_;
  std::string reference_;
  int copies_ = 0;  // what an example makes must not be there yet; those that follow speak of it too
};

TEST_F(Documents, ShowCommandsThatRun) {
  const fs::path source = SYMPHAINY_SOURCE_DIR;
  std::vector<fs::path> documents{source / "README.md"};
  for (const auto& entry : fs::directory_iterator(source / "docs/guides")) documents.push_back(entry.path());
  for (const fs::path& document : documents) {
    const auto commands = commands_of(document);
    EXPECT_FALSE(commands.empty() && document == documents.front());
    for (const std::string& line : commands) expect_to_run(line, document.filename().string());
  }
}

TEST_F(Documents, TheHelpOfEveryCommandShowsExamplesThatRun) {
  const std::string script = run({"completion", "bash"}).out;
  const std::regex command(R"re(\n    "([a-z ]*)"\) words=)re");
  std::size_t examples = 0;
  for (std::sregex_iterator found(script.begin(), script.end(), command), end; found != end; ++found) {
    std::istringstream words((*found)[1].str() + " --help");
    const Arguments arguments{std::istream_iterator<std::string>(words), {}};
    const std::string help = run(arguments).out;
    std::istringstream lines(help.substr(std::min(help.find("Examples:\n"), help.size())));
    for (std::string line; std::getline(lines, line);) {
      if (!line.contains("symphainy ")) continue;
      ++examples;
      expect_to_run(line, "symphainy " + (*found)[1].str() + " --help");
    }
  }
  EXPECT_GT(examples, 30U);
}

}  // namespace
}  // namespace symphainy::tests
