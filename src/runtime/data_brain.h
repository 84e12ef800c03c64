// SPDX-License-Identifier: Apache-2.0
// The Data Brain: references to data (never the data) and what was made from what. Edges lead from the derived
// reference to its source; the graph of a tenant has no dangling edge and no cycle, because commits that would make one
// are refused.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "symphainy/execution_context.h"

#include "public_works/abstractions/lineage_store.h"

namespace symphainy::runtime {

enum class Direction {
  up,    ///< towards the sources: what this was made from
  down,  ///< towards the derived: what was made from this
};

struct LineageNode {
  Reference reference;
  std::uint32_t depth = 0;  ///< hops from the start, the shortest way
};

struct Lineage {
  std::vector<LineageNode> nodes;                  ///< the start first, then by depth
  std::vector<public_works::ProvenanceRow> edges;  ///< between these nodes, each once
  bool truncated = false;                          ///< there is more beyond the depth or the budget
};

struct LineageOptions {
  Direction direction = Direction::up;
  std::uint32_t max_depth = 64;
  std::size_t max_nodes = 10'000;
};

[[nodiscard]] std::string_view to_string(Relation relation) noexcept;
[[nodiscard]] Reference to_reference(const public_works::ReferenceRow& row);
/// The inverse of Reference::to_json.
[[nodiscard]] Result<Reference> reference_from_json(const Json& json);

/// The questions. Thread-safe when the store is.
class DataBrain {
 public:
  explicit DataBrain(public_works::LineageStore& store) : store_(store) {}

  [[nodiscard]] Result<std::optional<Reference>> get_reference(const public_works::TenantScope& scope,
                                                               const std::string& reference_id) const;
  /// Newest first.
  [[nodiscard]] Result<std::vector<Reference>> list_references(const public_works::ReferenceFilter& filter) const;
  /// The edges that say what the reference was made from, directly.
  [[nodiscard]] Result<std::vector<public_works::ProvenanceRow>> get_provenance(const public_works::TenantScope& scope,
                                                                                const std::string& reference_id) const;
  /// not_found when the scope has no such reference.
  [[nodiscard]] Result<Lineage> lineage(const public_works::TenantScope& scope, const std::string& reference_id,
                                        const LineageOptions& options) const;

 private:
  public_works::LineageStore& store_;
};

}  // namespace symphainy::runtime
