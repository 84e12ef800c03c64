// SPDX-License-Identifier: Apache-2.0
// One execution as its records tell it: the six stages of the lifecycle with the time of each record after the first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/runtime.h"

#include "base/log_record.h"
#include "cli/invocation.h"
#include "cli/output.h"
#include "runtime/execution_history.h"

namespace symphainy::cli {

/// Everything that is known about one execution.
struct ExecutionStory {
  public_works::ExecutionRow row;
  std::vector<base::LogRecord> records;
  ExecutionResult result;
};

/// not_found when the scope has no such execution, or none yet at the moment.
[[nodiscard]] Result<ExecutionStory> load_story(const ScopedReader& reader, const std::string& execution_id,
                                                const std::optional<runtime::LogMoment>& moment = {});
/// Digits are the number of a record, the tenant's own or (over every tenant) a position; anything else is a time.
[[nodiscard]] Result<runtime::LogMoment> parse_log_moment(const std::string& text,
                                                          const public_works::TenantScope& scope);

/// The payload of the story's first or last record of this type; null when there is none.
[[nodiscard]] Json first_payload(const ExecutionStory& story, std::uint16_t type);
[[nodiscard]] Json last_payload(const ExecutionStory& story, std::uint16_t type);

/// What the record says, in a few words.
[[nodiscard]] std::string record_summary(const base::LogRecord& record);

[[nodiscard]] Table timeline_table(const ExecutionStory& story);
[[nodiscard]] Json timeline_json(const ExecutionStory& story, const public_works::TenantScope& scope);

}  // namespace symphainy::cli
