// SPDX-License-Identifier: Apache-2.0
#include "runtime/execution_replay.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/try.h"
#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/executor.h"
#include "runtime/execution_history.h"
#include "runtime/replay_artifacts.h"
#include "runtime/replay_comparison.h"
#include "runtime/replay_run.h"
#include "runtime/running_execution.h"
#include "runtime/state_surface.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

// Time comes from the log alone.
class NoClock final : public public_works::Clock {
 public:
  std::int64_t wall_us() const override { return 0; }
  std::int64_t steady_us() const override { return 0; }
};

// Nothing is folded.
class NoExecutor final : public public_works::Executor {
 public:
  void post(public_works::Work /*work*/) override {}
  void post_at(std::int64_t /*steady_us*/, public_works::Work /*work*/) override {}
};

std::unexpected<Error> missing_handler(const public_works::ExecutionRow& execution, const HandlerIdentity& identity) {
  return fail(ErrorCode::not_found,
              fmt::format("execution {} began under '{}' version {} ({}/{}), which this program has not registered; "
                          "replay it with a program that has",
                          execution.execution_id, execution.intent_type, identity.version, identity.domain_service,
                          identity.handler),
              kMissingHandler);
}

std::unexpected<Error> never_ran(const public_works::ExecutionRow& execution) {
  return fail(ErrorCode::not_found,
              fmt::format("execution {} has nothing to replay: its intent was rejected, so no handler ran",
                          execution.execution_id),
              kNeverRan);
}

}  // namespace

std::string_view to_string(ReplayOutcome outcome) noexcept {
  switch (outcome) {
    case ReplayOutcome::same:
      return "same";
    case ReplayOutcome::diverged:
      return "diverged";
    case ReplayOutcome::history_ended:
      return "history_ended";
    case ReplayOutcome::timed_out:
      return "timed_out";
  }
  return "unknown";
}

struct ExecutionReplay::Place {
  explicit Place(const ReplayStores& from) : stores(from), artifacts(from.artifacts) {}

  ReplayStores stores;
  ReplayArtifacts artifacts;
  NoClock clock;
  NoExecutor executor;
  std::unique_ptr<StateSurface> surface;
  std::optional<ContextServices> services;
};

namespace {

// One execution and what it is held to.
struct Replayed {
  std::vector<base::LogRecord> history;
  RecordedCourse course;
  RegisteredPtr handler;
};

Result<std::optional<Divergence>> compare(const Replayed& replayed, ReplayContext& context,
                                          const Result<HandlerResult>& answer, std::vector<std::string>& not_compared) {
  if (auto missing = context.not_asked_for()) return missing;
  const RecordedEnd& end = replayed.course.end;
  if (end.open) return std::nullopt;
  Result<Json> value = std::unexpected(Error());
  if (answer) {
    const auto fits = RuntimeExecutionContext::check_result(answer->value);
    value = fits ? Result<Json>(answer->value) : std::unexpected(fits.error());
  } else {
    value = std::unexpected(answer.error());
  }
  if (value && is_refused_commit(end)) {
    not_compared.emplace_back("why its commit was refused: that depends on the tenant's state and references then");
    return std::nullopt;
  }
  if (value && end.value) {
    TRY(auto found, compare_commit(replayed.history, context.commit(), context.owner(), end));
    if (found) return found;
  }
  auto found = compare_end(end, value);
  if (!found || !end.is_of_its_time) return found;
  not_compared.emplace_back("why it failed: of what was missing or broken then, outside of its steps");
  return std::nullopt;
}

Result<ReplayReport> report_of(const Replayed& replayed, ReplayRun& run, bool in_time) {
  ReplayReport report;
  report.handler_version = replayed.handler->version;
  report.position = replayed.course.end.position;
  report.not_compared = replayed.course.not_compared;
  const auto stop = run.context().stop();
  if (!stop && in_time) {
    TRY(report.divergence, compare(replayed, run.context(), *run.answer(), report.not_compared));
    if (report.divergence) report.outcome = ReplayOutcome::diverged;
    return report;
  }
  switch (stop ? stop->why : ReplayStop::Why::timed_out) {
    case ReplayStop::Why::diverged:
      report.outcome = ReplayOutcome::diverged;
      report.divergence = stop->divergence;
      break;
    case ReplayStop::Why::history_ended:
      report.outcome = ReplayOutcome::history_ended;
      report.asked = stop->asked.to_json();
      break;
    case ReplayStop::Why::retired:
      return std::unexpected(stop->error);
    case ReplayStop::Why::timed_out:
      report.outcome = ReplayOutcome::timed_out;
      break;
  }
  return report;
}

void place(const std::vector<base::LogRecord>& history, ReplayReport& report) {
  if (report.divergence) report.position = report.divergence->position;
  const auto found = std::ranges::find(history, report.position, &base::LogRecord::position);
  if (found == history.end()) return;
  report.tenant_seq = found->tenant_seq;
  report.record = record_name(found->type);
}

}  // namespace

ExecutionReplay::ExecutionReplay(std::shared_ptr<Place> place) : place_(std::move(place)) {}

Result<std::unique_ptr<ExecutionReplay>> ExecutionReplay::open(const ReplayStores& stores) {
  auto place = std::make_shared<Place>(stores);
  TRY(place->surface, StateSurface::open(stores.state, place->executor, [](const Result<std::uint64_t>&) {}));
  place->services.emplace(
      ContextServices{*place->surface, stores.lineage, place->artifacts, stores.log, place->clock, {}});
  return std::unique_ptr<ExecutionReplay>(new ExecutionReplay(std::move(place)));
}

Result<ReplayReport> ExecutionReplay::replay(const public_works::ExecutionRow& execution,
                                             const IntentRegistry& registry, std::chrono::milliseconds time_limit) {
  if (execution.status == "rejected") return never_ran(execution);
  Replayed replayed;
  TRY(replayed.history, read_history(place_->stores.log, execution));
  TRY(const HandlerIdentity identity, handler_from_history(replayed.history));
  replayed.handler = registry.find(execution.intent_type, identity.version);
  if (!replayed.handler) return missing_handler(execution, identity);
  TRY(replayed.course, read_course(replayed.history));

  const auto run_once = [&](ReplayContext::HearsCancellation hears) -> Result<ReplayReport> {
    auto context =
        std::make_unique<ReplayContext>(*place_->services, replayed.history.front().execution, replayed.course, hears);
    const auto run = std::make_shared<ReplayRun>(place_, replayed.handler, std::move(context));
    const bool in_time = ReplayRun::run(run, time_limit);
    return report_of(replayed, *run, in_time);
  };
  TRY(auto report, run_once(ReplayContext::HearsCancellation::with_the_last_record));
  if (report.outcome == ReplayOutcome::diverged && replayed.course.cancellation) {
    // When it heard of the cancellation is not recorded: it may have been only when a step was refused.
    TRY(auto other, run_once(ReplayContext::HearsCancellation::by_a_step_alone));
    if (other.outcome != ReplayOutcome::diverged) report = std::move(other);
  }
  place(replayed.history, report);
  return report;
}

}  // namespace symphainy::runtime
