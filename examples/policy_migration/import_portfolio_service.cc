// SPDX-License-Identifier: Apache-2.0
#include "import_portfolio_service.h"

#include <string>
#include <utility>

#include "import_counts.h"
#include "import_rows_service.h"
#include "ingest_portfolio_service.h"
#include "parameters.h"

namespace policy_migration {
namespace {

using namespace symphainy;

constexpr const char* kSchema = R"({
  "type": "object",
  "required": ["path"],
  "additionalProperties": false,
  "properties": {
    "path": {"type": "string"},
    "copies": {"type": "integer", "minimum": 1, "maximum": 1000},
    "rows": {"type": "integer", "minimum": 1},
    "slice_rows": {"type": "integer", "minimum": 1, "maximum": 5000}
  }
})";

constexpr std::uint64_t kSliceRows = 500;
constexpr std::uint64_t kMostChildren = 9'000;  // an execution can take 10,000 steps

std::unexpected<Error> failed_child(std::string_view intent_type, const ChildResult& child) {
  const std::string why = child.error ? child.error->message : std::string(to_string(child.status));
  Error error{ErrorCode::failed, std::string(intent_type) + " " + child.execution_id + ": " + why, "not_imported", {}};
  if (child.error) {
    error.code = child.error->code;
    error.reason = child.error->name();
  }
  return std::unexpected(std::move(error));
}

Task<Result<Json>> ingested(const Json& parameters, ExecutionContext& context) {
  Json what = Json::object(
      {{"path", *parameters.find("path")}, {"slice_rows", number_of(parameters, "slice_rows", kSliceRows)}});
  if (const Json* rows = parameters.find("rows")) what["rows"] = *rows;
  auto child =
      co_await context.execute("ingest", {.intent_type = std::string(kIngestPortfolio), .parameters = std::move(what)});
  if (!child) co_return std::unexpected(std::move(child).error());
  if (child->status != ExecutionStatus::completed) co_return failed_child(kIngestPortfolio, *child);
  co_return std::move(child->value);
}

Task<Result<std::vector<std::string>>> spawn_imports(const std::string& portfolio, const Json& slices,
                                                     std::uint64_t copies, ExecutionContext& context) {
  if (slices.size() * copies > kMostChildren) {
    co_return fail(ErrorCode::invalid_argument,
                   "copies is " + std::to_string(copies) + ", of " + std::to_string(slices.size()) + " slices, and " +
                       std::to_string(kMostChildren) +
                       " is the most of them together; raise slice_rows, or lower copies",
                   "too_many_slices");
  }
  std::vector<std::string> ids;
  for (std::uint64_t copy = 0; copy < copies; ++copy) {
    for (std::size_t i = 0; i < slices.size(); ++i) {
      auto id = co_await context.spawn(
          "import", {.intent_type = std::string(kImportRows),
                     .parameters = import_rows_parameters(portfolio, Slice::from_json(slices.at(i)), copy)});
      if (!id) co_return std::unexpected(std::move(id).error());
      ids.push_back(*std::move(id));
    }
  }
  co_return ids;
}

}  // namespace

std::vector<IntentSupport> ImportPortfolioService::supported_intents() const {
  return {{.intent_type = std::string(kImportPortfolio), .schema = Json::parse(kSchema).value()}};
}

Task<Result<HandlerResult>> ImportPortfolioService::handle_intent(const Intent& intent, ExecutionContext& context) {
  const auto file = co_await ingested(intent.parameters, context);
  if (!file) co_return std::unexpected(file.error());
  const std::string portfolio = text_of(*file, "portfolio");
  auto ids =
      co_await spawn_imports(portfolio, *file->find("slices"), number_of(intent.parameters, "copies", 1), context);
  if (!ids) co_return std::unexpected(std::move(ids).error());
  const auto ends = co_await context.wait_children(*std::move(ids));
  if (!ends) co_return std::unexpected(ends.error());
  ImportCounts counts;
  for (const ChildResult& end : **ends) {
    if (end.status != ExecutionStatus::completed) co_return failed_child(kImportRows, end);
    counts.add(ImportCounts::from_json(end.value));
  }
  Json result = counts.to_json();
  result["portfolio"] = portfolio;
  co_return HandlerResult{std::move(result)};
}

}  // namespace policy_migration
