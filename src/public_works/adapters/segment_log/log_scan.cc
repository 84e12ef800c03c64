// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/log_scan.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <thread>

#include "base/try.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::public_works {
namespace {

constexpr std::size_t kWindowBytes = 1024 * 1024;

std::string does_not_continue(std::uint64_t first_position, std::uint64_t position) {
  return fmt::format("the segment begins at position {} and does not continue position {}", first_position, position);
}

std::string_view name_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

/// What was found in one segment.
struct SegmentScan {
  ScannedSegment segment;
  base::LogChain chain;  // at its end
  std::uint64_t last_epoch = 0;
  std::uint64_t torn_bytes = 0;
  std::vector<std::uint64_t> torn_head_slots;
  std::optional<LogDamage> damage;
};

// Checks one segment by itself.
class SegmentCheck {
 public:
  SegmentCheck(const KnownHead& known, std::string path, bool last)
      : known_(known), head_(known.newest), path_(std::move(path)), last_(last) {}

  /// `chain`: at the end of the segment before; nothing: as the header tells it, for join() to check.
  /// Stops behind the position `until`.
  Result<SegmentScan> run(FileSystem& files, std::optional<base::LogChain> chain, std::uint64_t until,
                          const std::function<void(const base::LogBatch&)>& visit) {
    TRY(const auto file, files.open(path_, OpenMode::read));
    TRY(const FileStat stat, file->stat());
    SequentialReader reader(*file, kWindowBytes);
    scan_.segment.path = path_;
    scan_.segment.size = stat.size;
    TRY(const bool sound, check_header(reader, std::move(chain)));
    while (sound && scan_.chain.position() < until) {
      const auto step = batch(reader, visit);
      if (step) continue;
      if (step.error().code != ErrorCode::not_found && step.error().code != ErrorCode::corrupt) {
        return std::unexpected(step.error());
      }
      TRY(ended(reader, step.error()));
      break;
    }
    return std::move(scan_);
  }

 private:
  Result<bool> check_header(SequentialReader& reader, std::optional<base::LogChain> chain) {
    if (chain) scan_.chain = *chain;
    TRY(const std::string_view header_bytes, reader.at(0, kSegmentHeaderBytes));
    const auto header = SegmentHeader::decode(header_bytes);
    if (!header) return damage(0, header.error().message);
    if (!chain) scan_.chain = base::LogChain::behind(header->first_position - 1, header->previous_hash);
    if (header->store != head_.store || header->timeline != head_.timeline) {
      return damage(0, "the segment belongs to another store or timeline");
    }
    if (!path_.ends_with(segment_name(header->first_position))) {
      return damage(0, fmt::format("the segment begins at position {}, which is not its name", header->first_position));
    }
    if (header->first_position != scan_.chain.position() + 1 || header->previous_hash != scan_.chain.store_hash()) {
      return damage(0, does_not_continue(header->first_position, scan_.chain.position()));
    }
    scan_.segment.first_position = header->first_position;
    scan_.segment.end_offset = kSegmentBatchesOffset;
    TRY(const std::string_view head_room, reader.at(0, kSegmentBatchesOffset));
    if (const auto offset = first_unexpected(head_room)) {
      return damage(*offset, "what stands between the segment's header and its first batch was not written there");
    }
    return true;
  }

  // Between the header and the batches there are two slots for the head, and zeros. A slot may be torn when the log was
  // not closed: it was being written then.
  std::optional<std::uint64_t> first_unexpected(std::string_view head_room) {
    const bool may_be_torn = last_ && !head_.closed;
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

  // Checks the batch at the end offset and moves past it. not_found: zeros; corrupt: anything else that is no next
  // batch.
  Result<void> batch(SequentialReader& reader, const std::function<void(const base::LogBatch&)>& visit) {
    ScannedSegment& here = scan_.segment;
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
    if (visit) visit(batch);
    return {};
  }

  // The segment's batches end here: rightly, torn, or damaged.
  Result<void> ended(SequentialReader& reader, const Error& why) {
    // A segment is synced whole before the next one is created, so only the last may have a torn tail; and nothing at
    // or before the head can be torn, because the head is written after the sync.
    const bool within_head = scan_.chain.position() < head_.position;
    const bool may_be_torn = last_ && !within_head && !head_.closed;
    if (why.code == ErrorCode::corrupt && !may_be_torn) {
      damage(scan_.segment.end_offset, why.message);
      return {};
    }
    const std::uint64_t end = scan_.segment.end_offset;
    std::uint64_t offset = end;
    while (true) {
      TRY(const std::string_view bytes, reader.at(offset, kWindowBytes));
      if (bytes.empty()) break;
      const auto from_back = std::ranges::find_if(bytes.rbegin(), bytes.rend(), [](char c) { return c != '\0'; });
      const auto used = static_cast<std::uint64_t>(bytes.rend() - from_back);
      if (used > 0) scan_.torn_bytes = offset + used - end;
      offset += bytes.size();
    }
    if (scan_.torn_bytes > 0 && !may_be_torn) {
      damage(end, "something stands behind the last batch, where there should be zeros");
    }
    return {};
  }

  // False, for check_header() to answer.
  bool damage(std::uint64_t offset, std::string reason) {
    scan_.damage = LogDamage{path_, offset, scan_.chain.position() + 1, std::move(reason)};
    return false;
  }

  const KnownHead& known_;
  const HeadSlot& head_;
  const std::string path_;
  const bool last_;
  SegmentScan scan_;
};

// Puts the segments together, in order, to what the log is.
class Scan {
 public:
  Scan(FileSystem& files, const KnownHead& known, const ScanOptions& options)
      : files_(files), known_(known), options_(options) {}

