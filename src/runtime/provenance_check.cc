// SPDX-License-Identifier: Apache-2.0
#include "runtime/provenance_check.h"

#include <fmt/format.h>

#include "base/try.h"

namespace symphainy::runtime {
namespace {

std::unexpected<Error> cycle(std::string_view derived, std::string_view source) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} cannot be derived from {}: that one was itself made from it", derived, source),
              "provenance_cycle", Json::object({{"derived", derived}, {"source", source}}));
}

}  // namespace

ProvenanceCheck::ProvenanceCheck(const PendingCommit& commit, Graph graph) : commit_(commit), graph_(std::move(graph)) {
  for (const Reference& reference : commit.references) new_references_.insert(reference.reference_id);
  for (const PendingEdge& edge : commit.edges) new_sources_[edge.derived].push_back(edge.source);
}

Result<void> ProvenanceCheck::run() {
  if (commit_.edges.empty()) return {};
  for (const PendingEdge& edge : commit_.edges) TRY(check_ends_exist(edge));
  TRY(check_new_references());
  for (const PendingEdge& edge : commit_.edges) {
    if (!new_references_.contains(edge.derived)) TRY(check_late_edge(edge));
  }
  return {};
}

Result<void> ProvenanceCheck::check_ends_exist(const PendingEdge& edge) {
  for (const std::string& end : {edge.derived, edge.source}) {
    if (new_references_.contains(end)) continue;
    TRY(const bool exists, graph_.exists(end));
    if (!exists) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("provenance names reference {}, which this tenant does not have", end),
                  "unknown_reference", Json::object({{"reference_id", end}}));
    }
  }
  return {};
}

// Kahn's algorithm over the edges between new references: what cannot be taken off lies on a cycle.
Result<void> ProvenanceCheck::check_new_references() {
  std::unordered_map<std::string_view, std::size_t> made_from_it;  // source → edges still leading to it
  for (const PendingEdge& edge : commit_.edges) {
    if (new_references_.contains(edge.derived) && new_references_.contains(edge.source)) ++made_from_it[edge.source];
  }
  std::vector<std::string_view> free;
  for (const std::string_view reference : new_references_) {
    if (!made_from_it.contains(reference)) free.push_back(reference);
  }
  while (!free.empty()) {
    const std::string_view derived = free.back();
    free.pop_back();
    const auto sources = new_sources_.find(derived);
    if (sources == new_sources_.end()) continue;
    for (const std::string_view source : sources->second) {
      const auto counted = made_from_it.find(source);
      if (counted == made_from_it.end() || --counted->second > 0) continue;
      made_from_it.erase(counted);
      free.push_back(source);
    }
  }
  if (made_from_it.empty()) return {};
  // Each of the rest has something made from it among the rest: going on from one to the next ends on a cycle.
  std::unordered_map<std::string_view, std::string_view> made;
  for (const PendingEdge& edge : commit_.edges) {
    if (made_from_it.contains(edge.source) && made_from_it.contains(edge.derived)) made[edge.source] = edge.derived;
  }
  std::string_view here = made_from_it.begin()->first;
  for (std::size_t hops = 0; hops < made.size(); ++hops) here = made.at(here);
  return cycle(made.at(here), here);
}

// The edge closes a cycle when its source was made, over any number of hops, from its derived.
Result<void> ProvenanceCheck::check_late_edge(const PendingEdge& edge) {
  std::vector<std::string> open = {edge.source};
  std::unordered_set<std::string> seen(open.begin(), open.end());
  const auto visit = [&](std::string_view source) {
    if (const auto [added, fresh] = seen.emplace(source); fresh) open.push_back(*added);
  };
  while (!open.empty()) {
    const std::string here = std::move(open.back());
    open.pop_back();
    if (here == edge.derived) return cycle(edge.derived, edge.source);
    if (seen.size() > kBudget) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("whether {} may be derived from {} takes following more than {} references; register a "
                              "new reference instead",
                              edge.derived, edge.source, kBudget),
                  "provenance_too_deep");
    }
    if (const auto own = new_sources_.find(here); own != new_sources_.end()) {
      for (const std::string_view source : own->second) visit(source);
    }
    if (new_references_.contains(here)) continue;
    TRY(const auto sources, graph_.sources_of(here));
    for (const std::string& source : sources) visit(source);
  }
  return {};
}

}  // namespace symphainy::runtime
