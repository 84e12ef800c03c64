// SPDX-License-Identifier: Apache-2.0
// `symphainy replay` and `symphainy execution replay`: whether this program would do again what the log says was done.
// Only reads, also beside the process that owns the directory.
#include <chrono>
#include <fmt/format.h>
#include <memory>

#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/replay_report.h"
#include "cli/replay_sample.h"
#include "cli/rows.h"
#include "runtime/execution_replay.h"
#include "runtime/handler_catalogue.h"

namespace symphainy::cli {
namespace {

constexpr std::uint64_t kDefaultSeconds = 30;
constexpr std::uint64_t kMaxSeconds = 86'400;

struct ReplayArguments {
  std::string id;
  bool all = false;
  std::optional<std::uint64_t> sample;
  std::optional<std::string> type;
  std::optional<std::string> since;
  std::optional<std::string> until;
  std::optional<std::uint64_t> timeout;
};

/// The store and this program's handlers.
struct Replayer {
  public_works::TenantScope scope = public_works::TenantScope::every_tenant();
  std::shared_ptr<app::StoreReader> store;
  std::unique_ptr<runtime::HandlerCatalogue> catalogue;
  std::unique_ptr<runtime::ExecutionReplay> replay;
  std::chrono::seconds time_limit{kDefaultSeconds};

