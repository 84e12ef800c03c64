// SPDX-License-Identifier: Apache-2.0
// Whether a commit's provenance edges may be added: both ends exist for the tenant, and no cycle closes.
//
// Nothing committed can have been made from a reference that this very commit registers. So a cycle either lies among
// the commit's own new references (one pass finds it), or it contains an edge whose derived end existed before (a late
// edge), and only for those the graph is searched: once for all of them, within one budget.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "symphainy/error.h"

#include "runtime/commit.h"

namespace symphainy::runtime {

class ProvenanceCheck {
 public:
  /// Answers about what was decided before this commit.
  struct Graph {
    std::function<Result<bool>(const std::string& reference_id)> exists;
    std::function<Result<std::vector<std::string>>(const std::string& reference_id)> sources_of;
  };
  /// For all late edges of a commit together, no more edges are followed than this.
  static constexpr std::size_t kBudget = 100'000;

  /// `commit` must outlive the check.
  ProvenanceCheck(const PendingCommit& commit, Graph graph);
  /// invalid_argument with reason unknown_reference, provenance_cycle or provenance_too_deep.
  [[nodiscard]] Result<void> run();

 private:
  [[nodiscard]] Result<void> check_ends_exist(const PendingEdge& edge);
  [[nodiscard]] Result<void> check_new_references();
  [[nodiscard]] Result<void> check_late_edge(const PendingEdge& edge);
  [[nodiscard]] Result<std::vector<std::string>> sources_of(const std::string& reference);
  [[nodiscard]] bool is_of_this_commit(std::string_view derived, std::string_view source) const;

  const PendingCommit& commit_;
  Graph graph_;
  std::unordered_set<std::string_view> new_references_;
  std::unordered_map<std::string_view, std::vector<std::string_view>> new_sources_;  // derived → sources, this commit's
  std::unordered_map<std::string, bool>
      searched_;  // true: no cycle is behind it; false: it is on the path being searched
  std::size_t followed_ = 0;
};

}  // namespace symphainy::runtime
