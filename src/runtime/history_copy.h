// SPDX-License-Identifier: Apache-2.0
// What an execution takes over from one that has ended: the records of what the old one had completed, written once
// more as the new one's own, so that recovery, replay and another attempt read them as they read any history.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "symphainy/runtime.h"

#include "base/log_record.h"
#include "runtime/commit.h"
#include "runtime/execution_history.h"

namespace symphainy::runtime {

/// Payloads of the records that are taken over: what one execution may record by itself.
inline constexpr std::size_t kMaxCopiedBytes = 50U * 1024 * 1024;

struct HistoryCopy {
  std::uint64_t until_position = 0;       ///< of the last record that was taken over; 0: none
  std::vector<DrawnFrom> drawn_from;      ///< whose random numbers and ids the copied steps were asked for with
  std::vector<base::RecordDraft> drafts;  ///< in the order of the originals
};

/// What goes into the record of it.
[[nodiscard]] std::string history_copied_payload(const HistoryCopy& copy, const std::string& source,
                                                 std::uint32_t source_version);

/// Plans what `owner` takes over from the execution with this history. Action::retry: everything but what failed last
/// and an open wait; Action::rerun: what was recorded before `from_step` began, or nothing without one. What an undoing
/// has begun to take back is not taken over.
/// not_found "unknown_step"; conflict "was_undone", "child_not_ended"; invalid_argument "too_large".
[[nodiscard]] Result<HistoryCopy> copy_history(const std::vector<base::LogRecord>& source,
                                               const ExecutionCommand& command, const RecordOwner& owner);

}  // namespace symphainy::runtime
