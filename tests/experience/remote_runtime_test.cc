// SPDX-License-Identifier: Apache-2.0
// A runtime over a socket gives its caller what the runtime behind it gives, and says what it does not know.
#include "experience/remote_runtime.h"

#include <array>
#include <future>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "experience/control_socket.h"
#include "experience/http_server.h"
#include "experience/served_runtime.h"

namespace symphainy::tests {
namespace {

using experience::RemoteRuntime;

class RemoteRuntimeTest : public ServedRuntime {
 protected:
  void SetUp() override {
    ServedRuntime::SetUp();
    serve();
  }
  void TearDown() override {
    let_go();
    remote_.reset();
    server_.reset();
    ServedRuntime::TearDown();
  }
  void serve() {
    server_.emplace();
    auto socket = experience::ControlSocket::listen(directory_ / "data").value();
    ASSERT_TRUE(server_->serve_local(socket.release_descriptor(), *api_));
    auto connected = RemoteRuntime::connect(directory_ / "data", 100);
    ASSERT_TRUE(connected) << connected.error().message;
    remote_ = *std::move(connected);
  }

  std::optional<experience::HttpServer> server_;
  std::unique_ptr<RemoteRuntime> remote_;
};

TEST_F(RemoteRuntimeTest, GivesWhatTheRuntimeBehindItGives) {
  for (const char* type : {"note", "fail"}) {
    const Intent asked = intent(type, std::string("key-") + type);
    const auto through = remote_->execute(asked);
    const auto local = runtime_->execute(asked);
    ASSERT_TRUE(through) << through.error().message;
    ASSERT_TRUE(local);
    EXPECT_EQ(through->to_json(), local->to_json());
    EXPECT_EQ(through->position, local->position);
    EXPECT_EQ(through->execution_id, local->execution_id) << "one execution for the key";
  }
  EXPECT_EQ(remote_->statistics().store_id, runtime_->statistics().store_id);
  EXPECT_TRUE(remote_->drain());
  EXPECT_TRUE(remote_->close());
  EXPECT_TRUE(runtime_->execute(intent("note"))) << "closing a client closes no node";
}

TEST_F(RemoteRuntimeTest, AnswersEachOfManySubmissionsOnce) {
  std::atomic<int> completed = 0;
  for (int i = 0; i < 100; ++i)
    remote_->submit(intent("note"), [&](const Result<ExecutionResult>& result) {
      if (result && result->status == ExecutionStatus::completed)
        ++completed;
      else
        ADD_FAILURE() << (result ? result->to_json().dump() : result.error().to_json().dump());
    });
  ASSERT_TRUE(remote_->close());
  EXPECT_EQ(completed, 100);
}

TEST_F(RemoteRuntimeTest, RefusesWhatIsBeyondItsQueue) {
  std::atomic<int> answered = 0;
  int refused = 0;
  for (int i = 0; i < 101; ++i)
    remote_->submit(intent("wait"), [&](const Result<ExecutionResult>& result) {
      if (!result && result.error().code == ErrorCode::overloaded) ++refused;
      ++answered;
    });
  EXPECT_EQ(refused, 1);
  let_go();
  ASSERT_TRUE(remote_->close());
  EXPECT_EQ(answered, 101);
}

TEST_F(RemoteRuntimeTest, StartsWhatItDoesNotWaitFor) {
  const auto start = [this](const Intent& asked) {
    std::promise<Result<ExecutionResult>> told;
    remote_->start(asked, [&told](Result<ExecutionResult> result) { told.set_value(std::move(result)); });
    return told.get_future().get();
  };
  const Intent waiting = intent("wait", "key");
  const auto begun = start(waiting);
  ASSERT_TRUE(begun) << begun.error().message;
  EXPECT_EQ(begun->status, ExecutionStatus::running);
  EXPECT_GT(begun->position, 0U);
  EXPECT_EQ(start(waiting)->execution_id, begun->execution_id) << "submitted again, while it runs";
  let_go();
  const auto ended = remote_->execute(waiting);
  EXPECT_EQ(ended->status, ExecutionStatus::completed);
  EXPECT_EQ(ended->execution_id, begun->execution_id);
  EXPECT_EQ(start(waiting)->status, ExecutionStatus::completed) << "submitted again, when it is over";
  Intent refused = intent("unknown");
  EXPECT_EQ(start(refused)->status, ExecutionStatus::rejected);
}

TEST_F(RemoteRuntimeTest, CommandsWhatTheRuntimeBehindItIsCommanded) {
  const auto parked = remote_->execute(intent("park"));
  ASSERT_TRUE(parked) << parked.error().message;
  EXPECT_EQ(parked->status, ExecutionStatus::parked);
  ExecutionCommand command{Action::resume, "acme", parked->execution_id, {"user", "ada"}, "once more", true};
  EXPECT_EQ(remote_->command(command)->status, ExecutionStatus::parked);
  command.action = Action::cancel;
  EXPECT_EQ(remote_->command(command)->status, ExecutionStatus::cancelled);
  const auto through = remote_->command(command);
  const auto local = runtime_->command(command);
  ASSERT_FALSE(through || local);
  EXPECT_EQ(through.error().to_json(), local.error().to_json());
  EXPECT_EQ(through.error().code, ErrorCode::conflict);
  EXPECT_EQ(through.error().reason, "has_ended");
}

TEST_F(RemoteRuntimeTest, RegistersNothing) {
  EXPECT_EQ(remote_->resume().value(), 0U) << "nothing is left to go on with";
  EXPECT_EQ(remote_->register_intent({.intent_type = "x"}, "d", "h", {}).error().reason, "served");
  EXPECT_EQ(remote_->register_service(nullptr).error().reason, "served");
}

TEST_F(RemoteRuntimeTest, GoesOnWithTheNodeThatFollows) {
  ASSERT_TRUE(remote_->execute(intent("note")));
  server_->stop();
  const auto nobody = remote_->execute(intent("note"));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::unavailable) << nobody.error().message;
  server_.emplace();
  auto socket = experience::ControlSocket::listen(directory_ / "data").value();
  ASSERT_TRUE(server_->serve_local(socket.release_descriptor(), *api_));
  EXPECT_TRUE(remote_->execute(intent("note")));
}

TEST_F(RemoteRuntimeTest, IsRefusedWhereNobodyServes) {
  const auto refused = RemoteRuntime::connect(directory_ / "nowhere", 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "not_serving");
}

TEST_F(RemoteRuntimeTest, ALostConnectionLeavesTheOutcomeUnknown) {
  // Takes the request and ends the connection, as a killed process does.
  server_.reset();
  auto socket = experience::ControlSocket::listen(directory_ / "data").value();
  const int listening = socket.release_descriptor();
  std::thread peer([listening] {
    pollfd waits{listening, POLLIN, 0};
    ::poll(&waits, 1, 60'000);
    const int taken = ::accept(listening, nullptr, nullptr);
    std::string heard;
    std::array<char, 4096> bytes;
    while (!heard.contains("\"note\"")) {
      const auto count = ::recv(taken, bytes.data(), bytes.size(), 0);
      if (count <= 0) break;
      heard.append(bytes.data(), static_cast<std::size_t>(count));
    }
    ::close(taken);
    ::close(listening);
  });
  const auto outcome = remote_->execute(intent("note"));
  peer.join();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::unknown);
  EXPECT_NE(outcome.error().message.find("same idempotency key"), std::string::npos);
}

}  // namespace
}  // namespace symphainy::tests
