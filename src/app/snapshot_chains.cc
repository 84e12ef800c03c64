// SPDX-License-Identifier: Apache-2.0
// What a snapshot keeps of the log's chains: as they were at its position, so that a log whose beginning is damaged can
// begin behind it.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/snapshots.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/abstractions/replace_file.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::app {
namespace {

using public_works::EventLog;
using public_works::LogBase;
using public_works::LogIdentity;
using public_works::OpenMode;

std::string base_path(const Snapshot& snapshot) {
  return snapshot.path.substr(0, snapshot.path.rfind('.')) + ".base";
}

std::uint64_t first_in(const std::string& segment_path) {
  return public_works::parse_segment_name(segment_path.substr(segment_path.rfind('/') + 1)).value_or(0);
}

std::unexpected<Error> no_batch_ends_at(std::uint64_t position, std::uint64_t reached, const std::string& wal) {
  return fail(
      ErrorCode::corrupt,
      fmt::format("{}: no batch ends at position {}, which the log was folded up to, but one at {}; no snapshot "
                  "was taken, see `symphainy wal verify`",
                  wal, position, reached),
      "log_damaged");
}

}  // namespace

// The log's, at the end of the batch that ends there.
Result<base::Digest> Snapshots::store_hash_at(const EventLog& log, std::uint64_t position) const {
  if (position + 1 == log.first_position()) {
    TRY(const auto base, public_works::read_log_base(files_, directory_.wal()));
    if (base && base->chain.position() == position) return base->chain.store_hash();
  }
  std::optional<base::Digest> found;
  TRY(log.read_batches(position, [&](const base::LogBatch& batch) {
    if (batch.last_position() == position) found = batch.store_hash;
    return false;
  }));
  if (found) return *found;
  return fail(ErrorCode::corrupt, fmt::format("the log has no batch that ends at position {}", position));
}

Result<LogBase> Snapshots::base_of(const Snapshot& snapshot, const LogIdentity& log) const {
  const std::string path = base_path(snapshot);
  if (!snapshot.base) {
    return fail(ErrorCode::not_found,
                fmt::format("snapshot {}: there is no {}, an earlier release took it", snapshot.path, path));
  }
  TRY(const auto file, files_.open(path, OpenMode::read));
  std::string bytes;
  TRY(file->read_at(0, snapshot.base->size + 1, bytes));
  if (bytes.size() != snapshot.base->size || base::sha256(bytes) != snapshot.base->sha256) {
    return snapshot_damaged(snapshot, "the SHA-256 of its .base is not the one that its .json says");
  }
  auto base = public_works::decode_log_base(path, bytes);
  if (!base) return snapshot_damaged(snapshot, base.error().message);
  const bool same = base->log.store == log.store && base->log.timeline == log.timeline &&
                    base->chain.position() == snapshot.position && base->chain.store_hash() == snapshot.store_hash;
  if (!same) return snapshot_damaged(snapshot, "its .base is of another log or position than its .json says");
  return base;
}

Result<LogBase> Snapshots::verified_base_of(const Snapshot& snapshot, const LogIdentity& log) const {
  TRY(LogBase base, base_of(snapshot, log));
  TRY(check_database(snapshot, log));
  return base;
}

// Where the chains are known: at the good snapshots, newest first, and where the log begins.
Result<std::vector<LogBase>> Snapshots::known_chains(const EventLog& log, const std::vector<Snapshot>& kept) const {
  std::vector<LogBase> known;
  for (const Snapshot& snapshot : kept) {
    if (!snapshot.base) continue;
    auto base = base_of(snapshot, log.identity());
    if (!base && !is_no_use(base.error())) return std::unexpected(base.error());
    if (base) {
      known.push_back(*std::move(base));
    } else {
      spdlog::warn("passing over the chains beside a snapshot: {}", base.error().message);
    }
  }
  auto begin = public_works::read_log_base(files_, directory_.wal());
  if (!begin && begin.error().code != ErrorCode::corrupt) return std::unexpected(begin.error());
  if (begin) {
    known.push_back(*begin ? **std::move(begin) : LogBase{log.identity(), {}, {}});
  } else {
    spdlog::warn("passing over the chains where the log begins: {}", begin.error().message);
  }
  return known;
}

