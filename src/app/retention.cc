// SPDX-License-Identifier: Apache-2.0
#include "app/retention.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <vector>

#include "app/local_store.h"
#include "app/snapshots.h"
#include "app/staged_directory.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/adapters/segment_log/segment.h"
#include "public_works/adapters/segment_log/segment_archive.h"
#include "runtime/state_surface.h"

namespace symphainy::app {
namespace {

using public_works::SegmentLog;

struct Candidate {
  SegmentLog::SealedSegment segment;
  std::uint64_t bytes = 0;
};

std::string name_of(const Candidate& candidate) {
  return candidate.segment.path.substr(candidate.segment.path.rfind('/') + 1);
}

Json segment_json(const Candidate& candidate) {
  return Json::object({{"bytes", candidate.bytes},
                       {"first", candidate.segment.first_position},
                       {"last", candidate.segment.last_position},
                       {"segment", name_of(candidate)}});
}

std::uint64_t first_batch(const public_works::ExecutionRow& row) {
  return row.batches.empty() ? row.accepted_position : row.batches.front();
}

// One that has published nothing yet has no cursor.
Result<std::map<std::string, std::uint64_t>> publishers(public_works::StateStore& state) {
  TRY(auto cursors, state.cursors());
  cursors.try_emplace(kNdjsonPublisher, 0);
  return cursors;
}

class Round {
 public:
  Round(const RetentionParts& parts, const RetentionRound& round)
      : parts_(parts), round_(round), snapshots_(parts.files, parts.directory) {}

  Result<Json> run() {
    if (!round_.policy.archive.empty()) TRY(refuse_inside(round_.policy.archive, parts_.directory.root));
    TRY(const auto sealed, sealed_segments());
    TRY(const auto candidates, let_go_by_policy(sealed));
    TRY(take_snapshot_when_due(candidates));
    TRY(const auto free, held_back(candidates));
    TRY(archive(round_.archive_all ? sealed : free));
    TRY(retire(free));
    return Json::object({{"archived", std::move(archived_)},
                         {"dry_run", round_.dry_run},
                         {"first_position", parts_.log.first_position()},
                         {"held_by", std::move(held_by_)},
                         {"last_position", parts_.log.durable_position()},
                         {"retired", std::move(retired_)},
                         {"snapshot", snapshot_ ? Json(*snapshot_) : Json()}});
  }

 private:
  Result<std::vector<Candidate>> sealed_segments() {
    std::vector<Candidate> out;
    for (auto& segment : parts_.log.sealed_segments()) {
      TRY(const auto stat, parts_.files.stat(segment.path));
      out.push_back({std::move(segment), stat ? stat->size : 0});
    }
    return out;
  }

  // From the front: those that are too old, and those too many.
  Result<std::vector<Candidate>> let_go_by_policy(const std::vector<Candidate>& sealed) {
    TRY(std::uint64_t bytes, last_segment_bytes());
    for (const Candidate& candidate : sealed) bytes += candidate.bytes;
    std::vector<Candidate> out;
    for (const Candidate& candidate : sealed) {
      bool goes = round_.by_size && bytes > round_.policy.retain_bytes;
      if (!goes && round_.by_age) {
        TRY(goes, is_too_old(candidate));
      }
      if (!goes) break;
      bytes -= candidate.bytes;
      out.push_back(candidate);
    }
    return out;
  }

  // It never goes, but it takes its place.
  Result<std::uint64_t> last_segment_bytes() {
    TRY(const auto paths, public_works::segment_paths(parts_.files, parts_.directory.wal()));
    if (paths.empty()) return 0;
    TRY(const auto stat, parts_.files.stat(paths.back()));
    return stat ? stat->size : 0;
  }

