// SPDX-License-Identifier: Apache-2.0
// Decisions at the log's head: what is bound, which versions and sequences come next, what is refused, and that nothing
// is forgotten before the store has it.
#include "runtime/decision_state.h"

#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "public_works/adapters/memory/memory_state_store.h"

namespace symphainy::runtime {
namespace {

using public_works::ExecutionRow;
using public_works::MemoryStateStore;
using public_works::ReferenceRow;
using public_works::StateChanges;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <typename T>
std::string reason_of(const Result<T>& result) {
  return result ? "accepted" : result.error().reason;
}

Intent intent_of(const std::string& id, const std::optional<std::string>& key = std::nullopt,
                 const std::string& tenant = "acme") {
  Intent intent = Intent::create("t", tenant, "s", "o", {"user", "u"});
  intent.intent_id = id;
  intent.idempotency_key = key;
  return intent;
}

ExecutionRow row_of(const Intent& intent, const std::string& execution, std::uint64_t position = 1,
                    const std::string& status = "running") {
  ExecutionRow row;
  row.accepted_position = position;
  row.tenant = intent.tenant_id;
  row.execution_id = execution;
  row.intent_id = intent.intent_id;
  row.intent_type = intent.intent_type;
  row.idempotency_key = intent.idempotency_key;
  row.fingerprint = intent.fingerprint();
  row.status = status;
  if (status != "running" && status != "parked") row.ended_position = position;
  return row;
}

PendingStateChange change(const std::string& key, std::optional<std::uint64_t> expected = std::nullopt) {
  return {key, Json(1), expected, 0};
}

PendingEvent event(const std::string& topic) {
  return {"an id", {topic + ".happened", Json(), "", topic}, 0};
}

PendingEdge edge(const std::string& derived, const std::string& source) {
  return {derived, source, Relation::was_derived_from};
}

Reference reference(const std::string& id) {
  Reference out;
  out.reference_id = id;
  return out;
}

ReferenceRow reference_row(const std::string& id, std::uint64_t position) {
  ReferenceRow row;
  row.position = position;
  row.tenant = "acme";
  row.reference_id = id;
  return row;
}

// What a commit holds, as far as a test says.
struct Commit {
  std::vector<Reference> references = {};
  std::vector<PendingEdge> edges = {};
  std::vector<PendingStateChange> state = {};
  std::vector<PendingEvent> events = {};
};

// Commits of `acme`, unless said otherwise, and a store that is folded when the test says so.
class Decisions : public ::testing::Test {
 protected:
  /// Into the store, without any word to the decisions.
  template <typename Fill>
  void store(std::uint64_t position, Fill fill) {
    StateChanges changes;
    changes.position = position;
    fill(changes);
    const auto applied = store_.apply(changes);
    ASSERT_TRUE(applied) << applied.error().message;
  }
  TrackedPtr track(const ExecutionRow& row) {
    auto tracked = std::make_shared<TrackedExecution>();
    tracked->row = row;
    return decisions_.track(std::move(tracked));
  }
  /// "<execution> by <what>", or "nothing".
  std::string bound(const Intent& intent) {
    const auto binding = decisions_.find_binding(intent).value();
    if (!binding) return "nothing";
    if (binding->tracked) {
      EXPECT_EQ(binding->tracked->row, binding->row);
    }
    return binding->row.execution_id + " by " + binding->bound_by;
  }
  /// Decides and appends at the position, as the lifecycle does.
  Result<void> commit(Commit made, std::uint64_t position, const std::string& tenant = "acme") {
    last_ = PendingCommit();
    last_.references = std::move(made.references);
    last_.edges = std::move(made.edges);
    last_.state = std::move(made.state);
    last_.events = std::move(made.events);
    Result<void> decided = decisions_.decide(last_, tenant);
    if (decided) decisions_.decided_at(last_, tenant, position);
    return decided;
  }
  Result<void> put(const std::string& key, std::uint64_t position,
                   std::optional<std::uint64_t> expected = std::nullopt) {
    return commit({.state = {change(key, expected)}}, position);
  }
  std::string derive(const std::string& derived, const std::string& source, std::uint64_t position,
                     const std::string& tenant = "acme") {
    return reason_of(commit({.edges = {edge(derived, source)}}, position, tenant));
  }
  [[nodiscard]] std::vector<std::uint64_t> versions() const {
    std::vector<std::uint64_t> out;
    for (const PendingStateChange& made : last_.state) out.push_back(made.version);
    return out;
  }
  [[nodiscard]] std::vector<std::uint64_t> sequences() const {
    std::vector<std::uint64_t> out;
    for (const PendingEvent& queued : last_.events) out.push_back(queued.sequence);
    return out;
  }

