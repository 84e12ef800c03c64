// SPDX-License-Identifier: Apache-2.0
// An order in three durable steps: order DATA ORDER [STEP], where the process dies in the middle of STEP. Run it again
// with the same order: what was recorded is not done again, and the step that died is asked for under the same token.
//
// The world outside is the file DATA/outside: a line for each effect, with the token under which it happened.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <symphainy/runtime.h>

using namespace symphainy;

namespace {

std::string outside;
std::string dies_in;

// What a good service does with a token: the second request with it is answered like the first, and changes nothing.
bool has_happened(const std::string& token) {
  std::ifstream file(outside);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(token)) return true;
  }
  return false;
}

Task<Result<Json>> act(std::string step, StepRun run) {
  if (!has_happened(run.token)) std::ofstream(outside, std::ios::app) << run.token << ' ' << step << std::endl;
  if (step == dies_in) std::raise(SIGKILL);
  co_return Json(step + " done");
}

Task<Result<HandlerResult>> handle_order(const Intent& intent, ExecutionContext& context) {
  const RetryPolicy retry{.max_tries = 5, .first_delay_us = 200'000, .max_delay_us = 10'000'000};
  Json done = Json::array();
  for (const char* step : {"reserve", "charge", "confirm"}) {
    auto answer =
        co_await context.step(step, intent.parameters, [step](const StepRun& run) { return act(step, run); }, retry);
    if (!answer) co_return std::unexpected(answer.error());
    done.push_back(*std::move(answer));
  }
  co_return HandlerResult{std::move(done)};
}

int failed(const Error& error) {
  std::fprintf(stderr, "order: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fputs("usage: order DATA ORDER [STEP]\n", stderr), 2;
  outside = std::string(argv[1]) + "/outside";
  if (argc > 3) dies_in = argv[3];
  RuntimeOptions options;
  options.data_directory = argv[1];
  auto runtime = Runtime::open(options);
  if (!runtime) return failed(runtime.error());
  IntentSupport support{.intent_type = "order"};
  if (auto ok = (*runtime)->register_intent(support, "shop", "order", handle_order); !ok) return failed(ok.error());

  Intent intent =
      Intent::create("order", "acme", "session-1", "shop", {"user", "maria"}, Json::object({{"order", argv[2]}}));
  intent.idempotency_key = argv[2];
  auto result = (*runtime)->execute(intent);
  if (!result) return failed(result.error());
  std::puts(result->to_json().dump().c_str());
  if (auto closed = (*runtime)->close(); !closed) return failed(closed.error());
  return result->status == ExecutionStatus::completed ? 0 : 1;
}