// Every hash up to there is checked again. Nothing when it was stopped.
Result<std::optional<LogBase>> Snapshots::chains_at(LogBase begin, std::uint64_t position,
                                                    const std::function<bool()>& stopped) const {
  TRY(const auto segments, public_works::segment_paths(files_, directory_.wal()));
  for (std::size_t i = 0; i < segments.size() && begin.chain.position() < position; ++i) {
    if (stopped && stopped()) return std::nullopt;
    const bool passed = i + 1 < segments.size() && first_in(segments[i + 1]) <= begin.chain.position() + 1;
    if (!passed) TRY(public_works::move_behind(files_, segments[i], begin, position));
  }
  if (begin.chain.position() == position) return begin;
  return no_batch_ends_at(position, begin.chain.position(), directory_.wal());
}

// Damage before the snapshot that the new one was folded from leaves it without chains, and no more: what was folded
// is checked all the same.
Result<std::optional<Snapshots::Chains>> Snapshots::chains_of(const EventLog& log, const std::vector<Snapshot>& kept,
                                                              std::uint64_t position,
                                                              const std::function<bool()>& stopped) const {
  TRY(auto known, known_chains(log, kept));
  std::optional<Error> damage;
  for (LogBase& begin : known) {
    auto base = chains_at(std::move(begin), position, stopped);
    if (base && !*base) return std::nullopt;
    if (base) return Chains{(*base)->chain.store_hash(), std::move(*base)};
    if (base.error().code != ErrorCode::corrupt) return std::unexpected(base.error());
    if (!damage) damage = std::move(base).error();
  }
  const auto store_hash = folded_store_hash(log, kept, position, stopped);
  if (store_hash && !*store_hash) return std::nullopt;
  if (!store_hash && store_hash.error().code != ErrorCode::corrupt) return std::unexpected(store_hash.error());
  if (!store_hash) return std::unexpected(damage ? *damage : store_hash.error());
  spdlog::warn("the snapshot at position {} is taken without the log's chains, so no log can begin behind it: {}",
               position, damage ? damage->message : "they are known nowhere");
  return Chains{**store_hash, {}};
}

// By the store's chain alone, and only of what the new snapshot was folded from. Nothing when it was stopped.
Result<std::optional<base::Digest>> Snapshots::folded_store_hash(const EventLog& log, const std::vector<Snapshot>& kept,
                                                                 std::uint64_t position,
                                                                 const std::function<bool()>& stopped) const {
  base::LogChain chain =
      kept.empty() ? base::LogChain() : base::LogChain::behind(kept.front().position, kept.front().store_hash);
  Result<void> followed;
  bool was_stopped = false;
  TRY(log.read_batches(chain.position() + 1, [&](const base::LogBatch& batch) {
    was_stopped = stopped && stopped();
    if (was_stopped || batch.last_position() > position) return false;
    followed = chain.follow(batch, log.identity().store);
    return followed && chain.position() < position;
  }));
  if (was_stopped) return std::nullopt;
  TRY(std::move(followed));
  if (chain.position() == position) return chain.store_hash();
  return no_batch_ends_at(position, chain.position(), directory_.wal());
}

Result<void> Snapshots::write_base(Snapshot& snapshot, const LogBase& base) const {
  const std::string bytes = public_works::encode_log_base(base);
  snapshot.base = {base::sha256(bytes), bytes.size()};
  return public_works::replace_file(files_, base_path(snapshot), bytes, CRASH_STEP("snapshot-chains"));
}

// Damaged chains make a snapshot that knows none: its rows are right all the same.
Result<void> Snapshots::adopt_base(Snapshot& snapshot, const Snapshot& other, const LogIdentity& from,
                                   const LogIdentity& own) const {
  snapshot.base.reset();
  if (!other.base) return {};
  auto base = base_of(other, from);
  if (base) {
    base->log = own;
    return write_base(snapshot, *base);
  }
  if (!is_no_use(base.error())) return std::unexpected(base.error());
  spdlog::warn("passing over the chains beside a snapshot: {}", base.error().message);
  return {};
}

}  // namespace symphainy::app
