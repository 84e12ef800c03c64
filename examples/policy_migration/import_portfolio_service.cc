// SPDX-License-Identifier: Apache-2.0
#include "import_portfolio_service.h"

#include <algorithm>
#include <utility>

#include "migrate_policy_service.h"
#include "policy_row.h"
#include "portfolio_file.h"

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
    "rows": {"type": "integer", "minimum": 1}
  }
})";

constexpr std::size_t kPiece = 256 * 1024;  // bytes of the manifest that are written at once

std::uint64_t number_of(const Json& parameters, std::string_view member, std::uint64_t absent) {
  const Json* value = parameters.find(member);
  return value == nullptr ? absent : value->as_uint64().value();
}

Result<Artifact> store(ExecutionContext& context, std::string name, std::string media_type, std::string_view bytes) {
  auto sink = context.open_artifact(std::move(name), std::move(media_type));
  if (!sink) return std::unexpected(sink.error());
  if (auto written = (*sink)->write(bytes); !written) return std::unexpected(written.error());
  return (*sink)->finish();
}

Result<std::string> refer_to(ExecutionContext& context, std::string type, const Artifact& artifact, Json metadata) {
  return context.register_reference({.type = std::move(type),
                                     .name = artifact.name,
                                     .digest = artifact.digest,
                                     .size = artifact.size,
                                     .media_type = artifact.media_type,
                                     .location = artifact.location,
                                     .metadata = std::move(metadata)});
}

/// The rows, without the header. invalid_argument when the file has another.
Result<std::vector<std::string_view>> rows_of(std::string_view bytes, std::uint64_t most) {
  std::vector<std::string_view> lines = lines_of(bytes);
  if (lines.empty() || lines.front() != portfolio_header()) {
    return fail(ErrorCode::invalid_argument,
                "path names a file that is no portfolio: its first line must be " + portfolio_header(),
                "not_a_portfolio");
  }
  lines.erase(lines.begin());
  lines.resize(std::min<std::uint64_t>(lines.size(), most));
  return lines;
}

/// The policy of a row: what the old system calls it, and for a copy of the row which one. A row whose number cannot be
/// is known by its place; it will be refused.
std::string policy_number_of(std::string_view row, std::uint64_t row_number, std::uint64_t copy) {
  std::string number(row.substr(0, row.find(',')));
  const bool is_number = !number.empty() && number.size() <= 12 &&
                         std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) number = "0-" + std::to_string(row_number % 1'000'000);
  return copy == 0 || !is_number ? number : number + "-" + std::to_string(copy);
}

std::string intent_line(const std::string& portfolio, std::uint64_t row_number, std::uint64_t copy,
                        std::string_view row) {
  return Json::object({{"intent_type", kMigratePolicy},
                       {"idempotency_key",
                        "migrate:" + portfolio + ":" + std::to_string(row_number) + ":" + std::to_string(copy)},
                       {"parameters", migrate_policy_parameters(portfolio, row_number,
                                                                policy_number_of(row, row_number, copy), row)}})
             .dump() +
         "\n";
}

Result<Artifact> write_manifest(ExecutionContext& context, const std::string& portfolio,
                                const std::vector<std::string_view>& rows, std::uint64_t copies) {
  auto sink = context.open_artifact("migrations.ndjson", "application/x-ndjson");
  if (!sink) return std::unexpected(sink.error());
  std::string piece;
  for (std::uint64_t copy = 0; copy < copies; ++copy) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      piece += intent_line(portfolio, i + 1, copy, rows[i]);
      if (piece.size() < kPiece) continue;
      if (auto written = (*sink)->write(piece); !written) return std::unexpected(written.error());
      piece.clear();
    }
  }
  if (auto written = (*sink)->write(piece); !written) return std::unexpected(written.error());
  return (*sink)->finish();
}

Result<HandlerResult> import(const std::string& directory, const Json& parameters, ExecutionContext& context) {
  const std::string path(parameters.find("path")->as_string().value());
  const auto bytes = read_portfolio(directory, path);
  if (!bytes) return std::unexpected(bytes.error());
  const auto rows = rows_of(*bytes, number_of(parameters, "rows", UINT64_MAX));
  if (!rows) return std::unexpected(rows.error());
  const std::uint64_t copies = number_of(parameters, "copies", 1);

  const auto file = store(context, "portfolio.csv", "text/csv", *bytes);
  if (!file) return std::unexpected(file.error());
  const auto portfolio = refer_to(context, "portfolio", *file, Json::object({{"path", path}}));
  if (!portfolio) return std::unexpected(portfolio.error());

  const auto listed = write_manifest(context, *portfolio, *rows, copies);
  if (!listed) return std::unexpected(listed.error());
  const std::uint64_t count = rows->size() * copies;
  const auto manifest = refer_to(context, "row_manifest", *listed, Json::object({{"rows", count}}));
  if (!manifest) return std::unexpected(manifest.error());
  if (auto tracked = context.track_provenance(*manifest, *portfolio); !tracked) return std::unexpected(tracked.error());
  return HandlerResult{Json::object({{"portfolio", *portfolio}, {"manifest", *manifest}, {"rows", count}})};
}

}  // namespace

std::vector<IntentSupport> ImportPortfolioService::supported_intents() const {
  return {{.intent_type = std::string(kImportPortfolio), .schema = Json::parse(kSchema).value()}};
}

Task<Result<HandlerResult>> ImportPortfolioService::handle_intent(const Intent& intent, ExecutionContext& context) {
  co_return import(directory_, intent.parameters, context);
}

}  // namespace policy_migration