  // By the first record behind it, because the beginning of a segment is quicker to read than its end.
  Result<bool> is_too_old(const Candidate& candidate) {
    std::int64_t next_us = INT64_MAX;
    TRY(parts_.log.read_batches(candidate.segment.last_position + 1, [&next_us](const base::LogBatch& batch) {
      next_us = batch.records.front().time_us;
      return false;
    }));
    return next_us != INT64_MAX && next_us <= parts_.clock.wall_us() - round_.policy.retain_age_us;
  }

  Result<void> take_snapshot_when_due(const std::vector<Candidate>& candidates) {
    TRY(const auto known, snapshots_.list(parts_.log));
    const std::uint64_t newest = known.empty() ? 0 : known.front().position;
    TRY(const std::uint64_t reached, parts_.state.position());
    const bool every = round_.policy.snapshot_every > 0 && reached >= newest + round_.policy.snapshot_every;
    if (reached <= newest) return {};
    TRY(const bool worth, is_worth_a_snapshot(candidates, newest));
    if (!every && !worth) return {};
    if (!round_.dry_run) return take_snapshot();
    const bool can_be_taken = !known.empty() || parts_.log.first_position() == 1;
    if (can_be_taken) floor_ = Hold{"snapshot", known.empty() ? reached : newest};
    return {};
  }

  Result<bool> is_worth_a_snapshot(const std::vector<Candidate>& candidates, std::uint64_t newest) {
    std::uint64_t bytes = 0;
    for (const Candidate& candidate : candidates) {
      if (candidate.segment.last_position >= newest) bytes += candidate.bytes;
    }
    if (bytes == 0 || newest == 0 || round_.at_once) return bytes > 0;
    TRY(const auto state, parts_.files.stat(parts_.directory.state()));
    return !state || bytes >= state->size;
  }

  // What of the candidates nobody needs; who needs the rest.
  Result<std::vector<Candidate>> held_back(std::vector<Candidate> candidates) {
    if (candidates.empty()) return candidates;
    TRY(auto holds, needs_of_history(parts_.state));
    if (!floor_) {
      TRY(floor_, snapshot_hold(before_all(holds) > candidates.front().segment.last_position));
    }
    holds.push_back(*floor_);
    for (const Hold& hold : holds) {
      if (hold.position > candidates.back().segment.last_position) continue;
      held_by_.push_back(Json::object({{"position", hold.position}, {"what", hold.what}}));
    }
    const std::uint64_t before = before_all(holds);
    std::erase_if(candidates,
                  [before](const Candidate& candidate) { return candidate.segment.last_position >= before; });
    return candidates;
  }

  static std::uint64_t before_all(const std::vector<Hold>& holds) {
    return std::ranges::min(holds, {}, &Hold::position).position;
  }

  // The older one: should the newer be damaged later, the older and the log behind it still rebuild everything. Only
  // while the whole log is there one is enough. Reading them back costs as much as taking them, so it is done only when
  // something can go.
  Result<Hold> snapshot_hold(bool verified) {
    TRY(auto snapshots, snapshots_.list(parts_.log));
    if (verified) {
      const std::size_t known = snapshots.size();
      TRY(snapshots, snapshots_.good(parts_.log));
      if (snapshots.size() < known && !round_.dry_run) {
        TRY(take_snapshot());
        TRY(snapshots, snapshots_.good(parts_.log));
      }
    }
    const std::uint64_t first = parts_.log.first_position();
    if (snapshots.size() < Snapshots::kKept && first > 1) return Hold{"second snapshot", first};
    return Hold{"snapshot", snapshots.empty() ? 0 : snapshots.back().position};
  }

  Result<void> take_snapshot() {
    TRY(const std::uint64_t reached, parts_.state.position());
    TRY(const auto taken, snapshots_.take(parts_.log, parts_.clock, reached, round_.stopped));
    if (taken) snapshot_ = taken->position;
    return {};
  }

