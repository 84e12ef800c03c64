// SPDX-License-Identifier: Apache-2.0
#include "app/retired_beginning.h"

#include <algorithm>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <utility>

#include "app/local_store.h"
#include "app/retention.h"
#include "base/try.h"
#include "public_works/adapters/segment_log/segment.h"
#include "public_works/adapters/segment_log/segment_log.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/system_random.h"
#include "runtime/state_surface.h"

namespace symphainy::app {
namespace {

using public_works::FileSystem;
using public_works::SegmentLog;

Error retired(std::uint64_t first_position, std::string message) {
  return Error{ErrorCode::not_found, std::move(message), public_works::kHistoryRetired,
               Json::object({{"first_position", first_position}})};
}

Result<void> check_needs(FileSystem& files, const DataDirectory& copy, const SegmentLog& log) {
  TRY(const auto state, open_state_for_writing(files, copy, log));
  TRY(runtime::fold_log(log, *state));
  TRY(const auto holds, needs_of_history(*state));
  for (const Hold& hold : holds) {
    if (hold.position >= log.first_position()) continue;
    return std::unexpected(retired(
        log.first_position(),
        fmt::format("a store that ends there could not go on: {} need the log from position {} on, and it begins at "
                    "position {} now, what was before is retired; choose a later point, or an earlier backup",
                    hold.what, hold.position, log.first_position())));
  }
  return {};
}

}  // namespace

Result<std::optional<RetiredBeginning>> read_beginning(FileSystem& files, const DataDirectory& directory) {
  TRY(auto base, public_works::read_log_base(files, directory.wal()));
  if (!base) return std::nullopt;
  RetiredBeginning beginning{*std::move(base), {}};
  TRY(beginning.snapshots, Snapshots(files, directory).list(beginning.base.log));
  return beginning;
}

Result<std::vector<RetiredBeginning>> beginnings_behind_snapshots(FileSystem& files, const DataDirectory& directory,
                                                                  const public_works::LogIdentity& log) {
  const Snapshots snapshots(files, directory);
  TRY(const auto newest_first, snapshots.list(log));
  std::vector<RetiredBeginning> beginnings;
  for (auto one = newest_first.begin(); one != newest_first.end(); ++one) {
    auto base = snapshots.verified_base_of(*one, log);
    if (base) {
      beginnings.push_back({*std::move(base), {newest_first.begin(), one + 1}});
      continue;
    }
    if (!is_no_use(base.error())) return std::unexpected(base.error());
    spdlog::warn("passing over a snapshot: {}", base.error().message);
  }
  std::ranges::reverse(beginnings);
  return beginnings;
}

Result<Json> history_lost(FileSystem& files, const DataDirectory& directory, const public_works::LogBase& base) {
  TRY(const auto segments, public_works::segment_paths(files, directory.wal()));
  const auto own = public_works::read_log_base(files, directory.wal());
  std::uint64_t first = UINT64_MAX;
  if (own && *own) {
    first = (*own)->chain.position() + 1;
  } else if (!segments.empty()) {
    const std::string& path = segments.front();
    first = public_works::parse_segment_name(std::string_view(path).substr(path.rfind('/') + 1)).value_or(first);
  }
  const std::uint64_t last = base.chain.position();
  return first > last ? Json() : Json::object({{"first", first}, {"last", last}});
}

Error no_snapshot(const RetiredBeginning& beginning, const DataDirectory& from, std::uint64_t position) {
  const std::uint64_t first = beginning.base.chain.position() + 1;
  const auto& snapshots = beginning.snapshots;
  if (!snapshots.empty() && snapshots.back().position > position) {
    return retired(first, fmt::format("the log in {} begins at position {}: what was before is retired, and known from "
                                      "position {} on, where the first snapshot is; that is the earliest position that "
                                      "a store can be made of, not {}",
                                      from.root, first, snapshots.back().position, position));
  }
  return retired(first, fmt::format("the log in {} begins at position {}: what was before is retired, and no snapshot "
                                    "in {} is good for this release, so a store cannot be made anew of the rest alone; "
                                    "copy the whole directory while nothing uses it",
                                    from.root, first, from.snapshots()));
}

Result<void> check_goes_on(FileSystem& files, const DataDirectory& copy) {
  public_works::SystemClock clock;
  public_works::SystemRandom random;
  TRY(const auto log, SegmentLog::open(files, clock, random, {.directory = copy.wal(), .read_only = true}));
  auto checked = check_needs(files, copy, *log);
  for (const char* suffix : {"", "-wal", "-shm"}) TRY(files.remove(copy.state() + suffix));
  return checked;
}

}  // namespace symphainy::app
