// SPDX-License-Identifier: Apache-2.0
// What a replayed handler has added and answered, held to what its execution's records say.
#pragma once

#include <optional>
#include <vector>

#include "base/log_record.h"
#include "runtime/commit.h"
#include "runtime/recorded_course.h"
#include "runtime/replay_context.h"

namespace symphainy::runtime {

/// What it added, in the order of the records, item by item: the first that is not as recorded. What the commit assigns
/// (versions of state, sequences of events) is not the handler's.
[[nodiscard]] Result<std::optional<Divergence>> compare_commit(const std::vector<base::LogRecord>& history,
                                                               const PendingCommit& commit, const RecordOwner& owner,
                                                               const RecordedEnd& end);

/// How it ended: its value, or its error with everything that a record tells of one.
[[nodiscard]] std::optional<Divergence> compare_end(const RecordedEnd& end, const Result<Json>& answer);

/// Whether the recorded failure is a refusal of the commit, for what the tenant's state or lineage was then: a handler
/// that answers with a value did then, too.
[[nodiscard]] bool is_refused_commit(const RecordedEnd& end);

/// A value that is too long to be shown becomes {"bytes", "sha256"}.
[[nodiscard]] Json shown(Json value);

}  // namespace symphainy::runtime
