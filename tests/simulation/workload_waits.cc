// SPDX-License-Identifier: Apache-2.0
// The executions of a simulation that wait: for some time, for a time of day, for signals that come early, late, twice
// or never; between steps, and over the deaths of processes.
#include <chrono>
#include <fmt/format.h>
#include <utility>

#include "simulation/workload.h"

namespace symphainy::simulation {
namespace {

constexpr std::uint64_t kShortNapUs = 300'000;  // the frame is kept
constexpr std::uint64_t kLongNapUs = 4'000'000;
constexpr std::int64_t kLateByUs = 500'000;
constexpr const char* kSignal = "approved";

}  // namespace

Task<Result<Json>> Workload::take_live_waits(const Intent& intent, ExecutionContext& context) {
  const Frame frame(*this);
  co_return co_await take_waits(intent, context, true);
}

// A replay leaves no trace.
Task<Result<Json>> Workload::take_waits(const Intent& intent, ExecutionContext& context, bool live) {
  const std::uint64_t waits = 1 + context.random() % 3;
  for (std::uint64_t i = 0; i < waits; ++i) {
    const std::string place = fmt::format("{}/{}", context.execution_id(), i);
    auto over = intent.intent_type == "approval" ? co_await wait_for_approval(place, intent, context, live)
                                                 : co_await nap(place, context, live);
    if (!over) co_return std::unexpected(over.error());
    if (live) answered_alike(place, over->dump());
    const std::string key = fmt::format("move#{}", i + 1);
    const auto moved = co_await context.step(
        "move", *std::move(over), [this, &context, key](const StepRun&) { return run_step(key, context, 1); });
    if (!moved) co_return std::unexpected(moved.error());
  }
  co_return Json();
}

Task<Result<Json>> Workload::nap(std::string place, ExecutionContext& context, bool live) {
  const std::uint64_t kind = context.random() % 3;
  if (kind == 2) {
    const std::int64_t until_us =
        context.now_us() - kLateByUs + static_cast<std::int64_t>(context.random() % kLongNapUs);
    const auto slept = co_await context.sleep_until(until_us);
    if (!slept) co_return std::unexpected(slept.error());
    co_return Json("time");
  }
  const auto duration_us = static_cast<std::int64_t>(context.random() % (kind == 0 ? kShortNapUs : kLongNapUs));
  Nap nap{generation_, simulator_.clock().steady_us()};
  if (live) nap = naps_.emplace(place, nap).first->second;
  const auto slept = co_await context.sleep(std::chrono::microseconds(duration_us));
  if (!slept) co_return std::unexpected(slept.error());
  // While one process lives, nothing but the clock that nobody sets tells how long it was.
  const std::int64_t slept_us = simulator_.clock().steady_us() - nap.began_us;
  if (live && !is_dead_() && nap.generation == generation_ && slept_us < duration_us) {
    complaints_.push_back({"I16", fmt::format("{}: slept for {} us and not for {}", place, slept_us, duration_us)});
  }
  co_return Json("slept");
}

Task<Result<Json>> Workload::wait_for_approval(std::string place, const Intent& intent, ExecutionContext& context,
                                               bool live) {
  std::optional<std::chrono::microseconds> timeout;
  if (context.random() % 2 == 0) timeout = std::chrono::microseconds(context.random() % kLongNapUs);
  const bool answers = !timeout || context.random() % 2 == 0;
  if (answers && live) operators_.send_signal(intent.tenant_id, context.execution_id(), kSignal, place);
  auto came = co_await context.wait_signal(kSignal, timeout);
  if (!came) co_return std::unexpected(came.error());
  if (!*came) co_return Json("nobody");
  co_return Json::object({{"id", (*came)->signal_id}, {"value", (*came)->value}});
}

// What one attempt was told, is what every later one is told.
void Workload::answered_alike(const std::string& place, const std::string& answer) {
  if (is_dead_()) return;
  const auto [first, fresh] = answers_.emplace(place, answer);
  if (fresh || first->second == answer) return;
  complaints_.push_back({"I16", fmt::format("{}: answered with {}, and before with {}", place, answer, first->second)});
}

}  // namespace symphainy::simulation
