// SPDX-License-Identifier: Apache-2.0
#include "runtime/provenance_check.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <utility>

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

Result<std::vector<std::string>> ProvenanceCheck::sources_of(const std::string& reference) {
  std::vector<std::string> out;
  if (!new_references_.contains(reference)) {
    TRY(out, graph_.sources_of(reference));
  }
  if (const auto own = new_sources_.find(reference); own != new_sources_.end()) {
    out.insert(out.end(), own->second.begin(), own->second.end());
  }
  return out;
}

bool ProvenanceCheck::is_of_this_commit(std::string_view derived, std::string_view source) const {
  const auto own = new_sources_.find(derived);
  return own != new_sources_.end() && std::ranges::find(own->second, source) != own->second.end();
}

// The edge closes a cycle when its source was made, over any number of hops, from its derived. So a search from the
// source, through this commit's edges too, comes back to its own path. What it has left behind need not be searched
// again for another edge.
Result<void> ProvenanceCheck::check_late_edge(const PendingEdge& edge) {
  struct Hop {
    std::string reference;
    std::vector<std::string> sources;
    std::size_t next = 0;
  };
  std::vector<Hop> path;
  const auto enter = [&](const std::string& reference) -> Result<void> {
    searched_[reference] = false;
    TRY(auto sources, sources_of(reference));
    path.push_back({reference, std::move(sources)});
    return {};
  };
  if (!searched_.contains(edge.source)) TRY(enter(edge.source));
  while (!path.empty()) {
    Hop& here = path.back();
    if (here.next == here.sources.size()) {
      searched_[here.reference] = true;
      path.pop_back();
      continue;
    }
    const std::string source = here.sources[here.next++];
    if (++followed_ > kBudget) {
      return fail(ErrorCode::invalid_argument,
                  fmt::format("whether {} may be derived from {} takes following more than {} edges; register a new "
                              "reference instead",
                              edge.derived, edge.source, kBudget),
                  "provenance_too_deep");
    }
    const auto seen = searched_.find(source);
    if (seen == searched_.end()) {
      TRY(enter(source));
    } else if (!seen->second) {
      // The cycle: from the path's end to the source, and along the path. One of its edges at least is this commit's.
      std::string_view derived = path.back().reference;
      std::string_view made_from = source;
      for (auto hop = std::ranges::find(path, source, &Hop::reference); !is_of_this_commit(derived, made_from); ++hop) {
        derived = hop->reference;
        made_from = std::next(hop)->reference;
      }
      return cycle(derived, made_from);
    }
  }
  return {};
}

}  // namespace symphainy::runtime
