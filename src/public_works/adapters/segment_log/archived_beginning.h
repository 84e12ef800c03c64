// SPDX-License-Identifier: Apache-2.0
// What an archive has of a log's retired beginning. A restore or a repair makes a new timeline, whose records before it
// lie in the archive of the timelines that it comes from, as far as it shares them. They are given as segments of the
// log itself: no record holds the timeline, only a segment's header does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "base/ids.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/adapters/segment_log/segment_archive.h"

namespace symphainy::public_works {

/// The log has this timeline's records up to and including `position`.
struct SharedTimeline {
  base::Uuid timeline;
  std::uint64_t position = 0;
};

/// Immutable; any thread. What it reads from outlives it.
class ArchivedBeginning {
 public:
  /// Of what lies up to `end` in a log that comes from the timelines `earlier`, oldest first: its own archived
  /// segments, and before the first of these, those of the timeline before, and so on. There may be none, and gaps.
  [[nodiscard]] static Result<ArchivedBeginning> find(FileSystem& files, const std::string& archive,
                                                      const LogIdentity& log,
                                                      const std::vector<SharedTimeline>& earlier, std::uint64_t end);

  /// Names of segments, in the order of their positions.
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] bool has(const std::string& segment_name) const { return piece(segment_name) != nullptr; }
  /// One of these, as it was, or as it would be had it been the log's own: with its timeline, and without what it does
  /// not share. corrupt, naming the archive's file, when it is damaged or not what its place says.
  [[nodiscard]] Result<std::string> read(const std::string& segment_name) const;
  /// The archive's file; empty for no segment of it.
  [[nodiscard]] std::string path_of(const std::string& segment_name) const;

 private:
  struct Piece {
    std::uint64_t first = 0;
    std::uint64_t until = 0;  // of its positions, those up to here count
    base::Uuid timeline;
    std::shared_ptr<const SegmentArchive> archive;
  };

  explicit ArchivedBeginning(const LogIdentity& log) : log_(log) {}
  [[nodiscard]] Result<void> add(FileSystem& files, const std::string& archive, const SharedTimeline& timeline);
  [[nodiscard]] const Piece* piece(const std::string& segment_name) const;

  LogIdentity log_;
  std::vector<Piece> pieces_;  // newest first
  std::uint64_t end_ = 0;      // what comes before the last piece ends here at most
};

/// A log whose retired beginning is joined from an archive, for reading it as a whole: segments before the log's base
/// are the archive's, and there is no base. Everything else is as it is. Outlived by both.
class ArchivedLogFiles final : public FileSystem {
 public:
  ArchivedLogFiles(FileSystem& files, std::string wal, const ArchivedBeginning& archive, std::uint64_t base_position)
      : files_(files), wal_(std::move(wal)), archive_(archive), base_position_(base_position) {}

  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) override;
  [[nodiscard]] Result<std::optional<FileStat>> stat(const std::string& path) override { return files_.stat(path); }
  [[nodiscard]] Result<std::string> canonical(const std::string& path) override { return files_.canonical(path); }
  [[nodiscard]] Result<void> create_directories(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> sync_directory(const std::string& path) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

 private:
  [[nodiscard]] bool is_retired(const std::string& name) const;

  FileSystem& files_;
  const std::string wal_;
  const ArchivedBeginning& archive_;
  const std::uint64_t base_position_;
};

}  // namespace symphainy::public_works
