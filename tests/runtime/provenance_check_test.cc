// SPDX-License-Identifier: Apache-2.0
// Edges that may be added and edges that may not, among new references, among committed ones and between the two.
#include "runtime/provenance_check.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace symphainy::runtime {
namespace {

using Edges = std::vector<std::pair<std::string, std::string>>;

class Provenance : public ::testing::Test {
 protected:
  void committed(const std::vector<std::string>& references, const Edges& edges = {}) {
    committed_.insert(references.begin(), references.end());
    for (const auto& [derived, source] : edges) sources_[derived].push_back(source);
  }

  Result<void> check(const std::vector<std::string>& references, const Edges& edges) {
    PendingCommit commit;
    for (const std::string& id : references) {
      Reference reference;
      reference.reference_id = id;
      commit.references.push_back(std::move(reference));
    }
    for (const auto& [derived, source] : edges) commit.edges.push_back({derived, source, Relation::was_derived_from});
    return ProvenanceCheck(commit, {[this](const std::string& id) -> Result<bool> { return committed_.contains(id); },
                                    [this](const std::string& id) -> Result<std::vector<std::string>> {
                                      ++looked_up_;
                                      const auto found = sources_.find(id);
                                      return found == sources_.end() ? std::vector<std::string>() : found->second;
                                    }})
        .run();
  }

  std::string reason(const std::vector<std::string>& references, const Edges& edges) {
    const auto checked = check(references, edges);
    if (checked) return "accepted";
    EXPECT_EQ(checked.error().code, ErrorCode::invalid_argument);
    return checked.error().reason;
  }

