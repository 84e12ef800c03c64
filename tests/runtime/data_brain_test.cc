// SPDX-License-Identifier: Apache-2.0
// References and lineage as the Data Brain answers them: hops by the shortest way, bounds that say so, one tenant at a
// time.
#include "runtime/data_brain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "public_works/adapters/memory/memory_state_store.h"

namespace symphainy::runtime {
namespace {

using public_works::MemoryStateStore;
using public_works::ProvenanceRow;
using public_works::ReferenceFilter;
using public_works::ReferenceRow;
using public_works::StateChanges;
using public_works::TenantScope;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

const TenantScope kAcme = TenantScope::only("acme");

// A store with its brain, filled one change at a time.
struct Brain {
  MemoryStateStore store;
  DataBrain brain{store};
  std::uint64_t position = 0;

  void register_reference(const std::string& id, const std::string& tenant = "acme", const std::string& type = "file") {
    ReferenceRow row;
    row.position = ++position;
    row.tenant = tenant;
    row.reference_id = id;
    row.type = type;
    row.name = id + ".csv";
    row.digest = std::string(64, 'd');
    row.size = 7;
    row.media_type = "text/csv";
    row.location = "artifact:" + row.digest;
    row.metadata = R"({"rows":18446744073709551615})";
    row.execution_id = "e";
    row.created_us = static_cast<std::int64_t>(position) * 1'000'000;
    apply([&](StateChanges& changes) { changes.references = {row}; });
  }
  void track(const std::string& derived, const std::string& source, const std::string& tenant = "acme") {
    const ProvenanceRow edge{++position, tenant, derived, source, "wasDerivedFrom", "e"};
    apply([&](StateChanges& changes) { changes.provenance = {edge}; });
  }
  template <typename Fill>
  void apply(Fill fill) {
    StateChanges changes;
    changes.position = position;
    fill(changes);
    ASSERT_TRUE(store.apply(changes));
  }
};

template <typename T>
std::optional<ErrorCode> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

std::vector<std::string> nodes(const Lineage& lineage) {
  std::vector<std::string> out;
  for (const LineageNode& node : lineage.nodes) {
    out.push_back(node.reference.reference_id + "@" + std::to_string(node.depth));
  }
  return out;
}

std::vector<std::string> edges(const std::vector<ProvenanceRow>& rows) {
  std::vector<std::string> out;
  for (const ProvenanceRow& row : rows) out.push_back(row.derived + "<-" + row.source);
  return out;
}

LineageOptions options(Direction direction, std::uint32_t max_depth = 64, std::size_t max_nodes = 10'000) {
  return {direction, max_depth, max_nodes};
}

// report was made from table and file; table from clean; clean from file; file from feed.
class DiamondOfData : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* id : {"feed", "file", "clean", "table", "report"}) data_.register_reference(id);
    data_.track("file", "feed");
    data_.track("clean", "file");
    data_.track("table", "clean");
    data_.track("report", "table");
    data_.track("report", "file");
  }
  Lineage lineage(const std::string& id, const LineageOptions& how, const TenantScope& scope = kAcme) {
    return data_.brain.lineage(scope, id, how).value();
  }

  Brain data_;
};

TEST_F(DiamondOfData, AnswersAReferenceAsItWasRegistered) {
  const auto file = data_.brain.get_reference(kAcme, "file").value();
  ASSERT_TRUE(file);
  EXPECT_EQ(file->tenant_id, "acme");
  EXPECT_EQ(file->name, "file.csv");
  EXPECT_EQ(file->metadata.find("rows")->as_uint64(), 18446744073709551615U);
  EXPECT_EQ(file->created_at_us, 2'000'000);
  const auto read = reference_from_json(file->to_json());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->to_json(), file->to_json());
  Json incomplete = file->to_json();
  incomplete.erase("location");
  EXPECT_EQ(code_of(reference_from_json(incomplete)), ErrorCode::corrupt);
  EXPECT_FALSE(data_.brain.get_reference(kAcme, "none").value());
}

TEST_F(DiamondOfData, ListsReferencesNewestFirst) {
  data_.register_reference("other", "acme", "analysis");
  ReferenceFilter filter;
  filter.scope = kAcme;
  filter.limit = 3;
  std::vector<std::string> ids;
  for (const Reference& reference : data_.brain.list_references(filter).value()) ids.push_back(reference.reference_id);
  EXPECT_THAT(ids, ElementsAre("other", "report", "table"));
  filter.type = "analysis";
  EXPECT_EQ(data_.brain.list_references(filter).value().size(), 1U);
}

TEST_F(DiamondOfData, AnswersWhatAReferenceWasMadeFromDirectly) {
  EXPECT_THAT(edges(data_.brain.get_provenance(kAcme, "report").value()), ElementsAre("report<-table", "report<-file"));
  EXPECT_THAT(data_.brain.get_provenance(kAcme, "feed").value(), IsEmpty());
}

TEST_F(DiamondOfData, CountsHopsUpTheShortestWay) {
  const Lineage up = lineage("report", options(Direction::up));
  EXPECT_THAT(nodes(up), ElementsAre("report@0", "table@1", "file@1", "clean@2", "feed@2"));
  EXPECT_THAT(edges(up.edges),
              UnorderedElementsAre("report<-table", "report<-file", "table<-clean", "file<-feed", "clean<-file"));
  EXPECT_FALSE(up.truncated);
}

