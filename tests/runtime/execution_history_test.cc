// SPDX-License-Identifier: Apache-2.0
// What an execution was at any moment of the past is what the fold of the log up to there showed.
#include "runtime/execution_history.h"

#include <gtest/gtest.h>

#include "runtime/manual_runtime.h"

namespace symphainy::runtime {
namespace {

using public_works::ExecutionRow;
using public_works::MemoryStateStore;
using public_works::TenantScope;

class HistoryUntil : public ::testing::Test {
 protected:
  // Two tenants' executions in between each other; one rejected, one failed, one begun again by another process.
  HistoryUntil() {
    Gate never;
    ManualRuntime first;
    register_all(first, never);
    const Heard waiting = first.submit(intent_for("gated"));
    first.run();
    EXPECT_TRUE(first.execute(intent_for("make", Json::object(), "globex")));
    const auto left = first.copy_of_log();
    never.open();

    Gate gate;
    second_ = std::make_unique<ManualRuntime>(left, 2);
    register_all(*second_, gate);
    for (const TrackedPtr& unfinished : second_->decisions.live()) second_->resume(unfinished);
    second_->run();
    EXPECT_TRUE(second_->execute(intent_for("fail")));
    EXPECT_TRUE(second_->execute(intent_for("unheard of")));
    gate.open();
    second_->run();
    EXPECT_TRUE(second_->execute(intent_for("make")));
    CHECK(fold_log(second_->log, now_));
    executions_ = now_.list_executions({}).value();
  }

  static void register_all(ManualRuntime& runtime, Gate& gate) {
    const auto make = [](const Intent&, ExecutionContext& context) { return add_everything(context); };
    runtime.support("make", answering(make));
    runtime.support("gated", gated(gate, make));
    runtime.support("fail", answering([](const Intent&, ExecutionContext&) -> Result<HandlerResult> {
                      return fail(ErrorCode::failed, "it does not work");
                    }));
  }

  std::optional<ExecutionRow> at(const ExecutionRow& execution, const LogMoment& moment) {
    const auto past = read_history_until(second_->log, execution, moment);
    EXPECT_TRUE(past) << past.error().message;
    return past && *past ? std::optional((*past)->row) : std::nullopt;
  }

  std::unique_ptr<ManualRuntime> second_;
  MemoryStateStore now_;
  std::vector<ExecutionRow> executions_;
};

TEST_F(HistoryUntil, IsWhatTheFoldShowedAtEveryPositionSequenceAndTime) {
  ASSERT_EQ(executions_.size(), 5U);
  std::size_t running = 0;
  for (std::size_t i = 0; i < second_->contents->batches.size(); ++i) {
    const base::LogBatch& batch = *second_->contents->batches[i];
    MemoryStateStore before;
    MemoryStateStore after;
    if (batch.first_position() > 1) ASSERT_TRUE(fold_log(second_->log, before, batch.first_position() - 1));
    ASSERT_TRUE(fold_log(second_->log, after, batch.last_position()));
    for (const ExecutionRow& execution : executions_) {
      const auto then = [&](MemoryStateStore& store) {
        return store.execution(TenantScope::every_tenant(), execution.execution_id).value();
      };
      for (const base::LogRecord& record : batch.records) {
        const bool last = record.position == batch.last_position();
        const std::string where = execution.intent_type + " at " + std::to_string(record.position);
        EXPECT_EQ(at(execution, {.position = record.position}), last ? then(after) : then(before)) << where;
        EXPECT_EQ(at(execution, {.time_us = record.time_us}), last ? then(after) : then(before)) << where;
        if (record.tenant != execution.tenant) continue;
        EXPECT_EQ(at(execution, {.tenant_seq = record.tenant_seq}), last ? then(after) : then(before)) << where;
      }
      if (then(after) && then(after)->status == "running") ++running;
    }
  }
  EXPECT_GT(running, 5U);
}

TEST_F(HistoryUntil, TellsTheAttemptAndTheRecordsOfThen) {
  const auto gated_one = std::ranges::find(executions_, "gated", &ExecutionRow::intent_type);
  ASSERT_NE(gated_one, executions_.end());
  ASSERT_EQ(gated_one->attempt, 2U);
  std::vector<std::uint32_t> attempts;
  for (std::uint64_t position = 1; position <= gated_one->ended_position; ++position) {
    const auto past = read_history_until(second_->log, *gated_one, {.position = position}).value();
    if (!past) continue;
    if (attempts.empty() || attempts.back() != past->row.attempt) attempts.push_back(past->row.attempt);
    EXPECT_LE(past->records.back().position, position);
    const bool ended = position == gated_one->ended_position;
    EXPECT_EQ(result_from_history(past->records)->status,
              ended ? ExecutionStatus::completed : ExecutionStatus::running);
    EXPECT_EQ(result_from_history(past->records)->events.size(), ended ? 1U : 0U);
  }
  EXPECT_EQ(attempts, (std::vector<std::uint32_t>{1, 2}));
}

}  // namespace
}  // namespace symphainy::runtime
