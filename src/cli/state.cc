// SPDX-License-Identifier: Apache-2.0
// `symphainy state`: the key-value state that a tenant's executions have left.
#include <fmt/format.h>

#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/rows.h"
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

}  // namespace

void add_state(Command root) {
  Command state = root.add("state", "tenant-scoped key-value state");
  state.examples({"symphainy state list --tenant acme --prefix policies/", "symphainy state get KEY --tenant acme"});

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
}

}  // namespace symphainy::cli
