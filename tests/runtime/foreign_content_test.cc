// SPDX-License-Identifier: Apache-2.0
// Which references to content in the artifact store a commit may register: knowing a digest is not enough.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "public_works/adapters/memory/memory_state_store.h"
#include "runtime/content_location.h"
#include "runtime/decision_state.h"

namespace symphainy::runtime {
namespace {

using public_works::MemoryStateStore;
using public_works::ReferenceRow;
using public_works::StateChanges;
using ::testing::HasSubstr;

const std::string kLocation = artifact_location(std::string(64, 'a'));

PendingCommit refers_to(const std::string& location) {
  Reference reference;
  reference.reference_id = "0192f0c1-2345-8abc-8def-0123456789ab";
  reference.location = location;
  PendingCommit commit;
  commit.references.push_back(reference);
  return commit;
}

PendingCommit stores_and_refers_to(const std::string& location) {
  PendingCommit commit = refers_to(location);
  Artifact artifact;
  artifact.location = location;
  commit.artifacts.push_back({artifact, std::nullopt});
  return commit;
}

std::string outcome(const Result<void>& decided) {
  return decided ? "decided" : decided.error().reason;
}

class ForeignContent : public ::testing::Test {
 protected:
  std::string decide(PendingCommit commit, const std::string& tenant = "acme") {
    return outcome(decisions_.decide(commit, tenant));
  }
  void decide_at(std::uint64_t position, PendingCommit commit, const std::string& tenant) {
    ASSERT_TRUE(decisions_.decide(commit, tenant));
    decisions_.decided_at(commit, tenant, position);
  }
  void fold(std::uint64_t position, const std::string& tenant, const std::string& location) {
    ReferenceRow row;
    row.position = position;
    row.tenant = tenant;
    row.reference_id = "r" + std::to_string(position);
    row.location = location;
    StateChanges changes;
    changes.position = position;
    changes.references.push_back(row);
    ASSERT_TRUE(store_.apply(changes));
    decisions_.folded(position);
  }

  MemoryStateStore store_;
  DecisionState decisions_{store_, store_};
};

TEST_F(ForeignContent, IsRefusedWithTheLocationAndWhatToDo) {
  PendingCommit commit = refers_to(kLocation);
  const auto refused = decisions_.decide(commit, "acme");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(refused.error().reason, "foreign_content");
  EXPECT_THAT(refused.error().message, HasSubstr(kLocation));
  EXPECT_THAT(refused.error().message, HasSubstr("store it with the context"));
  EXPECT_EQ(*refused.error().details.find("location"), Json(kLocation));
}

TEST_F(ForeignContent, IsNotWhatTheCommitItselfStored) {
  EXPECT_EQ(decide(stores_and_refers_to(kLocation)), "decided");
  PendingCommit twice = stores_and_refers_to(kLocation);
  twice.references.push_back(twice.references.front());
  EXPECT_EQ(decide(twice), "decided");
  PendingCommit another = stores_and_refers_to(kLocation);
  another.references.front().location = artifact_location(std::string(64, 'b'));
  EXPECT_EQ(decide(another), "foreign_content");
  PendingCommit second = stores_and_refers_to(kLocation);
  second.references.push_back(another.references.front());
  EXPECT_EQ(decide(second), "foreign_content") << "every reference is looked at";
}

TEST_F(ForeignContent, IsNotWhatTheTenantHasAReferenceTo) {
  fold(5, "acme", kLocation);
  EXPECT_EQ(decide(refers_to(kLocation)), "decided");
  EXPECT_EQ(decide(refers_to(kLocation), "globex"), "foreign_content");
  EXPECT_EQ(decide(refers_to(kLocation + "0")), "foreign_content") << "exactly that location";
}

TEST_F(ForeignContent, IsToldFromWhatIsDecidedNotOnlyFromWhatIsFolded) {
  decide_at(5, stores_and_refers_to(kLocation), "acme");
  EXPECT_EQ(decide(refers_to(kLocation)), "decided");
  EXPECT_EQ(decide(refers_to(kLocation), "globex"), "foreign_content");
  decide_at(8, refers_to(kLocation), "acme");
  fold(5, "somebody", "elsewhere");
  EXPECT_EQ(decide(refers_to(kLocation)), "decided") << "position 8 is not folded yet";
  fold(8, "acme", kLocation);
  EXPECT_EQ(decisions_.remembered(), 0U);
  EXPECT_EQ(decide(refers_to(kLocation)), "decided");
}

TEST_F(ForeignContent, IsForgottenOnceItIsFolded) {
  decide_at(5, stores_and_refers_to(kLocation), "acme");
  // A fold that lost the reference, so that only what is remembered could still know it.
  fold(5, "acme", "elsewhere");
  EXPECT_EQ(decide(refers_to(kLocation)), "foreign_content");
}

TEST_F(ForeignContent, LeavesNothingCountedWhenItIsRefused) {
  const auto with_event = [](PendingCommit commit) {
    commit.events.push_back({"id", {"made", Json(), "", "topic"}, 0});
    commit.state.push_back({"key", Json(1), std::nullopt, 0});
    return commit;
  };
  EXPECT_EQ(decide(with_event(refers_to(kLocation))), "foreign_content");
  PendingCommit next = with_event(stores_and_refers_to(kLocation));
  ASSERT_TRUE(decisions_.decide(next, "acme"));
  EXPECT_EQ(next.events.front().sequence, 1U);
  EXPECT_EQ(next.state.front().version, 1U);
}

TEST_F(ForeignContent, IsOnlyWhatTheArtifactStoreHolds) {
  for (const std::string& location :
       {std::string(), std::string("https://host/file"), execution_location("some-execution", "name")}) {
    EXPECT_EQ(decide(refers_to(location)), "decided") << location;
  }
}

}  // namespace
}  // namespace symphainy::runtime
