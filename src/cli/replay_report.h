// SPDX-License-Identifier: Apache-2.0
// What replays came to, for programs and for people.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "cli/output.h"
#include "public_works/abstractions/state_store.h"
#include "runtime/execution_replay.h"

namespace symphainy::cli {

/// Of those that were chosen.
struct ReplayCounts {
  std::uint64_t same = 0;
  std::uint64_t history_ended = 0;
  std::uint64_t diverged = 0;
  std::uint64_t timed_out = 0;
  std::map<std::string, std::uint64_t> skipped;  ///< why → how many

  void add(runtime::ReplayOutcome outcome);
  [[nodiscard]] std::uint64_t replayed() const noexcept { return same + history_ended + diverged + timed_out; }
  [[nodiscard]] Json to_json() const;
  /// "1 of 12 executions diverged ...; 3 skipped (missing_handler: 3)"
  [[nodiscard]] std::string sentence() const;
};

/// Whether an execution that cannot be replayed is passed over: its handler, its history or its execution is missing.
[[nodiscard]] bool is_skipped(const Error& error);

[[nodiscard]] Json replay_json(const public_works::ExecutionRow& row, const runtime::ReplayReport& report,
                               const public_works::TenantScope& scope);
[[nodiscard]] Json skipped_json(const public_works::ExecutionRow& row, const Error& why);

/// One execution, in full.
void print_replay(const Output& out, const public_works::ExecutionRow& row, const runtime::ReplayReport& report,
                  const public_works::TenantScope& scope);

}  // namespace symphainy::cli
