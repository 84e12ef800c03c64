// SPDX-License-Identifier: Apache-2.0
#include "runtime/data_brain.h"

#include <algorithm>
#include <deque>
#include <fmt/format.h>
#include <set>
#include <unordered_map>

#include "base/time.h"
#include "base/try.h"
#include "runtime/payload.h"

namespace symphainy {

Json Reference::to_json() const {
  return Json::object({{"created_at", base::format_time(created_at_us)},
                       {"digest", digest},
                       {"execution_id", execution_id},
                       {"location", location},
                       {"media_type", media_type},
                       {"metadata", metadata},
                       {"name", name},
                       {"reference_id", reference_id},
                       {"size", size},
                       {"tenant_id", tenant_id},
                       {"type", type}});
}

Json Artifact::to_json() const {
  return Json::object(
      {{"digest", digest}, {"location", location}, {"media_type", media_type}, {"name", name}, {"size", size}});
}

}  // namespace symphainy

namespace symphainy::runtime {

using public_works::ProvenanceRow;
using public_works::TenantScope;

std::string_view to_string(Relation relation) noexcept {
  return relation == Relation::was_derived_from ? "wasDerivedFrom" : "wasRevisionOf";
}

Reference to_reference(const public_works::ReferenceRow& row) {
  Reference reference{row.reference_id, row.tenant,   row.type,       row.name,         row.digest,    row.size,
                      row.media_type,   row.location, Json::object(), row.execution_id, row.created_us};
  if (auto metadata = Json::parse(row.metadata)) reference.metadata = *std::move(metadata);
  return reference;
}

Result<Reference> reference_from_json(const Json& json) {
  Payload members(json);
  Reference reference{members.text("reference_id"),
                      members.text("tenant_id"),
                      members.text("type"),
                      members.text("name"),
                      members.text("digest"),
                      members.number("size"),
                      members.text("media_type"),
                      members.text("location"),
                      members.object("metadata"),
                      members.text("execution_id"),
                      base::parse_time(members.text("created_at")).value_or(0)};
  TRY(members.complete({}));
  return reference;
}

Result<std::optional<Reference>> DataBrain::get_reference(const TenantScope& scope,
                                                          const std::string& reference_id) const {
  TRY(const auto row, store_.reference(scope, reference_id));
  if (!row) return std::nullopt;
  return to_reference(*row);
}

Result<std::vector<Reference>> DataBrain::list_references(const public_works::ReferenceFilter& filter) const {
  TRY(const auto rows, store_.list_references(filter));
  std::vector<Reference> out;
  std::ranges::transform(rows, std::back_inserter(out), to_reference);
  return out;
}

Result<std::vector<ProvenanceRow>> DataBrain::get_provenance(const TenantScope& scope,
                                                             const std::string& reference_id) const {
  return store_.sources_of(scope, reference_id);
}

// Breadth first, so that a node's depth is the number of hops on the shortest way.
Result<Lineage> DataBrain::lineage(const TenantScope& scope, const std::string& reference_id,
                                   const LineageOptions& options) const {
  TRY(const auto start, get_reference(scope, reference_id));
  if (!start) {
    return fail(ErrorCode::not_found, fmt::format("there is no reference {} for this tenant", reference_id),
                "unknown_reference");
  }
  Lineage lineage;
  lineage.nodes.push_back({*start, 0});
  std::unordered_map<std::string, std::uint32_t> depth = {{reference_id, 0}};
  for (std::size_t next = 0; next < lineage.nodes.size(); ++next) {
    const std::string here = lineage.nodes[next].reference.reference_id;
    const std::uint32_t here_depth = lineage.nodes[next].depth;
    const bool up = options.direction == Direction::up;
    TRY(auto edges, up ? store_.sources_of(scope, here) : store_.derived_from(scope, here));
    for (ProvenanceRow& edge : edges) {
      const std::string& other = up ? edge.source : edge.derived;
      if (!depth.contains(other)) {
        if (here_depth >= options.max_depth || lineage.nodes.size() >= options.max_nodes) {
          lineage.truncated = true;
          continue;
        }
        TRY(const auto reference, get_reference(scope, other));
        if (!reference) {
          return fail(ErrorCode::corrupt, fmt::format("the edge {} → {} dangles", edge.derived, edge.source));
        }
        depth.emplace(other, here_depth + 1);
        lineage.nodes.push_back({*reference, here_depth + 1});
      }
      lineage.edges.push_back(std::move(edge));
    }
  }
  return lineage;
}

}  // namespace symphainy::runtime