  Result<void> archive(const std::vector<Candidate>& candidates) {
    if (round_.policy.archive.empty()) return {};
    if (!round_.dry_run) TRY(parts_.files.create_directories(round_.policy.archive));  // verified with, also when empty
    public_works::SegmentArchive archive(parts_.files, round_.policy.archive, parts_.log.identity());
    for (const Candidate& candidate : candidates) {
      if (stopped()) return {};
      Json told = segment_json(candidate);
      if (!round_.dry_run && !PLANTED_BUG("retire-unarchived")) {
        TRY(const auto archived, archive.add(candidate.segment.path));
        told["archived_bytes"] = archived.archived_bytes;
      }
      archived_.push_back(std::move(told));
    }
    return {};
  }

  Result<void> retire(const std::vector<Candidate>& free) {
    if (free.empty() || stopped()) return {};
    if (!round_.dry_run) {
      auto lock = parts_.files.lock(history_lock(parts_.directory));
      if (!lock && lock.error().code != ErrorCode::unavailable) return std::unexpected(lock.error());
      if (!lock) {
        held_by_.push_back(Json::object({{"position", parts_.log.first_position()}, {"what", "backup"}}));
        return {};
      }
      // Whoever took them may have died, or failed, before their names were durable.
      TRY(parts_.files.sync_directory(parts_.directory.snapshots()));
      TRY(parts_.log.retire(free.back().segment.last_position + 1));
    }
    for (const Candidate& candidate : free) retired_.push_back(segment_json(candidate));
    return {};
  }

  [[nodiscard]] bool stopped() const { return round_.stopped && round_.stopped(); }

  const RetentionParts& parts_;
  const RetentionRound& round_;
  Snapshots snapshots_;
  Json archived_ = Json::array();
  Json retired_ = Json::array();
  Json held_by_ = Json::array();
  std::optional<std::uint64_t> snapshot_;  // taken in this round
  std::optional<Hold> floor_;              // of the snapshots
};

}  // namespace

Result<std::vector<Hold>> needs_of_history(public_works::StateStore& state) {
  std::vector<Hold> holds;
  TRY(const std::uint64_t folded, state.position());
  holds.push_back({"projections", folded + 1});
  TRY(const auto live, state.live_executions());
  if (!live.empty() && !PLANTED_BUG("retire-what-is-under-way"))
    holds.push_back({"executions under way", first_batch(live.front())});
  TRY(const auto cursors, publishers(state));
  for (const auto& [publisher, cursor] : cursors) {
    public_works::EventFilter pending;
    pending.after_position = cursor;
    pending.limit = 1;
    TRY(const auto events, state.list_events(pending));
    const bool held = !events.empty() && !PLANTED_BUG("retire-unpublished");
    if (held) holds.push_back({"publisher " + publisher, events.front().position});
  }
  return holds;
}

Result<Json> run_retention(const RetentionParts& parts, const RetentionRound& round) {
  return Round(parts, round).run();
}

Result<Json> retain_once(const RuntimeOptions& options, const RetentionRound& round) {
  const DataDirectory directory{options.data_directory};
  public_works::PosixFileSystem files;
  TRY(const auto there, files.stat(directory.wal()));
  if (!there) return fail(ErrorCode::not_found, directory.root + ": there is no store here");
  TRY(const auto store, LocalStore::open(options));
  TRY(runtime::fold_log(*store->log, *store->state));
  return run_retention({store->files, store->clock, *store->log, *store->state, directory}, round);
}

Result<std::unique_ptr<public_works::FileLock>> hold_history(public_works::FileSystem& files,
                                                             const DataDirectory& directory) {
  auto lock = files.lock(history_lock(directory));
  if (lock) return lock;
  if (lock.error().code != ErrorCode::unavailable) return std::unique_ptr<public_works::FileLock>();
  return fail(
      ErrorCode::unavailable,
      fmt::format("another backup of {} is being taken, or its log is just being retired; try again", directory.root),
      "locked");
}

}  // namespace symphainy::app
