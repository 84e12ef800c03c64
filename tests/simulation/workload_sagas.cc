// SPDX-License-Identifier: Apache-2.0
// The sagas of a simulation: steps that fail now and then, in some behind a pivot, and undo functions that fail too.
#include <fmt/format.h>
#include <map>

#include "crash/saga_course.h"
#include "simulation/sleep.h"
#include "simulation/workload.h"

namespace symphainy::simulation {
namespace {

constexpr std::uint64_t kSlowestUndoUs = 30'000;
constexpr std::uint64_t kSteps = 5;
constexpr const char* kNames[kSteps] = {"train", "hotel", "train", "boat", "guide"};
constexpr std::uint64_t kFailsInEight[kSteps] = {0, 1, 1, 3, 4};

}  // namespace

Task<Result<Json>> Workload::take_saga(const Intent& intent, ExecutionContext& context) {
  const RetryPolicy twice{.max_tries = 2, .first_delay_us = 2'000, .max_delay_us = 2'000};
  const bool cares = context.random() % 8 != 0;
  const std::uint64_t pivot = context.random() % (2 * kSteps);  // mostly none
  const std::uint64_t plain = context.random() % (2 * kSteps);  // the step that cannot be undone
  std::map<std::string, int> counts;
  for (std::uint64_t i = 0; i < kSteps; ++i) {
    const std::string name = kNames[i];
    const std::string key = fmt::format("{}#{}", name, ++counts[name]);
    StepFunction function = [this, &context, key, fails = kFailsInEight[i]](const StepRun&) {
      return run_step(key, context, fails);
    };
    // It outlives the handler, not its context.
    Undo undo{[this, &context, key](const UndoRun&) { return take_back(key, context); }, twice};
    const Json input(intent.intent_id);
    (void)context.now_us();
    const auto done = i == pivot   ? co_await context.pivot_step(name, input, std::move(function), twice)
                      : i == plain ? co_await context.step(name, input, std::move(function), twice)
                                   : co_await context.undoable_step(name, input, std::move(function), std::move(undo));
    if (!done && cares) co_return std::unexpected(done.error());
  }
  co_return Json();
}

Task<Result<void>> Workload::take_back(std::string key, const ExecutionContext& context) {
  note(context, std::string(tests::kUndoPrefix) + key);
  if (simulator_.one_in(3)) {
    operators_.hear_of(context.intent().tenant_id, context.execution_id());
    const auto duration = static_cast<std::int64_t>(simulator_.below(kSlowestUndoUs));
    co_await Sleep{handlers_, simulator_.clock().steady_us() + duration};
  }
  if (simulator_.one_in(3)) co_return fail(ErrorCode::unavailable, "nobody takes it back", "no_connection");
  co_return Result<void>();
}

}  // namespace symphainy::simulation
