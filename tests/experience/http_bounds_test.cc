// SPDX-License-Identifier: Apache-2.0
// What one peer, or one answer that fails, may cost the others: a bounded part, and never the server.
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "experience/control_socket.h"
#include "experience/http_server.h"
#include "raw_connection.h"
#include "temporary_directory.h"

namespace symphainy::tests {
namespace {

using experience::HttpAnswer;
using experience::HttpLimits;
using experience::HttpRequest;
using experience::HttpServer;
using experience::Reply;

/// Answers at once with what it was asked; "/hold" when the test says so; "/throws" and "/throws-later" not at all.
class Stub : public experience::HttpHandler {
 public:
  void handle(HttpRequest request, Reply reply) override {
    if (request.target == "/throws") throw std::bad_alloc();
    if (request.target == "/throws-later") return reply([]() -> HttpAnswer { throw std::bad_alloc(); });
    if (request.target == "/hold") return held.set_value(std::move(reply));
    experience::reply_with(reply, {200, "text/plain", request.method + " " + request.target, {}});
  }
  [[nodiscard]] std::size_t body_limit() const noexcept override { return 1000; }

  std::promise<Reply> held;
};

class HttpBounds : public ::testing::Test {
 protected:
  void serve(const HttpLimits& limits) {
    server_.emplace(limits);
    auto socket = experience::ControlSocket::listen(directory_.path()).value();
    ASSERT_TRUE(server_->serve_local(socket.release_descriptor(), stub_));
  }
  RawConnection connect() const { return RawConnection::local(directory_ / "control.sock"); }
  static RawResponse ask(RawConnection& connection, const std::string& request) {
    connection.send(request);
    return connection.read_response();
  }
  RawResponse ask_anew(const std::string& request) const {
    RawConnection connection = connect();
    return ask(connection, request);
  }
  static void answer(const Reply& reply) { experience::reply_with(reply, {200, "text/plain", "held", {}}); }

