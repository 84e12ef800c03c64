// SPDX-License-Identifier: Apache-2.0
#include "approvals.h"

#include <future>
#include <utility>

namespace symphainy::tests {
namespace {

Task<Result<HandlerResult>> buy(const Intent&, ExecutionContext& context) {
  const auto approval = co_await context.wait_signal("approved");
  if (!approval) co_return std::unexpected(approval.error());
  co_return HandlerResult{Json::object({{"approved", (*approval)->value}, {"by", (*approval)->actor.id}})};
}

}  // namespace

Result<void> register_approvals(Runtime& runtime) {
  IntentSupport support{.intent_type = "buy"};
  support.signals = {{"approved", Json::object({{"type", "boolean"}})}};
  return runtime.register_intent(std::move(support), "shop", "buy", buy);
}

Result<std::string> begin_buying(Runtime& runtime) {
  std::promise<Result<ExecutionResult>> begun;
  runtime.start(Intent::create("buy", "acme", "s", "s", {"user", "u"}),
                [&begun](Result<ExecutionResult> result) { begun.set_value(std::move(result)); });
  auto result = begun.get_future().get();
  if (!result) return std::unexpected(result.error());
  return result->execution_id;
}

}  // namespace symphainy::tests
