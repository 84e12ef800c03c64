// SPDX-License-Identifier: Apache-2.0
// What happened to one execution, read back from the log: its records in order, and the result they amount to.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "symphainy/runtime.h"

#include "base/log_record.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/state_store.h"
#include "runtime/commit.h"
#include "runtime/step_journal.h"
#include "runtime/wait_journal.h"

namespace symphainy::runtime {

/// As the log will hold them in a moment, behind `last_position`.
[[nodiscard]] std::vector<base::LogRecord> as_records(const std::vector<base::RecordDraft>& drafts,
                                                      std::int64_t now_us = 0, std::uint64_t last_position = 0);

/// The execution's records in log order.
[[nodiscard]] Result<std::vector<base::LogRecord>> read_history(const public_works::EventLog& log,
                                                                const public_works::ExecutionRow& execution);

/// How much of the log an answer takes into account: what had been committed up to here, however it is said.
struct LogMoment {
  std::uint64_t position = UINT64_MAX;
  std::uint64_t tenant_seq = UINT64_MAX;
  std::int64_t time_us = INT64_MAX;

  [[nodiscard]] bool covers(const base::LogRecord& record) const noexcept {
    return record.position <= position && record.tenant_seq <= tenant_seq && record.time_us <= time_us;
  }
};

/// An execution as it was at a moment: its records up to there, in log order, and what they had been folded into.
struct PastExecution {
  public_works::ExecutionRow row;
  std::vector<base::LogRecord> records;
};
/// Only whole commits count: one of which a record came after the moment had not been made yet. Nothing: the execution
/// had not been accepted. `execution` is its row of today.
[[nodiscard]] Result<std::optional<PastExecution>> read_history_until(const public_works::EventLog& log,
                                                                      const public_works::ExecutionRow& execution,
                                                                      const LogMoment& moment);

/// The result that the records amount to; status running while they have no end.
[[nodiscard]] Result<ExecutionResult> result_from_history(const std::vector<base::LogRecord>& records);

/// An error as a record tells it.
[[nodiscard]] Error read_error(const Json& json);

/// What the execution was created under.
struct HandlerIdentity {
  std::string domain_service;
  std::string handler;
  std::uint32_t version = 0;
  std::string schema_digest;
};
[[nodiscard]] Result<HandlerIdentity> handler_from_history(const std::vector<base::LogRecord>& records);

/// Where random numbers and ids come from, as long as no more than so many steps and waits have been asked for: the
/// steps that were taken over were asked for with those of the execution that drew them.
struct DrawnFrom {
  std::size_t calls = 0;
  std::string execution;
  std::string seed;
};

/// What its context has answered and its steps have come to so far, to be answered again by another attempt.
struct RecordedAnswers {
  std::deque<Observation> observations;
  std::vector<StepOutcome> steps;
  std::vector<StepStart> started;     ///< of a saga, in the order of their beginning
  std::set<std::string> undone;       ///< keys of those of them that are
  std::optional<Error> compensation;  ///< why its steps are being undone
  RecordedWaits waits;
  std::vector<DrawnFrom> drawn_from = {};  ///< ascending; behind the last, the execution's own
};
[[nodiscard]] Result<RecordedAnswers> answers_from_history(const std::vector<base::LogRecord>& records);

/// For another attempt of what failed, unless it is being undone: what failed behind the last step that completed, or
/// may have, and the last wait, is done again, from what was known when that began. A failure before it is one that the
/// handler has dealt with; what was asked behind it may have failed for being old.
void keep_what_completed(RecordedAnswers& answers);
/// Takes away the observations behind the last step and the last wait.
void forget_what_nothing_is_behind(RecordedAnswers& answers);

/// AttemptFailed records since its acceptance, or since it was resumed last.
[[nodiscard]] std::uint32_t failed_attempts_in(const std::vector<base::LogRecord>& records);
/// Why it shall end, when somebody has asked for that.
[[nodiscard]] Result<std::optional<Error>> cancellation_from_history(const std::vector<base::LogRecord>& records);

/// What the execution's random numbers and ids derive from.
[[nodiscard]] Result<std::string> seed_from_history(const std::vector<base::LogRecord>& records);

/// The intent as it was accepted.
[[nodiscard]] Result<Intent> intent_from_history(const std::vector<base::LogRecord>& records);

}  // namespace symphainy::runtime
