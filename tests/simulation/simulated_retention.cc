// SPDX-License-Identifier: Apache-2.0
#include "simulation/simulated_retention.h"

#include <algorithm>
#include <fmt/format.h>

#include "app/retention.h"
#include "base/try.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "public_works/adapters/segment_log/segment_archive.h"
#include "runtime/state_surface.h"

namespace symphainy::simulation {
namespace {

using public_works::OpenMode;
using public_works::SegmentLog;
using public_works::StateChanges;

constexpr std::size_t kSnapshotBytes = 2'000;  // so that a failure tears some

std::string path_of(std::uint64_t position) {
  return fmt::format("{}/{:020}", kSnapshots, position);
}

std::string whole_file(std::uint64_t position) {
  return fmt::format("{:0{}}", position, kSnapshotBytes);
}

class RecordingStateStore final : public public_works::MemoryStateStore {
 public:
  explicit RecordingStateStore(std::vector<StateChanges> before) : changes(std::move(before)) {
    for (const StateChanges& change : changes) CHECK(MemoryStateStore::apply(change));
  }
  Result<void> apply(const StateChanges& change) override {
    TRY(MemoryStateStore::apply(change));
    changes.push_back(change);
    return {};
  }

  std::vector<StateChanges> changes;
};

}  // namespace

// --- snapshots
// --------------------------------------------------------------------------------------------------------

Result<std::vector<std::uint64_t>> ProjectionSnapshots::good() const {
  std::vector<std::uint64_t> found;
  std::string bytes;
  for (const auto& [position, content] : contents_) {
    TRY(const auto there, files_.stat(path_of(position)));
    if (!there) continue;
    TRY(const auto file, files_.open(path_of(position), OpenMode::read));
    TRY(file->read_at(0, SIZE_MAX, bytes));
    if (bytes == whole_file(position)) found.push_back(position);
  }
  std::ranges::reverse(found);
  return found;
}

Result<bool> ProjectionSnapshots::take(const public_works::EventLog& log, std::uint64_t until) {
  TRY(auto known, good());
  RecordingStateStore fold(known.empty() ? std::vector<StateChanges>() : content(known.front()));
  TRY(runtime::fold_log(log, fold, until));
  TRY(const std::uint64_t position, fold.position());
  if (!known.empty() && position == known.front()) return false;
  contents_[position] = std::move(fold.changes);
  TRY(write(position));
  known.insert(known.begin(), position);
  known.resize(std::min(known.size(), kKept));
  TRY(remove_others(known));
  return true;
}

Result<void> ProjectionSnapshots::write(std::uint64_t position) {
  const std::string unfinished = kSnapshots + "/unfinished";
  TRY(files_.create_directories(kSnapshots));
  TRY(const auto file, files_.open(unfinished, OpenMode::create));
  TRY(file->truncate(0));
  TRY(file->write_at(0, whole_file(position)));
  TRY(file->sync_data());
  TRY(files_.rename(unfinished, path_of(position)));
  return files_.sync_directory(kSnapshots);
}

Result<void> ProjectionSnapshots::remove_others(const std::vector<std::uint64_t>& kept) {
  for (const auto& [position, content] : contents_) {
    if (std::ranges::find(kept, position) == kept.end()) TRY(files_.remove(path_of(position)));
  }
  return files_.sync_directory(kSnapshots);
}

Result<bool> ProjectionSnapshots::damage_newest() {
  TRY(const auto known, good());
  if (known.size() < kKept) return false;
  TRY(const auto file, files_.open(path_of(known.front()), OpenMode::read_write));
  TRY(file->write_at(0, "damaged"));
  TRY(file->sync_data());
  return true;
}

// --- rounds
// -----------------------------------------------------------------------------------------------------------

void SimulatedRetention::start(SegmentLog& log, public_works::StateStore& state) {
  ++generation_;
  come_back_later(log, state);
}

void SimulatedRetention::come_back_later(SegmentLog& log, public_works::StateStore& state) {
  const auto wait_us = static_cast<std::int64_t>(simulator_.below(longest_wait_us_));
  executor_.post_at(simulator_.clock().steady_us() + wait_us, [this, &log, &state, generation = generation_] {
    if (generation != generation_) return;
    is_at_work_ = true;
    const auto done = round(log, state);
    is_at_work_ = false;
    simulator_.trace(done ? "retention" : done.error().message);
    if (!done && !files_.is_off()) count_("retention_failed", 1);
    longest_wait_us_ = done ? kOftenUs : kSeldomUs;
    come_back_later(log, state);
  });
}

// The policy lets go of any number of the sealed segments, all of them included.
Result<void> SimulatedRetention::round(SegmentLog& log, public_works::StateStore& state) {
  auto candidates = log.sealed_segments();
  if (candidates.empty()) return {};
  candidates.resize(1 + simulator_.below(candidates.size()));
  TRY(take_snapshot_when_due(log, state, candidates.back().last_position));
  TRY(const std::uint64_t before, needed_from(log, state));
  std::erase_if(candidates, [before](const auto& segment) { return segment.last_position >= before; });
  public_works::SegmentArchive archive(files_, kArchive, log.identity());
  for (const auto& segment : candidates) {
    TRY(const auto archived, archive.add(segment.path));
    if (!archived.was_there) count_("segments_archived", 1);
  }
  if (candidates.empty()) return {};
  TRY(const auto retired, log.retire(candidates.back().last_position + 1));
  count_("segments_retired", retired.size());
  simulator_.trace(fmt::format("the log begins at {}", log.first_position()));
  return {};
}

Result<void> SimulatedRetention::take_snapshot_when_due(const public_works::EventLog& log,
                                                        public_works::StateStore& state, std::uint64_t last_position) {
  TRY(const auto known, snapshots_.good());
  TRY(const std::uint64_t reached, state.position());
  const std::uint64_t newest = known.empty() ? 0 : known.front();
  if (reached <= newest || (last_position < newest && !simulator_.one_in(4))) return {};
  TRY(const bool taken, snapshots_.take(log, reached));
  if (taken) count_("snapshots", 1);
  return {};
}

// Two, once something was retired, so that one of them may be damaged later.
Result<std::uint64_t> SimulatedRetention::needed_from(const public_works::EventLog& log,
                                                      public_works::StateStore& state) {
  TRY(const auto holds, app::needs_of_history(state));
  TRY(const auto known, snapshots_.good());
  const std::uint64_t first = log.first_position();
  std::uint64_t needed = known.empty() ? 0 : known.back();
  if (known.size() < ProjectionSnapshots::kKept && first > 1) needed = first;
  for (const app::Hold& hold : holds) needed = std::min(needed, hold.position);
  return needed;
}

}  // namespace symphainy::simulation
