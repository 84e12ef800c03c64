// SPDX-License-Identifier: Apache-2.0
#include "import_rows_service.h"

#include <algorithm>
#include <utility>

#include "import_counts.h"
#include "migrate_policy_service.h"
#include "parameters.h"
#include "portfolio_file.h"

namespace policy_migration {
namespace {

using namespace symphainy;

constexpr const char* kSchema = R"({
  "type": "object",
  "required": ["portfolio", "slice", "copy"],
  "additionalProperties": false,
  "properties": {
    "portfolio": {"type": "string"},
    "slice": {
      "type": "object",
      "required": ["first_row", "offset", "rows", "size"],
      "additionalProperties": false,
      "properties": {
        "first_row": {"type": "integer", "minimum": 1},
        "offset": {"type": "integer", "minimum": 0},
        "rows": {"type": "integer", "minimum": 1, "maximum": 5000},
        "size": {"type": "integer", "minimum": 1, "maximum": 67108864}
      }
    },
    "copy": {"type": "integer", "minimum": 0, "maximum": 999999}
  }
})";

// What it does itself needs nothing but the store, which may be busy.
RetryPolicy between_attempts() {
  return {.max_tries = 1'000, .first_delay_us = 100'000, .max_delay_us = 5'000'000, .non_retryable = {"other_rows"}};
}

Result<std::string> text_of_slice(const Slice& slice, const std::string& portfolio, ExecutionContext& context) {
  const auto file = context.open_reference(portfolio);
  if (!file) return std::unexpected(file.error());
  std::string text;
  if (auto read = (*file)->read_at(slice.offset, slice.size, text); !read) return std::unexpected(read.error());
  return text;
}

/// The parameters of the children, in the order of the rows.
Result<std::vector<Json>> migrations_of(const Json& parameters, ExecutionContext& context) {
  const std::string portfolio = text_of(parameters, "portfolio");
  const Slice slice = Slice::from_json(*parameters.find("slice"));
  const std::uint64_t copy = number_of(parameters, "copy");
  const auto text = text_of_slice(slice, portfolio, context);
  if (!text) return std::unexpected(text.error());
  const std::vector<std::string_view> rows = lines_of(*text);
  if (rows.size() != slice.rows) {
    return fail(ErrorCode::invalid_argument,
                "slice names " + std::to_string(slice.rows) + " rows where the portfolio has " +
                    std::to_string(rows.size()) + "; take what ingest_portfolio answered",
                "other_rows");
  }
  std::vector<Json> migrations;
  for (std::uint64_t i = 0; i < rows.size(); ++i) {
    const std::uint64_t number = slice.first_row + i;
    migrations.push_back(
        migrate_policy_parameters(portfolio, number, policy_number_of(rows[i], number, copy), rows[i]));
  }
  return migrations;
}

Task<Result<std::vector<std::string>>> spawn_each(const std::vector<Json>& migrations, ExecutionContext& context) {
  std::vector<std::string> ids;
  for (const Json& migration : migrations) {
    auto id = co_await context.spawn("migrate", {.intent_type = std::string(kMigratePolicy), .parameters = migration});
    if (!id) co_return std::unexpected(std::move(id).error());
    ids.push_back(*std::move(id));
  }
  co_return ids;
}

Result<void> tell_rejected(const Json& migration, const ChildResult& end, ExecutionContext& context) {
  const auto row = register_row(migration, context);
  if (!row) return std::unexpected(row.error());
  const std::string policy_number = text_of(migration, "policy_number");
  Json data = Json::object({{"policy_number", policy_number},
                            {"row_number", *migration.find("row_number")},
                            {"row", *row},
                            {"execution", end.execution_id},
                            {"status", to_string(end.status)}});
  // Who ended it is the reason of one that somebody ended.
  if (end.error) data["error"] = Json::object({{"code", end.error->name()}, {"message", end.error->message}});
  auto event =
      context.add_event({.type = "policy.rejected", .data = std::move(data), .subject = policy_number, .topic = ""});
  if (!event) return std::unexpected(event.error());
  return {};
}

ImportCounts counted(const ChildResult& end) {
  ImportCounts one{.rows = 1};
  switch (end.status) {
    case ExecutionStatus::completed:
      one.migrated = 1;
      one.tiv_2012_cents = end.value.find("tiv_2012_cents")->as_int64().value();
      break;
    case ExecutionStatus::compensated:
      one.compensated = 1;
      break;
    case ExecutionStatus::failed:
      one.failed = 1;
      break;
    default:
      one.stopped = 1;
  }
  return one;
}

}  // namespace

Json import_rows_parameters(std::string_view portfolio, const Slice& slice, std::uint64_t copy) {
  return Json::object({{"portfolio", portfolio}, {"slice", slice.to_json()}, {"copy", copy}});
}

std::string policy_number_of(std::string_view row, std::uint64_t row_number, std::uint64_t copy) {
  std::string number(row.substr(0, row.find(',')));
  const bool is_number = !number.empty() && number.size() <= 12 &&
                         std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) number = "0-" + std::to_string(row_number % 1'000'000);
  return copy == 0 ? number : number + "-" + std::to_string(copy);
}

std::vector<IntentSupport> ImportRowsService::supported_intents() const {
  IntentSupport support{.intent_type = std::string(kImportRows), .schema = Json::parse(kSchema).value()};
  support.retry = between_attempts();
  return {std::move(support)};
}

Task<Result<HandlerResult>> ImportRowsService::handle_intent(const Intent& intent, ExecutionContext& context) {
  const auto migrations = migrations_of(intent.parameters, context);
  if (!migrations) co_return std::unexpected(migrations.error());
  auto ids = co_await spawn_each(*migrations, context);
  if (!ids) co_return std::unexpected(std::move(ids).error());
  const auto ends = co_await context.wait_children(*std::move(ids));
  if (!ends) co_return std::unexpected(ends.error());
  ImportCounts counts;
  for (std::size_t i = 0; i < migrations->size(); ++i) {
    const ChildResult& end = (**ends)[i];
    counts.add(counted(end));
    if (end.status == ExecutionStatus::completed) continue;
    if (auto told = tell_rejected((*migrations)[i], end, context); !told) co_return std::unexpected(told.error());
  }
  co_return HandlerResult{counts.to_json()};
}

}  // namespace policy_migration
