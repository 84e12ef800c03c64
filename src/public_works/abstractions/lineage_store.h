// SPDX-License-Identifier: Apache-2.0
// The graph of references and what was made from what, as the Data Brain asks it. The fold fills it
// (StateStore::apply); an external graph store can stand behind the same questions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "public_works/abstractions/state_store.h"

namespace symphainy::public_works {

struct ReferenceFilter {
  TenantScope scope = TenantScope::every_tenant();
  std::optional<std::string> type;
  std::optional<std::string> execution_id;
  std::optional<std::int64_t> since_us;
  std::optional<std::int64_t> until_us;
  /// Cursor: only references registered before (position, ordinal); {0, 0}: from the newest.
  std::uint64_t before_position = 0;
  std::uint32_t before_ordinal = 0;
  std::size_t limit = 100;
};

/// Any thread.
class LineageStore {
 public:
  virtual ~LineageStore() = default;
  [[nodiscard]] virtual Result<std::optional<ReferenceRow>> reference(const TenantScope& scope,
                                                                      const std::string& reference_id) = 0;
  /// Newest first.
  [[nodiscard]] virtual Result<std::vector<ReferenceRow>> list_references(const ReferenceFilter& filter) = 0;
  /// Whether a reference of the tenant has exactly this location. Quick for those that begin with "artifact:".
  [[nodiscard]] virtual Result<bool> has_location(const std::string& tenant, const std::string& location) = 0;
  /// Edges whose `derived` (sources_of) or whose `source` (derived_from) is the reference, in the order recorded.
  [[nodiscard]] virtual Result<std::vector<ProvenanceRow>> sources_of(const TenantScope& scope,
                                                                      const std::string& reference_id) = 0;
  [[nodiscard]] virtual Result<std::vector<ProvenanceRow>> derived_from(const TenantScope& scope,
                                                                        const std::string& reference_id) = 0;
};

}  // namespace symphainy::public_works
