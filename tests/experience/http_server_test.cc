// SPDX-License-Identifier: Apache-2.0
// The server's own promises, over real sockets: what it bounds, and how it stops.
#include "experience/http_server.h"

#include <future>
#include <string>
#include <thread>

#include "experience/control_socket.h"
#include "experience/served_runtime.h"
#include "raw_connection.h"

namespace symphainy::tests {
namespace {

using experience::HttpLimits;
using experience::HttpServer;

class HttpServerTest : public ServedRuntime {
 protected:
  void serve(const HttpLimits& limits = {}) {
    server_.emplace(limits);
    socket_.emplace(experience::ControlSocket::listen(directory_ / "data").value());
    ASSERT_TRUE(server_->serve_local(socket_->release_descriptor(), *api_));
  }
  void TearDown() override {
    let_go();
    server_.reset();
    ServedRuntime::TearDown();
  }
  RawConnection connect() const { return RawConnection::local(directory_ / "data/control.sock"); }
  static std::string asking(const std::string& type) { return post_request("/v1/intents", intent(type).canonical()); }

  std::optional<experience::ControlSocket> socket_;
  std::optional<HttpServer> server_;
};

TEST_F(HttpServerTest, StoppingAnswersWhatHasArrivedAndRefusesWhatComesOnOpenConnections) {
  serve();
  RawConnection busy = connect();
  RawConnection open = connect();
  open.send(get_request("/v1/health"));
  ASSERT_EQ(open.read_response().status, 200);
  busy.send(asking("wait"));
  begun_.get_future().wait();

  api_->stop_taking();
  const auto stopping = std::async(std::launch::async, [this] { server_->stop(); });
  // Once nobody can connect, the server knows that it stops.
  while (connect().connected()) std::this_thread::yield();
  open.send(asking("note"));
  const RawResponse refused = open.read_response();
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.body.contains("\"stopping\"")) << refused.body;
  EXPECT_TRUE(refused.head.contains("Connection: close")) << refused.head;
  EXPECT_TRUE(open.is_ended());
  EXPECT_EQ(stopping.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "one is not answered yet";
  let_go();
  const RawResponse answered = busy.read_response();
  EXPECT_EQ(answered.status, 200);
  EXPECT_TRUE(answered.body.contains("\"completed\"")) << answered.body;
  stopping.wait();
}

TEST_F(HttpServerTest, WhatWaitsForItsNextAttemptDoesNotHoldUpStopping) {
  serve();
  RawConnection waiting = connect();
  waiting.send(asking("retry"));
  begun_.get_future().wait();
  api_->stop_taking();
  runtime_->begin_closing();
  auto stopping = std::async(std::launch::async, [this] { server_->stop(); });
  const RawResponse answered = waiting.read_response();
  EXPECT_EQ(answered.status, 500);
  EXPECT_TRUE(answered.body.contains("\"closing\"")) << answered.body;
  EXPECT_TRUE(answered.body.contains("\"unknown\"")) << answered.body;
  stopping.wait();
  EXPECT_TRUE(runtime_->close());
}

TEST_F(HttpServerTest, AnIdleConnectionAndHalfARequestDoNotHoldUpStopping) {
  serve();
  RawConnection idle = connect();
  RawConnection half = connect();
  idle.send(get_request("/v1/health"));
  ASSERT_EQ(idle.read_response().status, 200);
  half.send("POST /v1/int");
  server_->stop();
  EXPECT_TRUE(idle.is_ended());
  EXPECT_FALSE(connect().connected());
}

TEST_F(HttpServerTest, OneConnectionTooManyIsToldSoAndAFreeOneIsTaken) {
  HttpLimits limits;
  limits.connections = 2;
  serve(limits);
  RawConnection first = connect();
  {
    RawConnection second = connect();
    for (RawConnection* each : {&first, &second}) {
      each->send(get_request("/v1/health"));
      ASSERT_EQ(each->read_response().status, 200);
    }
    RawConnection third = connect();
    const RawResponse refused = third.read_response();
    EXPECT_EQ(refused.status, 503);
    EXPECT_TRUE(refused.body.contains("connections")) << refused.body;
    EXPECT_TRUE(refused.head.contains("Retry-After")) << refused.head;
  }
  int status = 503;
  while (status == 503) {
    RawConnection again = connect();
    again.send(get_request("/v1/health"));
    status = again.read_response().status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(HttpServerTest, APeerThatTakesTooLongIsToldOrLetGo) {
  HttpLimits limits;
  limits.idle = std::chrono::milliseconds(50);
  limits.header_time = std::chrono::milliseconds(50);
  limits.body_time = std::chrono::milliseconds(50);
  serve(limits);
  RawConnection silent = connect();
  EXPECT_TRUE(silent.is_ended());
  RawConnection slow_header = connect();
  slow_header.send("GET /v1/health HTTP/1.1\r\n");
  EXPECT_EQ(slow_header.read_response().status, 408);
  RawConnection slow_body = connect();
  slow_body.send("POST /v1/intents HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
  EXPECT_EQ(slow_body.read_response().status, 408);
  EXPECT_TRUE(slow_body.is_ended());
}

TEST_F(HttpServerTest, APeerThatLeavesDuringItsExecutionHarmsNobody) {
  serve();
  {
    RawConnection gone = connect();
    gone.send(asking("wait"));
    begun_.get_future().wait();
  }
  let_go();
  RawConnection next = connect();
  next.send(asking("note"));
  EXPECT_EQ(next.read_response().status, 200);
}

TEST_F(HttpServerTest, WhoExpectsToBeAskedForTheBodyIsAsked) {
  serve();
  RawConnection careful = connect();
  const std::string body = intent("note").canonical();
  careful.send("POST /v1/intents HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n");
  EXPECT_EQ(careful.read_response().status, 100);
  careful.send(body);
  EXPECT_EQ(careful.read_response().status, 200);
}

}  // namespace
}  // namespace symphainy::tests
