// SPDX-License-Identifier: Apache-2.0
// The control socket's routes, without a socket: what the runtime says is what the answer says.
#include <future>
#include <gmock/gmock.h>
#include <string>

#include "experience/command_json.h"
#include "experience/result_json.h"
#include "experience/served_runtime.h"

namespace symphainy::tests {
namespace {

using experience::HttpAnswer;
using experience::HttpRequest;
using ::testing::HasSubstr;

Task<Result<HandlerResult>> take_approval(const Intent&, ExecutionContext& context) {
  const auto approval = co_await context.wait_signal("approved");
  if (!approval) co_return std::unexpected(approval.error());
  co_return HandlerResult{(*approval)->value};
}

class ControlApiTest : public ServedRuntime {
 protected:
  std::future<HttpAnswer> begin(HttpRequest request) {
    auto answered = std::make_shared<std::promise<HttpAnswer>>();
    api_->handle(std::move(request),
                 [answered](std::move_only_function<HttpAnswer()> make) { answered->set_value(make()); });
    return answered->get_future();
  }
  HttpAnswer ask(HttpRequest request) { return begin(std::move(request)).get(); }
  HttpAnswer post(const Intent& asked) { return ask({"POST", "/v1/intents", asked.canonical()}); }

  static std::string header(const HttpAnswer& answer, const std::string& name) {
    for (const auto& [field, value] : answer.headers)
      if (field == name) return value;
    return "";
  }
  static Json json(const HttpAnswer& answer) {
    auto parsed = Json::parse(answer.body);
    EXPECT_TRUE(parsed.has_value()) << answer.body;
    return parsed ? *parsed : Json();
  }
  static std::string text(const HttpAnswer& answer, const std::string& key) {
    const Json parsed = json(answer);
    const Json* member = parsed.find(key);
    return member == nullptr ? "" : std::string(member->as_string().value_or(""));
  }
  /// The answer as a client builds it, against what the runtime itself gives for the same key.
  void expect_same(const Intent& asked) {
    const HttpAnswer answer = post(asked);
    EXPECT_EQ(answer.status, 200U) << answer.body;
    const auto local = runtime_->execute(asked);
    ASSERT_TRUE(local) << local.error().message;
    EXPECT_EQ(json(answer), local->to_json());
    const auto built = experience::result_from_json(
        json(answer), {std::stoull(header(answer, experience::kPositionHeader)),
                       experience::error_code_named(header(answer, experience::kErrorCodeHeader))});
    ASSERT_TRUE(built) << built.error().message;
    EXPECT_EQ(built->to_json(), local->to_json());
    EXPECT_EQ(built->position, local->position);
    EXPECT_EQ(built->status, local->status);
    ASSERT_EQ(built->error.has_value(), local->error.has_value());
    if (!local->error) return;
    EXPECT_EQ(built->error->code, local->error->code);
    EXPECT_EQ(built->error->reason, local->error->reason);
  }
};

TEST_F(ControlApiTest, AnIntentsAnswerIsTheRuntimesResultAndCanBeBuiltBack) {
  expect_same(intent("note", "k1"));
}

TEST_F(ControlApiTest, AFailedExecutionIsAResultToo) {
  expect_same(intent("fail", "k1"));
  EXPECT_EQ(text(post(intent("fail")), "status"), "failed");
}

TEST_F(ControlApiTest, WhatIsNoValidIntentIsRefusedAndRecordedByTheRuntime) {
  const std::uint64_t before = runtime_->statistics().durable_position;
  const HttpAnswer answer = ask({"POST", "/v1/intents", R"({"tenant_id":"acme","intent_type":"note","odd":1})"});
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(text(answer, "status"), "rejected");
  EXPECT_FALSE(text(answer, "execution_id").empty()) << "its refusal is recorded";
  EXPECT_GT(runtime_->statistics().durable_position, before);
}

TEST_F(ControlApiTest, WhatIsNoJsonIsAProblem) {
  for (const std::string body : {"", "{", R"({"a":1,"a":2})", "{} {}"}) {
    const HttpAnswer answer = ask({"POST", "/v1/intents", body});
    EXPECT_EQ(answer.status, 400U) << body;
    EXPECT_EQ(answer.content_type, "application/problem+json");
    EXPECT_EQ(text(answer, "code"), "invalid_argument");
    EXPECT_FALSE(text(answer, "detail").empty());
  }
}

TEST_F(ControlApiTest, WhatIsNoCommandIsAProblemThatNamesTheMember) {
  const auto refusal = [this](const std::string& body) {
    const HttpAnswer answer = ask({"POST", "/v1/commands", body});
    EXPECT_EQ(answer.status, 400U) << body;
    return text(answer, "detail");
  };
  const std::string rest = R"(,"tenant_id":"acme","execution_id":"x","actor":{"type":"user","id":"ada"})";
  EXPECT_THAT(refusal("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal("{"), HasSubstr("JSON"));
  EXPECT_THAT(refusal("{}"), HasSubstr("'action'"));
  EXPECT_THAT(refusal(R"({"action":"explode"})"),
              HasSubstr("'explode'; there are cancel, terminate, resume, signal, retry and rerun"));
  EXPECT_THAT(refusal(R"({"action":"cancel"})"), HasSubstr("'tenant_id'"));
  EXPECT_THAT(refusal(R"({"action":"cancel","tenant_id":"acme","execution_id":"x","actor":"ada"})"),
              HasSubstr("'actor'"));
  EXPECT_THAT(refusal(R"({"action":"cancel","wait_for_end":1)" + rest + "}"), HasSubstr("'wait_for_end'"));
  EXPECT_THAT(refusal(R"({"action":"cancel","why":"so")" + rest + "}"), HasSubstr("'why'"));
  EXPECT_THAT(refusal(R"({"action":"cancel")" + rest + "}"), HasSubstr("execution_id is no UUID"));
}

TEST_F(ControlApiTest, ASignalThatIsNoneIsAProblemThatNamesTheMember) {
  const auto refusal = [this](const std::string& action, const std::string& signal) {
    const HttpAnswer answer = ask(
        {"POST", "/v1/commands",
         R"({"action":")" + action + R"(","tenant_id":"acme","execution_id":"0193a0c0-7d7e-7c4f-8e0a-5f5b3c2d1e0f",)" +
             R"("actor":{"type":"user","id":"ada"})" + signal + "}"});
    EXPECT_EQ(answer.status, 400U) << signal;
    return text(answer, "detail");
  };
  EXPECT_THAT(refusal("signal", ""), HasSubstr("`signal` is given with the action signal"));
  EXPECT_THAT(refusal("cancel", R"(,"signal":{"name":"approved"})"), HasSubstr("and with no other"));
  EXPECT_THAT(refusal("signal", R"(,"signal":7)"), HasSubstr("its signal is none"));
  EXPECT_THAT(refusal("signal", R"(,"signal":{})"), HasSubstr("'name'"));
  EXPECT_THAT(refusal("signal", R"(,"signal":{"name":"approved","signal_id":7})"), HasSubstr("'signal_id'"));
  EXPECT_THAT(refusal("signal", R"(,"signal":{"name":"approved","when":"now"})"), HasSubstr("'when'"));
}

TEST(CommandJson, ASignalIsReadBackAsItWasWritten) {
  ExecutionCommand command{.action = Action::signal,
                           .tenant_id = "acme",
                           .execution_id = "0193a0c0-7d7e-7c4f-8e0a-5f5b3c2d1e0f",
                           .actor = {"user", "ada"},
                           .reason = "looks right",
                           .wait_for_end = true,
                           .signal = SignalDraft{"approved", Json::object({{"up_to", 7}}), "mail-4711"}};
  const Json written = experience::command_to_json(command);
  const auto read = experience::command_from_json(written);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_TRUE(read->signal);
  EXPECT_EQ(read->signal->name, "approved");
  EXPECT_EQ(read->signal->signal_id, "mail-4711");
  EXPECT_EQ(read->signal->value, command.signal->value);
  EXPECT_EQ(experience::command_to_json(*read), written);
}

TEST_F(ControlApiTest, WhatWaitsIsAcceptedAndGoesOnWithItsSignal) {
  IntentSupport buys{.intent_type = "buy"};
  buys.signals = {{"approved", Json::object({{"type", "boolean"}})}};
  ASSERT_TRUE(runtime_->register_intent(std::move(buys), "shop", "buy", take_approval));
  const HttpAnswer begun = ask({"POST", "/v1/executions", intent("buy").canonical()});
  EXPECT_EQ(begun.status, 202U) << begun.body;
  ExecutionCommand command{.action = Action::signal,
                           .tenant_id = "acme",
                           .execution_id = text(begun, "execution_id"),
                           .actor = {"user", "ada"},
                           .reason = "",
                           .wait_for_end = true,
                           .signal = SignalDraft{"aproved", Json(true), ""}};
  const auto post_command = [&] { return ask({"POST", "/v1/commands", experience::command_to_json(command).dump()}); };
  const HttpAnswer unknown = post_command();
  EXPECT_EQ(unknown.status, 400U) << unknown.body;
  EXPECT_THAT(text(unknown, "detail"), HasSubstr("it takes: approved"));
  command.signal->name = "approved";
  const HttpAnswer ended = post_command();
  EXPECT_EQ(ended.status, 200U) << ended.body;
  EXPECT_EQ(text(ended, "status"), "completed");
  const HttpAnswer late = post_command();
  EXPECT_EQ(late.status, 409U) << late.body;
}

TEST_F(ControlApiTest, APathHasItsMethod) {
  EXPECT_EQ(ask({"GET", "/v1/nothing", ""}).status, 404U);
  EXPECT_EQ(ask({"GET", "/", ""}).status, 404U);
  const HttpAnswer answer = ask({"DELETE", "/v1/intents", ""});
  EXPECT_EQ(answer.status, 405U);
  EXPECT_EQ(header(answer, "Allow"), "POST");
  EXPECT_EQ(header(ask({"POST", "/v1/health", ""}), "Allow"), "GET");
}

TEST_F(ControlApiTest, DrainingIsOverWhenTheProjectionsHaveEverything) {
  ASSERT_EQ(post(intent("note")).status, 200U);
  EXPECT_EQ(ask({"POST", "/v1/drain", ""}).status, 200U);
  const RuntimeStatistics now = runtime_->statistics();
  EXPECT_GT(now.durable_position, 0U);
  EXPECT_GE(now.folded_position + 1, now.durable_position) << "only the publication's own mark may be missing";
}

TEST_F(ControlApiTest, TooMuchInFlightIsToldToComeAgain) {
  RuntimeOptions one_only;
  one_only.max_in_flight = 1;
  open(one_only);
  auto first = begin({"POST", "/v1/intents", intent("wait").canonical()});
  begun_.get_future().wait();
  const HttpAnswer answer = post(intent("note"));
  EXPECT_EQ(answer.status, 429U);
  EXPECT_EQ(header(answer, "Retry-After"), "1");
  EXPECT_EQ(text(answer, "code"), "overloaded");
  EXPECT_EQ(json(ask({"GET", "/v1/health", ""})).find("in_flight")->as_uint64(), 1U);
  let_go();
  EXPECT_EQ(text(first.get(), "status"), "completed");
}

TEST_F(ControlApiTest, AStoppingNodeTakesNothingAndSaysSo) {
  auto begun = begin({"POST", "/v1/intents", intent("wait").canonical()});
  begun_.get_future().wait();
  EXPECT_EQ(text(ask({"GET", "/v1/health", ""}), "status"), "serving");
  api_->stop_taking();
  EXPECT_EQ(text(ask({"GET", "/v1/health", ""}), "status"), "stopping");
  const std::uint64_t before = runtime_->statistics().durable_position;
  const HttpAnswer answer = post(intent("note"));
  EXPECT_EQ(answer.status, 503U);
  EXPECT_EQ(text(answer, "reason"), "stopping");
  EXPECT_EQ(header(answer, "Retry-After"), "1");
  EXPECT_EQ(ask({"POST", "/v1/drain", ""}).status, 503U);
  EXPECT_EQ(runtime_->statistics().durable_position, before) << "nothing was recorded";
  let_go();
  EXPECT_EQ(begun.get().status, 200U) << "what had been taken is answered";
}

TEST_F(ControlApiTest, AClosedRuntimesRefusalIsNoUnknownOutcome) {
  ASSERT_TRUE(runtime_->close());
  const HttpAnswer answer = post(intent("note"));
  EXPECT_EQ(answer.status, 503U);
  EXPECT_EQ(text(answer, "reason"), "closing");
  EXPECT_EQ(times_stopped_, 0);
}

TEST(ProblemDetails, CarryAnErrorThereAndBack) {
  using enum ErrorCode;
  const std::vector<std::pair<ErrorCode, unsigned>> statuses{
      {invalid_argument, 400}, {not_found, 404}, {already_exists, 409},    {conflict, 409},  {unavailable, 503},
      {overloaded, 429},       {failed, 500},    {deadline_exceeded, 500}, {cancelled, 503}, {corrupt, 500},
      {io_error, 500},         {unknown, 500},   {stopped, 503},           {internal, 500}};
  for (const auto& [code, status] : statuses) {
    const Error error{code, "it is so", "some_reason", Json::object({{"n", 1}})};
    const HttpAnswer answer = experience::problem(error);
    EXPECT_EQ(answer.status, status) << to_string(code);
    const Error back = experience::error_of_problem(answer);
    EXPECT_EQ(back.code, code);
    EXPECT_EQ(back.message, error.message);
    EXPECT_EQ(back.reason, error.reason);
    EXPECT_EQ(back.details, error.details);
  }
  const HttpAnswer unknown_outcome = experience::problem(Error{unknown, "lost", "", {}});
  EXPECT_NE(unknown_outcome.body.find("retry with the same idempotency key"), std::string::npos);
  EXPECT_EQ(experience::error_of_problem({502, "text/html", "<html>", {}}).code, internal);
}

TEST(ResultJson, WhatIsNoResultIsRefused) {
  for (const char* text : {"{}", "[]", R"({"status":"completed"})", R"({"artifacts":[{}]})"}) {
    const auto built = experience::result_from_json(Json::parse(text).value(), {});
    ASSERT_FALSE(built) << text;
    EXPECT_EQ(built.error().reason, "strange_answer");
  }
}

}  // namespace
}  // namespace symphainy::tests
