// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/archived_beginning.h"

#include <algorithm>
#include <fmt/format.h>
#include <ranges>

#include "base/log_record.h"
#include "base/try.h"
#include "public_works/adapters/segment_log/durable_head.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::public_works {
namespace {

std::string name_in(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// They are of the timeline that the segment was written on, and speak for no other.
void clear_head_slots(std::string& segment) {
  for (const std::uint64_t offset : kSegmentHeadOffsets) {
    if (segment.size() < offset + kHeadSlotBytes) return;
    if (!decode_head_slot(std::string_view(segment).substr(offset, kHeadSlotBytes))) continue;
    segment.replace(offset, kHeadSlotBytes, kHeadSlotBytes, '\0');
  }
}

// Leaves zeros behind the last batch that ends at or before the position.
void cut_behind(std::string& segment, std::uint64_t position) {
  std::size_t offset = kSegmentBatchesOffset;
  while (offset < segment.size()) {
    const auto header = base::peek_batch(std::string_view(segment).substr(offset, base::kBatchHeaderBytes));
    if (!header) return;  // zeros, or what a scan will name
    if (header->first_position + header->count > position + 1) break;
    offset += header->length;
  }
  if (offset < segment.size()) std::fill(segment.begin() + static_cast<std::ptrdiff_t>(offset), segment.end(), '\0');
}

/// What was archived, in memory.
class ArchivedFile final : public File {
 public:
  explicit ArchivedFile(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
    const std::size_t from = std::min<std::uint64_t>(offset, bytes_.size());
    out.assign(bytes_, from, length);
    return {};
  }
  Result<void> write_at(std::uint64_t, std::string_view) override { return read_only(); }
  Result<void> sync_data() override { return read_only(); }
  Result<void> truncate(std::uint64_t) override { return read_only(); }
  Result<void> allocate(std::uint64_t) override { return read_only(); }
  Result<FileStat> stat() const override {
    FileStat stat;
    stat.size = bytes_.size();
    stat.is_regular = true;
    return stat;
  }
  static std::unexpected<Error> read_only() {
    return fail(ErrorCode::invalid_argument, "what was archived is only read", "read_only");
  }

 private:
  const std::string bytes_;
};

}  // namespace

Result<ArchivedBeginning> ArchivedBeginning::find(FileSystem& files, const std::string& archive, const LogIdentity& log,
                                                  const std::vector<SharedTimeline>& earlier, std::uint64_t end) {
  ArchivedBeginning found(log);
  found.end_ = end;
  TRY(found.add(files, archive, {log.timeline, end}));
  for (const SharedTimeline& timeline : std::views::reverse(earlier)) TRY(found.add(files, archive, timeline));
  return found;
}

// What it has up to where the pieces begin that there are.
Result<void> ArchivedBeginning::add(FileSystem& files, const std::string& archive, const SharedTimeline& timeline) {
  const auto of_timeline =
      std::make_shared<const SegmentArchive>(files, archive, LogIdentity{log_.store, timeline.timeline});
  const std::uint64_t until = std::min(end_, timeline.position);
  TRY(auto names, of_timeline->names());
  std::ranges::sort(names, std::ranges::greater());
  for (const std::string& name : names) {
    const std::uint64_t first = parse_segment_name(name).value_or(0);
    if (first == 0 || first > until) continue;
    pieces_.push_back({first, until, timeline.timeline, of_timeline});
    end_ = first - 1;
  }
  return {};
}

std::vector<std::string> ArchivedBeginning::names() const {
  std::vector<std::string> names;
  for (const Piece& piece : std::views::reverse(pieces_)) names.push_back(segment_name(piece.first));
  return names;
}

const ArchivedBeginning::Piece* ArchivedBeginning::piece(const std::string& segment_name) const {
  const auto found = std::ranges::find(pieces_, parse_segment_name(segment_name).value_or(0), &Piece::first);
  return found == pieces_.end() ? nullptr : &*found;
}

std::string ArchivedBeginning::path_of(const std::string& segment_name) const {
  const Piece* found = piece(segment_name);
  return found == nullptr ? std::string() : found->archive->path_of(segment_name);
}

Result<std::string> ArchivedBeginning::read(const std::string& segment_name) const {
  const Piece* found = piece(segment_name);
  if (found == nullptr) return fail(ErrorCode::not_found, segment_name + ": the archive does not have this segment");
  TRY(std::string bytes, found->archive->read(segment_name));
  if (found->timeline == log_.timeline) return bytes;
  auto header = SegmentHeader::decode(std::string_view(bytes).substr(0, kSegmentHeaderBytes));
  const bool in_its_place = header && header->store == log_.store && header->timeline == found->timeline &&
                            header->first_position == found->first;
  if (!in_its_place) {
    return fail(ErrorCode::corrupt,
                fmt::format("{}: offset 0: {}", found->archive->path_of(segment_name),
                            header ? "the segment is of another store, timeline or position than its place says"
                                   : header.error().message),
                "archive_damaged");
  }
  header->timeline = log_.timeline;
  bytes.replace(0, kSegmentHeaderBytes, header->encode());
  clear_head_slots(bytes);
  cut_behind(bytes, found->until);
  return bytes;
}

// --- joined to the log
// ----------------------------------------------------------------------------------------------------

bool ArchivedLogFiles::is_retired(const std::string& name) const {
  const auto position = parse_segment_name(name);
  return position && *position <= base_position_;
}

Result<std::unique_ptr<File>> ArchivedLogFiles::open(const std::string& path, OpenMode mode) {
  if (mode != OpenMode::read) return ArchivedFile::read_only();
  if (path == wal_ + "/base") return fail(ErrorCode::not_found, path + ": the archive is joined to the log");
  if (!path.starts_with(wal_ + "/") || !is_retired(name_in(path))) return files_.open(path, mode);
  TRY(std::string bytes, archive_.read(name_in(path)));
  return std::make_unique<ArchivedFile>(std::move(bytes));
}

Result<std::vector<std::string>> ArchivedLogFiles::list(const std::string& directory) {
  TRY(auto names, files_.list(directory));
  if (directory != wal_) return names;
  std::erase_if(names, [this](const std::string& name) { return is_retired(name) || name == "base"; });
  std::ranges::copy(archive_.names(), std::back_inserter(names));
  std::ranges::sort(names);
  return names;
}

Result<void> ArchivedLogFiles::create_directories(const std::string&) {
  return ArchivedFile::read_only();
}
Result<void> ArchivedLogFiles::rename(const std::string&, const std::string&) {
  return ArchivedFile::read_only();
}
Result<void> ArchivedLogFiles::remove(const std::string&) {
  return ArchivedFile::read_only();
}
Result<void> ArchivedLogFiles::sync_directory(const std::string&) {
  return ArchivedFile::read_only();
}
Result<std::unique_ptr<FileLock>> ArchivedLogFiles::lock(const std::string&) {
  return ArchivedFile::read_only();
}

}  // namespace symphainy::public_works
