// SPDX-License-Identifier: Apache-2.0
// contract: lineage_store adapters: sqlite, memory
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "public_works/abstractions/lineage_store.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"
#include "temporary_directory.h"

// Rows and filters are named by the members that a test is about.
#pragma clang diagnostic ignored "-Wmissing-designated-field-initializers"

namespace symphainy::public_works {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

ReferenceRow reference_at(std::uint64_t position, std::uint32_t ordinal, const std::string& tenant) {
  ReferenceRow row;
  row.position = position;
  row.ordinal = ordinal;
  row.tenant = tenant;
  row.reference_id = tenant + std::to_string(position) + "." + std::to_string(ordinal);
  row.type = ordinal % 2 == 0 ? "file" : "table";
  row.name = "name";
  row.digest = ordinal == 0 ? "" : "d1";
  row.size = 18446744073709551615U;
  row.media_type = "text/csv";
  row.location = "there";
  row.metadata = "{\"a\":1}";
  row.execution_id = "e" + std::to_string(position % 3);
  row.created_us = static_cast<std::int64_t>(position) * 10;
  return row;
}

std::vector<std::string> ids(const std::vector<ReferenceRow>& rows) {
  std::vector<std::string> found;
  for (const ReferenceRow& row : rows) found.push_back(row.reference_id);
  return found;
}

class LineageStoreContract : public ::testing::TestWithParam<std::string> {
 protected:
  // Both adapters fill the lineage by StateStore::apply, on the same object.
  struct Stores {
    std::shared_ptr<StateStore> state;
    LineageStore* lineage = nullptr;
  };

  Stores make(const std::string& name) {
    if (GetParam() == "memory") {
      auto store = std::make_shared<MemoryStateStore>();
      return {store, store.get()};
    }
    std::shared_ptr<SqliteStateStore> store =
        SqliteStateStore::open(directory_ / name, SqliteStateStore::Mode::read_write).value();
    return {store, store.get()};
  }
  void apply(const StateChanges& changes) {
    const Result<void> applied = stores_.state->apply(changes);
    ASSERT_TRUE(applied) << applied.error().message;
  }