  TemporaryDirectory directory_;
  Stub stub_;
  std::optional<HttpServer> server_;
};

TEST_F(HttpBounds, AnotherListenersConnectionsTakeNoneOfTheSocket) {
  HttpLimits limits;
  limits.connections = 1;
  limits.loopback_connections = 1;
  serve(limits);
  const auto endpoint = server_->serve_loopback("127.0.0.1:0", stub_).value();
  const auto port = static_cast<std::uint16_t>(std::stoul(endpoint.address.substr(endpoint.address.rfind(':') + 1)));
  RawConnection scraper = RawConnection::loopback(port);
  ASSERT_EQ(ask(scraper, get_request("/")).status, 200);
  RawConnection another = RawConnection::loopback(port);
  EXPECT_EQ(another.read_response().status, 503);
  EXPECT_EQ(ask_anew(get_request("/")).status, 200);
}

TEST_F(HttpBounds, NobodyIsClosedWithoutAWord) {
  HttpLimits limits;
  limits.connections = 1;
  serve(limits);
  RawConnection first = connect();
  ASSERT_EQ(ask(first, get_request("/")).status, 200);
  std::unique_ptr<RawConnection> second(new RawConnection(connect()));
  EXPECT_EQ(second->read_response().status, 503);
  RawConnection third = connect();
  second.reset();
  const RawResponse refused = third.read_response();
  EXPECT_EQ(refused.status, 503) << "it waited until there was room for telling it";
  EXPECT_TRUE(refused.body.contains("\"connections\"")) << refused.body;
}

TEST_F(HttpBounds, WhoLeavesBeforeHisAnswerFreesHisPlace) {
  HttpLimits limits;
  limits.connections = 1;
  serve(limits);
  Reply reply;
  {
    RawConnection gone = connect();
    gone.send(get_request("/hold"));
    reply = stub_.held.get_future().get();
  }
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  int status = 503;
  while (status != 200 && std::chrono::steady_clock::now() < give_up) status = ask_anew(get_request("/")).status;
  EXPECT_EQ(status, 200);
  const auto stopping = std::async(std::launch::async, [this] { server_->stop(); });
  answer(reply);
  stopping.wait();
}

TEST_F(HttpBounds, WhoOnlyHasNothingMoreToSayIsAnswered) {
  serve({});
  RawConnection half = connect();
  half.send(get_request("/hold"));
  const Reply reply = stub_.held.get_future().get();
  half.end_sending();
  EXPECT_EQ(ask_anew(get_request("/")).status, 200) << "behind it, the server knows of the half that is closed";
  answer(reply);
  EXPECT_EQ(half.read_response().status, 200);
}

TEST_F(HttpBounds, BodiesThatAreReceivedAtTheSameTimeHaveABudget) {
  HttpLimits limits;
  limits.received_bytes = 100;
  serve(limits);
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\n";
  RawConnection first = connect();
  first.send(head + "Expect: 100-continue\r\nContent-Length: 80\r\n\r\n");
  ASSERT_EQ(first.read_response().status, 100);
  const RawResponse refused = ask_anew(head + "Content-Length: 80\r\n\r\n");
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.body.contains("\"bodies\"")) << refused.body;
  EXPECT_TRUE(refused.head.contains("Retry-After")) << refused.head;
  EXPECT_EQ(ask_anew(head + "Transfer-Encoding: chunked\r\n\r\n50\r\n" + std::string(80, 'x') + "\r\n").status, 503);
  first.send(std::string(80, 'x'));
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_EQ(ask_anew(post_request("/", std::string(80, 'x'))).status, 200) << "it was given back";
}

TEST_F(HttpBounds, AnAnswerThatCannotBeMadeIsUnknownAndTheServerGoesOn) {
  serve({});
  RawConnection connection = connect();
  for (const char* path : {"/throws", "/throws-later"}) {
    const RawResponse answer = ask(connection, get_request(path));
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_TRUE(answer.body.contains("\"unknown\"")) << answer.body;
  }
  EXPECT_EQ(ask(connection, get_request("/")).status, 200);
}

TEST_F(HttpBounds, HeadIsAnsweredWithoutABody) {
  serve({});
  for (const char* request : {"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n"}) {
    const RawResponse answer = ask_anew(request);
    EXPECT_NE(answer.status, 0);
    EXPECT_TRUE(answer.head.contains("\r\nContent-Length: ")) << answer.head;
    EXPECT_EQ(answer.body, "");
  }
}

TEST_F(HttpBounds, ATargetMayNameSchemeAndAuthority) {
  serve({});
  const auto path = [this](const std::string& target) { return ask_anew(get_request(target)).body; };
  EXPECT_EQ(path("http://localhost/v1/health"), "GET /v1/health");
  EXPECT_EQ(path("HTTP://localhost:80/v1?a=http://b/"), "GET /v1?a=http://b/");
  EXPECT_EQ(path("https://localhost"), "GET /");
  EXPECT_EQ(path("http://localhost?a"), "GET /?a");
  EXPECT_EQ(path("/http://a/b"), "GET /http://a/b");
}

TEST_F(HttpBounds, AVersionThatItDoesNotSpeakIsNamed) {
  serve({});
  for (const char* version : {"HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/9.9"})
    EXPECT_EQ(ask_anew(std::string("GET / ") + version + "\r\nHost: a\r\n\r\n").status, 505) << version;
}

TEST_F(HttpBounds, AnAddressInUseSaysWhatToDo) {
  serve({});
  const auto endpoint = server_->serve_loopback("127.0.0.1:0", stub_).value();
  const auto again = server_->serve_loopback(endpoint.address, stub_);
  ASSERT_FALSE(again);
  EXPECT_TRUE(again.error().message.contains("name another port")) << again.error().message;
}

}  // namespace
}  // namespace symphainy::tests