  Result<LogScan> run(const std::string& directory) {
    TRY(paths_, segment_paths(files_, directory));
    if (options_.threads > 1) {
      TRY(all_at_once());
    } else {
      TRY(one_by_one());
    }
    const HeadSlot& head = known_.newest;
    const std::string& place = paths_.empty() ? directory : paths_.back();
    const std::uint64_t end = scan_.segments.empty() ? 0 : scan_.segments.back().end_offset;
    if (!scan_.damage && scan_.chain.position() < head.position) {
      damage(place, end,
             fmt::format("the log ends here, but the durable head says it reaches position {}", head.position));
    }
    if (!scan_.damage && head.closed && scan_.chain.position() > head.position) {
      damage(place, end, fmt::format("the log was closed at position {}, but goes on behind it", head.position));
    }
    return std::move(scan_);
  }

 private:
  [[nodiscard]] SegmentCheck check_of(std::size_t i) const { return {known_, paths_[i], i + 1 == paths_.size()}; }

  Result<void> one_by_one() {
    for (std::size_t i = 0; i < paths_.size() && !scan_.damage; ++i) {
      TRY(note_chain(i));
      TRY(SegmentScan found, check_of(i).run(files_, scan_.chain, UINT64_MAX, options_.visit));
      base::LogChain chain = std::move(found.chain);
      take(std::move(found));
      scan_.chain = std::move(chain);
    }
    return {};
  }

  Result<void> all_at_once() {
    std::vector<std::optional<Result<SegmentScan>>> found(paths_.size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < paths_.size(); i = next++) {
        found[i].emplace(check_of(i).run(files_, std::nullopt, UINT64_MAX, {}));
      }
    };
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < std::min(options_.threads, paths_.size()); ++i) threads.emplace_back(work);
    work();
    threads.clear();
    for (std::size_t i = 0; i < paths_.size() && !scan_.damage; ++i) {
      TRY(SegmentScan segment, *std::move(found[i]));
      TRY(note_chain(i));
      TRY(join(i, std::move(segment)));
    }
    return {};
  }

  Result<void> join(std::size_t i, SegmentScan found) {
    base::LogChain joined = scan_.chain;
    const bool continues = found.segment.first_position == scan_.chain.position() + 1 && !found.damage;
    if (continues && joined.join(found.chain)) {
      take(std::move(found));
      scan_.chain = std::move(joined);
      return {};
    }
    // Its header was believed until now: what is wrong, and where, is told behind the segments before it.
    TRY(SegmentScan again, check_of(i).run(files_, scan_.chain, UINT64_MAX, {}));
    joined = std::move(again.chain);
    take(std::move(again));
    scan_.chain = std::move(joined);
    return {};
  }

  void take(SegmentScan found) {
    scan_.last_epoch = std::max(scan_.last_epoch, found.last_epoch);
    scan_.torn_bytes = found.torn_bytes;
    scan_.torn_head_slots = std::move(found.torn_head_slots);
    scan_.damage = std::move(found.damage);
    if (found.segment.end_offset > 0) scan_.segments.push_back(std::move(found.segment));
  }

  // When the position asked for lies in the segment that comes next.
  Result<void> note_chain(std::size_t i) {
    const std::uint64_t wanted = options_.chain_at;
    const bool here = wanted > scan_.chain.position() &&
                      (i + 1 == paths_.size() || wanted < *parse_segment_name(name_of(paths_[i + 1])));
    if (!here) return {};
    TRY(SegmentScan part, check_of(i).run(files_, scan_.chain, wanted, {}));
    if (part.chain.position() == wanted) scan_.chain_at = std::move(part.chain);
    return {};
  }

  void damage(const std::string& path, std::uint64_t offset, std::string reason) {
    scan_.damage = LogDamage{path, offset, scan_.chain.position() + 1, std::move(reason)};
  }

  FileSystem& files_;
  const KnownHead& known_;
  const ScanOptions& options_;
  std::vector<std::string> paths_;
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

Result<LogScan> scan_log(FileSystem& files, const std::string& directory, KnownHead& head, const ScanOptions& options) {
  while (true) {
    TRY(LogScan scan, Scan(files, head, options).run(directory));
    if (!scan.damage || !head.newest.closed) return scan;
    // Beside a writer, what looks like damage may be the log growing behind a head that was closed when we read it.
    TRY(KnownHead now, read_durable_head(files, directory));
    if (now.newest.generation == head.newest.generation) return scan;
    head = std::move(now);
  }
}

}  // namespace symphainy::public_works
