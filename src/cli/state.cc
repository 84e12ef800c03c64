// SPDX-License-Identifier: Apache-2.0
// `symphainy state`: the key-value state that a tenant's executions have left, and the proof that it, and everything
// else that is asked of state.db, is what the log says.
#include <fmt/format.h>

#include "app/state_check.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/rows.h"
#include "cli/stop_signal.h"
#include "cli/temporary_store.h"
#include "cli/text_width.h"

namespace symphainy::cli {
namespace {

constexpr std::size_t kValueColumns = 60;

struct ListOptions {
  std::optional<std::string> prefix;
  std::optional<std::string> cursor;
  std::optional<std::uint64_t> limit;
};

// One tenant's cursor is a key; over every tenant it is TENANT/KEY, as a tenant's name has no slash.
Result<public_works::StateCursor> cursor_of(const ListOptions& options, const public_works::TenantScope& scope) {
  if (!options.cursor) return public_works::StateCursor{};
  if (scope.tenant()) return public_works::StateCursor{*scope.tenant(), *options.cursor};
  const auto slash = options.cursor->find('/');
  if (slash == std::string::npos)
    return fail(ErrorCode::invalid_argument,
                fmt::format("--cursor '{}' names no tenant; over every tenant it is TENANT/KEY", *options.cursor),
                "malformed_cursor");
  return public_works::StateCursor{options.cursor->substr(0, slash), options.cursor->substr(slash + 1)};
}

std::string cursor_behind(const public_works::StateRow& row, const public_works::TenantScope& scope) {
  return scope.tenant() ? row.key : row.tenant + '/' + row.key;
}

Result<int> get(Invocation& invocation, const std::string& key) {
  TRY(const ScopedReader reader, open_scoped(invocation));
  if (!reader.scope.tenant())
    return fail(ErrorCode::invalid_argument,
                "state get needs one tenant, because each has keys of its own; name it with --tenant", "no_tenant");
  TRY(const auto row, reader.store->state().state(*reader.scope.tenant(), key));
  if (!row || !row->value) return std::unexpected(unknown_id("key", key, "state list"));
  if (invocation.out().json())
    invocation.out().json_line(state_json(*row, reader.scope));
  else
    invocation.out().facts({{"key", row->key}, {"version", std::to_string(row->version)}, {"value", *row->value}});
  return kOk;
}

void print_state(const Output& out, const std::vector<public_works::StateRow>& rows, bool with_tenant) {
  Table table{{{"key"}, {"version", Align::right}, {"value"}}, {}};
  if (with_tenant) table.columns.insert(table.columns.begin(), {"tenant"});
  for (const auto& row : rows) {
    std::vector<Cell> cells{row.key, std::to_string(row.version), shortened(row.value.value_or(""), kValueColumns)};
    if (with_tenant) cells.insert(cells.begin(), Cell(row.tenant));
    table.rows.push_back(std::move(cells));
  }
  out.table(table);
}

Result<int> list(Invocation& invocation, const ListOptions& options) {
  TRY(const std::size_t limit, list_limit(options.limit));
  TRY(const ScopedReader reader, open_scoped(invocation));
  TRY(const public_works::StateCursor cursor, cursor_of(options, reader.scope));
  TRY(auto rows, reader.store->state().list_state(reader.scope, options.prefix.value_or(""), cursor, limit + 1));
  const bool more = rows.size() > limit;
  if (more) rows.resize(limit);
  if (!invocation.out().json()) {
    print_state(invocation.out(), rows, !reader.scope.tenant());
    if (more) notify(fmt::format("there are more; go on with --cursor '{}'", cursor_behind(rows.back(), reader.scope)));
    return kOk;
  }
  Json keys = Json::array();
  for (const auto& row : rows) keys.push_back(state_json(row, reader.scope));
  invocation.out().json_line(Json::object(
      {{"state", std::move(keys)}, {"next_cursor", more ? Json(cursor_behind(rows.back(), reader.scope)) : Json()}}));
  return kOk;
}

void print_check(const Output& out, const Json& answer, bool equal) {
  if (!out.table_asked()) return out.json_line(answer);
  out.facts({{"equal", Cell(equal ? "true" : "false", equal ? Colour::good : Colour::bad)},
             {"position", plain(*answer.find("position"))}});
  Table tables{{{"table"}, {"equal"}, {"live", Align::right}, {"rebuilt", Align::right}}, {}};
  answer.find("tables")->for_each_member([&](std::string_view name, const Json& counts) {
    tables.rows.push_back(
        {name, plain(*counts.find("equal")), plain(*counts.find("live")), plain(*counts.find("rebuilt"))});
  });
  out.line("");
  out.table(tables);
  if (equal) return;
  Table differences{{{"table"}, {"key"}, {"column"}, {"live"}, {"rebuilt"}}, {}};
  const Json& list = *answer.find("differences");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Json& difference = list.at(i);
    const auto cell = [&](std::string_view member) {
      return Cell(shortened(plain(*difference.find(member)), kValueColumns));
    };
    differences.rows.push_back({cell("table"), cell("key"), cell("column"), cell("live"), cell("rebuilt")});
  }
  out.line("");
  out.table(differences);
}

Result<int> verify(Invocation& invocation) {
  TRY(const app::Configuration configuration, invocation.configuration());
  if (!holds_store(configuration.data_directory)) return std::unexpected(no_store(configuration.data_directory));
  const StopSignal stop;  // before there is something temporary to be removed
  TRY(const TemporaryStore scratch, TemporaryStore::create("symphainy-state", TemporaryStore::After::remove));
  const auto answer = app::check_state({configuration.data_directory, scratch.path(), [&] { return stop.raised(); }});
  if (!answer) return std::unexpected(answer.error());
  const bool equal = answer->find("equal")->as_bool().value_or(false);
  print_check(invocation.out(), *answer, equal);
  if (equal) return kOk;
  complain(fmt::format(
      "{0}/state.db is not what the log says; stop what has it open and delete it with its -wal and -shm: the next "
      "opening rebuilds it from the log, which is the truth",
      configuration.data_directory));
  return kDamaged;
}

}  // namespace

