// SPDX-License-Identifier: Apache-2.0
#include "experience/control_api.h"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <unistd.h>
#include <utility>

#include "symphainy/version.h"

#include "experience/command_json.h"
#include "experience/routes.h"

namespace symphainy::experience {
namespace {

using Clock = std::chrono::steady_clock;

Error stopping() {
  return Error{ErrorCode::unavailable,
               "the node is stopping and has taken nothing of this request; send it again to the one that follows",
               "stopping",
               {}};
}

}  // namespace

JsonLimits intent_text_limits(const IntentLimits& limits) noexcept {
  return {.max_depth = limits.depth + 32,
          .max_bytes = 8 * (limits.parameters_bytes + limits.metadata_bytes) + 64 * 1024};
}

ControlApi::ControlApi(Runtime& runtime, NodeMetrics& metrics, const IntentLimits& limits, OnStopped on_stopped)
    : runtime_(runtime),
      metrics_(metrics),
      intent_limits_(limits),
      limits_(intent_text_limits(limits)),
      on_stopped_(std::move(on_stopped)),
      blocking_(std::make_unique<boost::asio::thread_pool>(1)) {}

ControlApi::~ControlApi() {
  blocking_->join();
}

void ControlApi::handle(HttpRequest request, Reply reply) {
  if (auto refusal = refuse_route(request, {{"/v1/intents", "POST"},
                                            {"/v1/executions", "POST"},
                                            {"/v1/commands", "POST"},
                                            {"/v1/drain", "POST"},
                                            {"/v1/health", "GET"}}))
    return reply_with(reply, *std::move(refusal));
  if (request.target == "/v1/health") return reply_with(reply, health());
  if (stopping_) return reply_with(reply, problem(stopping()));
  if (request.target == "/v1/intents") return take_intent(request.body, reply);
  if (request.target == "/v1/executions") return start_execution(request.body, reply);
  if (request.target == "/v1/commands") return take_command(request.body, reply);
  drain(std::move(reply));
}

void ControlApi::take_intent(const std::string& body, const Reply& reply) {
  auto intent = Json::parse(body, limits_);
  if (!intent) return reply_with(reply, problem(intent.error()));
  metrics_.submitted();
  // What is no valid intent is the runtime's to refuse: it records the refusal.
  runtime_.submit_json(*std::move(intent), [this, reply, began = Clock::now()](Result<ExecutionResult> outcome) {
    metrics_.answered(outcome ? to_string(outcome->status) : "error", Clock::now() - began);
    reply([this, outcome = std::move(outcome)] { return answer_of(outcome); });
  });
}

void ControlApi::start_execution(const std::string& body, const Reply& reply) {
  auto json = Json::parse(body, limits_);
  if (!json) return reply_with(reply, problem(json.error()));
  metrics_.submitted();
  const auto answered = [this, reply, began = Clock::now()](Result<ExecutionResult> outcome) {
    metrics_.answered(outcome ? to_string(outcome->status) : "error", Clock::now() - began);
    reply([this, outcome = std::move(outcome)] { return answer_of(outcome); });
  };
  auto intent = Intent::from_json(*json, intent_limits_);
  if (intent) return runtime_.start(*std::move(intent), answered);
  runtime_.submit_json(*std::move(json), answered);  // which records the refusal
}

void ControlApi::take_command(const std::string& body, const Reply& reply) {
  const auto json = Json::parse(body, limits_);
  if (!json) return reply_with(reply, problem(json.error()));
  auto command = command_from_json(*json);
  if (!command) return reply_with(reply, problem(command.error()));
  runtime_.command(*std::move(command), [this, reply](Result<ExecutionResult> outcome) {
    reply([this, outcome = std::move(outcome)] { return answer_of(outcome); });
  });
}

HttpAnswer ControlApi::problem_of(const Error& error) const {
  if (on_stopped_ && (error.code == ErrorCode::unknown || error.code == ErrorCode::stopped)) on_stopped_();
  return problem(error);
}

HttpAnswer ControlApi::answer_of(const Result<ExecutionResult>& outcome) const {
  if (!outcome) return problem_of(outcome.error());
  const bool goes_on = outcome->status == ExecutionStatus::running || outcome->status == ExecutionStatus::waiting;
  HttpAnswer answer{goes_on ? 202U : 200U, std::string(kJsonType), outcome->to_json().dump() + "\n", {}};
  answer.headers.emplace_back(kPositionHeader, std::to_string(outcome->position));
  if (outcome->error) answer.headers.emplace_back(kErrorCodeHeader, to_string(outcome->error->code));
  return answer;
}

void ControlApi::drain(Reply reply) {
  boost::asio::post(*blocking_, [this, reply = std::move(reply)] {
    const Result<void> drained = runtime_.drain();
    reply_with(reply, drained ? HttpAnswer{200, std::string(kJsonType), "{}\n", {}} : problem_of(drained.error()));
  });
}

HttpAnswer ControlApi::health() const {
  const RuntimeStatistics now = runtime_.statistics();
  const Json json = Json::object({{"status", stopping_ ? "stopping" : "serving"},
                                  {"store", now.store_id},
                                  {"timeline", now.timeline},
                                  {"release", kVersion},
                                  {"pid", ::getpid()},
                                  {"in_flight", now.in_flight},
                                  {"durable_position", now.durable_position},
                                  {"folded_position", now.folded_position}});
  return {200, std::string(kJsonType), json.dump() + "\n", {}};
}

}  // namespace symphainy::experience
