// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <utility>

#include "app/log_proof.h"
#include "base/try.h"
#include "cli/reference_content.h"
#include "cli/rows.h"
#include "cli/text_width.h"
#include "cli/tree.h"

namespace symphainy::cli {
namespace {

constexpr std::size_t kCellColumns = 22;
constexpr std::size_t kTermsShown = 6;
constexpr std::size_t kDigestShown = 12;

Json member(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return value == nullptr ? Json() : *value;
}

Result<Json> read_analysis(const ScopedReader& reader, const ExecutionStory& story) {
  if (story.result.references.empty())
    return fail(ErrorCode::internal, "the analysis of the demo's file left no reference");
  std::string content;
  TRY(read_content(reader, story.result.references.front(), [&content](std::string_view piece) {
    content += piece;
    return true;
  }));
  return Json::parse(content);
}

/// The published events of the tenant, file by file.
std::vector<Json> read_events(const std::string& directory, const std::string& tenant) {
  std::vector<std::filesystem::path> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory + "/" + tenant, ignored))
    if (entry.path().extension() == ".ndjson") files.push_back(entry.path());
  std::ranges::sort(files);
  std::vector<Json> events;
  for (const auto& path : files) {
    std::ifstream stream(path);
    for (std::string line; std::getline(stream, line);) events.push_back(stored_json(line));
  }
  return events;
}

void title(const Output& out, std::string_view text) {
  out.line("");
  out.line(out.paint(Colour::bold, text));
}

void print_files(const Output& out, const DemoReport& report) {
  Table table{{{"file"}, {"size", Align::right}, {"sha256"}, {"analysis"}, {"took", Align::right}}, {}};
  for (const DemoFile& file : report.files) {
    const auto& references = file.ingested.references;
    table.rows.push_back({file.path, references.empty() ? "" : format_bytes(references.front().size),
                          references.empty() ? "" : references.front().digest.substr(0, kDigestShown), file.analysis,
                          format_duration(file.ingested.duration_us + file.analyzed.duration_us)});
  }
  title(out, "Files that were ingested and analyzed, two executions each");
  out.table(table);
}

/// A mean as people read it: large ones with the digits that matter to money, small ones with more.
std::string number_text(const Json& value) {
  const auto number = value.as_double();
  if (!number || value.as_int64()) return plain(value);
  const double size = std::abs(*number);
  if (size >= 1e12 || size < 1e-3) return fmt::format("{:.6g}", *number);
  return size >= 100 ? fmt::format("{:.2f}", *number) : fmt::format("{:.4f}", *number);
}

void print_profile(const Output& out, const DemoFile& file, const Json& profile) {
  Table table{{{"column"},
               {"type"},
               {"nulls", Align::right},
               {"distinct", Align::right},
               {"min", Align::right},
               {"max", Align::right},
               {"mean", Align::right},
               {"sum", Align::right}},
              {}};
  const Json columns = member(profile, "columns");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Json& column = columns.at(i);
    const bool estimated = member(column, "distinct_estimated").as_bool().value_or(false);
    table.rows.push_back({shortened(plain(member(column, "name")), kCellColumns), plain(member(column, "type")),
                          plain(member(column, "nulls")), (estimated ? "~" : "") + plain(member(column, "distinct")),
                          shortened(plain(member(column, "min")), kCellColumns),
                          shortened(plain(member(column, "max")), kCellColumns), number_text(member(column, "mean")),
                          plain(member(column, "sum"))});
  }
  title(out, fmt::format("Profile of {}: {} rows, {} columns", printable(file.path), plain(member(profile, "rows")),
                         columns.size()));
  out.table(table);
}

void print_texts(const Output& out, const DemoReport& report) {
  Table table{{{"file"}, {"lines", Align::right}, {"words", Align::right}, {"encoding"}, {"top terms"}}, {}};
  for (std::size_t i = 0; i < report.files.size(); ++i) {
    if (report.files[i].analysis != "text") continue;
    const Json& text = report.analyses[i];
    const Json terms = member(text, "top_terms");
    std::string shown;
    for (std::size_t n = 0; n < terms.size() && n < kTermsShown; ++n)
      shown += (n == 0 ? "" : ", ") + plain(member(terms.at(n), "term"));
    table.rows.push_back({report.files[i].path, plain(member(text, "lines")), plain(member(text, "words")),
                          plain(member(text, "encoding")), shown});
  }
  if (table.rows.empty()) return;
  title(out, "Texts");
  out.table(table);
}

