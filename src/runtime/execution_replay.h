// SPDX-License-Identifier: Apache-2.0
// Replay: runs the handler of an execution again, as this process has it, with every answer taken from the log, and
// tells the first thing that it does otherwise. No step is run and nothing is written.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "public_works/abstractions/artifact_store.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/lineage_store.h"
#include "public_works/abstractions/state_store.h"
#include "runtime/intent_registry.h"
#include "runtime/replay_context.h"

namespace symphainy::runtime {

/// What replays read. Kept for the rest of the process when a handler takes too long (ReplayRun).
struct ReplayStores {
  std::shared_ptr<void> owner;  ///< of the others
  public_works::StateStore& state;
  public_works::LineageStore& lineage;
  const public_works::EventLog& log;
  public_works::ArtifactStore& artifacts;
};

enum class ReplayOutcome {
  same,           ///< everything that can be compared is as recorded
  diverged,       ///< something is not
  history_ended,  ///< all that is recorded is the same, and the execution had not come further
  timed_out,      ///< the handler took too long
};
[[nodiscard]] std::string_view to_string(ReplayOutcome outcome) noexcept;

struct ReplayReport {
  ReplayOutcome outcome = ReplayOutcome::same;
  std::uint32_t handler_version = 0;
  std::optional<Divergence> divergence;
  std::uint64_t position = 0;    ///< of the record that tells what was expected; else of the last one it was held to
  std::uint64_t tenant_seq = 0;  ///< of the same
  std::string record;            ///< its name: "StepCompleted"
  Json asked;                    ///< history_ended: for what
  std::vector<std::string> not_compared;  ///< what the log cannot tell of this execution, for people
};

/// Why an execution cannot be replayed: error reasons beside public_works::kHistoryRetired and kMissingHandler.
inline constexpr const char* kNeverRan = "never_ran";  ///< its intent was rejected

class ExecutionReplay {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ExecutionReplay>> open(const ReplayStores& stores);

  /// One at a time. not_found: it cannot be replayed, the reason tells why.
  [[nodiscard]] Result<ReplayReport> replay(const public_works::ExecutionRow& execution, const IntentRegistry& registry,
                                            std::chrono::milliseconds time_limit);

 private:
  struct Place;
  explicit ExecutionReplay(std::shared_ptr<Place> place);

  std::shared_ptr<Place> place_;
};

}  // namespace symphainy::runtime
