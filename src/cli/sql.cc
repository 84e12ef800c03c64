// SPDX-License-Identifier: Apache-2.0
// `symphainy sql`: one SELECT over the projections, read-only, seeing the tenant's rows only.
#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy::cli {
namespace {

bool is_number(const Json& value) noexcept {
  return value.as_double().has_value();
}

Table table_of(const app::SqlAnswer& answer) {
  Table table;
  for (std::size_t i = 0; i < answer.columns.size(); ++i) {
    const bool right = !answer.rows.empty() && is_number(answer.rows.front()[i]);
    table.columns.push_back({answer.columns[i], right ? Align::right : Align::left});
  }
  for (const auto& row : answer.rows) {
    std::vector<Cell> cells;
    for (const Json& value : row) cells.emplace_back(plain(value));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

Json json_of(app::SqlAnswer answer) {
  Json columns = Json::array();
  for (const std::string& name : answer.columns) columns.push_back(name);
  Json rows = Json::array();
  for (auto& row : answer.rows) {
    Json values = Json::array();
    for (Json& value : row) values.push_back(std::move(value));
    rows.push_back(std::move(values));
  }
  return Json::object({{"columns", std::move(columns)}, {"rows", std::move(rows)}});
}

Result<int> sql(Invocation& invocation, const std::string& statement) {
  TRY(const ScopedReader reader, open_scoped(invocation));
  TRY(app::SqlAnswer answer, reader.store->sql(reader.scope, statement));
  if (invocation.out().json())
    invocation.out().json_line(json_of(std::move(answer)));
  else
    invocation.out().table(table_of(answer));
  return kOk;
}

}  // namespace

void add_sql(Command root) {
  auto statement = std::make_shared<std::string>();
  root.add("sql", "ask the projections with one SELECT, read-only")
      .takes_data()
      .takes_tenant()
      .argument("STATEMENT", *statement,
                "a SELECT; the tables are executions, sessions, state, data_references, provenance, events, streams, "
                "registrations")
      .examples({"symphainy sql --tenant acme \"SELECT status, count(*) FROM executions GROUP BY 1\"",
                 "symphainy sql --tenant acme \"SELECT name, size FROM data_references ORDER BY size DESC\""})
      .runs([statement](Invocation& invocation) { return sql(invocation, *statement); });
}

}  // namespace symphainy::cli
