// SPDX-License-Identifier: Apache-2.0
// Reads a log from its beginning (position 1, or its base) to its end, checks everything on the way, and says where it
// ends: at the last valid batch, with a torn tail behind it at most. Anything wrong at or before the durable head is
// damage, and so is a batch that was written whole and is refused (base::kUnknownFormat, base::kStaleEpoch), wherever
// it stands. Changes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/log_record.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/adapters/segment_log/durable_head.h"
#include "public_works/adapters/segment_log/log_base.h"

namespace symphainy::public_works {

/// A place to start reading: the batch that begins at `offset` has this first position.
struct PositionMark {
  std::uint64_t position = 0;
  std::uint64_t offset = 0;
};

struct ScannedSegment {
  std::uint64_t first_position = 0;
  std::string path;
  std::uint64_t size = 0;        ///< of the file
  std::uint64_t end_offset = 0;  ///< behind the last valid batch
  std::vector<PositionMark> marks;
};

struct LogDamage {
  std::string segment;  ///< path
  std::uint64_t offset = 0;
  std::uint64_t position = 0;  ///< the first position that cannot be had
  std::string reason;
  std::string name =
      "log_damaged";  ///< the error's reason: this, or why bytes are refused that are as they were written

  [[nodiscard]] Error to_error() const;
};

struct LogScan {
  std::optional<LogBase> base;         ///< where it begins, when not at position 1
  std::vector<std::string> leftovers;  ///< paths of segments before the base: no part of the log
  base::LogChain chain;                ///< at the end
  base::LogChain chain_before_last;    ///< at the beginning of the last segment; one thread only
  bool began_at_chain_file = false;
  std::vector<ScannedSegment> segments;
  std::uint64_t last_epoch = 0;
  std::uint64_t torn_bytes = 0;                ///< behind the end, up to the last byte that is not zero
  std::vector<std::uint64_t> torn_head_slots;  ///< offsets in the last segment
  std::optional<LogDamage> damage;
  std::optional<base::LogChain> chain_at;  ///< nothing when no batch ends at the position asked for
};

/// Marks are this far apart, so that reading from a position skips little.
inline constexpr std::uint64_t kMarkSpacing = 64 * 1024;

struct ScanOptions {
  /// So many segments are checked at the same time.
  std::size_t threads = 1;
  /// The chain as it is at this position is wanted too; it must be the end of a batch. 0: none.
  std::uint64_t chain_at = 0;
  /// Only the segments from the one that holds this position; what lies before is taken on trust. 0: all.
  std::uint64_t from = 0;
  /// What stands before the first segment that there is, is taken on trust too; `from` must not be before it.
  bool begins_anywhere = false;
  /// Begin where the chain file says, if it fits the log: what lies before is not read, only that it is there. One
  /// thread only.
  bool from_chain_file = false;
  /// Sees every valid batch in order (again, when the scan begins again); one thread only.
  std::function<void(const base::LogBatch&)> visit;
};

/// `head` is the durable head as read; when a process opens the log meanwhile, or retires segments, the scan begins
/// again with the new one, which is then in `head`. An error only when files cannot be read; damage is part of the
/// answer.
[[nodiscard]] Result<LogScan> scan_log(FileSystem& files, const std::string& directory, KnownHead& head,
                                       const ScanOptions& options = {});

/// Reads a file front to back through a window, so that a scan costs few system calls and little memory.
class SequentialReader {
 public:
  SequentialReader(const File& file, std::size_t window_bytes) : file_(file), window_bytes_(window_bytes) {}
  /// `length` bytes at `offset`, fewer at the end of the file. Valid until the next call.
  [[nodiscard]] Result<std::string_view> at(std::uint64_t offset, std::size_t length);

 private:
  const File& file_;
  std::size_t window_bytes_;
  std::uint64_t start_ = 0;
  std::string window_;
};

}  // namespace symphainy::public_works
