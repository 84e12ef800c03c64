// SPDX-License-Identifier: Apache-2.0
// What a client does when there is no room for it, or no answer.
#include "experience/http_client.h"

#include <future>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

#include "experience/control_socket.h"
#include "experience/http_server.h"
#include "experience/remote_runtime.h"
#include "experience/served_runtime.h"
#include "raw_connection.h"

namespace symphainy::tests {
namespace {

using experience::ClientLimits;
using experience::HttpClient;
using experience::HttpServer;
using experience::RemoteRuntime;
using std::chrono::milliseconds;

class HttpClientTest : public ServedRuntime {
 protected:
  void TearDown() override {
    let_go();
    server_.reset();
    ServedRuntime::TearDown();
  }
  int listen() const { return experience::ControlSocket::listen(directory_ / "data").value().release_descriptor(); }
  void serve(const experience::HttpLimits& limits = {}) {
    server_.emplace(limits);
    ASSERT_TRUE(server_->serve_local(listen(), *api_));
  }
  std::unique_ptr<RemoteRuntime> connect() const { return RemoteRuntime::connect(directory_ / "data", 100).value(); }
  /// A runtime whose only place is taken until let_go().
  void open_full() {
    RuntimeOptions one_only;
    one_only.max_in_flight = 1;
    open(one_only);
    runtime_->submit(intent("wait"), [](const Result<ExecutionResult>&) {});
    begun_.get_future().wait();
  }
  void wait_for_a_refusal() {
    while (metrics_.text({}).contains("answered_total{status=\"error\"} 0")) std::this_thread::yield();
  }
  /// Connections that nobody takes, so many that no more can wait.
  std::vector<int> fill(int listening) const {
    EXPECT_EQ(::listen(listening, 0), 0);
    std::vector<int> waiting;
    for (auto one = connect_anew(); one; one = connect_anew()) waiting.push_back(*one);
    return waiting;
  }
  Result<int> connect_anew() const { return experience::connect_to_control_socket(directory_ / "data"); }

  std::optional<HttpServer> server_;
};

TEST_F(HttpClientTest, ManyClientsShareFewConnections) {
  experience::HttpLimits limits;
  limits.connections = 8;
  serve(limits);
  std::atomic<int> completed = 0;
  const auto work = [&] {
    const auto remote = connect();
    std::vector<std::promise<Result<ExecutionResult>>> outcomes(20);
    for (auto& outcome : outcomes)
      remote->submit(intent("note"), [&outcome](Result<ExecutionResult> told) { outcome.set_value(std::move(told)); });
    for (auto& outcome : outcomes) {
      const auto told = outcome.get_future().get();
      EXPECT_TRUE(told) << told.error().message;
      if (told && told->status == ExecutionStatus::completed) ++completed;
    }
    EXPECT_TRUE(remote->close());
  };
  std::vector<std::future<void>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(std::async(std::launch::async, work));
  for (auto& client : clients) client.get();
  EXPECT_EQ(completed, 80);
}

TEST_F(HttpClientTest, WhatIsTooMuchInFlightIsSentAgain) {
  open_full();
  serve();
  const auto remote = connect();
  std::promise<Result<ExecutionResult>> outcome;
  remote->submit(intent("note"), [&](Result<ExecutionResult> told) { outcome.set_value(std::move(told)); });
  wait_for_a_refusal();
  let_go();
  const auto told = outcome.get_future().get();
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->status, ExecutionStatus::completed);
}

TEST_F(HttpClientTest, WhoClosesGetsTheRefusal) {
  open_full();
  serve();
  const auto remote = connect();
  std::promise<Result<ExecutionResult>> outcome;
  remote->submit(intent("note"), [&](Result<ExecutionResult> told) { outcome.set_value(std::move(told)); });
  wait_for_a_refusal();
  EXPECT_TRUE(remote->close());
  const auto told = outcome.get_future().get();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::overloaded);
}

TEST_F(HttpClientTest, AFullBacklogIsWaitedForAndThenTooMuch) {
  const int listening = listen();
  const auto waiting = fill(listening);
  ASSERT_FALSE(waiting.empty());
  ClientLimits impatient;
  impatient.connect_for = milliseconds(100);
  const auto refused = HttpClient(directory_ / "data", impatient).ask({"GET", "/v1/health", ""});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::overloaded) << refused.error().message;
  EXPECT_EQ(refused.error().reason, "backlog");

  ClientLimits patient;
  patient.connect_for = std::chrono::minutes(1);
  HttpClient client(directory_ / "data", patient);
  std::promise<unsigned> status;
  client.send({"GET", "/v1/health", ""},
              [&](const Result<experience::HttpAnswer>& answer) { status.set_value(answer ? answer->status : 0); });
  server_.emplace();
  ASSERT_TRUE(server_->serve_local(listening, *api_));
  EXPECT_EQ(status.get_future().get(), 200U);
  for (const int each : waiting) ::close(each);
}

TEST_F(HttpClientTest, WhoListensAndIsSilentIsGivenUp) {
  const int listening = listen();
  const auto silent = HttpClient(directory_ / "data", {}).ask({"GET", "/v1/health", ""}, milliseconds(50));
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, ErrorCode::unavailable);
  EXPECT_EQ(silent.error().reason, "no_answer");
  ::close(listening);
}

TEST_F(HttpClientTest, AStoppingNodeIsNoneThatDoesNotServe) {
  serve();
  api_->stop_taking();
  const auto refused = RemoteRuntime::connect(directory_ / "data", 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "stopping");
}

}  // namespace
}  // namespace symphainy::tests
