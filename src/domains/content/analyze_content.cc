// SPDX-License-Identifier: Apache-2.0
#include "domains/content/analyze_content.h"

#include <fmt/format.h>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/digest.h"
#include "base/ids.h"
#include "base/try.h"
#include "domains/content/csv_profile.h"
#include "domains/content/media_type.h"
#include "domains/content/text_encoding.h"
#include "domains/content/text_profile.h"

namespace symphainy::domains::content {
namespace {

constexpr std::string_view kTabSeparated = "text/tab-separated-values";
constexpr std::string_view kCommaSeparated = "text/csv";
constexpr std::size_t kPieceBytes = 1024UL * 1024;
constexpr std::size_t kMaxNameBytes = 900;  // of the file's name in the analysis's; a reference takes 1,024 bytes

std::unexpected<Error> damaged(const Reference& reference, std::string_view how) {
  return fail(ErrorCode::corrupt,
              fmt::format("the content of reference {} ({}) {}; restore it, or ingest the file again",
                          reference.reference_id, reference.name, how),
              "content_damaged");
}

Result<Reference> find_reference(std::string_view given, ExecutionContext& context) {
  const std::optional<base::Uuid> id = base::Uuid::parse(given);
  const std::string reference_id = id ? id->text() : std::string(given);
  TRY(auto reference, context.get_reference(reference_id));
  if (!reference) {
    return fail(
        ErrorCode::not_found,
        fmt::format("this tenant has no reference {}; ingest the file first, or list the references", reference_id),
        "unknown_reference");
  }
  return *std::move(reference);
}

Result<std::unique_ptr<ContentSource>> open_content(const Reference& reference, ExecutionContext& context) {
  auto content = context.open_reference(reference.reference_id);
  if (!content && content.error().code == ErrorCode::not_found) return damaged(reference, "is missing from the store");
  if (content && (*content)->size() != reference.size) {
    return damaged(reference, fmt::format("is {} bytes long, not {}", (*content)->size(), reference.size));
  }
  return content;
}

template <typename Profiler>
Result<Json> profile_of(const Reference& reference, ExecutionContext& context, Profiler& profiler) {
  TRY(const auto content, open_content(reference, context));
  base::Sha256 hash;
  std::string piece;
  std::optional<Error> refusal;
  for (std::uint64_t offset = 0; offset < reference.size; offset += piece.size()) {
    if (!context.still_owner()) return fail(ErrorCode::cancelled, "the runtime gave up on this attempt", "gave_up");
    TRY(content->read_at(offset, kPieceBytes, piece));
    if (piece.empty()) return damaged(reference, fmt::format("ends at byte {} of {}", offset, reference.size));
    hash.update(piece);
    if (refusal) continue;  // damage explains it better, and shows only at the end
    if (auto fed = profiler.feed(piece); !fed) refusal = std::move(fed).error();
  }
  // Other domains may register references without a digest.
  if (!reference.digest.empty() && hash.finish().hex() != reference.digest) {
    return damaged(reference, "is not what was stored: its SHA-256 differs");
  }
  if (refusal) return std::unexpected(*std::move(refusal));
  return profiler.finish();
}

Json member_of(const Json& profile, std::string_view name) {
  const Json* found = profile.find(name);
  return found == nullptr ? Json() : *found;
}

/// By its media type, or by its name when the type leaves it open.
bool is_tab_separated(const Reference& source) {
  const std::string_view type = std::string_view(source.media_type).substr(0, source.media_type.find(';'));
  return type == kTabSeparated || (type != kCommaSeparated && detect_media_type(source.name, {}) == kTabSeparated);
}

CsvOptions csv_options(const Json& parameters, const Reference& source) {
  CsvOptions options;
  const Json delimiter = member_of(parameters, "delimiter");
  if (const auto given = delimiter.as_string())
    options.delimiter = given->front();
  else if (is_tab_separated(source))
    options.delimiter = '\t';
  options.header = member_of(parameters, "header").as_bool();
  return options;
}

Result<Json> analyze(bool tabular, const Json& parameters, const Reference& source, ExecutionContext& context) {
  if (tabular) {
    CsvProfiler profiler(csv_options(parameters, source));
    return profile_of(source, context, profiler);
  }
  TextProfiler profiler;
  return profile_of(source, context, profiler);
}

Json summary_of(bool tabular, const Json& profile) {
  if (tabular) {
    return Json::object({{"rows", member_of(profile, "rows")}, {"columns", member_of(profile, "columns").size()}});
  }
  return Json::object({{"lines", member_of(profile, "lines")}, {"words", member_of(profile, "words")}});
}

Result<std::string> register_analysis(const Reference& source, std::string_view analysis, const Json& profile,
                                      ExecutionContext& context) {
  TRY(const Artifact artifact,
      context.add_artifact(
          {.name = fmt::format("{}.json", analysis), .media_type = "application/json", .content = profile.dump()}));
  TRY(std::string reference_id,
      context.register_reference({.type = "analysis",
                                  .name = fmt::format("{} {}", to_display_text(source.name, kMaxNameBytes), analysis),
                                  .digest = artifact.digest,
                                  .size = artifact.size,
                                  .media_type = artifact.media_type,
                                  .location = artifact.location,
                                  .metadata = Json::object({{"analysis", analysis}})}));
  TRY(context.track_provenance(reference_id, source.reference_id));
  return reference_id;
}

}  // namespace

IntentSupport analyze_content_support() {
  const Json properties = Json::object({
      {"reference_id",
       Json::object({{"type", "string"},
                     {"pattern", "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"},
                     {"description", "what ingest_file answered"}})},
      {"analysis",
       Json::object({{"enum", Json::array({"profile", "text"})},
                     {"description", "profile: the columns of a CSV or TSV file; text: lines, words, terms"}})},
      {"delimiter", Json::object({{"enum", Json::array({",", ";", "\t", "|"})},
                                  {"description", "of the profile; by default a tab for TSV, else detected"}})},
      {"header", Json::object({{"type", "boolean"},
                               {"description", "whether the first row names the columns; by default detected"}})},
  });
  const Json of_profiles =
      Json::object({{"properties", Json::object({{"analysis", Json::object({{"const", "profile"}})}})}});
  return {
      .intent_type = std::string(kAnalyzeContent),
      .schema = Json::object({{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                              {"title", "Profiles stored content"},
                              {"type", "object"},
                              {"properties", properties},
                              {"required", Json::array({"reference_id", "analysis"})},
                              {"dependentSchemas", Json::object({{"delimiter", of_profiles}, {"header", of_profiles}})},
                              {"additionalProperties", false}}),
      .version = 2,
      .effects = Effects::external};
}

Result<HandlerResult> analyze_content(const Json& parameters, ExecutionContext& context) {
  const Json given = member_of(parameters, "reference_id");
  const Json chosen = member_of(parameters, "analysis");
  const std::string analysis(chosen.as_string().value_or(""));
  const bool tabular = analysis == "profile";
  TRY(const Reference source, find_reference(given.as_string().value_or(""), context));
  TRY(const Json profile, analyze(tabular, parameters, source, context));
  TRY(const std::string reference_id, register_analysis(source, analysis, profile, context));

  Json result = summary_of(tabular, profile);
  result["analysis"] = analysis;
  result["reference_id"] = reference_id;
  Json data = Json::object(
      {{"analysis", analysis}, {"reference_id", reference_id}, {"source_reference_id", source.reference_id}});
  data[tabular ? "rows" : "lines"] = member_of(result, tabular ? "rows" : "lines");
  TRY(context.add_event(
      {.type = "content.analyzed", .data = std::move(data), .subject = reference_id, .topic = "content"}));
  return HandlerResult{std::move(result)};
}

}  // namespace symphainy::domains::content