TEST_F(DiamondOfData, CountsHopsDownTheShortestWay) {
  const Lineage down = lineage("feed", options(Direction::down));
  EXPECT_THAT(nodes(down), ElementsAre("feed@0", "file@1", "clean@2", "report@2", "table@3"));
  EXPECT_EQ(down.edges.size(), 5U);
  EXPECT_FALSE(down.truncated);
  EXPECT_THAT(nodes(lineage("report", options(Direction::down))), ElementsAre("report@0"));
}

TEST_F(DiamondOfData, IsCutAtTheDepthAndSaysSo) {
  const Lineage one = lineage("report", options(Direction::up, 1));
  EXPECT_THAT(nodes(one), ElementsAre("report@0", "table@1", "file@1"));
  EXPECT_THAT(edges(one.edges), ElementsAre("report<-table", "report<-file"));
  EXPECT_TRUE(one.truncated);
  const Lineage two = lineage("report", options(Direction::up, 2));
  EXPECT_EQ(two.nodes.size(), 5U);
  EXPECT_EQ(two.edges.size(), 5U) << "the edge between two nodes at the bound belongs to the answer";
  EXPECT_FALSE(two.truncated);
  const Lineage none = lineage("report", options(Direction::up, 0));
  EXPECT_THAT(nodes(none), ElementsAre("report@0"));
  EXPECT_TRUE(none.truncated);
  EXPECT_FALSE(lineage("feed", options(Direction::up, 0)).truncated);
}

TEST_F(DiamondOfData, IsCutAtTheBudgetAndSaysSo) {
  const Lineage three = lineage("report", options(Direction::up, 64, 3));
  EXPECT_THAT(nodes(three), ElementsAre("report@0", "table@1", "file@1"));
  EXPECT_TRUE(three.truncated);
  EXPECT_FALSE(lineage("report", options(Direction::up, 64, 5)).truncated);
  for (const ProvenanceRow& edge : three.edges) {
    for (const std::string& end : {edge.derived, edge.source}) {
      EXPECT_TRUE(end == "report" || end == "table" || end == "file") << end;
    }
  }
}

TEST_F(DiamondOfData, IsUnknownToAnotherTenantAsIfItDidNotExist) {
  const TenantScope other = TenantScope::only("other");
  data_.register_reference("theirs", "other");
  const auto foreign = data_.brain.lineage(other, "file", {});
  const auto absent = data_.brain.lineage(other, "never", {});
  ASSERT_FALSE(foreign);
  ASSERT_FALSE(absent);
  EXPECT_EQ(foreign.error().code, ErrorCode::not_found);
  EXPECT_EQ(foreign.error().reason, absent.error().reason);
  EXPECT_FALSE(data_.brain.get_reference(other, "file").value());
  EXPECT_THAT(data_.brain.get_provenance(other, "report").value(), IsEmpty());
  EXPECT_THAT(nodes(lineage("file", options(Direction::up), TenantScope::every_tenant())),
              ElementsAre("file@0", "feed@1"));
}

TEST_F(DiamondOfData, AnswersTheSameWhetherAnotherTenantExistsOrNot) {
  Brain both;
  for (const std::string tenant : {"acme", "other"}) {
    // The same ids on both sides: only the tenant tells them apart.
    for (const char* id : {"feed", "file", "clean", "table", "report"}) both.register_reference(id, tenant);
    both.track("file", "feed", tenant);
    both.track("clean", "file", tenant);
    both.track("table", "clean", tenant);
    both.track("report", "table", tenant);
    both.track("report", "file", tenant);
    if (tenant == "other") both.track("feed", "report", tenant);
  }
  for (const std::string id : {"feed", "file", "clean", "table", "report"}) {
    for (const Direction direction : {Direction::up, Direction::down}) {
      const Lineage one = lineage(id, options(direction));
      const Lineage two = both.brain.lineage(kAcme, id, options(direction)).value();
      EXPECT_EQ(nodes(one), nodes(two));
      EXPECT_EQ(edges(one.edges), edges(two.edges));
    }
    EXPECT_EQ(edges(data_.brain.get_provenance(kAcme, id).value()),
              edges(both.brain.get_provenance(kAcme, id).value()));
  }
}

TEST(LineageOfManyHops, FollowsAChainToItsEnd) {
  Brain data;
  data.register_reference("r0");
  for (int i = 1; i < 100; ++i) {
    data.register_reference("r" + std::to_string(i));
    data.track("r" + std::to_string(i), "r" + std::to_string(i - 1));
  }
  const Lineage up = data.brain.lineage(kAcme, "r99", options(Direction::up, 99)).value();
  EXPECT_EQ(up.nodes.size(), 100U);
  EXPECT_EQ(up.nodes.back().depth, 99U);
  EXPECT_FALSE(up.truncated);
  EXPECT_TRUE(data.brain.lineage(kAcme, "r99", options(Direction::up, 98)).value().truncated);
}

TEST(LineageOfManyHops, RefusesADanglingEdgeAsCorrupt) {
  Brain data;
  data.register_reference("a");
  data.track("a", "gone");
  EXPECT_EQ(code_of(data.brain.lineage(kAcme, "a", {})), ErrorCode::corrupt);
}

}  // namespace
}  // namespace symphainy::runtime
