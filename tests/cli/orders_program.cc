// SPDX-License-Identifier: Apache-2.0
// A program of somebody's own, as it is deployed again and again: an order in a few steps. What this build of it does
// is said in the environment: ORDER_STEPS ("reserve,charge"), ORDER_EVENT, ORDER_VERSIONS ("1,2"), ORDER_SCHEMA, and
// ORDER_HANGS. Each effect is a line of the file "effects".
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "symphainy/cli.h"

#include "base/try.h"

namespace symphainy {
namespace {

std::string setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> items;
  std::istringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) items.push_back(item);
  return items;
}

Task<Result<Json>> effect(std::string step) {
  std::ofstream("effects", std::ios::app) << step << '\n';
  co_return Json(step + " done");
}

Task<Result<HandlerResult>> place_order(const Intent& intent, ExecutionContext& context) {
  Json done = Json::array();
  for (const std::string& step : list_of(setting("ORDER_STEPS", "reserve,charge"))) {
    auto answer = co_await context.step(step, intent.parameters, [step](const StepRun&) { return effect(step); });
    if (!answer) co_return std::unexpected(answer.error());
    done.push_back(*answer);
  }
  while (std::getenv("ORDER_HANGS") != nullptr) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto event = context.add_event({setting("ORDER_EVENT", "order.placed"), intent.parameters, "", ""});
  if (!event) co_return std::unexpected(event.error());
  co_return HandlerResult{std::move(done)};
}

Result<void> register_orders(Runtime& runtime) {
  TRY(const Json schema, Json::parse(setting("ORDER_SCHEMA", "{}")));
  for (const std::string& version : list_of(setting("ORDER_VERSIONS", "1"))) {
    IntentSupport support{.intent_type = "order.place"};
    support.schema = schema;
    support.version = static_cast<std::uint32_t>(std::stoul(version));
    TRY(runtime.register_intent(std::move(support), "orders", "place", place_order));
  }
  return {};
}

}  // namespace
}  // namespace symphainy

int main(int argc, char** argv) {
  return symphainy::cli_main(argc, argv, symphainy::register_orders);
}
