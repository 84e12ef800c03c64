// SPDX-License-Identifier: Apache-2.0
// `symphainy execution signal`, from outside: with a node that serves, without one, and over its death.
#include <gmock/gmock.h>

#include "approvals.h"
#include "served_program.h"

namespace symphainy::tests {
namespace {

using ::testing::HasSubstr;

class ExecutionSignal : public ServedProgram {
 protected:
  ExecutionSignal() { program_ = SYMPHAINY_APPROVALS; }

  /// The id of an execution that waits, in a directory that nobody has open.
  std::string wait_in_directory() {
    RuntimeOptions options;
    options.data_directory = directory_ / data_;
    const auto runtime = Runtime::open(options).value();
    EXPECT_TRUE(register_approvals(*runtime));
    const auto begun = begin_buying(*runtime);
    EXPECT_TRUE(begun) << begun.error().message;
    EXPECT_TRUE(runtime->close());
    return begun.value_or("");
  }
  /// The same through the node that serves.
  std::string wait_in_node() {
    const std::string body = Intent::create("buy", "acme", "s", "s", {"user", "u"}).canonical();
    RawConnection connection = connect();
    connection.send("POST /v1/executions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body);
    const RawResponse answer = connection.read_response();
    EXPECT_EQ(answer.status, 202) << answer.body;
    return text(Json::parse(answer.body).value(), "execution_id");
  }
  /// Until the log and the projections say that it waits.
  void expect_to_wait(const std::string& id) {
    std::string status = "running";
    for (int tries = 0; status == "running" && tries < 1'000; ++tries) status = text(show(id), "status");
    EXPECT_EQ(status, "waiting");
  }
  /// Behind a death: it may say first that it goes on with what was left.
  std::unique_ptr<Running> serve_again() {
    auto node = start({"serve", "--data", data_});
    std::string said = node->wait_for_notices(1);
    if (said.starts_with("symphainy: going on with")) said = node->wait_for_notices(2);
    EXPECT_THAT(said, HasSubstr("symphainy: serving " + data_));
    return node;
  }
  Ended send(const Arguments& more) {
    Arguments arguments{"execution", "signal", "--data", data_, "--tenant", "acme", "-o", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  Json show(const std::string& id) {
    return run({"execution", "show", id, "--data", data_, "--tenant", "acme", "--timeline", "-o", "json"}).json();
  }
};

TEST_F(ExecutionSignal, WakesWhoWaitsInADirectoryThatNobodyHasOpen) {
  const std::string id = wait_in_directory();
  EXPECT_EQ(text(show(id), "status"), "waiting");
  const Ended sent = send({id, "approved", "true", "--reason", "looks right", "--actor", "user:maria", "--wait"});
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_EQ(text(sent.json(), "status"), "completed");
  const Json shown = show(id);
  EXPECT_THAT(shown.find("timeline")->dump(), HasSubstr("looks right"));
  EXPECT_THAT(shown.dump(), HasSubstr("maria"));
}

TEST_F(ExecutionSignal, WakesWhoWaitsInANodeThatServes) {
  auto node = serve();
  const std::string id = wait_in_node();
  const Ended sent = send({id, "approved", "false", "--wait"});
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_EQ(text(sent.json(), "status"), "completed");
  EXPECT_EQ(sent.json().find("result")->find("approved")->as_bool(), false) << sent.out;
  EXPECT_EQ(stop(*node).code, 0);
}

TEST_F(ExecutionSignal, WhatWaitsSurvivesItsNodesDeathAndGetsItsSignalAfterwards) {
  auto killed = serve();
  const std::string id = wait_in_node();
  expect_to_wait(id);
  killed->signal(SIGKILL);
  EXPECT_EQ(killed->wait().code, -SIGKILL);
  auto node = serve_again();
  EXPECT_EQ(text(show(id), "status"), "waiting");
  const Ended sent = send({id, "approved", "true", "--wait"});
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_EQ(text(sent.json(), "status"), "completed");
  EXPECT_EQ(stop(*node).code, 0);
}

TEST_F(ExecutionSignal, ASignalThatWasTakenInSurvivesItsNodesDeath) {
  auto killed = serve();
  const std::string id = wait_in_node();
  ASSERT_EQ(send({id, "approved", "true", "--signal-id", "approval-7"}).code, 0);
  killed->signal(SIGKILL);
  EXPECT_EQ(killed->wait().code, -SIGKILL);
  auto node = serve_again();
  EXPECT_EQ(stop(*node).code, 0) << "it goes on by itself";
  EXPECT_EQ(text(show(id), "status"), "completed");
}

TEST_F(ExecutionSignal, WhatIsSentTwiceIsReceivedOnceAndAnotherUnderItsIdIsRefused) {
  auto node = serve();
  const std::string id = wait_in_node();
  ASSERT_EQ(run({"execution", "signal", id, "approved", "true", "--signal-id", "s-1", "--data", data_, "--tenant",
                 "acme", "--wait"})
                .code,
            0);
  const Ended again = send({id, "approved", "true", "--signal-id", "s-1"});
  EXPECT_EQ(again.code, 1);
  EXPECT_THAT(again.err, HasSubstr("has ended, so there is nothing to signal"));
  EXPECT_EQ(stop(*node).code, 0);
}

TEST_F(ExecutionSignal, WhatIsNoSignalIsRefusedAndNothingIsRecorded) {
  const std::string id = wait_in_directory();
  const Ended no_json = send({id, "approved", "yes"});
  EXPECT_EQ(no_json.code, 2);
  EXPECT_THAT(no_json.err, HasSubstr("the signal's value is no JSON"));
  const Ended unknown = send({id, "aproved", "true"});
  EXPECT_NE(unknown.code, 0);
  EXPECT_THAT(unknown.err, HasSubstr("'buy' takes no signal 'aproved'; it takes: approved"));
  const Ended wrong = send({id, "approved", "7"});
  EXPECT_NE(wrong.code, 0);
  EXPECT_THAT(wrong.err, HasSubstr("/value"));
  const Ended nobody = send({"0193a0c0-7d7e-7c4f-8e0a-5f5b3c2d1e0f", "approved", "true"});
  EXPECT_NE(nobody.code, 0);
  EXPECT_THAT(nobody.err, HasSubstr("tenant acme has no execution"));
  EXPECT_EQ(text(show(id), "status"), "waiting");
}

TEST_F(ExecutionSignal, AProgramWithoutTheHandlerSaysThatItCannotTell) {
  const std::string id = wait_in_directory();
  program_ = SYMPHAINY_BINARY;
  const Ended sent = send({id, "approved", "true"});
  EXPECT_EQ(sent.code, 1);
  EXPECT_THAT(sent.err, HasSubstr("this process has not registered 'buy' version 1"));
}

}  // namespace
}  // namespace symphainy::tests
