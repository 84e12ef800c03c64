// SPDX-License-Identifier: Apache-2.0
// `symphainy reference`: the data that is known, and where each piece of it is.
#include <cstdio>
#include <fmt/format.h>

#include "base/time.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"
#include "cli/reference_content.h"
#include "cli/rows.h"
#include "runtime/data_brain.h"

namespace symphainy::cli {
namespace {

constexpr std::size_t kDigestShown = 12;

struct ListOptions {
  std::optional<std::string> type;
  std::optional<std::string> execution;
  std::optional<std::string> since;
  std::optional<std::string> until;
  std::optional<std::string> cursor;
  std::optional<std::uint64_t> limit;
};

struct ShowArguments {
  std::string id;
  bool content = false;
};

Result<public_works::ReferenceFilter> filter_of(const ListOptions& options, const ScopedReader& reader) {
  public_works::ReferenceFilter filter;
  filter.scope = reader.scope;
  filter.type = options.type;
  filter.execution_id = options.execution;
  TRY(filter.since_us, parse_moment(options.since));
  TRY(filter.until_us, parse_moment(options.until));
  if (!options.cursor) return filter;
  TRY(const auto last, reader.store->lineage().reference(reader.scope, *options.cursor));
  if (!last) return std::unexpected(unknown_id("reference", *options.cursor, "reference list"));
  filter.before_position = last->position;
  filter.before_ordinal = last->ordinal;
  return filter;
}

void print_references(const Output& out, const std::vector<public_works::ReferenceRow>& rows) {
  Table table{{{"reference"}, {"type"}, {"name"}, {"size", Align::right}, {"sha256"}, {"created at"}}, {}};
  for (const auto& row : rows)
    table.rows.push_back({row.reference_id, row.type, row.name, format_bytes(row.size),
                          row.digest.substr(0, kDigestShown), base::format_time(row.created_us)});
  out.table(table);
}

Result<int> list(Invocation& invocation, const ListOptions& options) {
  TRY(const std::size_t limit, list_limit(options.limit));
  TRY(const ScopedReader reader, open_scoped(invocation));
  TRY(auto filter, filter_of(options, reader));
  filter.limit = limit + 1;
  TRY(auto rows, reader.store->lineage().list_references(filter));
  const bool more = rows.size() > limit;
  if (more) rows.resize(limit);
  if (!invocation.out().json()) {
    print_references(invocation.out(), rows);
    if (more) notify(fmt::format("there are more; go on with --cursor {}", rows.back().reference_id));
    return kOk;
  }
  Json references = Json::array();
  for (const auto& row : rows) references.push_back(runtime::to_reference(row).to_json());
  invocation.out().json_line(Json::object(
      {{"references", std::move(references)}, {"next_cursor", more ? Json(rows.back().reference_id) : Json()}}));
  return kOk;
}

Result<int> print_content(const ScopedReader& reader, const Reference& reference) {
  bool written = true;
  TRY(read_content(reader, reference, [&written](std::string_view piece) {
    written = std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size();
    return written;
  }));
  return written ? kOk : kSomeFailed;
}

Result<int> show(Invocation& invocation, const ShowArguments& arguments) {
  const std::string& id = arguments.id;
  if (arguments.content && invocation.out().json_asked())
    return fail(ErrorCode::invalid_argument, "--content prints the bytes as they are; leave out -o json, or --content");
  TRY(const ScopedReader reader, open_scoped(invocation));
  const runtime::DataBrain brain(reader.store->lineage());
  TRY(const auto reference, brain.get_reference(reader.scope, id));
  if (!reference) return std::unexpected(unknown_id("reference", id, "reference list"));
  if (arguments.content) return print_content(reader, *reference);
  TRY(const auto provenance, brain.get_provenance(reader.scope, id));
  Json json = reference->to_json();
  json["provenance"] = Json::array();
  for (const auto& edge : provenance) json["provenance"].push_back(edge_json(edge));
  const Output& out = invocation.out();
  if (out.json()) {
    out.json_line(json);
    return kOk;
  }
  std::vector<std::pair<std::string, Cell>> facts{{"reference", reference->reference_id},
                                                  {"type", reference->type},
                                                  {"name", reference->name},
                                                  {"tenant", reference->tenant_id},
                                                  {"size", format_bytes(reference->size)},
                                                  {"sha256", reference->digest},
                                                  {"media type", reference->media_type},
                                                  {"location", reference->location},
                                                  {"metadata", reference->metadata.dump()},
                                                  {"execution", reference->execution_id},
                                                  {"created at", base::format_time(reference->created_at_us)}};
  for (const auto& edge : provenance) facts.emplace_back(edge.relation, edge.source);
  out.facts(facts);
  return kOk;
}

}  // namespace

void add_reference(Command root) {
  Command reference = root.add("reference", "data references: what is known, and where it is");
  reference.examples(
      {"symphainy reference list --tenant acme --type file", "symphainy reference show ID --tenant acme"});

  auto options = std::make_shared<ListOptions>();
  reference.add("list", "list references, newest first")
      .takes_data()
      .takes_tenant()
      .option("--type", options->type, "only this type", "TYPE")
      .option("--execution", options->execution, "only those this execution registered", "ID")
      .option("--since", options->since, "registered then or later: a time, or a span such as 2h", "TIME")
      .option("--until", options->until, "registered then or earlier", "TIME")
      .option("--limit", options->limit, "how many at most (default: 100)")
      .option("--cursor", options->cursor, "go on after this reference", "ID")
      .examples({"symphainy reference list --tenant acme --type file --since 7d"})
      .runs([options](Invocation& invocation) { return list(invocation, *options); });

  auto arguments = std::make_shared<ShowArguments>();
  reference.add("show", "everything about one reference, or its content")
      .takes_data()
      .takes_tenant()
      .argument("ID", arguments->id, "the reference")
      .flag("--content", arguments->content, "the data itself, byte for byte, instead of what is known about it")
      .examples(
          {"symphainy reference show 0193a0c0-7d7e-8c4f-8e0a-5f5b3c2d1e0f --tenant acme",
           "symphainy reference show 0193a0c0-7d7e-8c4f-8e0a-5f5b3c2d1e0f --tenant acme --content > profile.json"})
      .runs([arguments](Invocation& invocation) { return show(invocation, *arguments); });
}

}  // namespace symphainy::cli