void add_state(Command root) {
  Command state =
      root.add("state", "tenant-scoped key-value state, and the proof that projections are what the log says");
  state.examples({"symphainy state list --tenant acme --prefix policies/", "symphainy state get KEY --tenant acme",
                  "symphainy state verify"});

  auto key = std::make_shared<std::string>();
  state.add("get", "one key, its value and version")
      .takes_data()
      .takes_tenant()
      .argument("KEY", *key, "the key")
      .examples({"symphainy state get policies/latest --tenant acme -o json"})
      .runs([key](Invocation& invocation) { return get(invocation, *key); });

  auto options = std::make_shared<ListOptions>();
  state.add("list", "list keys in byte order")
      .takes_data()
      .takes_tenant()
      .option("--prefix", options->prefix, "only keys that begin so", "PREFIX")
      .option("--limit", options->limit, "how many at most (default: 100)")
      .option("--cursor", options->cursor, "go on after this key; TENANT/KEY with --tenant '*'", "KEY")
      .examples({"symphainy state list --tenant acme --prefix policies/"})
      .runs([options](Invocation& invocation) { return list(invocation, *options); });

  state
      .add(
          "verify",
          "fold the log anew and compare with DATA/state.db row by row: executions, state, references, events, all of "
          "it; exit 0 equal, 3 different. Takes as much room in TMPDIR (else /tmp) as DATA/state.db has, until it ends")
      .takes_data()
      .examples({"symphainy state verify --data ./data", "symphainy state verify -o table"})
      .runs([](Invocation& invocation) { return verify(invocation); });
}

}  // namespace symphainy::cli
