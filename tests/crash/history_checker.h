// SPDX-License-Identifier: Apache-2.0
// Holds what clients and handlers saw against what a store kept: the history checker. It knows the invariants of
// ARCHITECTURE.md and nothing of how a run went wrong; the torture, the crash points, the planted bugs and the
// simulation are all judged by it.
//
// Checked: I1 to I12, I14 and I16. No threads, files or clock of its own; whatever is not given (a null pointer, an
// empty list) is not looked at.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "crash/log_facts.h"
#include "public_works/abstractions/artifact_store.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/event_publisher.h"
#include "public_works/abstractions/lineage_store.h"
#include "public_works/abstractions/state_store.h"

namespace symphainy::tests {

/// One invocation by a client. Another try with the same key is another operation.
struct ClientOperation {
  enum class Outcome {
    acknowledged,  ///< an ExecutionResult came back (failed and rejected are results)
    refused,       ///< an error that promises that nothing happened
    unknown,       ///< no answer, or an error that says unknown or stopped
    retired,       ///< history_retired: it has ended, and how is not told any more
  };
  std::string client;
  std::string tenant;
  std::string idempotency_key;  ///< empty: none
  std::string intent_id;
  std::string intent_type;
  std::string parameters;  ///< canonical JSON
  std::string intent;      ///< all of it, canonical JSON, when the client chose every member; empty: not compared
  Outcome outcome = Outcome::unknown;
  // Of an acknowledged one:
  std::string execution_id;  ///< empty: refused before anything could be recorded
  std::string status;
  std::uint64_t position = 0;
  std::string value_sha256;  ///< hex, of the result's canonical JSON; empty unless completed
  std::vector<std::string> event_ids;
};

/// What somebody was told of having acted on an execution: that it was done, durably.
struct ActSeen {
  std::string tenant;
  std::string execution_id;
  std::string action;  ///< "cancel", "terminate", "resume", "signal"
  std::string status;  ///< of the execution then
  std::uint64_t position = 0;
  std::string signal_id = {};
};

/// What a handler noted outside the runtime when it ran, before any other effect.
struct LedgerEntry {
  std::string execution_id;
  std::string tenant;
  std::string idempotency_key;  ///< empty: none
  std::uint32_t attempt = 0;
  std::string step =
      {};  ///< key of the step whose function ran, behind kUndoPrefix its undo function; empty: the handler
};

/// Where the log was seen to end, at an earlier check or in a durable head.
struct LogEnd {
  std::uint64_t position = 0;
  std::string store_hash;  ///< hex
};

struct Evidence {
  std::vector<ClientOperation> history;
  std::vector<ActSeen> acts;
  std::vector<LedgerEntry> ledger;
  std::set<std::string> noting_types;  ///< intent types whose handlers note every run in the ledger
  /// Opened after what is checked; when faults_stopped, its recovery() tells what the close left.
  const public_works::EventLog* log = nullptr;
  public_works::StateStore* state = nullptr;
  public_works::LineageStore* lineage = nullptr;
  public_works::ArtifactStore* artifacts = nullptr;
  std::string publisher;  ///< by whose marks the streams are judged
  /// What consumers see: CloudEvents as JSON, in order.
  std::optional<std::map<public_works::StreamName, std::vector<std::string>>> streams;
  std::vector<LogEnd> ends_seen;
  bool wall_clock_is_set = false;  ///< so records' times do not tell how long something took
  bool faults_stopped = false;     ///< everything was resumed, drained and closed without an error
};

/// Everything that does not hold; at most 20 for each invariant. Requires a log.
[[nodiscard]] std::vector<Violation> check_history(const Evidence& evidence);

}  // namespace symphainy::tests
