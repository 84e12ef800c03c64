// SPDX-License-Identifier: Apache-2.0
// The checker of the crash proof is itself held to account: what is clean passes, and each thing that is broken is
// reported under its invariant and no other.
#include "crash/history_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crash/history_story.h"

namespace symphainy::tests {
namespace {

using Outcome = ClientOperation::Outcome;
using Broken = std::set<std::string>;

TEST(HistoryChecker, FindsNothingInACleanStory) {
  Story story;
  std::string told;
  for (const Violation& violation : story.violations()) told += violation.invariant + ": " + violation.what + "\n";
  EXPECT_EQ(told, "");
}

TEST(HistoryChecker, AllowsStoresAndStreamsToLagWhileFaultsGoOn) {
  Story story;
  story.quiescent = false;
  story.fold_until = 5;
  story.remove('b', RecordType::execution_failed);  // an empty batch is none
  std::erase_if(story.batches, [](const Story::Batch& batch) { return batch.drafts.empty(); });
  std::erase_if(story.history,
                [](const auto& op) { return op.intent_id == "intent-b-again" || op.status == "rejected"; });
  story.change_recovery = [](public_works::LogRecovery& told) {
    told.head_position -= 3;
    told.cut_bytes = 17;
  };
  EXPECT_EQ(story.broken(), Broken{});
}

TEST(HistoryChecker, I1AnAcknowledgedExecutionIsNotInTheLog) {
  Story story;
  story.operation("intent-a").execution_id = Story::id('x').text();
  EXPECT_EQ(story.broken(), Broken{"I1"});
}

TEST(HistoryChecker, I1AnAcknowledgedRejectionIsNotInTheLog) {
  Story story;
  story.operation("intent-r").execution_id = Story::id('x').text();
  EXPECT_EQ(story.broken(), Broken{"I1"});
}

TEST(HistoryChecker, I1AnAcknowledgedIntentIsAnotherOneInTheLog) {
  Story story;
  story.replace('a', RecordType::intent_accepted, R"("n":97)", R"("n":98)");
  EXPECT_EQ(story.broken(), Broken{"I1"});
}

TEST(HistoryChecker, I1AMemberOfTheIntentIsAnotherOneInTheLog) {
  Story story;
  story.operation("intent-a").intent = R"({"actor":{"id":"somebody else","type":"user"}})";
  EXPECT_EQ(story.broken(), Broken{"I1"});
}

TEST(HistoryChecker, I1ARejectionWithATenantIsRecorded) {
  Story story;
  story.operation("intent-a").execution_id.clear();
  story.operation("intent-a").status = "rejected";
  EXPECT_TRUE(story.broken().contains("I1"));
}

TEST(HistoryChecker, I1ItsResultIsAnotherOneInTheLog) {
  Story story;
  story.replace('a', RecordType::execution_completed, R"("result":"a")", R"("result":"z")");
  EXPECT_EQ(story.broken(), Broken{"I1"});
}

TEST(HistoryChecker, I1ItEndedElsewhereInTheLog) {
  Story story;
  story.operation("intent-a").position -= 1;
  EXPECT_EQ(story.broken(), Broken{"I1"});
}

TEST(HistoryChecker, I1ItsEndIsNotInTheLog) {
  Story story;
  story.quiescent = false;
  ClientOperation told = story.operation("intent-b-again");
  story.batches.erase(story.batches.begin() + 8, story.batches.end());
  std::erase_if(story.history, [](const auto& op) { return op.intent_id == "intent-r"; });
  std::erase_if(story.ledger, [](const LedgerEntry& entry) { return entry.attempt == 2; });
  EXPECT_EQ(story.broken(), Broken{"I1"});
}

TEST(HistoryChecker, I1WhatIsSaidToBeRetiredHasNotEnded) {
  Story story;
  story.operation("intent-a").outcome = ClientOperation::Outcome::retired;
  EXPECT_EQ(story.broken(), Broken{}) << "it has ended";
  story.operation("intent-o").outcome = ClientOperation::Outcome::retired;
  EXPECT_EQ(story.broken(), Broken{"I1"}) << "there is no such execution";
}

TEST(HistoryChecker, I2AnAcceptanceIsOnlyPartlyThere) {
  Story story;
  story.remove('b', RecordType::execution_created);
  for (ClientOperation& operation : story.history) {
    if (operation.intent_id == "intent-b-again" || operation.intent_id == "intent-r") --operation.position;
  }
  EXPECT_EQ(story.broken(), Broken{"I2"});
}

TEST(HistoryChecker, I2WhatWasRefusedIsThere) {
  Story story;
  story.history.erase(story.history.begin() + 1);  // of a
  ClientOperation refused = story.operation("intent-o");
  refused.intent_id = "intent-a";
  story.history.push_back(refused);
  EXPECT_EQ(story.broken(), Broken{"I2"});
}

TEST(HistoryChecker, I2AHandlerRanForAnExecutionThatIsNotThere) {
  Story story;
  story.ledger.push_back({Story::id('x').text(), "acme", "", 1});
  EXPECT_EQ(story.broken(), Broken{"I2"});
}

TEST(HistoryChecker, I2AnExecutionCompletedWithoutItsHandlerHavingRun) {
  Story story;
  std::erase_if(story.ledger, [](const LedgerEntry& entry) { return entry.idempotency_key == "key-a"; });
  EXPECT_EQ(story.broken(), Broken{"I2"});
}

TEST(HistoryChecker, I3AKeyStandsForTwoExecutions) {
  Story story;
  story.replace('b', RecordType::intent_accepted, "key-b", "key-a");
  for (ClientOperation& operation : story.history) {
    if (operation.idempotency_key == "key-b") operation.idempotency_key = "key-a";
  }
  for (LedgerEntry& entry : story.ledger) entry.idempotency_key.clear();
  EXPECT_EQ(story.broken(), Broken{"I3"});
}

TEST(HistoryChecker, I3AnIntentIdStandsForTwoExecutions) {
  Story story;
  story.replace('b', RecordType::intent_accepted, "intent-b", "intent-c");
  EXPECT_EQ(story.broken(), Broken{"I3"});
}

TEST(HistoryChecker, I3AnotherBodyUnderTheKeyWasAnswered) {
  Story story;
  ClientOperation again = story.operation("intent-a");
  again.intent_id = "intent-a-again";
  again.parameters = R"({"n":98})";
  story.history.push_back(again);
  EXPECT_EQ(story.broken(), Broken{"I3"});
}

TEST(HistoryChecker, I3AKeyRanAsTwoExecutions) {
  Story story;
  story.ledger[0].idempotency_key = "key-b";
  EXPECT_EQ(story.broken(), Broken{"I3"});
}

TEST(HistoryChecker, I4EventsAreRecordedApartFromTheirCommit) {
  Story story;
  story.set_apart('a', RecordType::events_queued);
  story.quiescent = true;
  EXPECT_EQ(story.broken(), Broken{"I4"});
}

TEST(HistoryChecker, I4ACommitLacksAnEventThatTheAnswerNames) {
  Story story;
  story.operation("intent-c").event_ids.emplace_back("event-4");
  EXPECT_EQ(story.broken(), Broken{"I4"});
}

TEST(HistoryChecker, I4AFailedExecutionChangedState) {
  Story story;
  auto& drafts = story.batch_with('b', RecordType::execution_failed).drafts;
  drafts.insert(drafts.begin(),
                runtime::draft_record(RecordType::state_changed, "acme",
                                      R"({"changes":[{"key":"bad","value":1,"version":1}]})", Story::id('b'), 2));
  for (ClientOperation& operation : story.history) {
    if (operation.intent_id == "intent-b-again" || operation.intent_id == "intent-r") ++operation.position;
  }
  EXPECT_EQ(story.broken(), Broken{"I4"});
}

TEST(HistoryChecker, I4StoredContentIsMissing) {
  Story story;
  story.with_content = false;
  EXPECT_EQ(story.broken(), Broken{"I4"});
}

TEST(HistoryChecker, I4ContentInTheLogIsNotWhatItsDigestSays) {
  Story story;
  story.replace('c', RecordType::artifacts_handled, "Y29udGVudA==", "Y29udGVudB==");
  EXPECT_EQ(story.broken(), Broken{"I4"});
}

TEST(HistoryChecker, I6ACommitIsOfAnAttemptThatWasSuperseded) {
  Story story;
  story.with_stores = false;
  story.draft('b', RecordType::execution_failed).attempt = 1;
  EXPECT_EQ(story.broken(), Broken{"I6"});
}

TEST(HistoryChecker, I6AnAttemptIsGrantedTwice) {
  Story story;
  base::RecordDraft& again = story.batches[8].drafts.front();
  again.attempt = 1;
  story.draft('b', RecordType::execution_failed).attempt = 1;
  std::erase_if(story.ledger, [](const LedgerEntry& entry) { return entry.attempt == 2; });
  EXPECT_EQ(story.broken(), Broken{"I6"});
}

TEST(HistoryChecker, I6TheEpochFalls) {
  Story story;
  story.with_stores = false;
  story.quiescent = false;
  story.batches = {story.batches[0],
                   {3, of_store(RecordType::partition_opened, R"({"epoch":3,"release":"0"})")},
                   {2, of_store(RecordType::partition_opened, R"({"epoch":2,"release":"0"})")}};
  story.history.clear();
  story.ledger.clear();
  story.streams.clear();
  story.change_recovery = [](public_works::LogRecovery& told) { told.head_position = 3; };
  EXPECT_EQ(story.broken(), Broken{"I6"});
}

TEST(HistoryChecker, I6OneAttemptRanTwice) {
  Story story;
  story.ledger.push_back(story.ledger.front());
  EXPECT_EQ(story.broken(), Broken{"I6"});
}

TEST(HistoryChecker, I6AnAttemptRanThatWasNeverGranted) {
  Story story;
  story.ledger.push_back({Story::id('a').text(), "acme", "key-a", 2});
  EXPECT_EQ(story.broken(), Broken{"I6"});
}

TEST(HistoryChecker, I5AStepIsRecordedTwice) {
  Story story;
  story.replace('b', RecordType::step_completed, "reserve#1", "charge#1");
  EXPECT_EQ(story.broken(), Broken{"I5"});
}

TEST(HistoryChecker, I5AStepRanAgainAlthoughItWasRecorded) {
  Story story;
  story.ledger.push_back({Story::id('b').text(), "acme", "key-b", 2, "reserve#1"});
  EXPECT_EQ(story.broken(), Broken{"I5"});
}

TEST(HistoryChecker, I5AStepRanAlthoughTheOneBeforeItWasNotRecorded) {
  Story story;
  story.ledger.push_back({Story::id('b').text(), "acme", "key-b", 2, "confirm#1"});
  EXPECT_EQ(story.broken(), Broken{}) << "the last one may be lost";
  story.ledger.push_back({Story::id('b').text(), "acme", "key-b", 2, "settle#1"});
  EXPECT_EQ(story.broken(), Broken{"I5"});
}

TEST(HistoryChecker, I7AStreamLacksACommittedEvent) {
  Story story;
  story.streams.begin()->second.pop_back();
  EXPECT_EQ(story.broken(), Broken{"I7"});
}

TEST(HistoryChecker, I7WhatIsMarkedAsPublishedIsNotEvenWhileFaultsGoOn) {
  Story story;
  story.quiescent = false;
  story.streams.clear();
  EXPECT_EQ(story.broken(), Broken{"I7"});
}

TEST(HistoryChecker, I7AStreamHoldsWhatWasNeverCommitted) {
  Story story;
  story.streams[{"acme", "others"}] = {R"({"id":"event-9"})"};
  EXPECT_EQ(story.broken(), Broken{"I7"});
}

TEST(HistoryChecker, I7AnEventWasPublishedTwice) {
  Story story;
  auto& stream = story.streams.begin()->second;
  stream.push_back(stream.back());
  EXPECT_EQ(story.broken(), Broken{"I7"});
}

TEST(HistoryChecker, I7AnEventSaysSomethingElseThanWasCommitted) {
  Story story;
  story.replace('a', RecordType::events_queued, R"("data":1)", R"("data":2)");
  EXPECT_EQ(story.broken(), Broken{"I7"});
}

TEST(HistoryChecker, I8AStreamIsOutOfOrder) {
  Story story;
  auto& stream = story.streams.begin()->second;
  std::swap(stream[0], stream[1]);
  EXPECT_EQ(story.broken(), Broken{"I8"});
}

TEST(HistoryChecker, I8SequencesAreNotInCommitOrder) {
  Story story;
  story.with_stores = false;
  story.replace('c', RecordType::events_queued, R"("sequence":3)", R"("sequence":5)");
  auto& line = story.streams.begin()->second[2];
  line.replace(line.find(R"("sequence":"3")"), 14, R"("sequence":"5")");
  EXPECT_EQ(story.broken(), Broken{"I8"});
}

// Reading ends at the break, so everything behind it is missing too; only the log is looked at here.
TEST(HistoryChecker, I10ARecordWasEdited) {
  Story story;
  story.with_stores = story.quiescent = false;
  story.history.clear();
  story.ledger.clear();
  story.streams.clear();
  story.change_sealed = [](base::LogBatch& batch) { batch.records[0].payload += ' '; };
  story.change_recovery = [](public_works::LogRecovery& told) { told.head_position = 2; };
  EXPECT_EQ(story.broken(), Broken{"I10"});
}

TEST(HistoryChecker, I10TheLogEndsBeforeWhereItWasSeenToEnd) {
  Story story;
  story.ends_seen = {{1'000, "00"}};
  EXPECT_EQ(story.broken(), Broken{"I10"});
}

TEST(HistoryChecker, I10WhatWasSeenIsAnotherBatchNow) {
  Story story;
  story.ends_seen = {{2, "00"}};
  EXPECT_EQ(story.broken(), Broken{"I10"});
}

TEST(HistoryChecker, I10TheHeadDoesNotReachTheEndOfAClosedLog) {
  Story story;
  story.change_recovery = [](public_works::LogRecovery& told) { --told.head_position; };
  EXPECT_EQ(story.broken(), Broken{"I10"});
}

TEST(HistoryChecker, I10TheHeadIsBeyondTheLog) {
  Story story;
  story.quiescent = false;
  story.change_recovery = [](public_works::LogRecovery& told) { ++told.head_position; };
  EXPECT_EQ(story.broken(), Broken{"I10"});
}

TEST(HistoryChecker, I10AClosedLogHasATornTail) {
  Story story;
  story.change_recovery = [](public_works::LogRecovery& told) { told.cut_bytes = 1; };
  EXPECT_EQ(story.broken(), Broken{"I10"});
}

TEST(HistoryChecker, I11TheStoreHoldsAnotherState) {
  Story story;
  story.change_what_is_folded = [](std::vector<Story::Batch>& batches) {
    std::string& payload = batches[4].drafts[3].payload;
    payload.replace(payload.find(R"("value":2)"), 9, R"("value":3)");
  };
  EXPECT_EQ(story.broken(), Broken{"I11"});
}

TEST(HistoryChecker, I11TheStoreHoldsAnotherEdge) {
  Story story;
  story.change_what_is_folded = [](std::vector<Story::Batch>& batches) {
    std::string& payload = batches[4].drafts[2].payload;
    payload.replace(payload.find("wasDerivedFrom"), 14, "wasRevisionOf_");
  };
  EXPECT_EQ(story.broken(), Broken{"I11"});
}

TEST(HistoryChecker, I11TheStoreDidNotForgetADeletedKey) {
  Story story;
  story.change_what_is_folded = [](std::vector<Story::Batch>& batches) {
    std::string& payload = batches[2].drafts[3].payload;
    payload.replace(payload.find(R"("key":"gone",)"), 13, R"("key":"gone","value":0,)");
  };
  EXPECT_EQ(story.broken(), Broken{"I11"});
}

TEST(HistoryChecker, I11TheStoreLagsAfterEverythingWasDrained) {
  Story story;
  story.fold_until = 5;
  EXPECT_EQ(story.broken(), Broken{"I11"});
}

TEST(HistoryChecker, I11TheStoreIsAheadOfTheLog) {
  Story story;
  story.quiescent = false;
  story.change_what_is_folded = [](std::vector<Story::Batch>& batches) {
    batches.push_back({2, of_store(RecordType::partition_opened, R"({"epoch":2,"release":"0"})")});
  };
  EXPECT_EQ(story.broken(), Broken{"I11"});
}

TEST(HistoryChecker, I11AStateVersionIsLeftOut) {
  Story story;
  story.replace('c', RecordType::state_changed, R"("version":2)", R"("version":3)");
  EXPECT_EQ(story.broken(), Broken{"I11"});
}

TEST(HistoryChecker, I12AnEdgeLeadsToNothing) {
  Story story;
  story.replace('c', RecordType::provenance_tracked, "first-c", "first-x");
  EXPECT_EQ(story.broken(), Broken{"I12"});
}

TEST(HistoryChecker, I12TheLineageHasACycle) {
  Story story;
  story.replace('c', RecordType::provenance_tracked, R"([{)",
                R"([{"derived":"first-c","relation":"wasDerivedFrom","source":"second-c"},{)");
  EXPECT_EQ(story.broken(), Broken{"I12"});
}

TEST(HistoryChecker, I14AnExecutionNeverEnds) {
  Story story;
  story.batches.erase(story.batches.begin() + 9);
  std::erase_if(story.history, [](const auto& op) { return op.intent_id == "intent-b-again"; });
  story.operation("intent-r").position -= 1;
  EXPECT_EQ(story.broken(), Broken{"I14"});
}

TEST(HistoryChecker, I14SomethingFollowsTheEnd) {
  Story story;
  story.with_stores = false;
  story.batches.push_back(
      {2, {runtime::draft_record(RecordType::execution_failed, "acme", R"({"error":{}})", Story::id('a'), 1)}});
  EXPECT_EQ(story.broken(), Broken{"I14"});
}

// Execution s does once more what b failed of, and takes over the outcomes of these steps.
void retry_b(Story& story, const std::vector<std::pair<RecordType, std::string>>& steps) {
  Intent intent = Intent::create("plain", "acme", "session", "solution", {"user", "ann"}, Json::object());
  intent.intent_id = "intent-s";
  const auto record = [](RecordType type, std::string payload, std::uint32_t attempt) {
    return runtime::draft_record(type, "acme", std::move(payload), Story::id('s'), attempt);
  };
  std::vector<base::RecordDraft> drafts = {
      record(RecordType::intent_accepted, runtime::accepted_payload(intent, intent.fingerprint()), 0),
      record(RecordType::execution_created, R"({"seed":"s"})", 0),
      record(RecordType::execution_started, runtime::started_payload(1, 2), 1),
      record(RecordType::history_copied,
             fmt::format(R"({{"drawn_from":[],"source":"{}","source_version":1,"until_position":1}})",
                         Story::id('b').text()),
             1)};
  for (const auto& [type, key] : steps) {
    drafts.push_back(record(type, fmt::format(R"({{"input_digest":"","key":"{}","observed":0,"tries":1}})", key), 1));
  }
  const ExecutionCommand retry{Action::retry, "acme", Story::id('b').text(), {"user", "ann"}, "", true};
  drafts.push_back(runtime::draft_record(RecordType::execution_rerun, "acme",
                                         runtime::rerun_payload(retry, Story::id('s').text()), Story::id('b'), 2));
  story.batches.push_back({2, std::move(drafts)});
  story.batches.push_back({2,
                           {record(RecordType::execution_failed,
                                   runtime::failed_payload(7, Error{ErrorCode::failed, "again", "broke", {}}), 1)}});
}

TEST(HistoryChecker, AnExecutionMayBeDoneOnceMore) {
  Story story;
  retry_b(story, {{RecordType::step_failed, "ask#1"}, {RecordType::step_completed, "reserve#1"}});
  for (const Violation& violation : story.violations()) ADD_FAILURE() << violation.invariant << ": " << violation.what;
}

TEST(HistoryChecker, I5ARetryTakesOverWhatFailed) {
  Story story;
  retry_b(story, {{RecordType::step_completed, "reserve#1"}, {RecordType::step_failed, "ask#1"}});
  EXPECT_EQ(story.broken(), Broken{"I5"});
}

TEST(HistoryChecker, I2ASuccessorIsNone) {
  Story story;
  retry_b(story, {});
  story.replace('b', RecordType::execution_rerun, Story::id('s').text(), Story::id('c').text());
  story.with_stores = false;
  EXPECT_EQ(story.broken(), Broken{"I2"});
}

TEST(HistoryChecker, I14AnExecutionIsDoneOnceMoreBeforeItEnds) {
  Story story;
  retry_b(story, {});
  story.remove('b', RecordType::execution_failed);
  std::erase_if(story.batches, [](const Story::Batch& batch) { return batch.drafts.empty(); });
  story.with_stores = false;
  EXPECT_TRUE(story.broken().contains("I14"));
}

TEST(HistoryChecker, I14AnAnswerSaidAnotherStatus) {
  Story story;
  story.operation("intent-b-again").status = "completed";
  EXPECT_EQ(story.broken(), Broken{"I14"});
}

}  // namespace
}  // namespace symphainy::tests
