// SPDX-License-Identifier: Apache-2.0
#include "migrate_policy_service.h"

#include <string>
#include <utility>

#include "parameters.h"
#include "policy_row.h"

namespace policy_migration {
namespace {

using namespace symphainy;
using Policies = std::shared_ptr<PolicySystem>;

constexpr const char* kSchema = R"({
  "type": "object",
  "required": ["portfolio", "row_number", "policy_number", "row"],
  "additionalProperties": false,
  "properties": {
    "portfolio": {"type": "string"},
    "row_number": {"type": "integer", "minimum": 1},
    "policy_number": {"type": "string", "pattern": "^[0-9]{1,12}(-[0-9]{1,6}){0,2}$"},
    "row": {"type": "string", "maxLength": 4096}
  }
})";

// A few tries at once for a call that got lost, then attempts of the execution, which hold no thread while they wait
// for a policy system that is down. After an hour and a half somebody should look.
RetryPolicy between_calls() {
  return {.max_tries = 5,
          .first_delay_us = 20'000,
          .max_delay_us = 320'000,
          .max_age_us = 0,
          .non_retryable = PolicySystem::final_refusals()};
}

RetryPolicy between_attempts() {
  RetryPolicy policy{.max_tries = 1'000,
                     .first_delay_us = 100'000,
                     .max_delay_us = 5'000'000,
                     .max_age_us = 0,
                     .non_retryable = PolicySystem::final_refusals()};
  policy.non_retryable.emplace_back("invalid_policy_row");
  return policy;
}

RetryPolicy between_withdrawals() {
  return {.max_tries = 1'000, .first_delay_us = 20'000, .max_delay_us = 5'000'000, .max_age_us = 0};
}

Task<Result<Json>> validated(std::string row) {
  co_return validate_policy_row(row);
}

Task<Result<Json>> mapped(Json row, std::string policy_number) {
  co_return policy_record(row, policy_number);
}

Task<Result<Json>> written(Policies policies, PolicyCall call, Json record) {
  auto answer = policies->write(call, record);
  if (!answer) co_return answer;
  // Behind the pivot the write is known by its token.
  (*answer)["token"] = call.token;
  co_return answer;
}

Task<Result<Json>> confirmed(Policies policies, PolicyCall call, std::string write_token) {
  co_return policies->confirm(call, write_token);
}

Task<Result<void>> withdrawn(Policies policies, PolicyCall call, std::string write_token) {
  auto answer = policies->withdraw(call, write_token);
  if (!answer) co_return std::unexpected(std::move(answer).error());
  co_return Result<void>();
}

Task<Result<Json>> write(const Policies& policies, ExecutionContext& context, std::string policy_number, Json record) {
  const std::uint64_t earlier = std::uint64_t{context.attempt()} * 1'000;
  StepFunction function = [policies, policy_number, record, earlier](const StepRun& run) {
    return written(policies, {run.token, policy_number, earlier + run.number}, record);
  };
  UndoFunction undo = [policies, policy_number](const UndoRun& run) {
    return withdrawn(policies, {run.token, policy_number, run.number}, run.step_token);
  };
  return context.undoable_step("write", std::move(record), std::move(function),
                               {std::move(undo), between_withdrawals()}, between_calls());
}

Task<Result<Json>> confirm(const Policies& policies, ExecutionContext& context, std::string policy_number,
                           std::string write_token) {
  const std::uint64_t earlier = std::uint64_t{context.attempt()} * 1'000;
  StepFunction function = [policies, policy_number, write_token, earlier](const StepRun& run) {
    return confirmed(policies, {run.token, policy_number, earlier + run.number}, write_token);
  };
  return context.pivot_step("confirm", Json(write_token), std::move(function), between_calls());
}

/// What the migration leaves in the runtime: the row and the record it became, and the event.
Result<HandlerResult> tell(const Json& parameters, const Json& record, ExecutionContext& context) {
  const std::string policy_number = text_of(parameters, "policy_number");
  auto row = register_row(parameters, context);
  if (!row) return std::unexpected(row.error());
  auto reference = context.register_reference({.type = "policy.record",
                                               .name = policy_number,
                                               .digest = "",
                                               .size = 0,
                                               .media_type = "",
                                               .location = "policy-system:policies/" + policy_number});
  if (!reference) return std::unexpected(reference.error());
  if (auto tracked = context.track_provenance(*reference, *row); !tracked) return std::unexpected(tracked.error());
  Json data = Json::object({{"policy_number", policy_number},
                            {"row_number", *parameters.find("row_number")},
                            {"tiv_2012_cents", *record.find("tiv_2012_cents")},
                            {"record", *reference}});
  auto event = context.add_event({.type = "policy.migrated", .data = data, .subject = policy_number, .topic = ""});
  if (!event) return std::unexpected(event.error());
  return HandlerResult{std::move(data)};
}

}  // namespace

Json migrate_policy_parameters(std::string_view portfolio, std::uint64_t row_number, std::string_view policy_number,
                               std::string_view row) {
  return Json::object(
      {{"portfolio", portfolio}, {"row_number", row_number}, {"policy_number", policy_number}, {"row", row}});
}

Result<std::string> register_row(const Json& parameters, ExecutionContext& context) {
  const std::string portfolio = text_of(parameters, "portfolio");
  const std::uint64_t number = parameters.find("row_number")->as_uint64().value();
  auto row = context.register_reference({.type = "policy.row",
                                         .name = text_of(parameters, "policy_number"),
                                         .digest = "",
                                         .size = parameters.find("row")->as_string().value().size(),
                                         .media_type = "text/csv",
                                         .location = "portfolio:" + portfolio + "/rows/" + std::to_string(number),
                                         .metadata = Json::object({{"row_number", number}})});
  if (!row) return row;
  if (auto tracked = context.track_provenance(*row, portfolio); !tracked) return std::unexpected(tracked.error());
  return row;
}

std::vector<IntentSupport> MigratePolicyService::supported_intents() const {
  IntentSupport support{.intent_type = std::string(kMigratePolicy), .schema = Json::parse(kSchema).value()};
  support.retry = between_attempts();
  return {std::move(support)};
}

Task<Result<HandlerResult>> MigratePolicyService::handle_intent(const Intent& intent, ExecutionContext& context) {
  const std::string policy_number = text_of(intent.parameters, "policy_number");
  const auto row =
      co_await context.step("validate", *intent.parameters.find("row"),
                            [text = text_of(intent.parameters, "row")](const StepRun&) { return validated(text); });
  if (!row) co_return std::unexpected(row.error());
  const auto record = co_await context.step(
      "map", *row, [row = *row, policy_number](const StepRun&) { return mapped(row, policy_number); });
  if (!record) co_return std::unexpected(record.error());
  const auto written = co_await write(policies_, context, policy_number, *record);
  if (!written) co_return std::unexpected(written.error());
  const auto confirmed = co_await confirm(policies_, context, policy_number, text_of(*written, "token"));
  if (!confirmed) co_return std::unexpected(confirmed.error());
  co_return tell(intent.parameters, *record, context);
}

}  // namespace policy_migration
