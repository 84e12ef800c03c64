// SPDX-License-Identifier: Apache-2.0
// SIGINT and SIGTERM during a run: no more input is taken, what is in flight finishes and is told.
#include <signal.h>
#include <string>

#include "program.h"

namespace symphainy::tests {
namespace {

class RunSignal : public ProgramTest, public ::testing::WithParamInterface<int> {};

TEST_P(RunSignal, StopsTakingInputAndTellsWhatWasInFlight) {
  write_file("rows.csv", "a\n1\n");
  const std::string intent = R"({"intent_type":"ingest_file","parameters":{"path":"rows.csv"}})";
  const auto program = start({"run", "--data", "data", "--tenant", "acme"});
  // The input stays open: only the signal can end the run.
  for (int i = 0; i < 20; ++i) program->write(intent + "\n");
  program->wait_for_lines(20);
  program->write(R"({"intent_type":"ingest_file",)");
  program->signal(GetParam());
  const Ended ended = program->wait();
  EXPECT_EQ(ended.code, 1) << ended.err;
  EXPECT_EQ(ended.json_lines().size(), 20U);
  EXPECT_EQ(ended.err.rfind("symphainy: stopped on request", 0), 0U) << ended.err;
  EXPECT_EQ(run({"wal", "verify", "--data", "data"}).code, 0);
}

TEST_P(RunSignal, StopsWhileAnArrayStillArrives) {
  const auto program = start({"run", "--data", "data", "--tenant", "acme"});
  program->write(R"([{"intent_type":"ingest_file","parameters":{"path":"rows.csv"}},)");
  program->wait_until_input_is_read();
  program->signal(GetParam());
  const Ended ended = program->wait();
  EXPECT_EQ(ended.code, 1) << ended.err;
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err.rfind("symphainy: stopped on request", 0), 0U) << ended.err;
}

INSTANTIATE_TEST_SUITE_P(EverySignal, RunSignal, ::testing::Values(SIGINT, SIGTERM),
                         [](const auto& parameter) { return parameter.param == SIGINT ? "Interrupt" : "Terminate"; });

}  // namespace
}  // namespace symphainy::tests
