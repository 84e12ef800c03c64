// SPDX-License-Identifier: Apache-2.0
// Replay of executions that have ended: the same handler does the same again, and what another one does otherwise is
// told, the first of it, with the position of the record that tells what was expected.
#include <atomic>
#include <gmock/gmock.h>
#include <stdexcept>
#include <thread>

#include "base/digest.h"
#include "runtime/replay_fixture.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ExecutionReplayed : public Replays {
 protected:
  /// What most of these tests begin with: of everything one.
  Acts everything() {
    return {now(),
            step("charge", Json(17)),
            state("policies"),
            artifact("report", "content"),
            event("thing.made"),
            put("latest", Json("a")),
            step("confirm")};
  }
  Acts everything_but(std::size_t index, Act other) {
    Acts acts = everything();
    acts[index] = std::move(other);
    return acts;
  }
  Acts everything_without(std::size_t index) {
    Acts acts = everything();
    acts.erase(acts.begin() + static_cast<std::ptrdiff_t>(index));
    return acts;
  }
  Acts everything_and(std::size_t index, Act more) {
    Acts acts = everything();
    acts.insert(acts.begin() + static_cast<std::ptrdiff_t>(index), std::move(more));
    return acts;
  }
  void complete() { ASSERT_EQ(run_as(performing(everything()))->status, ExecutionStatus::completed); }
  /// Of the step's outcome.
  std::uint64_t position_of_step(const std::string& key) {
    for (const auto& batch : runtime_.contents->batches) {
      for (const base::LogRecord& record : batch->records) {
        if (record.payload.find("\"key\":\"" + key + "\"") != std::string::npos) return record.position;
      }
    }
    return 0;
  }
};

TEST_F(ExecutionReplayed, TheSameHandlerDoesTheSameAgain) {
  complete();
  const ReplayReport report = report_with(performing(everything()));
  EXPECT_EQ(to_string(report.outcome), "same");
  EXPECT_FALSE(report.divergence.has_value());
  EXPECT_EQ(report.handler_version, 1U);
  EXPECT_EQ(report.position, position_of(RecordType::execution_completed));
  EXPECT_THAT(report.not_compared, IsEmpty());
}

