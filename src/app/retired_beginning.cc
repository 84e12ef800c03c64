// SPDX-License-Identifier: Apache-2.0
#include "app/retired_beginning.h"

#include <fmt/format.h>
#include <utility>

#include "app/local_store.h"
#include "app/retention.h"
#include "base/try.h"
#include "runtime/state_surface.h"

namespace symphainy::app {
namespace {

using public_works::FileSystem;
using public_works::SegmentLog;

Error retired(std::uint64_t first_position, std::string message) {
  return Error{ErrorCode::not_found, std::move(message), public_works::kHistoryRetired,
               Json::object({{"first_position", first_position}})};
}

Result<void> check_needs(FileSystem& files, const DataDirectory& copy, const SegmentLog& log,
                         const RetiredBeginning& beginning) {
  TRY(const auto state, open_state_for_writing(files, copy, log));
  TRY(runtime::fold_log(log, *state));
  TRY(const auto needs, needs_of_history(*state));
  for (const HistoryNeed& need : needs) {
    if (need.position >= log.first_position()) continue;
    return std::unexpected(
        retired(log.first_position(),
                fmt::format("the log begins at position {}, and a store that is cut off behind position {} could not "
                            "go on without records that are retired: from position {} on for the {}; {}",
                            log.first_position(), beginning_end(log), need.position, need.what, kLaterPoint)));
  }
  return {};
}

}  // namespace

}  // namespace symphainy::app
