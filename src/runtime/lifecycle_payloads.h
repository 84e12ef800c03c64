// SPDX-License-Identifier: Apache-2.0
// The payloads of the lifecycle's own records, the errors it refuses with, and how an outcome becomes a result.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "symphainy/runtime.h"

#include "base/json_writer.h"
#include "runtime/commit.h"
#include "runtime/decision_state.h"
#include "runtime/intent_registry.h"

namespace symphainy::runtime {

[[nodiscard]] std::string accepted_payload(const Intent& intent, const std::string& fingerprint);
[[nodiscard]] std::string created_payload(const RegisteredIntent& handler, const std::string& seed);
[[nodiscard]] std::string started_payload(std::uint32_t attempt, std::uint64_t epoch);
[[nodiscard]] std::string completed_payload(std::int64_t duration_us, const Json& value);
/// {"code", "details"?, "kind", "message"}; read_error() (execution_history.h) reads it back.
void write_error(base::JsonWriter& json, const Error& error);
[[nodiscard]] std::string failed_payload(std::int64_t duration_us, const Error& error);
[[nodiscard]] std::string attempt_failed_payload(std::int64_t duration_us, const Error& error, std::int64_t delay_us);
[[nodiscard]] std::string compensation_begun_payload(const Error& why);
/// Of a command: {"actor", "reason"}.
[[nodiscard]] std::string command_payload(const ExecutionCommand& command);
[[nodiscard]] std::string signal_payload(const ExecutionCommand& command, std::int64_t received_us);
[[nodiscard]] std::string rerun_payload(const ExecutionCommand& command, const std::string& successor);
[[nodiscard]] std::string terminated_payload(std::int64_t duration_us, const ExecutionCommand& command);
[[nodiscard]] std::string rejected_payload(const Intent& known, const Error& error);

/// Why an intent that was seen before may not be answered with what came first: its body differs, or its intent id or
/// key stands for something else. Nothing when it may.
[[nodiscard]] std::optional<Error> duplicate_refused(const Intent& intent, const std::string& fingerprint,
                                                     const Binding& first);
[[nodiscard]] Error unknown_intent_type(const std::string& intent_type, const std::vector<std::string>& supported);
[[nodiscard]] Error parameters_refused(const std::vector<SchemaViolation>& violations);
[[nodiscard]] Error signal_value_refused(const std::vector<SchemaViolation>& violations);
/// The answer to an attempt that the runtime has given up.
[[nodiscard]] Error superseded();
/// What an execution ends with that somebody cancelled or terminated.
[[nodiscard]] Error cancelled_by(const Actor& actor, const std::string& reason);
[[nodiscard]] Error terminated_by(const ExecutionCommand& command);
/// The error with everything in it that can go into the log: valid UTF-8, of bounded size.
[[nodiscard]] Error recordable(Error error);

/// Of an execution that goes on.
[[nodiscard]] ExecutionResult result_so_far(const public_works::ExecutionRow& row);
/// Adds what a completed execution has committed.
void add_outcome(PendingCommit commit, Json value, std::int64_t committed_us, ExecutionResult& result);

}  // namespace symphainy::runtime
