// SPDX-License-Identifier: Apache-2.0
#include "ingest_portfolio_service.h"

#include <algorithm>
#include <utility>

#include "parameters.h"
#include "policy_row.h"
#include "portfolio_file.h"

namespace policy_migration {
namespace {

using namespace symphainy;

constexpr const char* kSchema = R"({
  "type": "object",
  "required": ["path", "slice_rows"],
  "additionalProperties": false,
  "properties": {
    "path": {"type": "string"},
    "slice_rows": {"type": "integer", "minimum": 1},
    "rows": {"type": "integer", "minimum": 1}
  }
})";

// A handler's result is 1 MiB at most, and a slice up to 100 bytes of it.
constexpr std::size_t kMostSlices = 10'000;

Result<Artifact> store(ExecutionContext& context, std::string_view bytes) {
  auto sink = context.open_artifact("portfolio.csv", "text/csv");
  if (!sink) return std::unexpected(sink.error());
  if (auto written = (*sink)->write(bytes); !written) return std::unexpected(written.error());
  return (*sink)->finish();
}

Result<std::string> refer_to(ExecutionContext& context, const Artifact& file, const std::string& path) {
  return context.register_reference({.type = "portfolio",
                                     .name = file.name,
                                     .digest = file.digest,
                                     .size = file.size,
                                     .media_type = file.media_type,
                                     .location = file.location,
                                     .metadata = Json::object({{"path", path}})});
}

Result<HandlerResult> ingest(const std::string& directory, const Json& parameters, ExecutionContext& context) {
  const std::string path = text_of(parameters, "path");
  const auto bytes = read_portfolio(directory, path);
  if (!bytes) return std::unexpected(bytes.error());
  const auto slices = slices_of(*bytes, number_of(parameters, "rows", UINT64_MAX), number_of(parameters, "slice_rows"));
  if (!slices) return std::unexpected(slices.error());
  const auto file = store(context, *bytes);
  if (!file) return std::unexpected(file.error());
  const auto portfolio = refer_to(context, *file, path);
  if (!portfolio) return std::unexpected(portfolio.error());
  Json listed = Json::array();
  for (const Slice& slice : *slices) listed.push_back(slice.to_json());
  return HandlerResult{Json::object({{"portfolio", *portfolio}, {"slices", std::move(listed)}})};
}

}  // namespace

Json Slice::to_json() const {
  return Json::object({{"first_row", first_row}, {"offset", offset}, {"rows", rows}, {"size", size}});
}

Slice Slice::from_json(const Json& json) {
  return {.first_row = number_of(json, "first_row"),
          .rows = number_of(json, "rows"),
          .offset = number_of(json, "offset"),
          .size = number_of(json, "size")};
}

Result<std::vector<Slice>> slices_of(std::string_view file, std::uint64_t rows, std::uint64_t slice_rows) {
  std::vector<std::string_view> lines = lines_of(file);
  if (lines.empty() || lines.front() != portfolio_header()) {
    return fail(ErrorCode::invalid_argument,
                "path names a file that is no portfolio: its first line must be " + portfolio_header(),
                "not_a_portfolio");
  }
  lines.erase(lines.begin());
  lines.resize(std::min<std::uint64_t>(lines.size(), rows));
  std::vector<Slice> slices;
  for (std::uint64_t first = 0; first < lines.size(); first += slices.back().rows) {
    if (slices.size() == kMostSlices) {
      return fail(ErrorCode::invalid_argument,
                  "path names a file of " + std::to_string(lines.size()) + " rows, and slice_rows " +
                      std::to_string(slice_rows) + " makes more than " + std::to_string(kMostSlices) +
                      " slices of them; raise slice_rows, or split the file",
                  "too_many_slices");
    }
    const std::uint64_t count = std::min<std::uint64_t>(slice_rows, lines.size() - first);
    const std::string_view last = lines[first + count - 1];
    const auto offset = static_cast<std::uint64_t>(lines[first].data() - file.data());
    const auto end = static_cast<std::uint64_t>(last.data() + last.size() - file.data());
    slices.push_back({.first_row = first + 1, .rows = count, .offset = offset, .size = end - offset});
  }
  return slices;
}

std::vector<IntentSupport> IngestPortfolioService::supported_intents() const {
  return {{.intent_type = std::string(kIngestPortfolio), .schema = Json::parse(kSchema).value()}};
}

Task<Result<HandlerResult>> IngestPortfolioService::handle_intent(const Intent& intent, ExecutionContext& context) {
  co_return ingest(directory_, intent.parameters, context);
}

}  // namespace policy_migration
