// SPDX-License-Identifier: Apache-2.0
// `symphainy execution`: which there are, what one did, and why it ended as it did.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/time.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/rows.h"
#include "cli/timeline.h"
#include "cli/why.h"

namespace symphainy::cli {
namespace {

constexpr std::array<std::string_view, 12> kStatuses{
    "pending",   "running", "waiting",   "parked",     "compensating", "compensation_stuck",
    "completed", "failed",  "cancelled", "terminated", "compensated",  "rejected"};

struct ListOptions {
  std::optional<std::string> session;
  std::optional<std::string> solution;
  std::optional<std::string> type;
  std::optional<std::string> status;
  std::optional<std::string> since;
  std::optional<std::string> until;
  std::optional<std::string> cursor;
  std::optional<std::uint64_t> limit;
};

struct ShowArguments {
  std::string id;
  std::optional<std::string> as_of;
  bool timeline = false;
};

std::string status_list() {
  return fmt::format("{}", fmt::join(kStatuses, ", "));
}

/// The cursor is the last execution seen, not its position, which would tell a tenant how busy the others are.
Result<public_works::ExecutionFilter> filter_of(const ListOptions& options, const ScopedReader& reader) {
  if (options.status && std::ranges::find(kStatuses, *options.status) == kStatuses.end())
    return fail(ErrorCode::invalid_argument,
                fmt::format("--status {} is none; it is one of {}", *options.status, status_list()));
  public_works::ExecutionFilter filter;
  filter.scope = reader.scope;
  filter.session = options.session;
  filter.solution = options.solution;
  filter.intent_type = options.type;
  filter.status = options.status;
  TRY(filter.since_us, parse_moment(options.since));
  TRY(filter.until_us, parse_moment(options.until));
  if (!options.cursor) return filter;
  TRY(const auto last, reader.store->state().execution(reader.scope, *options.cursor));
  if (!last) return std::unexpected(unknown_id("execution", *options.cursor, "execution list"));
  filter.before_position = last->accepted_position;
  return filter;
}

void print_executions(const Output& out, const std::vector<public_works::ExecutionRow>& rows, bool with_tenant) {
  Table table{{{"#", Align::right},
               {"execution"},
               {"intent type"},
               {"status"},
               {"session"},
               {"accepted at"},
               {"took", Align::right}},
              {}};
  if (with_tenant) table.columns.insert(table.columns.begin() + 1, {"tenant"});
  for (const auto& row : rows) {
    const std::string took = row.ended_us == 0 ? "" : format_duration(row.ended_us - row.accepted_us);
    std::vector<Cell> cells{std::to_string(with_tenant ? row.accepted_position : row.tenant_seq),
                            row.execution_id,
                            row.intent_type,
                            status_cell(row.status),
                            row.session,
                            base::format_time(row.accepted_us),
                            took};
    if (with_tenant) cells.insert(cells.begin() + 1, Cell(row.tenant));
    table.rows.push_back(std::move(cells));
  }
  out.table(table);
}

Result<int> list(Invocation& invocation, const ListOptions& options) {
  TRY(const std::size_t limit, list_limit(options.limit));
  TRY(const ScopedReader reader, open_scoped(invocation));
  TRY(auto filter, filter_of(options, reader));
  filter.limit = limit + 1;
  TRY(auto rows, reader.store->state().list_executions(filter));
  const bool more = rows.size() > limit;
  if (more) rows.resize(limit);
  if (!invocation.out().json()) {
    print_executions(invocation.out(), rows, !reader.scope.tenant());
    if (more) notify(fmt::format("there are more; go on with --cursor {}", rows.back().execution_id));
    return kOk;
  }
  Json executions = Json::array();
  for (const auto& row : rows) executions.push_back(execution_json(row, reader.scope));
  invocation.out().json_line(Json::object(
      {{"executions", std::move(executions)}, {"next_cursor", more ? Json(rows.back().execution_id) : Json()}}));
  return kOk;
}

Json show_json(const ExecutionStory& story, bool timeline, const public_works::TenantScope& scope) {
  Json json = execution_json(story.row, scope);
  // What the result says in full replaces the row's counts.
  story.result.to_json().for_each_member([&](std::string_view key, const Json& value) {
    if (key != "position" && key != "duration_us") json[key] = value;
  });
  if (timeline) json["timeline"] = timeline_json(story, scope);
  return json;
}

void print_row(const Output& out, const ExecutionStory& story) {
  const auto& row = story.row;
  std::vector<std::pair<std::string, Cell>> facts{{"execution", row.execution_id},
                                                  {"status", status_cell(row.status)},
                                                  {"intent", row.intent_id},
                                                  {"intent type", row.intent_type},
                                                  {"tenant", row.tenant},
                                                  {"session", row.session},
                                                  {"solution", row.solution},
                                                  {"actor", row.actor},
                                                  {"attempt", std::to_string(row.attempt)},
                                                  {"accepted at", base::format_time(row.accepted_us)}};
  if (row.idempotency_key) facts.emplace_back("idempotency key", *row.idempotency_key);
  if (!row.rerun_of.empty()) facts.emplace_back("rerun of", row.rerun_of);
  if (!row.successor.empty()) facts.emplace_back("successor", row.successor);
  if (row.ended_us != 0) {
    facts.emplace_back("ended at", base::format_time(row.ended_us));
    facts.emplace_back("took", format_duration(row.ended_us - row.accepted_us));
  }
  if (story.result.error)
    facts.emplace_back(
        "error", Cell(fmt::format("{}: {}", story.result.error->name(), story.result.error->message), Colour::bad));
  if (!story.result.value.is_null()) facts.emplace_back("result", story.result.value.dump());
  out.facts(facts);
}

void print_results(const Output& out, const ExecutionResult& result) {
  if (!result.artifacts.empty()) {
    Table table{{{"artifact"}, {"media type"}, {"size", Align::right}, {"sha256"}}, {}};
    for (const auto& artifact : result.artifacts)
      table.rows.push_back({artifact.name, artifact.media_type, format_bytes(artifact.size), artifact.digest});
    out.line("");
    out.table(table);
  }
  if (!result.references.empty()) {
    Table table{{{"reference"}, {"type"}, {"name"}, {"location"}}, {}};
    for (const auto& reference : result.references)
      table.rows.push_back({reference.reference_id, reference.type, reference.name, reference.location});
    out.line("");
    out.table(table);
  }
  if (!result.events.empty()) {
    Table table{{{"event"}, {"type"}, {"topic"}}, {}};
    for (const auto& event : result.events) table.rows.push_back({event.event_id, event.type, event.topic});
    out.line("");
    out.table(table);
  }
}

/// What is left of an execution whose records are retired.
Result<int> show_row(const Output& out, const ScopedReader& reader, const std::string& execution_id) {
  TRY(auto row, reader.store->state().execution(reader.scope, execution_id));
  if (!row) return std::unexpected(unknown_id("execution", execution_id, "execution list"));
  if (out.json()) {
    Json json = execution_json(*row, reader.scope);
    json[public_works::kHistoryRetired] = true;
    out.json_line(json);
  } else {
    ExecutionStory story;
    story.row = *std::move(row);
    print_row(out, story);
  }
  notify("its records are retired: this is what the projections know of it");
  return kOk;
}

Result<int> show(Invocation& invocation, const ShowArguments& arguments) {
  TRY(const ScopedReader reader, open_scoped(invocation));
  std::optional<runtime::LogMoment> moment;
  if (arguments.as_of) {
    TRY(moment, parse_log_moment(*arguments.as_of, reader.scope));
  }
  const auto loaded = load_story(reader, arguments.id, moment);
  const Output& out = invocation.out();
  const bool retired = !loaded && loaded.error().reason == public_works::kHistoryRetired;
  if (retired && !moment && !arguments.timeline) return show_row(out, reader, arguments.id);
  TRY(const ExecutionStory story, loaded);
  if (out.json()) {
    out.json_line(show_json(story, arguments.timeline, reader.scope));
    return kOk;
  }
  print_row(out, story);
  if (arguments.timeline) {
    out.line("");
    out.table(timeline_table(story));
  }
  print_results(out, story.result);
  return kOk;
}

void add_list(Command& execution) {
  auto options = std::make_shared<ListOptions>();
  execution.add("list", "list executions, newest first")
      .takes_data()
      .takes_tenant()
      .option("--session", options->session, "only this session", "ID")
      .option("--solution", options->solution, "only this solution", "ID")
      .option("--type", options->type, "only this intent type", "TYPE")
      .option("--status", options->status, fmt::format("only those: {}", status_list()), "STATUS")
      .option("--since", options->since, "accepted then or later: a time, or a span such as 2h", "TIME")
      .option("--until", options->until, "accepted then or earlier", "TIME")
      .option("--limit", options->limit, "how many at most (default: 100)")
      .option("--cursor", options->cursor, "go on after this execution", "ID")
      .examples({"symphainy execution list --tenant acme --status failed --since 1h",
                 "symphainy execution list --tenant '*' --limit 20 -o json"})
      .runs([options](Invocation& invocation) { return list(invocation, *options); });
}

}  // namespace

void add_execution(Command root) {
  Command execution = root.add("execution", "executions: which there are, what they did, and why");
  execution.examples({"symphainy execution list --tenant acme", "symphainy execution show ID --tenant acme --timeline",
                      "symphainy execution why ID --tenant acme"});
  add_list(execution);

  auto arguments = std::make_shared<ShowArguments>();
  execution.add("show", "everything about one execution")
      .takes_data()
      .takes_tenant()
      .argument("ID", arguments->id, "the execution")
      .flag("--timeline", arguments->timeline, "with its records, by stage of the lifecycle")
      .option("--as-of", arguments->as_of,
              "as it was then, from the commits made by that time (2026-11-23T10:00:00Z, or a span back from now such "
              "as 2h), or up to that record: the tenant's number, or the position with --tenant '*'",
              "TIME|NUMBER")
      .examples({"symphainy execution show 0193a0c0-7d7e-7c4f-8e0a-5f5b3c2d1e0f --tenant acme --timeline",
                 "symphainy execution show ID --tenant acme --as-of 1000"})
      .runs([arguments](Invocation& invocation) { return show(invocation, *arguments); });

  add_execution_commands(execution);
  add_execution_replay(execution);
  add_why(execution, "execution ");
  add_why(root, "");
}

}  // namespace symphainy::cli
