// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/log_scan.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/try.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::public_works {
namespace {

constexpr std::size_t kWindowBytes = 1024 * 1024;

class Scan {
 public:
  Scan(FileSystem& files, const KnownHead& known, const std::function<void(const base::LogBatch&)>& visit)
      : files_(files), known_(known), head_(known.newest), visit_(visit) {}

  Result<LogScan> run(const std::string& directory) {
    TRY(const std::vector<std::string> paths, segment_paths(files_, directory));
    for (std::size_t i = 0; i < paths.size() && !scan_.damage; ++i) TRY(segment(paths[i], i + 1 == paths.size()));
    if (!scan_.damage && scan_.chain.position() < head_.position) {
      const std::string place = paths.empty() ? directory : paths.back();
      const std::uint64_t offset = scan_.segments.empty() ? 0 : scan_.segments.back().end_offset;
      TRY(damage(place, offset,
                 fmt::format("the log ends here, but the durable head says it reaches position {}", head_.position)));
    }
    if (!scan_.damage && head_.closed && scan_.chain.position() > head_.position) {
      TRY(damage(paths.back(), scan_.segments.back().end_offset,
                 fmt::format("the log was closed at position {}, but goes on behind it", head_.position)));
    }
    return std::move(scan_);
  }

 private:
  // Checks one segment and steps through its batches.
  Result<void> segment(const std::string& path, bool last) {
    TRY(const auto file, files_.open(path, OpenMode::read));
    TRY(const FileStat stat, file->stat());
    SequentialReader reader(*file, kWindowBytes);
    TRY(const std::string_view header_bytes, reader.at(0, kSegmentHeaderBytes));
    const auto header = SegmentHeader::decode(header_bytes);
    if (!header) return damage(path, 0, header.error().message);
    if (header->store != head_.store || header->timeline != head_.timeline) {
      return damage(path, 0, "the segment belongs to another store or timeline");
    }
    if (!path.ends_with(segment_name(header->first_position))) {
      return damage(path, 0,
                    fmt::format("the segment begins at position {}, which is not its name", header->first_position));
    }
    if (header->first_position != scan_.chain.position() + 1 || header->previous_hash != scan_.chain.store_hash()) {
      return damage(path, 0,
                    fmt::format("the segment begins at position {} and does not continue position {}",
                                header->first_position, scan_.chain.position()));
    }
    ScannedSegment& here = scan_.segments.emplace_back(ScannedSegment{.first_position = header->first_position,
                                                                      .path = path,
                                                                      .size = stat.size,
                                                                      .end_offset = kSegmentBatchesOffset,
                                                                      .marks = {}});
    TRY(const std::string_view head_room, reader.at(0, kSegmentBatchesOffset));
    if (const auto offset = first_unexpected(head_room, last)) {
      return damage(path, *offset,
                    "what stands between the segment's header and its first batch was not written there");
    }
    while (true) {
      const auto step = batch(reader, here);
      if (step) continue;
      if (step.error().code != ErrorCode::not_found && step.error().code != ErrorCode::corrupt) {
        return std::unexpected(step.error());
      }
      return ended(reader, here, last, step.error());
    }
  }

  // Checks the batch at the end offset and moves past it. not_found: zeros; corrupt: anything else that is no next
  // batch.
  Result<void> batch(SequentialReader& reader, ScannedSegment& here) {
    TRY(const std::string_view first, reader.at(here.end_offset, base::kBatchHeaderBytes));
    if (first.empty()) return fail(ErrorCode::not_found, "the file ends");
    TRY(const base::BatchHeader header, base::peek_batch(first));
    if (here.end_offset + header.length > here.size)
      return fail(ErrorCode::corrupt, "the batch is longer than the file");
    TRY(const std::string_view bytes, reader.at(here.end_offset, header.length));
    TRY(const base::LogBatch batch, base::decode_batch(bytes));
    // Before the chain moves on: a batch that the head contradicts lies within the head, so it is damage and no torn
    // tail.
    const auto contradicts = [&batch](const HeadSlot& head) {
      return batch.first_position() <= head.position && head.position <= batch.last_position() &&
             (batch.last_position() != head.position || batch.store_hash != head.store_hash);
    };
    if (std::ranges::any_of(known_.slots, contradicts)) {
      return fail(ErrorCode::corrupt, "the store's hash chain is not the one the durable head knows");
    }
    TRY(scan_.chain.follow(batch, head_.store));
    if (here.marks.empty() || here.end_offset - here.marks.back().offset >= kMarkSpacing) {
      here.marks.push_back({batch.first_position(), here.end_offset});
    }
    here.end_offset += header.length;
    for (const base::LogRecord& record : batch.records) {
      scan_.last_epoch = std::max(scan_.last_epoch, record.partition_epoch);
    }
    if (visit_) visit_(batch);
    return {};
  }