  [[nodiscard]] Result<runtime::ReplayReport> run(const public_works::ExecutionRow& row) const {
    return replay->replay(row, catalogue->registry(), time_limit);
  }
};

Result<Replayer> open_replayer(const Invocation& invocation, const ReplayArguments& arguments) {
  Replayer replayer;
  const std::uint64_t seconds = arguments.timeout.value_or(kDefaultSeconds);
  if (seconds == 0 || seconds > kMaxSeconds)
    return fail(ErrorCode::invalid_argument,
                fmt::format("--timeout {} is none; it is 1 to {} seconds", seconds, kMaxSeconds));
  replayer.time_limit = std::chrono::seconds(seconds);
  TRY(ScopedReader reader, open_scoped(invocation));
  replayer.scope = std::move(reader.scope);
  replayer.store = std::move(reader.store);
  TRY(const auto recorded, replayer.store->state().registrations());
  replayer.catalogue = std::make_unique<runtime::HandlerCatalogue>(recorded);
  TRY(const app::Configuration configuration, invocation.configuration());
  TRY(invocation.register_handlers(*replayer.catalogue, configuration.roots, configuration.data_directory));
  app::StoreReader& store = *replayer.store;
  TRY(replayer.replay,
      runtime::ExecutionReplay::open({replayer.store, store.state(), store.lineage(), store.log(), store.artifacts()}));
  return replayer;
}

bool is_bad(runtime::ReplayOutcome outcome) {
  return outcome == runtime::ReplayOutcome::diverged || outcome == runtime::ReplayOutcome::timed_out;
}

Result<int> replay_one(Invocation& invocation, const ReplayArguments& arguments) {
  TRY(const Replayer replayer, open_replayer(invocation, arguments));
  TRY(const auto row, replayer.store->state().execution(replayer.scope, arguments.id));
  if (!row) return std::unexpected(unknown_id("execution", arguments.id, "execution list"));
  TRY(const auto report, replayer.run(*row));
  if (invocation.out().json())
    invocation.out().json_line(replay_json(*row, report, replayer.scope));
  else
    print_replay(invocation.out(), *row, report, replayer.scope);
  return is_bad(report.outcome) ? kSomeFailed : kOk;
}

Result<public_works::ExecutionFilter> filter_of(const ReplayArguments& arguments, const Replayer& replayer) {
  public_works::ExecutionFilter filter;
  filter.scope = replayer.scope;
  filter.intent_type = arguments.type;
  TRY(filter.since_us, parse_moment(arguments.since));
  TRY(filter.until_us, parse_moment(arguments.until));
  return filter;
}

Result<void> check(const ReplayArguments& arguments) {
  if (!arguments.all)
    return fail(ErrorCode::invalid_argument,
                "say which executions: --all (with --sample, --type, --since or --until as you like), or one with "
                "symphainy execution replay ID");
  if (arguments.sample == 0U)
    return fail(ErrorCode::invalid_argument, "--sample 0 replays nothing; give at least 1, or leave it out for all");
  return {};
}

/// On a terminal only what is to be looked at.
void print(const Output& out, const public_works::ExecutionRow& row, const runtime::ReplayReport& report,
           const public_works::TenantScope& scope) {
  if (out.json()) return out.json_line(replay_json(row, report, scope));
  if (!is_bad(report.outcome)) return;
  print_replay(out, row, report, scope);
  out.line("");
}

Result<int> replay_all(Invocation& invocation, const ReplayArguments& arguments) {
  TRY(check(arguments));
  TRY(const Replayer replayer, open_replayer(invocation, arguments));
  TRY(auto filter, filter_of(arguments, replayer));
  const Output& out = invocation.out();
  ReplayCounts counts;
  TRY(visit_sample(replayer.store->state(), std::move(filter), arguments.sample,
                   [&](const public_works::ExecutionRow& row) -> Result<void> {
                     const auto report = replayer.run(row);
                     if (!report && !is_skipped(report.error())) return std::unexpected(report.error());
                     if (report) {
                       counts.add(report->outcome);
                       print(out, row, *report, replayer.scope);
                     } else {
                       ++counts.skipped[report.error().reason];
                       if (out.json()) out.json_line(skipped_json(row, report.error()));
                     }
                     return {};
                   }));
  if (out.json())
    out.json_line(Json::object({{"summary", counts.to_json()}}));
  else
    out.line(counts.sentence());
  if (counts.replayed() == 0 && !counts.skipped.empty()) {
    complain("nothing was compared: " + counts.sentence() +
             "; replay with the program that has the handlers, on a store that has the history");
    return kSomeFailed;
  }
  return counts.diverged + counts.timed_out > 0 ? kSomeFailed : kOk;
}

constexpr const char* kTimeoutHelp = "give up on a handler that takes longer, in seconds (default: 30)";

}  // namespace

void add_execution_replay(Command& execution) {
  auto arguments = std::make_shared<ReplayArguments>();
  execution
      .add("replay",
           "run the handler again with every answer taken from the log, and tell the first thing that it does "
           "otherwise; no step is run and nothing is written. Exits with 1 when there is one")
      .takes_data()
      .takes_tenant()
      .argument("ID", arguments->id, "the execution")
      .option("--timeout", arguments->timeout, kTimeoutHelp)
      .examples({"symphainy execution replay ID --tenant acme"})
      .runs([arguments](Invocation& invocation) { return replay_one(invocation, *arguments); });
}

void add_replay(Command root) {
  auto arguments = std::make_shared<ReplayArguments>();
  root.add("replay",
           "replay executions with the handlers of this program, before it is deployed: whether they do again what the "
           "log says. Only reads. Exits with 1 when one does not, or when none could be replayed")
      .takes_data()
      .takes_tenant()
      .flag("--all", arguments->all, "every execution, newest first")
      .option("--sample", arguments->sample,
              "of each intent type so many, evenly spread from the newest to the oldest; the same ones each time")
      .option("--type,--intent-type", arguments->type, "only this intent type", "TYPE")
      .option("--since", arguments->since, "accepted then or later: a time, or a span such as 2h", "TIME")
      .option("--until", arguments->until, "accepted then or earlier", "TIME")
      .option("--timeout", arguments->timeout, kTimeoutHelp)
      .examples({"symphainy replay --all --tenant acme", "symphainy replay --all --sample 20 --tenant '*' -o json"})
      .runs([arguments](Invocation& invocation) { return replay_all(invocation, *arguments); });
}

}  // namespace symphainy::cli
