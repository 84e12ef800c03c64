// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/segment_archive.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/adapters/segment_log/segment.h"
#include "public_works/adapters/segment_log/zstd_stream.h"

namespace symphainy::public_works {
namespace {

constexpr std::size_t kPieceBytes = 1024 * 1024;
constexpr std::string_view kSuffix = ".zst";

std::string name_in(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// A file front to back.
class Pieces {
 public:
  explicit Pieces(const File& file) : file_(file) {}
  Result<std::string_view> next() {
    TRY(file_.read_at(offset_, kPieceBytes, piece_));
    offset_ += piece_.size();
    return std::string_view(piece_);
  }

 private:
  const File& file_;
  std::uint64_t offset_ = 0;
  std::string piece_;
};

Result<void> decompress_file(FileSystem& files, const std::string& path, const PieceSink& put) {
  TRY(const auto file, files.open(path, OpenMode::read));
  Pieces pieces(*file);
  auto done = decompress([&pieces] { return pieces.next(); }, put);
  if (done || done.error().code != ErrorCode::corrupt) return done;
  return fail(ErrorCode::corrupt, fmt::format("{}: {}", path, done.error().message), "archive_damaged");
}

}  // namespace

SegmentArchive::SegmentArchive(FileSystem& files, const std::string& directory, const LogIdentity& log)
    : files_(files), directory_(directory + "/" + log.timeline.text()) {}

Result<ArchivedSegment> SegmentArchive::add(const std::string& segment_path) {
  ArchivedSegment archived;
  archived.path = path_of(name_in(segment_path));
  TRY(const auto segment, files_.open(segment_path, OpenMode::read));
  TRY(const FileStat whole, segment->stat());
  archived.bytes = whole.size;
  TRY(files_.create_directories(directory_));
  TRY(const auto there, files_.stat(archived.path));
  archived.was_there = there.has_value();
  if (!there) TRY(write(*segment, archived.path));
  TRY(compare(*segment, archived.path));
  TRY(const auto made, files_.stat(archived.path));
  archived.archived_bytes = made ? made->size : 0;
  // One that was there may be a crash's, whose name was not synced.
  TRY(files_.sync_directory(directory_));
  return archived;
}

Result<void> SegmentArchive::write(const File& segment, const std::string& path) const {
  const std::string unfinished = path + ".unfinished";
  TRY(const auto file, files_.open(unfinished, OpenMode::create));
  TRY(file->truncate(0));
  std::uint64_t written = 0;
  Pieces pieces(segment);
  TRY(compress([&pieces] { return pieces.next(); },
               [&](std::string_view piece) -> Result<void> {
                 TRY(file->write_at(written, piece));
                 written += piece.size();
                 return {};
               }));
  CRASH_POINT("archive-before-sync");
  if (!PLANTED_BUG("archive-unsynced")) TRY(file->sync_data());
  CRASH_POINT("archive-before-rename");
  TRY(files_.rename(unfinished, path));
  CRASH_POINT("archive-after-rename");
  TRY(files_.sync_directory(directory_));
  CRASH_POINT("archive-after-directory-sync");
  return {};
}

Result<void> SegmentArchive::compare(const File& segment, const std::string& path) const {
  TRY(const FileStat stat, segment.stat());
  const auto differs = [&path](std::uint64_t offset) {
    return fail(
        ErrorCode::corrupt,
        fmt::format("{} is not the segment that it stands for (from its byte {} on): it is damaged, or of another "
                    "log. Nothing was retired; move it away",
                    path, offset),
        "archive_damaged");
  };
  std::uint64_t offset = 0;
  std::string original;
  TRY(decompress_file(files_, path, [&](std::string_view piece) -> Result<void> {
    if (piece.empty()) return {};
    TRY(segment.read_at(offset, piece.size(), original));
    if (original != piece) return differs(offset);
    offset += piece.size();
    return {};
  }));
  if (offset != stat.size) return differs(offset);
  return {};
}

Result<std::string> SegmentArchive::read(const std::string& segment_name) const {
  std::string bytes;
  TRY(decompress_file(files_, path_of(segment_name), [&bytes](std::string_view piece) -> Result<void> {
    bytes.append(piece);
    return {};
  }));
  return bytes;
}

Result<std::vector<std::string>> SegmentArchive::names() const {
  std::vector<std::string> found;
  TRY(const auto there, files_.stat(directory_));
  if (!there) return found;
  TRY(const auto names, files_.list(directory_));
  for (const std::string& name : names) {
    if (!name.ends_with(kSuffix)) continue;
    std::string segment = name.substr(0, name.size() - kSuffix.size());
    if (parse_segment_name(segment)) found.push_back(std::move(segment));
  }
  return found;
}

}  // namespace symphainy::public_works