  tests::TemporaryDirectory directory_;
  Stores stores_ = make("state.db");
  LineageStore& lineage_ = *stores_.lineage;
};

INSTANTIATE_TEST_SUITE_P(Adapters, LineageStoreContract, ::testing::Values("sqlite", "memory"),
                         [](const auto& tested) { return tested.param; });

TEST_P(LineageStoreContract, AReferenceComesBackAsItWasWritten) {
  const ReferenceRow row = reference_at(2, 1, "a");
  apply({.position = 5, .references = {row, reference_at(2, 0, "b")}});
  EXPECT_EQ(lineage_.reference(TenantScope::only("a"), row.reference_id).value(), row);
  EXPECT_EQ(lineage_.reference(TenantScope::every_tenant(), row.reference_id).value(), row);
  EXPECT_EQ(lineage_.reference(TenantScope::every_tenant(), "b2.0").value()->tenant, "b");
  EXPECT_FALSE(lineage_.reference(TenantScope::only("b"), row.reference_id).value());
  EXPECT_FALSE(lineage_.reference(TenantScope::every_tenant(), "none").value());
}

TEST_P(LineageStoreContract, AReferenceRegisteredAgainMovesToItsLastRecord) {
  ReferenceRow again = reference_at(8, 0, "a");
  again.reference_id = "a2.0";
  apply({.position = 5, .references = {reference_at(2, 0, "a"), reference_at(3, 0, "a")}});
  apply({.position = 9, .references = {again}});
  EXPECT_EQ(lineage_.reference(TenantScope::only("a"), "a2.0").value(), again);
  EXPECT_THAT(ids(lineage_.list_references({}).value()), ElementsAre("a2.0", "a3.0"));
}

TEST_P(LineageStoreContract, ALocationIsKnownToTheTenantThatHasAReferenceToIt) {
  const std::string stored = "artifact:" + std::string(64, 'a');
  ReferenceRow to_stored = reference_at(2, 0, "a");
  to_stored.location = stored;
  ReferenceRow elsewhere = reference_at(3, 0, "a");
  elsewhere.location = "https://host/file";
  ReferenceRow theirs = reference_at(4, 0, "b");
  theirs.location = "artifact:" + std::string(64, 'b');
  apply({.position = 5, .references = {to_stored, elsewhere, theirs}});
  EXPECT_TRUE(lineage_.has_location("a", stored).value());
  EXPECT_TRUE(lineage_.has_location("a", elsewhere.location).value());
  EXPECT_TRUE(lineage_.has_location("b", theirs.location).value());
  EXPECT_FALSE(lineage_.has_location("a", theirs.location).value()) << "another tenant's";
  EXPECT_FALSE(lineage_.has_location("b", elsewhere.location).value()) << "another tenant's";
  EXPECT_FALSE(lineage_.has_location("c", stored).value());
  for (const std::string& other : {stored + "a", stored.substr(0, 72), "artifact:" + std::string(64, 'A'),
                                   std::string("artifact:"), std::string("artifact"), std::string()}) {
    EXPECT_FALSE(lineage_.has_location("a", other).value()) << "not exactly it: " << other;
  }
  apply({.position = 9, .references = {reference_at(8, 0, "c")}});
  EXPECT_TRUE(lineage_.has_location("a", stored).value()) << "later changes leave it";
}

TEST_P(LineageStoreContract, EveryFilterNarrowsAndPagesAreCompleteAndWithoutDuplicates) {
  std::vector<ReferenceRow> all;
  for (std::uint64_t at = 1; at <= 30; ++at) {
    for (std::uint32_t ordinal = 0; ordinal < 1 + at % 3; ++ordinal) {
      all.push_back(reference_at(at, ordinal, at % 4 == 0 ? "b" : "a"));
    }
  }
  StateChanges first{.position = 15};
  StateChanges second{.position = 40};
  for (const ReferenceRow& row : all) {
    (row.position <= 15 ? first : second).references.push_back(row);
  }
  std::ranges::reverse(second.references);
  apply(first);
  apply(second);
  std::vector<ReferenceFilter> filters;
  for (const TenantScope& scope : {TenantScope::every_tenant(), TenantScope::only("a")}) {
    filters.push_back({.scope = scope});
    filters.push_back({.scope = scope, .type = "table"});
    filters.push_back({.scope = scope, .execution_id = "e1"});
    filters.push_back({.scope = scope, .type = "file", .since_us = 100, .until_us = 200});
  }
  for (std::size_t index = 0; index < filters.size(); ++index) {
    for (const std::size_t limit : {1U, 4U, 1000U}) {
      ReferenceFilter filter = filters[index];
      filter.limit = limit;
      std::vector<ReferenceRow> expected;
      for (const ReferenceRow& row : all) {
        if (filter.scope.covers(row.tenant) && (!filter.type || row.type == *filter.type) &&
            (!filter.execution_id || row.execution_id == *filter.execution_id) &&
            (!filter.since_us || row.created_us >= *filter.since_us) &&
            (!filter.until_us || row.created_us <= *filter.until_us)) {
          expected.push_back(row);
        }
      }
      std::ranges::reverse(expected);
      std::vector<ReferenceRow> seen;
      while (true) {
        const auto page = lineage_.list_references(filter).value();
        if (page.empty()) break;
        EXPECT_LE(page.size(), limit);
        seen.insert(seen.end(), page.begin(), page.end());
        filter.before_position = page.back().position;
        filter.before_ordinal = page.back().ordinal;
      }
      EXPECT_EQ(seen, expected) << "filter " << index << ", pages of " << limit;
    }
  }
}

TEST_P(LineageStoreContract, EdgesAreAnsweredFromBothEndsInTheOrderRecorded) {
  const ProvenanceRow one{2, "a", "d", "z", "wasDerivedFrom", "e"};
  const ProvenanceRow two{2, "a", "d", "y", "wasDerivedFrom", "e"};
  const ProvenanceRow three{3, "a", "d2", "z", "wasRevisionOf", "e"};
  apply({.position = 5, .provenance = {three, one, two}});
  const TenantScope scope = TenantScope::only("a");
  EXPECT_THAT(lineage_.sources_of(scope, "d").value(), ElementsAre(one, two));
  EXPECT_THAT(lineage_.derived_from(scope, "z").value(), ElementsAre(one, three));
  EXPECT_THAT(lineage_.derived_from(TenantScope::every_tenant(), "y").value(), ElementsAre(two));
  EXPECT_THAT(lineage_.sources_of(scope, "z").value(), IsEmpty());
}

TEST_P(LineageStoreContract, ATenantsAnswersAreTheSameWhetherAnotherTenantExistsOrNot) {
  const Stores alone = make("alone.db");
  StateChanges of_a{.position = 50};
  StateChanges of_both{.position = 50};
  for (std::uint64_t at = 1; at <= 20; ++at) {
    const std::string tenant = at % 2 == 0 ? "b" : "a";
    // The same ids on both sides: only the tenant tells the rows apart.
    ReferenceRow row = reference_at(at, 0, tenant);
    row.reference_id = "r" + std::to_string((at + 1) / 2);
    row.execution_id = "shared";
    row.location = "artifact:" + std::to_string(at);
    const ProvenanceRow edge{at, tenant, row.reference_id, "r0", "wasDerivedFrom", "shared"};
    of_both.references.push_back(row);
    of_both.provenance.push_back(edge);
    if (tenant == "b") continue;
    of_a.references.push_back(row);
    of_a.provenance.push_back(edge);
  }
  apply(of_both);
  ASSERT_TRUE(alone.state->apply(of_a));
  const TenantScope a = TenantScope::only("a");
  for (int i = 0; i <= 11; ++i) {
    const std::string id = "r" + std::to_string(i);
    EXPECT_EQ(lineage_.reference(a, id).value(), alone.lineage->reference(a, id).value());
    EXPECT_EQ(lineage_.sources_of(a, id).value(), alone.lineage->sources_of(a, id).value());
    EXPECT_EQ(lineage_.derived_from(a, id).value(), alone.lineage->derived_from(a, id).value());
  }
  for (std::uint64_t at = 1; at <= 20; ++at) {
    const std::string location = "artifact:" + std::to_string(at);
    EXPECT_EQ(lineage_.has_location("a", location).value(), at % 2 == 1);
    EXPECT_EQ(lineage_.has_location("a", location).value(), alone.lineage->has_location("a", location).value());
  }
  for (const auto& filter : std::vector<ReferenceFilter>{
           {.scope = a}, {.scope = a, .execution_id = "shared"}, {.scope = a, .before_position = 9}}) {
    const auto answer = lineage_.list_references(filter).value();
    EXPECT_FALSE(answer.empty());
    EXPECT_EQ(answer, alone.lineage->list_references(filter).value());
  }
  EXPECT_THAT(lineage_.derived_from(TenantScope::only("c"), "r0").value(), IsEmpty());
}

}  // namespace
}  // namespace symphainy::public_works
