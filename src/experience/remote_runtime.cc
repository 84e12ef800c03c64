// SPDX-License-Identifier: Apache-2.0
#include "experience/remote_runtime.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fmt/format.h>
#include <future>
#include <mutex>
#include <utility>

#include "base/try.h"
#include "experience/command_json.h"
#include "experience/control_api.h"
#include "experience/http_client.h"
#include "experience/result_json.h"

namespace symphainy::experience {
namespace {

// Health is told at once, whatever else is done; who is silent for so long will not answer anything else either.
constexpr auto kHealthTime = std::chrono::seconds(5);

std::string_view header(const HttpAnswer& answer, std::string_view name) {
  const auto found = std::ranges::find(answer.headers, name, &std::pair<std::string, std::string>::first);
  return found == answer.headers.end() ? std::string_view() : std::string_view(found->second);
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Result<Json> json_of(const Result<HttpAnswer>& answer) {
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200 && answer->status != 202) return std::unexpected(error_of_problem(*answer));
  auto json = Json::parse(answer->body);
  if (json) return json;
  return fail(ErrorCode::internal, "the serving process answered with what is no JSON: " + json.error().message,
              "strange_answer");
}

Result<ExecutionResult> result_of(const Result<HttpAnswer>& answer) {
  TRY(const Json json, json_of(answer));
  return result_from_json(
      json, {number(header(*answer, kPositionHeader)), error_code_named(header(*answer, kErrorCodeHeader))});
}

RuntimeStatistics statistics_of(const Json& health) {
  const auto text = [&](std::string_view key) {
    const Json* member = health.find(key);
    return std::string(member == nullptr ? "" : member->as_string().value_or(""));
  };
  const auto count = [&](std::string_view key) {
    const Json* member = health.find(key);
    return member == nullptr ? 0 : member->as_uint64().value_or(0);
  };
  return {text("store"), text("timeline"), count("durable_position"), count("folded_position"), count("in_flight")};
}

std::unexpected<Error> served_elsewhere() {
  return fail(ErrorCode::conflict,
              "the process that serves this data directory has registered what it supports; register it there",
              "served");
}

}  // namespace

class RemoteRuntime::Impl {
 public:
  Impl(const std::string& data_directory, std::size_t max_in_flight)
      : client(data_directory, {.connections = ClientLimits().connections, .queued = max_in_flight}) {}

  Result<void> learn() {
    TRY(const Json health, json_of(client.ask({"GET", "/v1/health", ""}, kHealthTime)));
    const Json* status = health.find("status");
    if (status == nullptr || status->as_string() != "serving")
      return fail(ErrorCode::unavailable, "the serving process is stopping; try again when it has", "stopping");
    const std::lock_guard lock(mutex_);
    last_known_ = statistics_of(health);
    return {};
  }

  RuntimeStatistics last_known() {
    const std::lock_guard lock(mutex_);
    return last_known_;
  }

  HttpClient client;

 private:
  std::mutex mutex_;
  RuntimeStatistics last_known_;
};

Result<std::unique_ptr<RemoteRuntime>> RemoteRuntime::connect(const std::string& data_directory,
                                                              std::size_t max_in_flight) {
  auto impl = std::make_unique<Impl>(data_directory, max_in_flight);
  TRY(impl->learn());
  return std::unique_ptr<RemoteRuntime>(new RemoteRuntime(std::move(impl)));
}

RemoteRuntime::RemoteRuntime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

RemoteRuntime::~RemoteRuntime() = default;

Result<void> RemoteRuntime::register_intent(IntentSupport, std::string, std::string, IntentHandler) {
  return served_elsewhere();
}

Result<void> RemoteRuntime::register_service(std::shared_ptr<DomainService>) {
  return served_elsewhere();
}

Result<std::size_t> RemoteRuntime::resume() {
  return 0;
}

void RemoteRuntime::submit(Intent intent, Done done) {
  impl_->client.send({"POST", "/v1/intents", intent.canonical()},
                     [done = std::move(done)](const Result<HttpAnswer>& answer) { done(result_of(answer)); });
}

void RemoteRuntime::submit_json(Json intent, Done done) {
  impl_->client.send({"POST", "/v1/intents", intent.dump()},
                     [done = std::move(done)](const Result<HttpAnswer>& answer) { done(result_of(answer)); });
}

void RemoteRuntime::start(Intent intent, Done done) {
  impl_->client.send({"POST", "/v1/executions", intent.canonical()},
                     [done = std::move(done)](const Result<HttpAnswer>& answer) { done(result_of(answer)); });
}

Result<ExecutionResult> RemoteRuntime::execute(Intent intent) {
  std::promise<Result<ExecutionResult>> outcome;
  submit(std::move(intent), [&outcome](Result<ExecutionResult> result) { outcome.set_value(std::move(result)); });
  return outcome.get_future().get();
}

void RemoteRuntime::command(ExecutionCommand command, Done done) {
  impl_->client.send({"POST", "/v1/commands", command_to_json(command).dump()},
                     [done = std::move(done)](const Result<HttpAnswer>& answer) { done(result_of(answer)); });
}

Result<ExecutionResult> RemoteRuntime::command(ExecutionCommand command) {
  std::promise<Result<ExecutionResult>> outcome;
  this->command(std::move(command),
                [&outcome](Result<ExecutionResult> result) { outcome.set_value(std::move(result)); });
  return outcome.get_future().get();
}

RuntimeStatistics RemoteRuntime::statistics() const {
  (void)impl_->learn();
  return impl_->last_known();
}

Result<void> RemoteRuntime::drain() {
  TRY(json_of(impl_->client.ask({"POST", "/v1/drain", ""})));
  return {};
}

Result<void> RemoteRuntime::close() {
  impl_->client.wait();
  const auto drained = drain();
  if (drained || drained.error().code == ErrorCode::unavailable || drained.error().code == ErrorCode::unknown)
    return {};
  return drained;
}

}  // namespace symphainy::experience