void print_events(const Output& out, const DemoReport& report) {
  Table table{{{"type"}, {"event"}, {"time"}, {"subject"}}, {}};
  for (const Json& event : report.events)
    table.rows.push_back({plain(member(event, "type")), plain(member(event, "id")), plain(member(event, "time")),
                          plain(member(event, "subject"))});
  title(out, fmt::format("Events published to {}/events (CloudEvents, one file per topic)", report.data_directory));
  out.table(table);
}

/// The word as a shell reads it back.
std::string shell_word(std::string_view word) {
  constexpr std::string_view kHarmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%";
  if (!word.empty() && word.find_first_not_of(kHarmless) == std::string_view::npos) return std::string(word);
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

void print_next(const Output& out, const DemoReport& report) {
  const std::string program = shell_word(report.program);
  const std::string where = fmt::format("--data {} --tenant {}", shell_word(report.data_directory), report.tenant);
  title(out, "The data directory is kept. Try next");
  out.line(fmt::format("  {} execution list {}", program, where));
  out.line(fmt::format("  {} execution why {} {}", program, report.story.row.execution_id, where));
  out.line(fmt::format("  {} sql {} \"SELECT intent_type, status, count(*) FROM executions GROUP BY 1, 2\"", program,
                       where));
}

}  // namespace

Result<DemoReport> read_report(const std::string& data_directory, const std::string& tenant,
                               std::vector<DemoFile> files) {
  DemoReport report;
  report.data_directory = data_directory;
  report.tenant = tenant;
  ScopedReader reader{public_works::TenantScope::only(tenant), nullptr};
  TRY(reader.store, app::StoreReader::open(data_directory));
  for (const DemoFile& file : files) {
    TRY(ExecutionStory story, load_story(reader, file.analyzed.execution_id));
    TRY(Json analysis, read_analysis(reader, story));
    report.analyses.push_back(std::move(analysis));
    if (report.analyses.size() == 1) report.story = std::move(story);
  }
  const std::string& source = files.front().ingested.references.front().reference_id;
  TRY(report.lineage, runtime::DataBrain(reader.store->lineage())
                          .lineage(reader.scope, source, {.direction = runtime::Direction::down}));
  report.files = std::move(files);
  report.events = read_events(app::DataDirectory{data_directory}.events(), tenant);
  TRY(report.verified, app::verify_log(data_directory));
  return report;
}

void print_report(const Output& out, const DemoReport& report) {
  print_files(out, report);
  title(out,
        fmt::format("One execution through its six stages: the analysis of {}", printable(report.files.front().path)));
  out.table(timeline_table(report.story));
  for (std::size_t i = 0; i < report.files.size(); ++i)
    if (report.files[i].analysis == "profile") print_profile(out, report.files[i], report.analyses[i]);
  print_texts(out, report);
  print_events(out, report);
  title(out, fmt::format("Lineage: what was made from {}", printable(report.files.front().path)));
  std::string drawing = render_lineage(report.lineage, runtime::Direction::down, out);
  if (!drawing.empty()) drawing.pop_back();
  out.line(drawing);
  title(out, "symphainy wal verify");
  out.json_line(report.verified);
  print_next(out, report);
}

Json report_json(const DemoReport& report) {
  Json files = Json::array();
  for (std::size_t i = 0; i < report.files.size(); ++i)
    files.push_back(Json::object({{"path", report.files[i].path},
                                  {"analysis", report.files[i].analysis},
                                  {"ingested", report.files[i].ingested.to_json()},
                                  {"analyzed", report.files[i].analyzed.to_json()},
                                  {"result", report.analyses[i]}}));
  Json events = Json::array();
  for (const Json& event : report.events) events.push_back(event);
  return Json::object({{"data", report.data_directory},
                       {"tenant", report.tenant},
                       {"files", std::move(files)},
                       {"timeline", timeline_json(report.story, public_works::TenantScope::only(report.tenant))},
                       {"events", std::move(events)},
                       {"lineage", lineage_json(report.lineage)},
                       {"verify", report.verified}});
}

}  // namespace symphainy::cli
