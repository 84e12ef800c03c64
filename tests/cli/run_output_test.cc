// SPDX-License-Identifier: Apache-2.0
// When result lines cannot be written, `symphainy run` takes no more intents and says so; what was executed stays.
#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

namespace symphainy::tests {
namespace {

class RunOutput : public ProgramTest {
 protected:
  static constexpr std::size_t kIntents = 2'000;

  void SetUp() override {
    write_file("rows.csv", "a\n1\n");
    std::string intents;
    for (std::size_t i = 0; i < kIntents; ++i)
      intents += R"({"intent_type":"ingest_file","parameters":{"path":"rows.csv"}})"
                 "\n";
    write_file("intents.ndjson", intents);
  }

  const Arguments run_all_{"run", "--data", "data", "--tenant", "acme", "--concurrency", "4", "intents.ndjson"};

  void expect_stopped(int code, const std::string& err) {
    EXPECT_EQ(code, 1);
    EXPECT_EQ(std::ranges::count(err, '\n'), 1) << err;
    EXPECT_NE(err.find("cannot write to stdout"), std::string::npos) << err;
    const Json counted =
        run({"sql", "--data", "data", "--tenant", "acme", "SELECT count(*) FROM executions WHERE status = 'completed'"})
            .json();
    const auto executed = counted.find("rows")->at(0).at(0).as_uint64().value_or(0);
    EXPECT_GT(executed, 0U);
    EXPECT_LT(executed, kIntents) << "it went on although nobody hears of it";
    EXPECT_EQ(run({"wal", "verify", "--data", "data"}).code, 0);
  }
};

TEST_F(RunOutput, ThatIsFullStopsTheRun) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) GTEST_SKIP() << "no /dev/full here";
  const Ended ended = start(run_all_, full)->wait();
  ::close(full);
  expect_stopped(ended.code, ended.err);
}

TEST_F(RunOutput, ThatIsClosedStopsTheRunAndDoesNotGoIntoTheLog) {
  std::string command = "cd " + directory_.path() + " && exec " SYMPHAINY_BINARY;
  for (const std::string& word : run_all_) command += " " + word;
  const int status = std::system((command + " >&- 2>stderr").c_str());
  const int file = ::open((directory_ / "stderr").c_str(), O_RDONLY | O_CLOEXEC);
  std::string err(4096, '\0');
  err.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(file, err.data(), err.size()), 0)));
  ::close(file);
  expect_stopped(WIFEXITED(status) ? WEXITSTATUS(status) : -1, err);
}

}  // namespace
}  // namespace symphainy::tests
