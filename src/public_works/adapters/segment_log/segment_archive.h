// SPDX-License-Identifier: Apache-2.0
// Sealed segments, compressed (zstd) and kept outside of the data directory: DIRECTORY/TIMELINE/NAME.zst, where NAME is
// the segment's. A timeline has a directory of its own, because after a restore the same name stands for other bytes. A
// file has its name only when it is whole and synced. Any tool for zstd gives the segment back, byte for byte.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::public_works {

struct ArchivedSegment {
  std::string path;
  std::uint64_t bytes = 0;           ///< of the segment
  std::uint64_t archived_bytes = 0;  ///< compressed
  bool was_there = false;
};

class SegmentArchive {
 public:
  SegmentArchive(FileSystem& files, const std::string& directory, const LogIdentity& log);

  /// Durable, and read back and compared with the segment, when it succeeds; also one that was there. corrupt, reason
  /// "archive_damaged", when what is in the archive is something else: it is neither used nor written over.
  [[nodiscard]] Result<ArchivedSegment> add(const std::string& segment_path);
  /// The segment as it was. not_found when the archive does not have it; corrupt when it is damaged.
  [[nodiscard]] Result<std::string> read(const std::string& segment_name) const;
  /// Names of segments, in the order of their positions.
  [[nodiscard]] Result<std::vector<std::string>> names() const;
  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] std::string path_of(const std::string& segment_name) const {
    return directory_ + "/" + segment_name + ".zst";
  }

 private:
  [[nodiscard]] Result<void> write(const File& segment, const std::string& path) const;
  [[nodiscard]] Result<void> compare(const File& segment, const std::string& path) const;

  FileSystem& files_;
  const std::string directory_;
};

}  // namespace symphainy::public_works
