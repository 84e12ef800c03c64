// SPDX-License-Identifier: Apache-2.0
// A node that cannot take everything at once, or not any more: nothing is lost by it, and what is said helps.
#include <array>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include "served_program.h"

namespace symphainy::tests {
namespace {

namespace fs = std::filesystem;

class ServeRefusals : public ServedProgram {};

TEST_F(ServeRefusals, MoreRunsThanThereAreConnectionsForAllComplete) {
  auto node = serve();
  std::vector<std::unique_ptr<Running>> runs;
  for (int i = 0; i < 20; ++i) {
    std::string intents;
    for (int j = 0; j < 40; ++j) intents += ingest("r" + std::to_string(i) + "-" + std::to_string(j));
    runs.push_back(start(run_arguments()));
    runs.back()->write(intents);
  }
  for (const auto& each : runs) {
    const Ended ended = each->wait();
    EXPECT_EQ(ended.code, 0) << ended.err << ended.out;
    EXPECT_EQ(ended.json_lines().size(), 40U);
  }
  EXPECT_EQ(stop(*node).code, 0);
  EXPECT_EQ(completed_executions(), "800");
}

TEST_F(ServeRefusals, ANodeWhoseNoticesNobodyReadsStopsAsAnyOther) {
  std::array<int, 2> ends{-1, -1};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  auto node = start({"serve", "--data", data_}, -1, ends[1]);
  ::close(ends[1]);
  std::array<char, 4096> notice;
  ASSERT_GT(::read(ends[0], notice.data(), notice.size()), 0) << "it serves";
  ::close(ends[0]);
  EXPECT_EQ(run(run_arguments(), ingest("k1")).code, 0);
  EXPECT_EQ(stop(*node).code, 0);
  EXPECT_FALSE(fs::exists(socket_path()));
  EXPECT_EQ(completed_executions(), "1");
}

TEST_F(ServeRefusals, ANodeThatIsSilentIsToldFromOneThatDoesNotServe) {
  auto node = serve();
  ::kill(node->process(), SIGSTOP);
  const Ended ended = run(run_arguments(), ingest("k1"));
  ::kill(node->process(), SIGCONT);
  EXPECT_EQ(ended.code, 1);
  EXPECT_NE(ended.err.find("has not answered for 5 s"), std::string::npos) << ended.err;
  EXPECT_EQ(ended.err.find("another process owns"), std::string::npos) << ended.err;
  EXPECT_EQ(run(run_arguments(), ingest("k1")).code, 0);
}

TEST_F(ServeRefusals, WhoDoesNotListenOwnsTheDirectoryAllTheSame) {
  auto node = serve();
  fs::remove(socket_path());
  const Ended ended = run(run_arguments(), ingest("k1"));
  EXPECT_EQ(ended.code, 1);
  EXPECT_NE(ended.err.find("another process owns the data directory"), std::string::npos) << ended.err;
}

TEST_F(ServeRefusals, ADirectoryWhereTheSocketIsToBeIsNamed) {
  for (const char* name : {"control.sock", "control.sock.new"}) {
    fs::create_directories(directory_ / (std::string("data/") + name));
    const Ended ended = run({"serve", "--data", "data"});
    EXPECT_EQ(ended.code, 1);
    EXPECT_NE(ended.err.find(std::string("data/") + name + " is a directory"), std::string::npos) << ended.err;
    fs::remove(directory_ / (std::string("data/") + name));
  }
}

}  // namespace
}  // namespace symphainy::tests