  MemoryStateStore store_;
  DecisionState decisions_{store_, store_};
  PendingCommit last_;
};

using Bindings = Decisions;

// --- bindings

TEST_F(Bindings, AreFoundByKeyAndByIntentId) {
  const TrackedPtr tracked = track(row_of(intent_of("i", "k"), "e"));
  EXPECT_EQ(bound(intent_of("other", "k")), "e by idempotency_key");
  EXPECT_EQ(bound(intent_of("i")), "e by intent_id");
  EXPECT_EQ(bound(intent_of("i", "other")), "e by intent_id");
  EXPECT_EQ(bound(intent_of("other", "other")), "nothing");
  EXPECT_EQ(bound(intent_of("k", "i")), "nothing") << "a key is no intent id";
  EXPECT_EQ(decisions_.find_binding(intent_of("i")).value()->tracked, tracked);
}

TEST_F(Bindings, AreFoundInTheStoreOnceTheyAreOnlyThere) {
  store(1, [](StateChanges& changes) { changes.executions = {row_of(intent_of("i", "k"), "e", 1, "completed")}; });
  EXPECT_EQ(bound(intent_of("other", "k")), "e by idempotency_key");
  EXPECT_EQ(bound(intent_of("i", "other")), "e by intent_id");
  EXPECT_EQ(decisions_.find_binding(intent_of("i")).value()->tracked, nullptr);
}

TEST_F(Bindings, PreferTheKeyToTheIntentIdWhereverEachIs) {
  store(2, [](StateChanges& changes) {
    changes.executions = {row_of(intent_of("stored", "stored key"), "old", 1, "completed")};
  });
  track(row_of(intent_of("live", "live key"), "new", 3));
  EXPECT_EQ(bound(intent_of("stored", "live key")), "new by idempotency_key");
  EXPECT_EQ(bound(intent_of("live", "stored key")), "old by idempotency_key");
}

TEST_F(Bindings, TellTheOtherExecutionWhenKeyAndIntentIdStandForTwo) {
  store(2, [](StateChanges& changes) {
    changes.executions = {row_of(intent_of("stored", "stored key"), "old", 1, "completed")};
  });
  track(row_of(intent_of("live", "live key"), "new", 3));
  const auto other = [this](const std::string& id, const std::string& key) {
    const auto binding = decisions_.find_binding(intent_of(id, key)).value();
    return binding && binding->other_by_intent_id ? binding->other_by_intent_id->execution_id : "none";
  };
  EXPECT_EQ(other("stored", "live key"), "old");
  EXPECT_EQ(other("live", "stored key"), "new");
  EXPECT_EQ(other("live", "live key"), "none");
  EXPECT_EQ(other("stored", "stored key"), "none");
  EXPECT_EQ(other("fresh", "live key"), "none");
  EXPECT_EQ(other("live", "fresh key"), "none");
}

TEST_F(Bindings, AreNotMadeByWhatWasRejected) {
  store(1, [](StateChanges& changes) { changes.executions = {row_of(intent_of("i", "k"), "r", 1, "rejected")}; });
  EXPECT_EQ(bound(intent_of("i", "k")), "nothing");
}

TEST_F(Bindings, OfAnotherTenantAreUnknown) {
  store(1, [](StateChanges& changes) { changes.executions = {row_of(intent_of("i", "k"), "e", 1, "completed")}; });
  track(row_of(intent_of("live", "live key"), "new", 2));
  EXPECT_EQ(bound(intent_of("i", "k", "other")), "nothing");
  EXPECT_EQ(bound(intent_of("live", "live key", "other")), "nothing");
  track(row_of(intent_of("live", "live key", "other"), "theirs", 3));
  EXPECT_EQ(bound(intent_of("live", "live key", "other")), "theirs by idempotency_key");
  EXPECT_EQ(bound(intent_of("live", "live key")), "new by idempotency_key");
}

TEST_F(Bindings, AndLivesAreLoadedFromTheStore) {
  store(9, [](StateChanges& changes) {
    changes.executions = {row_of(intent_of("b"), "second", 7, "parked"), row_of(intent_of("a", "k"), "first", 4),
                          row_of(intent_of("c"), "ended", 1, "failed")};
  });
  ASSERT_TRUE(decisions_.load());
  const auto live = decisions_.live();
  ASSERT_EQ(live.size(), 2U);
  EXPECT_EQ(live[0]->row.execution_id, "first") << "the oldest goes on first";
  EXPECT_EQ(live[1]->row.execution_id, "second");
  EXPECT_FALSE(live[0]->running);
  EXPECT_EQ(decisions_.find_binding(intent_of("x", "k")).value()->tracked, live[0]);
  EXPECT_EQ(decisions_.find_binding(intent_of("c")).value()->tracked, nullptr);
}

TEST_F(Bindings, CountAsLiveUntilTheyHaveEnded) {
  const TrackedPtr tracked = track(row_of(intent_of("i"), "e"));
  EXPECT_THAT(decisions_.live(), ElementsAre(tracked));
  tracked->ended = true;
  EXPECT_THAT(decisions_.live(), IsEmpty());
}

TEST_F(Bindings, OfWhatIsDoneOnceMoreAreKeptUntilThatIsFolded) {
  store(5, [](StateChanges& changes) { changes.executions = {row_of(intent_of("i", "k"), "e", 1, "failed")}; });
  StateChanges decided;  // by an earlier process: one of the store, and one that ended just before
  decided.position = 12;
  decided.executions = {row_of(intent_of("j"), "f", 10, "failed")};
  decided.successors = {{"acme", "e", "next", 11}, {"acme", "f", "other", 12}, {"acme", "nobody", "x", 12}};
  ASSERT_TRUE(decisions_.see(decided));
  decisions_.folded(11);
  ASSERT_TRUE(decisions_.find("acme", "e"));
  EXPECT_EQ(decisions_.find("acme", "e")->row.successor, "next");
  EXPECT_TRUE(decisions_.find("acme", "e")->ended);
  EXPECT_EQ(decisions_.find("acme", "f")->row.successor, "other");
  EXPECT_EQ(decisions_.find_binding(intent_of("x", "k")).value()->row.successor, "next");
  decisions_.folded(12);
  EXPECT_EQ(decisions_.remembered(), 0U);
  EXPECT_FALSE(decisions_.find("acme", "e"));
}

TEST_F(Bindings, AreKeptWhenSomethingIsDoneToThemBehindTheirEnd) {
  const TrackedPtr tracked = track(row_of(intent_of("i", "k"), "e"));
  decisions_.ended(tracked, 10);
  decisions_.ended(tracked, 20);
  decisions_.folded(10);
  EXPECT_EQ(bound(intent_of("i")), "e by intent_id");
  decisions_.folded(20);
  EXPECT_EQ(decisions_.remembered(), 0U);
  EXPECT_FALSE(decisions_.find("acme", "e"));
}

TEST_F(Bindings, AreForgottenWhenTheirEndIsFoldedAndNotBefore) {
  const TrackedPtr tracked = track(row_of(intent_of("i", "k"), "e"));
  const TrackedPtr live = track(row_of(intent_of("j", "l"), "f", 2));
  EXPECT_EQ(decisions_.remembered(), 0U);
  decisions_.ended(tracked, 10);
  EXPECT_EQ(decisions_.remembered(), 1U);
  EXPECT_EQ(bound(intent_of("i")), "e by intent_id");
  decisions_.folded(9);
  EXPECT_EQ(bound(intent_of("i")), "e by intent_id");
  EXPECT_EQ(bound(intent_of("x", "k")), "e by idempotency_key");
  decisions_.folded(10);
  EXPECT_EQ(bound(intent_of("i")), "nothing") << "it must be in the store by now";
  EXPECT_EQ(bound(intent_of("x", "k")), "nothing");
  EXPECT_EQ(decisions_.remembered(), 0U);
  decisions_.folded(1'000);
  EXPECT_EQ(bound(intent_of("j")), "f by intent_id") << "it has not ended";
  EXPECT_THAT(decisions_.live(), ElementsAre(live));
}

// --- state

TEST_F(Decisions, CountVersionsOnFromTheStore) {
  store(5, [](StateChanges& changes) {
    changes.state = {{"acme", "kept", 3, 5, "1"}, {"acme", "deleted", 8, 5, std::nullopt}};
  });
  Commit all{.state = {change("kept"), change("new"), {"deleted", Json(1), {}, 0}, {"kept too", {}, {}, 0}}};
  ASSERT_TRUE(commit(std::move(all), 6));
  EXPECT_THAT(versions(), ElementsAre(4, 1, 9, 1));
}

TEST_F(Decisions, RememberAVersionThatIsNotFoldedYet) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(put("k", i, i - 1));
    EXPECT_THAT(versions(), ElementsAre(i));
  }
  ASSERT_TRUE(commit({.state = {change("k")}}, 4, "other"));
  EXPECT_THAT(versions(), ElementsAre(1)) << "another tenant's key";
}

TEST_F(Decisions, LetADeletedKeyBeCreatedAgainAsOneThatDoesNotExist) {
  store(5, [](StateChanges& changes) {
    changes.state = {{"acme", "kept", 3, 5, "1"}, {"acme", "deleted", 8, 5, std::nullopt}};
  });
  const auto remove = [this](const std::string& key, std::uint64_t position, std::uint64_t expected) {
    return commit({.state = {{key, std::nullopt, expected, 0}}}, position);
  };
  EXPECT_EQ(reason_of(put("kept", 6, 0)), "state_conflict");
  ASSERT_TRUE(remove("kept", 6, 3)) << "not folded yet";
  EXPECT_EQ(reason_of(put("deleted", 7, 7)), "state_conflict");
  for (const auto& [key, version] : {std::pair{"kept", 5U}, {"deleted", 9U}}) {
    ASSERT_TRUE(put(key, 8, 0)) << key;
    EXPECT_THAT(versions(), ElementsAre(version)) << "the versions count on";
    EXPECT_EQ(reason_of(put(key, 9, 0)), "state_conflict") << "now it exists";
  }
}

TEST_F(Decisions, RememberTheLaterChangeOfAKeyWhenTheEarlierIsFolded) {
  ASSERT_TRUE(put("k", 5));
  ASSERT_TRUE(put("k", 8));
  store(5, [](StateChanges& changes) { changes.state = {{"acme", "k", 1, 5, "1"}}; });
  decisions_.folded(5);
  EXPECT_EQ(decisions_.remembered(), 1U);
  ASSERT_TRUE(put("k", 9, 2)) << "version 2 was decided, although the store is at 1";
  EXPECT_THAT(versions(), ElementsAre(3));
}

TEST_F(Decisions, AskTheStoreAgainOnceEverythingIsFolded) {
  ASSERT_TRUE(put("k", 5));
  store(6, [](StateChanges& changes) { changes.state = {{"acme", "k", 70, 6, "1"}}; });
  decisions_.folded(6);
  ASSERT_TRUE(put("k", 7));
  EXPECT_THAT(versions(), ElementsAre(71)) << "nothing stale is kept";
}

TEST_F(Decisions, RefuseACompareAndSetThatLostAndSayWhy) {
  store(5, [](StateChanges& changes) { changes.state = {{"acme", "k", 3, 5, "1"}}; });
  for (const std::uint64_t wrong : {0U, 2U, 4U}) {
    const auto refused = put("k", 6, wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_EQ(refused.error().reason, "state_conflict");
    EXPECT_THAT(refused.error().message, HasSubstr("'k' is at version 3"));
    EXPECT_EQ(refused.error().details, Json::object({{"key", "k"}, {"expected", wrong}, {"actual", 3}}));
  }
  EXPECT_TRUE(put("k", 6, 3));
  EXPECT_EQ(reason_of(put("k", 7, 3)), "state_conflict") << "against what is decided, not what is folded";
  EXPECT_EQ(reason_of(put("absent", 7, 1)), "state_conflict");
  EXPECT_TRUE(put("absent", 7, 0)) << "0: it does not exist";
}

// --- events

TEST_F(Decisions, NumberTheEventsOfEveryStreamOnAfterLoading) {
  store(5, [](StateChanges& changes) {
    changes.events = {{5, 0, "acme", "content", 6, "e1", "t", "", "x", 1},
                      {5, 1, "acme", "content", 7, "e2", "t", "", "x", 1},
                      {5, 2, "other", "content", 40, "e3", "t", "", "x", 1}};
  });
  ASSERT_TRUE(decisions_.load());
  ASSERT_TRUE(commit({.events = {event("content"), event("audit"), event("content")}}, 6));
  EXPECT_THAT(sequences(), ElementsAre(8, 1, 9));
  ASSERT_TRUE(commit({.events = {event("content"), event("audit")}}, 7, "other"));
  EXPECT_THAT(sequences(), ElementsAre(41, 1));
  decisions_.folded(7);
  ASSERT_TRUE(commit({.events = {event("content"), event("audit")}}, 8));
  EXPECT_THAT(sequences(), ElementsAre(10, 2)) << "folding does not number anew";
}

// --- references and provenance

TEST_F(Decisions, RefuseAReferenceThatTheTenantDoesNotHave) {
  ASSERT_TRUE(commit({.references = {reference("mine")}}, 1));
  ASSERT_TRUE(commit({.references = {reference("theirs")}}, 2, "other"));
  EXPECT_EQ(derive("mine", "none", 3), "unknown_reference");
  EXPECT_EQ(derive("none", "mine", 3), "unknown_reference");
  EXPECT_EQ(derive("mine", "theirs", 3), "unknown_reference");
  EXPECT_EQ(derive("theirs", "mine", 3, "other"), "unknown_reference");
}

TEST_F(Decisions, KnowReferencesBeforeAndAfterTheyAreFolded) {
  ASSERT_TRUE(commit({.references = {reference("a"), reference("b")}}, 2));
  EXPECT_EQ(derive("b", "a", 3), "accepted");
  store(3, [](StateChanges& changes) {
    changes.references = {reference_row("a", 1), reference_row("b", 2)};
    changes.provenance = {{3, "acme", "b", "a", "wasDerivedFrom", "e"}};
  });
  decisions_.folded(3);
  EXPECT_EQ(decisions_.remembered(), 0U);
  EXPECT_EQ(derive("a", "b", 4), "provenance_cycle") << "the store has the edge";
  EXPECT_EQ(derive("b", "a", 4), "accepted");
  EXPECT_EQ(derive("b", "a", 5, "other"), "unknown_reference");
}

TEST_F(Decisions, ForgetReferencesThatAreFolded) {
  ASSERT_TRUE(commit({.references = {reference("a"), reference("b")}}, 2));
  decisions_.folded(2);
  EXPECT_EQ(derive("b", "a", 3), "unknown_reference") << "the store, which has the word now, does not have them";
}

TEST_F(Decisions, RefuseACycleThroughEdgesThatAreNotFoldedYet) {
  ASSERT_TRUE(commit({.references = {reference("a"), reference("b")}, .edges = {edge("b", "a")}}, 1));
  ASSERT_TRUE(commit({.references = {reference("c")}, .edges = {edge("c", "b")}}, 2));
  const auto refused = commit({.edges = {edge("a", "c")}}, 3);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(refused.error().reason, "provenance_cycle");
  EXPECT_EQ(derive("a", "a", 3), "provenance_cycle");
  EXPECT_EQ(derive("c", "a", 3), "accepted") << "a second way is no cycle";
}

TEST_F(Decisions, RefuseACycleThroughFoldedAndUnfoldedEdgesTogether) {
  ASSERT_TRUE(commit({.references = {reference("a"), reference("b"), reference("c")}}, 1));
  ASSERT_EQ(derive("b", "a", 2), "accepted");
  ASSERT_EQ(derive("b", "c", 3), "accepted");
  store(2, [](StateChanges& changes) {
    changes.references = {reference_row("b", 1), reference_row("c", 2)};
    changes.provenance = {{2, "acme", "b", "a", "wasDerivedFrom", "e"}};
  });
  decisions_.folded(2);
  EXPECT_EQ(derive("c", "b", 4), "provenance_cycle") << "the edge at 3 is only remembered here";
  EXPECT_EQ(decisions_.remembered(), 1U);
}

TEST_F(Decisions, RefuseACycleWithinOneCommit) {
  EXPECT_EQ(
      reason_of(commit({.references = {reference("a"), reference("b")}, .edges = {edge("a", "b"), edge("b", "a")}}, 1)),
      "provenance_cycle");
}

// --- what a refusal leaves, and what is kept

TEST_F(Decisions, LeaveNoTraceOfARefusedCommit) {
  ASSERT_TRUE(put("k", 1));
  const auto lost = [] {
    return Commit{.references = {reference("r")},
                  .state = {change("other"), change("k", 0)},
                  .events = {event("content"), event("content")}};
  };
  EXPECT_EQ(reason_of(commit(lost(), 2)), "state_conflict");
  EXPECT_THAT(versions(), ElementsAre(0, 0)) << "nothing is filled in";
  EXPECT_THAT(sequences(), ElementsAre(0, 0));
  Commit dangling = lost();
  dangling.state.clear();
  dangling.edges = {edge("r", "none")};
  EXPECT_EQ(reason_of(commit(std::move(dangling), 2)), "unknown_reference");
  EXPECT_EQ(decisions_.remembered(), 1U);

  EXPECT_EQ(derive("r", "r", 2), "unknown_reference") << "the refused commit registered nothing";
  ASSERT_TRUE(commit({.state = {change("other", 0), change("k", 1)}, .events = {event("content")}}, 2));
  EXPECT_THAT(versions(), ElementsAre(1, 2));
  EXPECT_THAT(sequences(), ElementsAre(1)) << "no number was used up";
}

TEST_F(Decisions, RememberNothingOnceEverythingIsFolded) {
  const TrackedPtr tracked = track(row_of(intent_of("i", "k"), "e"));
  Commit all{.references = {reference("a"), reference("b")},
             .edges = {edge("b", "a")},
             .state = {change("x"), change("y")},
             .events = {event("content")}};
  ASSERT_TRUE(commit(std::move(all), 9));
  decisions_.ended(tracked, 9);
  ASSERT_TRUE(put("x", 12));
  EXPECT_EQ(decisions_.remembered(), 7U);
  decisions_.folded(8);
  EXPECT_EQ(decisions_.remembered(), 7U);
  decisions_.folded(11);
  EXPECT_EQ(decisions_.remembered(), 1U);
  decisions_.folded(12);
  EXPECT_EQ(decisions_.remembered(), 0U);
}

}  // namespace
}  // namespace symphainy::runtime