  std::set<std::string> committed_;
  std::map<std::string, std::vector<std::string>> sources_;
  std::size_t looked_up_ = 0;
};

TEST_F(Provenance, IsAcceptedWhenNothingIsClaimed) {
  EXPECT_EQ(reason({}, {}), "accepted");
  EXPECT_EQ(reason({"a", "b"}, {}), "accepted");
}

TEST_F(Provenance, IsAcceptedFromCommittedToNewReferencesWithoutSearching) {
  committed({"old", "older"}, {{"old", "older"}});
  EXPECT_EQ(reason({"a", "b"}, {{"a", "old"}, {"b", "a"}, {"b", "older"}, {"b", "a"}}), "accepted");
  EXPECT_EQ(looked_up_, 0U);
}

TEST_F(Provenance, IsRefusedWhenAnEndIsUnknown) {
  committed({"old"});
  EXPECT_EQ(reason({"a"}, {{"a", "nowhere"}}), "unknown_reference");
  EXPECT_EQ(reason({"a"}, {{"nowhere", "a"}}), "unknown_reference");
  EXPECT_EQ(reason({}, {{"old", "nowhere"}}), "unknown_reference");
  const auto refused = check({"a"}, {{"a", "old"}, {"a", "nowhere"}});
  EXPECT_EQ(refused.error().details.dump(), R"({"reference_id":"nowhere"})");
}

TEST_F(Provenance, IsRefusedWhenAReferenceIsItsOwnSource) {
  committed({"old"});
  EXPECT_EQ(reason({"a"}, {{"a", "a"}}), "provenance_cycle");
  EXPECT_EQ(reason({}, {{"old", "old"}}), "provenance_cycle");
}

TEST_F(Provenance, IsRefusedWhenNewReferencesFormACycle) {
  EXPECT_EQ(reason({"a", "b"}, {{"a", "b"}, {"b", "a"}}), "provenance_cycle");
  std::vector<std::string> references;
  Edges edges;
  for (int i = 0; i < 1'000; ++i) {
    references.push_back(std::to_string(i));
    edges.push_back({std::to_string(i), std::to_string((i + 1) % 1'000)});
  }
  EXPECT_EQ(reason(references, edges), "provenance_cycle");
  edges.pop_back();
  EXPECT_EQ(reason(references, edges), "accepted");
}

TEST_F(Provenance, NamesAnEdgeThatLiesOnTheCycle) {
  // The tail behind the cycle cannot be taken off either, but is not to blame.
  const Edges edges = {{"c", "d"}, {"b", "c"}, {"d", "e"}, {"a", "b"}, {"b", "a"}};
  const auto refused = check({"a", "b", "c", "d", "e"}, edges);
  ASSERT_FALSE(refused);
  const std::string named = refused.error().details.dump();
  EXPECT_TRUE(named == R"({"derived":"a","source":"b"})" || named == R"({"derived":"b","source":"a"})") << named;
}

TEST_F(Provenance, AcceptsADiamondAndTheSameEdgeTwice) {
  EXPECT_EQ(reason({"a", "b", "c", "d"}, {{"a", "b"}, {"a", "c"}, {"b", "d"}, {"c", "d"}, {"a", "d"}, {"a", "b"}}),
            "accepted");
}

TEST_F(Provenance, IsRefusedWhenALateEdgeClosesACycleThroughCommittedEdges) {
  committed({"a", "b", "c", "d"}, {{"a", "b"}, {"b", "c"}, {"a", "d"}});
  EXPECT_EQ(reason({}, {{"c", "a"}}), "provenance_cycle");
  EXPECT_EQ(reason({}, {{"b", "a"}}), "provenance_cycle");
  EXPECT_EQ(reason({}, {{"c", "d"}}), "accepted");
  EXPECT_EQ(reason({}, {{"a", "c"}}), "accepted");
  const auto refused = check({}, {{"c", "a"}});
  EXPECT_EQ(refused.error().details.dump(), R"({"derived":"c","source":"a"})");
}

TEST_F(Provenance, IsRefusedWhenLateEdgesCloseACycleTogether) {
  committed({"a", "b", "c", "d"}, {{"a", "b"}, {"c", "d"}});
  EXPECT_EQ(reason({}, {{"b", "c"}}), "accepted");
  EXPECT_EQ(reason({}, {{"d", "a"}}), "accepted");
  EXPECT_EQ(reason({}, {{"b", "c"}, {"d", "a"}}), "provenance_cycle");
}

TEST_F(Provenance, IsRefusedWhenACycleGoesThroughANewReference) {
  committed({"a", "b"}, {{"b", "a"}});
  EXPECT_EQ(reason({"n"}, {{"a", "n"}}), "accepted");
  EXPECT_EQ(reason({"n"}, {{"n", "b"}}), "accepted");
  EXPECT_EQ(reason({"n"}, {{"a", "n"}, {"n", "b"}}), "provenance_cycle");
  EXPECT_EQ(reason({"n", "m"}, {{"n", "m"}, {"m", "b"}, {"a", "n"}}), "provenance_cycle");
}

TEST_F(Provenance, PassesOnWhatTheGraphCannotAnswer) {
  PendingCommit commit;
  commit.edges.push_back({"a", "b", Relation::was_revision_of});
  const auto failed =
      ProvenanceCheck(commit,
                      {[](const std::string&) -> Result<bool> { return fail(ErrorCode::io_error, "disk"); }, nullptr})
          .run();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::io_error);
}

TEST_F(Provenance, GivesUpOnALateEdgeBeyondItsBudget) {
  committed({"late"});
  for (std::size_t i = 0; i <= ProvenanceCheck::kBudget + 1; ++i) {
    committed({std::to_string(i)}, {{std::to_string(i), std::to_string(i + 1)}});
  }
  EXPECT_EQ(reason({}, {{"late", "0"}}), "provenance_too_deep");
  EXPECT_EQ(reason({}, {{"late", "1000"}}), "accepted");
}

TEST_F(Provenance, SearchesOnceForAllLateEdgesOfACommit) {
  std::vector<std::string> references = {"late"};
  Edges chain;
  for (int i = 0; i < 2'000; ++i) {
    references.push_back(std::to_string(i));
    chain.push_back({std::to_string(i), std::to_string(i + 1)});
  }
  references.push_back("2000");
  committed(references, chain);
  EXPECT_EQ(reason({}, Edges(2'000, {"late", "0"})), "accepted");
  EXPECT_EQ(looked_up_, 2'001U) << "the same edge many times";
  Edges fan;
  for (int i = 0; i < 2'000; ++i) fan.push_back({"late", std::to_string(i)});
  looked_up_ = 0;
  EXPECT_EQ(reason({}, fan), "accepted");
  EXPECT_EQ(looked_up_, 2'001U) << "edges into the same stretch";
  fan.clear();
  for (int i = 0; i < 1'000; ++i) fan.push_back({std::to_string(i), std::to_string(i + 1'000)});
  looked_up_ = 0;
  EXPECT_EQ(reason({}, fan), "accepted");
  EXPECT_LE(looked_up_, 2'001U) << "edges of many references";
  fan.push_back({"2000", "1"});
  EXPECT_EQ(reason({}, fan), "provenance_cycle") << "which the last one closes";
}

TEST_F(Provenance, SharesOneBudgetAmongTheLateEdgesOfACommit) {
  committed({"late"});
  Edges edges;
  for (const std::string stretch : {"a", "b", "c"}) {
    for (std::size_t i = 0; i < ProvenanceCheck::kBudget / 2; ++i) {
      committed({stretch + std::to_string(i)}, {{stretch + std::to_string(i), stretch + std::to_string(i + 1)}});
    }
    edges.push_back({"late", stretch + "0"});
  }
  EXPECT_EQ(reason({}, {edges[0], edges[1]}), "accepted");
  EXPECT_EQ(reason({}, edges), "provenance_too_deep");
}

TEST_F(Provenance, NamesAnEdgeOfTheCommitWhereverTheSearchMeetsTheCycle) {
  committed({"a", "b", "c", "d", "e"}, {{"a", "b"}, {"b", "c"}, {"c", "d"}, {"e", "a"}});
  for (const Edges& edges : {Edges{{"d", "a"}}, Edges{{"d", "b"}, {"d", "a"}}, Edges{{"a", "e"}},
                             Edges{{"b", "d"}, {"d", "n"}, {"n", "e"}}}) {
    const auto refused = check({"n"}, edges);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "provenance_cycle");
    const auto named = [&](const auto& edge) {
      return refused.error().details == Json::object({{"derived", edge.first}, {"source", edge.second}});
    };
    EXPECT_TRUE(std::ranges::any_of(edges, named)) << refused.error().details.dump();
  }
}

TEST_F(Provenance, ChecksALongChainOfNewReferencesInOnePass) {
  committed({"root"});
  std::vector<std::string> references;
  Edges edges;
  for (int i = 0; i < 10'000; ++i) {
    references.push_back("r" + std::to_string(i));
    edges.push_back({references.back(), i == 0 ? "root" : references[references.size() - 2]});
  }
  EXPECT_EQ(reason(references, edges), "accepted");
  std::ranges::reverse(edges);
  EXPECT_EQ(reason(references, edges), "accepted");
  EXPECT_EQ(looked_up_, 0U);
  edges.push_back({"r0", "r9999"});
  EXPECT_EQ(reason(references, edges), "provenance_cycle");
}

}  // namespace
}  // namespace symphainy::runtime
