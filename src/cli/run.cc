// SPDX-License-Identifier: Apache-2.0
// `symphainy run`: executes the intents of a file or a pipe, many in flight, one result line each as they finish. The
// members that a person at a terminal should not have to write (tenant, actor, session, solution) are filled in when
// absent.
#include <algorithm>
#include <fmt/format.h>

#include "base/try.h"
#include "cli/command.h"
#include "cli/intent_input.h"
#include "cli/invocation.h"
#include "cli/progress.h"
#include "cli/result_writer.h"
#include "cli/stop_signal.h"

namespace symphainy::cli {
namespace {

struct RunArguments {
  std::string file = "-";
  std::optional<std::string> actor;
  std::vector<std::string> roots;
  std::optional<std::uint64_t> concurrency;
};

constexpr const char* kSession = "cli";
constexpr const char* kSolution = "default";

/// What an intent gets when it does not say it.
struct IntentDefaults {
  std::optional<std::string> tenant;
  bool tenant_is_asked_for = false;  ///< with --tenant: then no intent may say another
  Actor actor;

  /// The tenant that the intent says against --tenant.
  [[nodiscard]] std::optional<std::string> contradiction(const Json& intent) const {
    const Json* said = intent.find("tenant_id");
    const auto name = said == nullptr ? std::nullopt : said->as_string();
    if (!tenant_is_asked_for || !name || *name == *tenant) return std::nullopt;
    return std::string(*name);
  }

  void fill(Json& intent) const {
    auto put = [&](std::string_view key, Json value) {
      if (intent.find(key) == nullptr) intent[key] = std::move(value);
    };
    if (tenant) put("tenant_id", *tenant);
    put("actor", Json::object({{"type", actor.type}, {"id", actor.id}}));
    put("session_id", kSession);
    put("solution_id", kSolution);
  }
};

Result<app::Configuration> configure(const Invocation& invocation, const RunArguments& arguments) {
  std::map<std::string, Json> flags;
  if (arguments.actor) flags.emplace("actor", *arguments.actor);
  if (arguments.concurrency) flags.emplace("concurrency", *arguments.concurrency);
  if (!arguments.roots.empty()) {
    Json roots = Json::array();
    for (const std::string& root : arguments.roots) roots.push_back(root);
    flags.emplace("roots", std::move(roots));
  }
  TRY(app::Configuration configuration, invocation.configuration(std::move(flags)));
  if (configuration.tenant == kEveryTenant)
    return fail(ErrorCode::invalid_argument, "an intent belongs to one tenant; name it with --tenant NAME",
                "no_tenant");
  return configuration;
}

class Run {
 public:
  Run(Runtime& runtime, const app::Configuration& configuration, bool tenant_is_asked_for)
      : runtime_(runtime), limits_(configuration.limits), writer_(configuration.concurrency) {
    defaults_.tenant = configuration.tenant;
    defaults_.tenant_is_asked_for = tenant_is_asked_for;
    defaults_.actor = who_asks(configuration);
  }

  /// Takes everything in, then waits for what is in flight, also when the input broke off.
  Result<void> take(IntentInput& input) {
    Result<void> outcome = submit_all(input);
    writer_.finish();
    progress_.finish(counts(input));
    return outcome;
  }

  [[nodiscard]] const ResultWriter& results() const noexcept { return writer_; }

 private:
  Result<void> submit_all(IntentInput& input) {
    while (true) {
      TRY(auto item, input.next());
      if (!item) return {};
      // Taken before the next intent is parsed, so that a slow runtime bounds what is held in memory.
      if (!writer_.take_slot()) return {};
      submit(*std::move(item));
      progress_.update(counts(input));
    }
  }

  void submit(InputItem item) {
    auto done = [this, line = item.line](Result<ExecutionResult> outcome) { writer_.put(line, std::move(outcome)); };
    if (!item.json) return done(std::unexpected(std::move(item.json).error()));
    if (!item.json->is_object())
      return done(
          fail(ErrorCode::invalid_argument, "an intent is a JSON object; see symphainy run --help", "not_an_object"));
    if (const auto other = defaults_.contradiction(*item.json))
      return done(
          fail(ErrorCode::invalid_argument,
               fmt::format("the intent's tenant_id is '{}', and --tenant is '{}'; leave out one of them, or make "
                           "them agree",
                           *other, *defaults_.tenant),
               "tenant_mismatch"));
    defaults_.fill(*item.json);
    auto intent = Intent::from_json(*item.json, limits_);
    if (intent)
      runtime_.submit(*std::move(intent), done);
    else
      runtime_.submit_json(*std::move(item.json), done);
  }

  [[nodiscard]] ProgressCounts counts(const IntentInput& input) const {
    return {writer_.completed(), writer_.failed(), input.bytes_taken(), input.total_bytes()};
  }

  Runtime& runtime_;
  IntentLimits limits_;
  IntentDefaults defaults_;
  Progress progress_;
  ResultWriter writer_;
};

int exit_code(const ResultWriter& results, bool stopped) {
  if (results.any_unknown()) return kUnknown;
  return results.failed() > 0 || stopped ? kSomeFailed : kOk;
}

Result<int> run(Invocation& invocation, const RunArguments& arguments) {
  TRY(const app::Configuration configuration, configure(invocation, arguments));
  const StopSignal stop;
  TRY(IntentInput input, IntentInput::open(arguments.file, configuration.limits, stop));
  RuntimeOptions options = configuration.runtime_options();
  options.max_in_flight = std::max(options.max_in_flight, configuration.concurrency);
  TRY(const auto runtime, invocation.open_runtime(options, configuration.roots));
  if (!arguments.roots.empty() && goes_through_socket(*runtime))
    notify("the data directory is served by another process: files are read from its roots, not from --root");
  Run taken(*runtime, configuration, invocation.tenant_flag().has_value());
  const Result<void> outcome = taken.take(input);
  const Result<void> closed = runtime->close();
  if (!outcome) return std::unexpected(outcome.error());
  const int code = exit_code(taken.results(), stop.raised());
  if (stop.raised())
    notify("stopped on request; run the same input again to go on, with idempotency keys nothing is done twice");
  if (!closed && code != kUnknown) return std::unexpected(closed.error());
  return code;
}

}  // namespace

void add_run(Command root) {
  auto arguments = std::make_shared<RunArguments>();
  root.add("run",
           fmt::format("execute intents: one JSON object, a JSON array, or NDJSON. Where an intent does not say "
                       "them, its tenant_id is that of --tenant, its actor that of --actor, its session_id {} and "
                       "its solution_id {}",
                       kSession, kSolution))
      .takes_data()
      .takes_tenant()
      .optional_argument("FILE", arguments->file, "file of intents; - or nothing is stdin")
      .option("--actor", arguments->actor, "who asks, where an intent does not say (default: the OS user)", "TYPE:ID")
      .option("--root", arguments->roots, "directory that files may be read from; repeatable (default: .)", "DIR")
      .option("--concurrency", arguments->concurrency, "intents in flight at the same time (default: 64)")
      .examples(
          {"symphainy run --tenant acme intents.ndjson",
           R"(echo '{"intent_type":"ingest_file","parameters":{"path":"policies.csv"}}' | symphainy run --tenant acme)",
           "symphainy run --data ./data --root /srv/files --concurrency 256 - < intents.ndjson"})
      .runs([arguments](Invocation& invocation) { return run(invocation, *arguments); });
}

}  // namespace symphainy::cli
