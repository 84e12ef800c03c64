// SPDX-License-Identifier: Apache-2.0
#include "crash/torture_waits.h"

#include <chrono>
#include <utility>

namespace symphainy::tests {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kApproval = "torture.approve";
constexpr std::string_view kLinger = "torture.linger";
constexpr std::int64_t kLong = 3;

Task<Result<Json>> noted(const Ledger& ledger, const ExecutionContext& context, std::string key, Json answer) {
  ledger.note(context, key);
  co_return answer;
}

Task<Result<Json>> take(const Ledger& ledger, ExecutionContext& context, std::string step, Json input) {
  StepFunction function = [&ledger, &context, key = step + "#1", answer = input](const StepRun&) {
    return noted(ledger, context, key, answer);
  };
  return context.step(std::move(step), std::move(input), std::move(function));
}

}  // namespace

Task<Result<HandlerResult>> nap(const Ledger& ledger, ExecutionContext& context, std::string name,
                                std::int64_t number) {
  const auto before = co_await take(ledger, context, "lie_down", Json(name));
  if (!before) co_return std::unexpected(before.error());
  const auto slept = co_await context.sleep(number == kLong ? 1'050ms : 10ms);
  if (!slept) co_return std::unexpected(slept.error());
  const auto after = co_await take(ledger, context, "get_up", Json(name));
  if (!after) co_return std::unexpected(after.error());
  co_return HandlerResult{Json::object({{"name", name}})};
}

Task<Result<HandlerResult>> ask_for_approval(const Ledger& ledger, ExecutionContext& context, std::string name) {
  const auto asked = co_await take(ledger, context, "ask", Json(name));
  if (!asked) co_return std::unexpected(asked.error());
  Json taken = Json::array();
  for (const char* step : {"first", "second"}) {
    const auto signal = co_await context.wait_signal("approved");
    if (!signal) co_return std::unexpected(signal.error());
    const auto done = co_await take(ledger, context, step, Json((*signal)->signal_id));
    if (!done) co_return std::unexpected(done.error());
    taken.push_back(*done);
  }
  co_return HandlerResult{Json::object({{"name", name}, {"taken", std::move(taken)}})};
}

Task<Result<HandlerResult>> linger(const Ledger& ledger, ExecutionContext& context, std::string name) {
  const auto before = co_await take(ledger, context, "lie_down", Json(name));
  if (!before) co_return std::unexpected(before.error());
  const auto slept = co_await context.sleep(24h);
  if (!slept) co_return std::unexpected(slept.error());
  co_return HandlerResult{Json("nobody cancelled it")};
}

std::map<std::string, Json> signals_of(std::string_view intent_type) {
  if (intent_type != kApproval) return {};
  return {{"approved", Json::parse(R"({"type": "string"})").value()}};
}

bool acts_on_sleep(std::string_view intent_type) {
  return intent_type == kLinger;
}

std::vector<ExecutionCommand> commands_to_waiting(std::string_view intent_type, const std::string& tenant,
                                                  const std::string& execution_id) {
  const auto command = [&](Action action, std::optional<SignalDraft> signal = std::nullopt) {
    return ExecutionCommand{.action = action,
                            .tenant_id = tenant,
                            .execution_id = execution_id,
                            .actor = {"service", "torture"},
                            .reason = "it waited",
                            .signal = std::move(signal)};
  };
  if (intent_type == kLinger) return {command(Action::cancel)};
  if (intent_type != kApproval) return {};
  const SignalDraft first{"approved", Json("yes"), "s-1"};
  return {command(Action::signal, first), command(Action::signal, first),
          command(Action::signal, SignalDraft{"approved", Json("yes again"), "s-2"})};
}

}  // namespace symphainy::tests
