// SPDX-License-Identifier: Apache-2.0
// The record with which a log goes on that was copied from another: by a restore or a repair, on a timeline of its own.
// It tells every timeline that the records before it belong to, so that what was said of the log then (checkpoints) can
// still be held to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/intent.h"

#include "base/ids.h"
#include "base/log_record.h"

namespace symphainy::runtime {

/// This log shares the timeline's records up to and including `position`, and none behind it.
struct EarlierTimeline {
  base::Uuid timeline;
  std::uint64_t position = 0;
};

struct StoreRestored {
  std::string kind;  ///< "restore", "repair"
  Actor actor;
  std::string reason;                    ///< why it had to be; may be empty
  base::Uuid timeline;                   ///< that begins with this record
  std::vector<EarlierTimeline> earlier;  ///< oldest first; the last one is that of the copied log

  [[nodiscard]] std::string payload() const;
};

[[nodiscard]] bool is_store_restored(const base::LogRecord& record);
/// corrupt when it is no such payload; `position` is for the error's message.
[[nodiscard]] Result<StoreRestored> parse_store_restored(std::string_view payload, std::uint64_t position);
/// corrupt when its payload is not what its type says.
[[nodiscard]] Result<StoreRestored> read_store_restored(const base::LogRecord& record);

/// The timelines of a log that is cut behind `position` and goes on under a new one: those that its last StoreRestored
/// record tells, as far as they reach then, and its own.
[[nodiscard]] std::vector<EarlierTimeline> timelines_up_to(std::uint64_t position, std::vector<EarlierTimeline> earlier,
                                                           const base::Uuid& own);

}  // namespace symphainy::runtime
