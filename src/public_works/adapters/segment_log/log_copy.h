// SPDX-License-Identifier: Apache-2.0
// Following a log's batches by their chain alone, and writing them into a new log. What stands around the batches
// (segment headers, slots of the durable head, zeros, the chain file) is not needed to know that they are right, and is
// made anew in the copy: so a copy loses nothing for a fault that lies beside the batches. Batches are copied byte for
// byte, because no record holds the timeline. Used by one thread; the original is only read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log_record.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/abstractions/random.h"
#include "public_works/adapters/segment_log/durable_head.h"
#include "public_works/adapters/segment_log/log_base.h"

namespace symphainy::public_works {

struct FollowOptions {
  base::Uuid store;
  base::LogChain begin;               ///< what comes first follows it; it may lie within a segment
  std::uint64_t until = UINT64_MAX;   ///< only whole batches that end at or before this position
  std::int64_t until_us = INT64_MAX;  ///< only batches whose last record is not later, microseconds UTC
  /// A batch that holds the position of one of these must be the one that it knows, or it is not followed.
  std::vector<HeadSlot> known;
};

struct FollowedBatch {
  const base::LogBatch& batch;
  std::string_view bytes;
  bool first_in_segment = false;
};

/// How far a segment belongs to what was followed.
struct FollowedSegment {
  std::string path;
  std::uint64_t end_offset = 0;  ///< behind the last batch that was followed
};

struct FollowedLog {
  base::LogChain chain;                   ///< behind the last batch that was followed
  std::vector<FollowedSegment> segments;  ///< all but those that were retired
};

/// Visits the batches that follow each other from the beginning on, wherever the segments have them; ends before the
/// first that is not there. corrupt with reason base::kUnknownFormat when a newer release wrote what comes next: only
/// that one can tell what is lost. An error of `visit` ends it too.
[[nodiscard]] Result<FollowedLog> follow_log(FileSystem& files, const std::string& directory,
                                             const FollowOptions& options,
                                             const std::function<Result<void>(const FollowedBatch&)>& visit);

/// Looks through what was not followed, byte by byte, for batches that are whole by their CRC; nothing proves that they
/// are in their place. The bytes behind the followed ones, up to each segment's last byte that is not zero.
[[nodiscard]] Result<std::uint64_t> find_stray_batches(FileSystem& files, const FollowedLog& followed,
                                                       const std::function<Result<void>(const base::LogBatch&)>& visit);

/// Whose log it is: as the first segment says, else as the durable head does. not_found when there is no segment;
/// corrupt when neither can be read.
[[nodiscard]] Result<LogIdentity> read_identity(FileSystem& files, const std::string& directory);

/// Writes a log of batches that are given to it. Its head comes last: until finish() has succeeded there is none, and
/// what has segments without a head does not open.
class LogCopier {
 public:
  /// `directory` is made; it holds no log yet.
  LogCopier(FileSystem& files, std::string directory, LogIdentity identity)
      : files_(files), directory_(std::move(directory)), identity_(identity) {}

  /// The copy begins behind the base, whoever's it was, and says so. Before anything else.
  [[nodiscard]] Result<void> begin_behind(const LogBase& base);
  /// The batch that follows those given before.
  [[nodiscard]] Result<void> add(const FollowedBatch& next);
  /// A new batch behind them. `chain` is where they end, and moves on.
  [[nodiscard]] Result<void> append(base::LogChain& chain, std::vector<base::RecordDraft> drafts, std::int64_t wall_us,
                                    Random& random);
  /// Everything is durable, and the log closed, when this succeeds.
  [[nodiscard]] Result<void> finish();

 private:
  [[nodiscard]] Result<void> write(const base::LogBatch& batch, std::string_view bytes, bool begin_segment);
  [[nodiscard]] Result<void> begin_segment(std::uint64_t first_position);
  [[nodiscard]] Result<void> flush();

  FileSystem& files_;
  const std::string directory_;
  const LogIdentity identity_;
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
  std::string pending_;  // to be written at offset_
  std::uint64_t position_ = 0;
  base::Digest store_hash_;
};

}  // namespace symphainy::public_works
