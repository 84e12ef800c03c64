// SPDX-License-Identifier: Apache-2.0
// What a served node says to requests that are none, and to those that ask how it fares. It lives on after each.
#include <string>

#include "served_program.h"

namespace symphainy::tests {
namespace {

struct BadRequest {
  const char* name;
  std::string sent;
  int status;
  const char* says;  ///< in the answer's head or body
};

class ServeBadRequest : public ServedProgram, public ::testing::WithParamInterface<BadRequest> {};

TEST_P(ServeBadRequest, IsAnsweredWithItsStatusAndTheNodeLivesOn) {
  auto node = serve();
  RawConnection bad = connect();
  bad.send(GetParam().sent);
  const RawResponse answer = bad.read_response();
  EXPECT_EQ(answer.status, GetParam().status) << answer.head << answer.body;
  EXPECT_TRUE((answer.head + answer.body).contains(GetParam().says)) << answer.head << answer.body;
  EXPECT_TRUE(answer.head.contains("application/problem+json")) << answer.head;
  const auto problem = Json::parse(answer.body);
  ASSERT_TRUE(problem.has_value()) << answer.body;
  EXPECT_EQ(problem->find("status")->as_int64(), GetParam().status);
  EXPECT_FALSE(text(*problem, "detail").empty());
  EXPECT_FALSE(text(*problem, "code").empty());

  RawConnection good = connect();
  good.send(get_request("/v1/health"));
  EXPECT_EQ(good.read_response().status, 200);
  EXPECT_EQ(stop(*node).code, 0);
}

const std::string kHead = "POST /v1/intents HTTP/1.1\r\nHost: localhost\r\n";

INSTANTIATE_TEST_SUITE_P(
    Every, ServeBadRequest,
    ::testing::Values(
        BadRequest{"AGarbageLine", "\x01\x02 what is this?\r\n\r\n", 400, "bad_request"},
        BadRequest{"AHugeHeader", "GET /v1/health HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n",
                   431, "header_too_large"},
        BadRequest{"AHugeBody", kHead + "Content-Length: 100000000\r\n\r\n{", 413, "body_too_large"},
        BadRequest{"AHugeChunkedBody",
                   kHead + "Transfer-Encoding: chunked\r\n\r\n2000000\r\n" + std::string(10'000'000, ' '), 413,
                   "body_too_large"},
        BadRequest{"NoJson", post_request("/v1/intents", "{nope"), 400, "invalid_argument"},
        BadRequest{"JsonNestedTooDeep", post_request("/v1/intents", std::string(5'000, '[')), 400, "invalid_argument"},
        BadRequest{"AWrongMethod", get_request("/v1/intents"), 405, "\r\nAllow: POST\r\n"},
        BadRequest{"AnUnknownPath", get_request("/v2/intents"), 404, "unknown_path"},
        BadRequest{"TwoHosts", "GET /v1/health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "host_header"},
        BadRequest{"NoHost", "GET /v1/health HTTP/1.1\r\n\r\n", 400, "host_header"},
        BadRequest{"AnUnknownTransferEncoding", kHead + "Transfer-Encoding: xchunked\r\n\r\n", 400,
                   "transfer_encoding"},
        BadRequest{"TwoTransferEncodings", kHead + "Transfer-Encoding: gzip, chunked\r\n\r\n", 400,
                   "transfer_encoding"},
        BadRequest{"TwoLengths", kHead + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
                   "\"status\":400"},
        BadRequest{"TwoLengthsTheOtherWay", kHead + "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
                   400, "\"status\":400"},
        BadRequest{"AnOldVersion", "GET /v1/health HTTP/1.0\r\nHost: a\r\n\r\n", 505, "http_version"},
        BadRequest{"ASlowLoris", "GET /v1/health HTTP/1.1\r\nHost: a\r\nX-Slow", 408, "request_timeout"}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

class ServeRequests : public ServedProgram {};

TEST_F(ServeRequests, PipelinedRequestsAreAnsweredInTheirOrder) {
  auto node = serve();
  RawConnection connection = connect();
  const std::string intent =
      R"({"intent_type":"ingest_file","tenant_id":"acme","session_id":"s","solution_id":"s","actor":{"type":"user","id":"u"},)"
      R"("parameters":{"path":"rows.csv"}})";
  connection.send(post_request("/v1/intents", intent) + get_request("/v1/health") + get_request("/v1/nothing"));
  const RawResponse first = connection.read_response();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(text(Json::parse(first.body).value(), "status"), "completed") << first.body;
  EXPECT_TRUE(first.head.contains("\r\nSymphainy-Position: ")) << first.head;
  EXPECT_EQ(text(Json::parse(connection.read_response().body).value(), "status"), "serving");
  EXPECT_EQ(connection.read_response().status, 404);
}

TEST_F(ServeRequests, AChunkedBodyIsAnIntentLikeAnyOther) {
  auto node = serve();
  RawConnection connection = connect();
  connection.send(kHead + "Transfer-Encoding: chunked\r\n\r\n");
  connection.send("10\r\n{\"intent_type\":\"\r\n6\r\nnope\"}\r\n0\r\n\r\n");
  const RawResponse answer = connection.read_response();
  EXPECT_EQ(answer.status, 200) << answer.head << answer.body;
  EXPECT_EQ(text(Json::parse(answer.body).value(), "status"), "rejected") << answer.body;
}

TEST_F(ServeRequests, HealthTellsWhichStoreIsServedByWhom) {
  auto node = serve();
  ASSERT_EQ(run(run_arguments(), ingest("k1")).code, 0);
  RawConnection connection = connect();
  connection.send(get_request("/v1/health"));
  const Json health = Json::parse(connection.read_response().body).value();
  EXPECT_EQ(health.find("pid")->as_int64(), node->process());
  EXPECT_EQ(text(health, "release"), "0.1.0");
  const Json head = *run({"wal", "verify", "--data", "data"}).json().find("head");
  EXPECT_EQ(text(health, "store"), text(head, "store_id"));
  EXPECT_EQ(text(health, "timeline"), text(head, "timeline"));
  EXPECT_GE(health.find("durable_position")->as_uint64().value(), 8U);
}

/// The value of a sample, -1 when there is none.
double sample(const std::string& metrics, const std::string& name) {
  const auto found = metrics.find("\n" + name + " ");
  return found == std::string::npos ? -1 : std::stod(metrics.substr(found + name.size() + 2));
}

TEST_F(ServeRequests, MetricsCountWhatWasDone) {
  auto node = serve({"--metrics", "127.0.0.1:0"});
  ASSERT_EQ(run(run_arguments(), ingest("k1") + ingest("k2") + "{\"intent_type\":\"nope\"}\n").code, 1);
  std::smatch port;
  ASSERT_TRUE(std::regex_search(ready_, port, std::regex(R"(http://127\.0\.0\.1:(\d+)/metrics)"))) << ready_;
  RawConnection connection = RawConnection::loopback(static_cast<std::uint16_t>(std::stoul(port[1].str())));
  connection.send(get_request("/metrics"));
  const RawResponse page = connection.read_response();
  EXPECT_EQ(page.status, 200);
  EXPECT_TRUE(page.head.contains("text/plain; version=0.0.4")) << page.head;
  EXPECT_EQ(sample(page.body, "symphainy_intents_submitted_total"), 3);
  EXPECT_EQ(sample(page.body, "symphainy_intents_answered_total{status=\"completed\"}"), 2);
  EXPECT_EQ(sample(page.body, "symphainy_intents_answered_total{status=\"rejected\"}"), 1);
  EXPECT_EQ(sample(page.body, "symphainy_intents_in_flight"), 0);
  EXPECT_EQ(sample(page.body, "symphainy_intent_duration_seconds_count"), 3);
  EXPECT_GT(sample(page.body, "symphainy_intent_duration_seconds_sum"), 0);
  EXPECT_EQ(sample(page.body, "symphainy_intent_duration_seconds_bucket{le=\"+Inf\"}"), 3);
  EXPECT_GT(sample(page.body, "symphainy_log_durable_position"), 10);
  EXPECT_GE(sample(page.body, "symphainy_fold_lag_records"), 0);
  EXPECT_EQ(sample(page.body, "symphainy_build_info{version=\"0.1.0\"}"), 1);
  connection.send(post_request("/v1/intents", "{}"));
  EXPECT_EQ(connection.read_response().status, 413) << "the page takes no body, and no intents";
}

TEST_F(ServeRequests, MetricsAreForThisMachineOnly) {
  for (const char* address : {"0.0.0.0:9464", "192.0.2.1:9464", "localhost:9464", "127.0.0.1", "127.0.0.1:70000"}) {
    const Ended refused = run({"serve", "--data", "data", "--metrics", address});
    EXPECT_EQ(refused.code, 2) << address;
    EXPECT_NE(refused.err.find("127.0.0.1:PORT"), std::string::npos) << refused.err;
  }
  write_file("symphainy.toml", "[metrics]\naddress = \"127.0.0.1:0\"\n");
  auto node = serve();
  EXPECT_NE(ready_.find("metrics at http://127.0.0.1:"), std::string::npos) << ready_;
}

}  // namespace
}  // namespace symphainy::tests
