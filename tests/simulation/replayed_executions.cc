// SPDX-License-Identifier: Apache-2.0
#include "simulation/replayed_executions.h"

#include <chrono>
#include <fmt/format.h>

#include "base/try.h"
#include "public_works/adapters/memory/memory_artifact_store.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "runtime/execution_replay.h"
#include "runtime/handler_catalogue.h"
#include "runtime/state_surface.h"

namespace symphainy::simulation {
namespace {

using runtime::ReplayOutcome;

constexpr std::chrono::seconds kTimeLimit{60};

std::string told(const public_works::ExecutionRow& row, const runtime::ReplayReport& report) {
  std::string text = fmt::format("{} {} ({} in attempt {}): {} at position {} {}", row.intent_type, row.execution_id,
                                 row.status, row.attempt, to_string(report.outcome), report.position, report.record);
  if (report.divergence) {
    text += fmt::format(", {} {}: expected {}, got {}", report.divergence->what, report.divergence->key,
                        report.divergence->expected.dump(), report.divergence->got.dump());
  }
  return text;
}

}  // namespace

std::vector<tests::Violation> replay_every_execution(const public_works::EventLog& log, Workload& workload,
                                                     std::map<std::string, std::uint64_t>& counts) {
  std::vector<tests::Violation> violations;
  public_works::MemoryStateStore state;
  public_works::MemoryArtifactStore artifacts;
  CHECK(runtime::fold_log(log, state));
  runtime::HandlerCatalogue catalogue(state.registrations().value());
  CHECK(workload.register_replayed_handlers(catalogue));
  const auto replay = runtime::ExecutionReplay::open({nullptr, state, state, log, artifacts}).value();
  public_works::ExecutionFilter all;
  all.limit = SIZE_MAX;
  for (const auto& row : state.list_executions(all).value()) {
    if (row.status == "rejected") continue;
    const auto report = replay->replay(row, catalogue.registry(), kTimeLimit);
    if (!report) {
      violations.push_back({.invariant = "replay", .what = row.execution_id + ": " + report.error().message});
      continue;
    }
    ++counts[fmt::format("replayed_{}", to_string(report->outcome))];
    const bool is_open = report->outcome == ReplayOutcome::history_ended && row.status != "completed";
    if (report->outcome == ReplayOutcome::same || is_open) continue;
    violations.push_back({.invariant = "replay", .what = told(row, *report)});
  }
  return violations;
}

}  // namespace symphainy::simulation