TEST_F(ExecutionReplayed, EveryKindOfActIsAnsweredAsItWas) {
  const auto all = [](ExecutionContext& context) -> Result<HandlerResult> {
    TRY(const HandlerResult first, add_everything(context));
    TRY(const auto sink, context.open_artifact("large", "text/plain"));
    TRY(sink->write(std::string(20'000, 'x')));
    TRY(const Artifact large, sink->finish());
    ReferenceDraft draft{
        .type = "file", .name = "", .digest = large.digest, .media_type = "", .location = large.location};
    TRY(const std::string id, context.register_reference(draft));
    TRY(const auto content, context.open_reference(id));
    std::string bytes;
    TRY(content->read_at(0, 5, bytes));
    TRY(const auto gone, context.get_state("nothing"));
    TRY(context.delete_state("old"));
    return HandlerResult{Json::object({{"bytes", bytes},
                                       {"first", first.value},
                                       {"id", context.new_id()},
                                       {"now", context.now_us()},
                                       {"random", context.random()},
                                       {"seen", gone.has_value()}})};
  };
  ASSERT_EQ(run_as(answering([&](const Intent&, ExecutionContext& context) { return all(context); }))->status,
            ExecutionStatus::completed);
  runtime_.clock.advance_us(3'600'000'000);
  const ReplayReport report =
      report_with(answering([&](const Intent&, ExecutionContext& context) { return all(context); }));
  EXPECT_EQ(to_string(report.outcome), "same") << (report.divergence ? report.divergence->got.dump() : "");
}

TEST_F(ExecutionReplayed, WhatItReadIsWhatItReadThen) {
  runtime_.support("write", answering([](const Intent&, ExecutionContext& context) -> Result<HandlerResult> {
                     TRY(context.put_state("k", Json(context.now_us())));
                     return HandlerResult{};
                   }));
  const auto read = [](const Intent&, ExecutionContext& context) -> Result<HandlerResult> {
    TRY(const auto value, context.get_state("k"));
    return HandlerResult{value ? value->value : Json("none")};
  };
  ASSERT_EQ(run_as(answering(read))->value.dump(), R"("none")");
  (void)runtime_.execute(intent_for("write"));
  EXPECT_EQ(row().intent_type, "work");
  EXPECT_EQ(to_string(report_with(answering(read)).outcome), "same");
}

TEST_F(ExecutionReplayed, AChangedStepInputIsTheFirstDivergence) {
  complete();
  const Divergence found = divergence_with(performing(everything_but(1, step("charge", Json(18)))));
  EXPECT_EQ(found.what, "step");
  EXPECT_EQ(found.key, "charge#1");
  EXPECT_EQ(found.expected.find("input_digest")->as_string(), base::sha256("17").hex());
  EXPECT_EQ(found.got.find("input_digest")->as_string(), base::sha256("18").hex());
  EXPECT_EQ(found.position, position_of_step("charge#1"));
}

TEST_F(ExecutionReplayed, ARenamedStepIsTheFirstDivergence) {
  complete();
  const Divergence found = divergence_with(performing(everything_but(1, step("bill", Json(17)))));
  EXPECT_EQ(found.what, "step");
  EXPECT_EQ(found.key, "bill#1");
  EXPECT_EQ(found.expected.find("step")->as_string(), "charge#1");
  EXPECT_EQ(found.got.find("step")->as_string(), "bill#1");
  EXPECT_EQ(found.position, position_of_step("charge#1"));
}

TEST_F(ExecutionReplayed, ARemovedStepIsMissing) {
  complete();
  const Divergence found = divergence_with(performing(everything_without(6)));
  EXPECT_EQ(found.what, "missing_step");
  EXPECT_EQ(found.key, "confirm#1");
  EXPECT_TRUE(found.got.is_null());
  EXPECT_EQ(found.position, position_of_step("confirm#1"));
}

TEST_F(ExecutionReplayed, AStepRemovedBeforeOthersIsMissingWhereTheNextIsAskedFor) {
  ASSERT_TRUE(run_as(performing({step("a"), step("b"), step("c")})));
  const Divergence found = divergence_with(performing({step("a"), step("c")}));
  EXPECT_EQ(found.what, "missing_step");
  EXPECT_EQ(found.key, "b#1");
  EXPECT_EQ(found.got.find("step")->as_string(), "c#1");
  EXPECT_EQ(found.position, position_of_step("b#1"));
}

TEST_F(ExecutionReplayed, StepsInAnotherOrderAreADivergence) {
  ASSERT_TRUE(run_as(performing({step("a"), step("b")})));
  const Divergence found = divergence_with(performing({step("b"), step("a")}));
  EXPECT_EQ(found.expected.find("step")->as_string(), "a#1");
  EXPECT_EQ(found.got.find("step")->as_string(), "b#1");
}

TEST_F(ExecutionReplayed, AnAddedStepIsADivergenceWhereTheExecutionHadEnded) {
  complete();
  const Divergence found = divergence_with(performing(everything_and(7, step("notify"))));
  EXPECT_EQ(found.what, "step");
  EXPECT_EQ(found.key, "notify#1");
  EXPECT_TRUE(found.expected.is_null());
  EXPECT_EQ(found.position, position_of(RecordType::execution_completed));
}

TEST_F(ExecutionReplayed, AStepAddedBeforeOthersIsADivergenceAtTheNext) {
  complete();
  const Divergence found = divergence_with(performing(everything_and(1, step("notify"))));
  EXPECT_EQ(found.key, "notify#1");
  EXPECT_EQ(found.expected.find("step")->as_string(), "charge#1");
  EXPECT_EQ(found.position, position_of_step("charge#1"));
}

TEST_F(ExecutionReplayed, ObservationsInAnotherOrderAreADivergence) {
  ASSERT_TRUE(run_as(performing({now(), state("k"), step("a")})));
  const Divergence found = divergence_with(performing({state("k"), now(), step("a")}));
  EXPECT_EQ(found.what, "observation");
  EXPECT_EQ(found.key, "state k");
  EXPECT_EQ(found.expected.dump(), R"({"observation":"time"})");
  EXPECT_EQ(found.position, position_of(RecordType::context_observed));
}

TEST_F(ExecutionReplayed, AnObservationMovedBehindAStepIsADivergence) {
  ASSERT_TRUE(run_as(performing({now(), step("a")})));
  const Divergence found = divergence_with(performing({step("a"), now()}));
  EXPECT_EQ(found.what, "step");
  EXPECT_EQ(found.expected.dump(), R"({"observation":"time"})");
}

TEST_F(ExecutionReplayed, AnObservationThatIsNotMadeAnyMoreIsADivergence) {
  ASSERT_TRUE(run_as(performing({step("a"), now()})));
  const Divergence found = divergence_with(performing({step("a")}));
  EXPECT_EQ(found.what, "observation");
  EXPECT_EQ(found.key, "time");
  EXPECT_TRUE(found.got.is_null());
}

TEST_F(ExecutionReplayed, AnAddedObservationIsADivergenceWhateverTheHandlerMakesOfTheRefusal) {
  ASSERT_TRUE(run_as(performing({step("a")})));
  const Act stubborn = call([](ExecutionContext& context) -> Result<void> {
    EXPECT_FALSE(context.get_state("k").has_value());
    try {
      (void)context.now_us();
      ADD_FAILURE() << "answered what is not in the log";
    } catch (const std::length_error&) {
    }
    return {};
  });
  const Divergence found = divergence_with(performing({step("a"), stubborn, step("b")}));
  EXPECT_EQ(found.what, "observation");
  EXPECT_EQ(found.key, "state k");
  EXPECT_EQ(found.position, position_of(RecordType::execution_completed));
}

TEST_F(ExecutionReplayed, AChangedEventIsADivergence) {
  complete();
  const Divergence found = divergence_with(performing(everything_but(4, event("thing.made", Json(2)))));
  EXPECT_EQ(found.what, "event");
  EXPECT_EQ(found.key, "thing.made");
  EXPECT_EQ(found.expected.dump(), R"({"data":1})");
  EXPECT_EQ(found.got.dump(), R"({"data":2})");
  EXPECT_EQ(found.position, position_of(RecordType::events_queued));
}

TEST_F(ExecutionReplayed, AChangedArtifactIsADivergence) {
  complete();
  const Divergence found = divergence_with(performing(everything_but(3, artifact("report", "contents"))));
  EXPECT_EQ(found.what, "artifact");
  EXPECT_EQ(found.key, "report");
  EXPECT_EQ(found.expected.find("digest")->as_string(), base::sha256("content").hex());
  EXPECT_EQ(found.got.find("digest")->as_string(), base::sha256("contents").hex());
  EXPECT_EQ(found.position, position_of(RecordType::artifacts_handled));
}

TEST_F(ExecutionReplayed, ChangedMissingAndAddedStateIsADivergence) {
  complete();
  const Divergence changed = divergence_with(performing(everything_but(5, put("latest", Json("b")))));
  EXPECT_EQ(changed.what, "state");
  EXPECT_EQ(changed.expected.dump(), R"({"value":"a"})");
  EXPECT_EQ(changed.position, position_of(RecordType::state_changed));
  EXPECT_EQ(divergence_with(performing(everything_without(5))).key, "latest");
  EXPECT_EQ(divergence_with(performing(everything_and(6, put("more", Json(1))))).key, "more");
}

TEST_F(ExecutionReplayed, ChangedReferencesAndProvenanceAreDivergences) {
  const auto registers = [](std::string type, bool derived) {
    return answering([type, derived](const Intent&, ExecutionContext& context) -> Result<HandlerResult> {
      ReferenceDraft draft{.type = type, .name = "", .digest = "", .media_type = "", .location = ""};
      TRY(const std::string first, context.register_reference(draft));
      TRY(const std::string second, context.register_reference(draft));
      if (derived) TRY(context.track_provenance(second, first));
      return HandlerResult{};
    });
  };
  ASSERT_TRUE(run_as(registers("file", true)));
  const Divergence reference = divergence_with(registers("row", true));
  EXPECT_EQ(reference.what, "reference");
  EXPECT_EQ(reference.expected.dump(), R"({"type":"file"})");
  EXPECT_EQ(reference.position, position_of(RecordType::references_registered));
  const Divergence provenance = divergence_with(registers("file", false));
  EXPECT_EQ(provenance.what, "provenance");
  EXPECT_EQ(provenance.position, position_of(RecordType::provenance_tracked));
}

TEST_F(ExecutionReplayed, AChangedResultIsADivergence) {
  complete();
  const Divergence found = divergence_with(performing(everything(), HandlerResult{Json("other")}));
  EXPECT_EQ(found.what, "result");
  EXPECT_EQ(found.expected.dump(), R"({"result":"done"})");
  EXPECT_EQ(found.got.dump(), R"({"result":"other"})");
  EXPECT_EQ(found.position, position_of(RecordType::execution_completed));
}

TEST_F(ExecutionReplayed, AResultThatIsTooLongToShowIsShownByItsDigest) {
  complete();
  const Divergence found = divergence_with(performing(everything(), HandlerResult{Json(std::string(2'000, 'x'))}));
  EXPECT_EQ(found.got.find("result")->find("bytes")->as_uint64(), 2'002U);
}

TEST_F(ExecutionReplayed, AnErrorIsAnOutcomeThatCanBeTheSameOrAnother) {
  ASSERT_EQ(run_as(performing({step("a")}, failing("no_money")))->status, ExecutionStatus::failed);
  EXPECT_EQ(to_string(report_with(performing({step("a")}, failing("no_money"))).outcome), "same");
  const Divergence other = divergence_with(performing({step("a")}, failing("no_time")));
  EXPECT_EQ(other.what, "result");
  EXPECT_EQ(other.expected.find("error")->find("code")->as_string(), "no_money");
  EXPECT_EQ(other.got.find("error")->find("code")->as_string(), "no_time");
  EXPECT_EQ(other.position, position_of(RecordType::execution_failed));
  EXPECT_EQ(divergence_with(performing({step("a")})).got.dump(), R"({"result":"done"})");
}

TEST_F(ExecutionReplayed, AStepThatFailedFailsAgainInTheSameWay) {
  const Result<Json> outcome = fail(ErrorCode::unavailable, "no connection", "no_connection", Json(7));
  ASSERT_EQ(run_as(performing({step("a", Json(), outcome)}))->status, ExecutionStatus::failed);
  EXPECT_EQ(to_string(report_with(performing({step("a", Json(), Json("fine"))})).outcome), "same");
}

TEST_F(ExecutionReplayed, AnExceptionIsAnOutcomeToo) {
  const auto throws = [](const char* what) {
    return performing({call([what](ExecutionContext&) -> Result<void> { throw std::runtime_error(what); })});
  };
  ASSERT_EQ(run_as(throws("broken"))->status, ExecutionStatus::failed);
  EXPECT_EQ(to_string(report_with(throws("broken")).outcome), "same");
  EXPECT_EQ(divergence_with(throws("bent")).what, "result");
}

TEST_F(ExecutionReplayed, ARefusedCommitIsTheSameForAHandlerThatAnswersWithAValue) {
  const auto expects = [](std::uint64_t version) {
    return performing(
        {call([version](ExecutionContext& context) { return context.put_state("k", Json(1), version); })});
  };
  ASSERT_EQ(run_as(expects(7))->error->reason, "state_conflict");
  const ReplayReport report = report_with(expects(7));
  EXPECT_EQ(to_string(report.outcome), "same");
  EXPECT_THAT(report.not_compared, ElementsAre(HasSubstr("commit was refused")));
  EXPECT_EQ(divergence_with(performing({}, failing("no_money"))).what, "result");
}

TEST_F(ExecutionReplayed, AnotherVersionIsNotReplayedButMissed) {
  complete();
  const auto report = replay_with(performing(everything()), 2);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().reason, "missing_handler");
  EXPECT_THAT(report.error().message, HasSubstr("'work' version 1 (things/handle)"));
}

TEST_F(ExecutionReplayed, ARejectedIntentHasNothingToReplay) {
  (void)runtime_.execute(intent_for("work"));
  const auto report = replay_with(performing({}));
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().reason, "never_ran");
}

TEST_F(ExecutionReplayed, AHandlerThatNeverReturnsIsTimedOutAndAnsweredNothingMore) {
  complete();
  std::atomic<bool> given_up = false;
  const auto report = replay_with(performing({now(), call([&](ExecutionContext& context) -> Result<void> {
                                                while (context.still_owner()) std::this_thread::yield();
                                                given_up = !context.get_state("k").has_value();
                                                given_up.notify_all();
                                                return {};
                                              })}),
                                  1, std::chrono::milliseconds(50));
  EXPECT_EQ(to_string(report.value().outcome), "timed_out");
  given_up.wait(false);
}

TEST_F(ExecutionReplayed, WhatTheHandlerHoldsIsDestroyedWhereItIsLeft) {
  complete();
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> seen = held;
  (void)divergence_with(performing(
      {call([held = std::move(held)](ExecutionContext&) -> Result<void> { return {}; }), now(), step("bill")}));
  EXPECT_TRUE(seen.expired());
}

}  // namespace
}  // namespace symphainy::runtime