  // Between the header and the batches there are two slots for the head, and zeros. A slot may be torn when the log was
  // not closed: it was being written then.
  std::optional<std::uint64_t> first_unexpected(std::string_view head_room, bool last) {
    const bool may_be_torn = last && !head_.closed;
    std::uint64_t zeros_from = kSegmentHeaderBytes;
    for (const std::uint64_t offset : kSegmentHeadOffsets) {
      const std::string_view slot = head_room.substr(std::min<std::size_t>(offset, head_room.size()), kHeadSlotBytes);
      const bool unused = slot.find_first_not_of('\0') == std::string_view::npos;
      if (!unused && !decode_head_slot(slot)) {
        if (!may_be_torn) return offset;
        scan_.torn_head_slots.push_back(offset);
      }
      const std::size_t other = head_room.substr(0, offset).find_first_not_of('\0', zeros_from);
      if (other != std::string_view::npos) return other;
      zeros_from = offset + kHeadSlotBytes;
    }
    const std::size_t other = head_room.find_first_not_of('\0', zeros_from);
    return other == std::string_view::npos ? std::nullopt : std::optional<std::uint64_t>(other);
  }

  // The segment's batches end here: rightly, torn, or damaged.
  Result<void> ended(SequentialReader& reader, const ScannedSegment& here, bool last, const Error& why) {
    // A segment is synced whole before the next one is created, so only the last may have a torn tail; and nothing at
    // or before the head can be torn, because the head is written after the sync.
    const bool within_head = scan_.chain.position() < head_.position;
    const bool may_be_torn = last && !within_head && !head_.closed;
    if (why.code == ErrorCode::corrupt && !may_be_torn) return damage(here.path, here.end_offset, why.message);
    std::uint64_t offset = here.end_offset;
    while (true) {
      TRY(const std::string_view bytes, reader.at(offset, kWindowBytes));
      if (bytes.empty()) break;
      const auto from_back = std::ranges::find_if(bytes.rbegin(), bytes.rend(), [](char c) { return c != '\0'; });
      const auto used = static_cast<std::uint64_t>(bytes.rend() - from_back);
      if (used > 0) scan_.torn_bytes = offset + used - here.end_offset;
      offset += bytes.size();
    }
    if (scan_.torn_bytes == 0 || may_be_torn) return {};
    return damage(here.path, here.end_offset, "something stands behind the last batch, where there should be zeros");
  }

  Result<void> damage(const std::string& path, std::uint64_t offset, std::string reason) {
    scan_.damage = LogDamage{path, offset, scan_.chain.position() + 1, std::move(reason)};
    return {};
  }

  FileSystem& files_;
  const KnownHead& known_;
  const HeadSlot& head_;
  const std::function<void(const base::LogBatch&)>& visit_;
  LogScan scan_;
};

}  // namespace

Error LogDamage::to_error() const {
  return Error{
      ErrorCode::corrupt,
      fmt::format("{}: damaged at offset {} (position {}): {}; nothing was changed, restore a backup or keep the "
                  "directory for repair",
                  segment, offset, position, reason),
      "log_damaged",
      Json::object({{"segment", segment}, {"offset", offset}, {"position", position}, {"reason", reason}})};
}

Result<std::string_view> SequentialReader::at(std::uint64_t offset, std::size_t length) {
  if (offset < start_ || offset + length > start_ + window_.size()) {
    TRY(file_.read_at(offset, std::max(length, window_bytes_), window_));
    start_ = offset;
  }
  return std::string_view(window_).substr(offset - start_, length);
}

Result<LogScan> scan_log(FileSystem& files, const std::string& directory, KnownHead& head,
                         const std::function<void(const base::LogBatch&)>& visit) {
  while (true) {
    TRY(LogScan scan, Scan(files, head, visit).run(directory));
    if (!scan.damage || !head.newest.closed) return scan;
    // Beside a writer, what looks like damage may be the log growing behind a head that was closed when we read it.
    TRY(const KnownHead now, read_durable_head(files, directory));
    if (now.newest.generation == head.newest.generation) return scan;
    head = now;
  }
}

}  // namespace symphainy::public_works
