// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/log_scan.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fmt/format.h>
#include <thread>

#include "base/try.h"
#include "public_works/adapters/segment_log/chain_file.h"
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

// Nearly always there is none, and a comparison with itself, one byte on, says so at the speed of memory.
std::size_t last_that_is_not_zero(std::string_view bytes) {
  const bool zeros = bytes.front() == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
  return zeros ? std::string_view::npos : bytes.find_last_not_of('\0');
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
    if (!header) return damage(0, header.error());
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
      const auto written = unused ? std::nullopt : decode_head_slot(slot);
      if (written) slots_.push_back(*written);
      if (!unused && !written) {
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
    TRY(base::view_batch(bytes, batch_));
    // Before the chain moves on: a batch that the head contradicts lies within the head, so it is damage and no torn
    // tail.
    const auto contradicts = [this](const HeadSlot& head) {
      return batch_.first_position() <= head.position && head.position <= batch_.last_position() &&
             (batch_.last_position() != head.position || batch_.store_hash != head.store_hash);
    };
    if (std::ranges::any_of(known_.slots, contradicts) || std::ranges::any_of(slots_, contradicts)) {
      return fail(ErrorCode::corrupt, "the store's hash chain is not the one the durable head knows");
    }
    TRY(scan_.chain.follow(batch_, head_.store));
    if (here.marks.empty() || here.end_offset - here.marks.back().offset >= kMarkSpacing) {
      here.marks.push_back({batch_.first_position(), here.end_offset});
    }
    here.end_offset += header.length;
    scan_.last_epoch = std::max(scan_.last_epoch, batch_.records.back().epoch());  // the chain lets none fall
    if (visit) visit(batch_.copy());
    return {};
  }

  // The segment's batches end here: rightly, torn, or damaged.
  Result<void> ended(SequentialReader& reader, const Error& why) {
    // A segment is synced whole before the next one is created, so only the last may have a torn tail; and nothing at
    // or before the head can be torn, because the head is written after the sync.
    const bool within_head = scan_.chain.position() < head_.position;
    const bool may_be_torn = last_ && !within_head && !head_.closed;
    const bool written_whole = !why.reason.empty();  // refused, not torn: nothing of it may be cut
    if (why.code == ErrorCode::corrupt && (written_whole || !may_be_torn)) {
      damage(scan_.segment.end_offset, why);
      return {};
    }
    const std::uint64_t end = scan_.segment.end_offset;
    std::uint64_t offset = end;
    while (true) {
      TRY(const std::string_view bytes, reader.at(offset, kWindowBytes));
      if (bytes.empty()) break;
      const std::size_t last_used = last_that_is_not_zero(bytes);
      if (last_used != std::string_view::npos) scan_.torn_bytes = offset + last_used + 1 - end;
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
  bool damage(std::uint64_t offset, const Error& why) {
    damage(offset, why.message);
    if (!why.reason.empty()) scan_.damage->name = why.reason;
    return false;
  }

  const KnownHead& known_;
  const HeadSlot& head_;
  const std::string path_;
  const bool last_;
  std::vector<HeadSlot> slots_;  // the segment's own
  base::BatchView batch_;        // being checked
  SegmentScan scan_;
};

// Puts the segments together, in order, to what the log is.
class Scan {
 public:
  /// `chain_file`, when there is one of this store: it must fit the log; with `begin_there` it is believed.
  Scan(FileSystem& files, const KnownHead& known, const ScanOptions& options, const std::optional<LogBase>& base,
       const std::optional<ChainFile>& chain_file, bool begin_there)
      : files_(files), known_(known), options_(options), chain_file_(chain_file), begin_there_(begin_there) {
    scan_.base = base;
  }

  Result<LogScan> run(const std::string& directory) {
    directory_ = directory;
    TRY(paths_, segment_paths(files_, directory));
    if (scan_.base) begin_behind_base();
    if (begin_there_) TRY(pass_over_what_is_believed());
    TRY(leave_out_what_is_trusted());
    if (options_.threads > 1) {
      TRY(all_at_once());
    } else {
      TRY(one_by_one());
    }
    if (!scan_.damage && known_.foreign) {
      damage(directory + "/head", 0, "a slot of the durable head is of another store or timeline");
    }
    const HeadSlot& head = known_.newest;
    const std::string& place = paths_.empty() ? directory : paths_.back();
    const std::uint64_t end = scan_.segments.empty() ? 0 : scan_.segments.back().end_offset;
    if (!scan_.damage && scan_.chain.position() < head.position) {
      damage(place, end,
             fmt::format("the log ends here, but the durable head says it reaches position {}", head.position));
    }
    if (!scan_.damage && chain_file_) check_chain_file();
    if (!scan_.damage && head.closed && scan_.chain.position() > head.position) {
      damage(place, end, fmt::format("the log was closed at position {}, but goes on behind it", head.position));
    }
    return std::move(scan_);
  }

 private:
  void begin_behind_base() {
    const base::LogChain& chain = scan_.base->chain;
    while (!paths_.empty() && position_of(0) <= chain.position()) {
      scan_.leftovers.push_back(std::move(paths_.front()));
      paths_.erase(paths_.begin());
    }
    scan_.chain = chain;
    scan_.last_epoch = chain.epoch();
    const HeadSlot& head = known_.newest;
    const std::string path = directory_ + "/base";
    if (scan_.base->log.store != head.store || scan_.base->log.timeline != head.timeline) {
      damage(path, 0, "the log's beginning is of another store or timeline");
    } else if (paths_.empty() || position_of(0) != chain.position() + 1) {
      damage(path, 0, fmt::format("the segment that begins at position {} is missing", chain.position() + 1));
    }
    for (const HeadSlot& slot : known_.slots) {
      const bool other = slot.position == chain.position() && slot.store_hash != chain.store_hash();
      if (other) damage(path, 0, "the store's hash chain is not the one the durable head knows");
    }
  }

  // The chain then begins as the first segment's header tells it.
  Result<void> leave_out_what_is_trusted() {
    const auto behind = std::ranges::find_if(
        paths_, [this](const std::string& path) { return *parse_segment_name(name_of(path)) > options_.from; });
    const auto leave_out = std::max<std::ptrdiff_t>(std::distance(paths_.begin(), behind) - 1, 0);
    if (paths_.empty() || (leave_out == 0 && !options_.begins_anywhere)) return {};
    paths_.erase(paths_.begin(), paths_.begin() + leave_out);
    TRY(const auto file, files_.open(paths_.front(), OpenMode::read));
    std::string bytes;
    TRY(file->read_at(0, kSegmentHeaderBytes, bytes));
    // One that is damaged is told by its check.
    const auto header = SegmentHeader::decode(bytes);
    if (header) scan_.chain = base::LogChain::behind(header->first_position - 1, header->previous_hash);
    return {};
  }
  [[nodiscard]] SegmentCheck check_of(std::size_t i) const { return {known_, paths_[i], i + 1 == paths_.size()}; }

  Result<void> pass_over_what_is_believed() {
    const std::uint64_t position = chain_file_->chain.position();
    if (!paths_.empty() && position_of(0) != scan_.chain.position() + 1) {
      damage(paths_.front(), 0, does_not_continue(position_of(0), scan_.chain.position()));
    }
    while (begin_ < paths_.size() && position_of(begin_) <= position) TRY(pass_over(paths_[begin_++]));
    if (begin_ == paths_.size()) damage(directory_ + "/chain", 0, "the segment that it speaks of is missing");
    scan_.chain = chain_file_->chain;
    scan_.last_epoch = scan_.chain.epoch();
    scan_.began_at_chain_file = true;
    return {};
  }

  // A segment before the chain file's: it is there, and ours.
  Result<void> pass_over(const std::string& path) {
    TRY(const auto file, files_.open(path, OpenMode::read));
    TRY(const FileStat stat, file->stat());
    std::string bytes;
    TRY(file->read_at(0, kSegmentHeaderBytes, bytes));
    const auto header = SegmentHeader::decode(bytes);
    const HeadSlot& head = known_.newest;
    if (!header || header->store != head.store || header->timeline != head.timeline ||
        !path.ends_with(segment_name(header->first_position))) {
      damage(path, 0, "this is no segment of this log");
    }
    scan_.segments.push_back({.first_position = header ? header->first_position : 0,
                              .path = path,
                              .size = stat.size,
                              .end_offset = stat.size,
                              .marks = {}});
    return {};
  }

  Result<void> one_by_one() {
    for (std::size_t i = begin_; i < paths_.size() && !scan_.damage; ++i) {
      TRY(note_chain(i));
      if (i + 1 == paths_.size()) scan_.chain_before_last = scan_.chain;
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

  [[nodiscard]] std::uint64_t position_of(std::size_t i) const { return *parse_segment_name(name_of(paths_[i])); }

  // When a position that somebody asks about lies in the segment that comes next.
  Result<void> note_chain(std::size_t i) {
    TRY(scan_.chain_at, chain_in(i, options_.chain_at, std::move(scan_.chain_at)));
    if (!chain_file_ || begin_there_) return {};
    TRY(chain_at_file_, chain_in(i, chain_file_->chain.position(), std::move(chain_at_file_)));
    return {};
  }
  Result<std::optional<base::LogChain>> chain_in(std::size_t i, std::uint64_t wanted,
                                                 std::optional<base::LogChain> known) {
    const bool here = wanted > scan_.chain.position() && (i + 1 == paths_.size() || wanted < position_of(i + 1));
    if (!here) return known;
    TRY(SegmentScan part, check_of(i).run(files_, scan_.chain, wanted, {}));
    if (part.chain.position() == wanted) known = std::move(part.chain);
    return known;
  }

  // Opening would have begun there.
  void check_chain_file() {
    const std::uint64_t position = chain_file_->chain.position();
    if (scan_.chain.position() < position) {
      return damage(paths_.empty() ? directory_ : paths_.back(),
                    scan_.segments.empty() ? 0 : scan_.segments.back().end_offset,
                    fmt::format("the log ends here, but the chain file says it reached position {}", position));
    }
    if (scan_.base && scan_.base->chain.position() == position) {
      chain_at_file_ = scan_.base->chain;
    } else if (begin_there_ || position == 0 || options_.from > 0) {
      return;
    }
    std::string told;
    std::string found;
    chain_file_->chain.save(told);
    if (chain_at_file_) chain_at_file_->save(found);
    if (told != found) damage(directory_ + "/chain", 0, "the chains are others at the position that it speaks of");
  }

  void damage(const std::string& path, std::uint64_t offset, std::string reason) {
    scan_.damage = LogDamage{path, offset, scan_.chain.position() + 1, std::move(reason)};
  }

  FileSystem& files_;
  const KnownHead& known_;
  const ScanOptions& options_;
  const std::optional<ChainFile>& chain_file_;
  const bool begin_there_;
  std::string directory_;
  std::size_t begin_ = 0;  // the first segment that is read
  std::optional<base::LogChain> chain_at_file_;
  std::vector<std::string> paths_;
  LogScan scan_;
};

}  // namespace

Error LogDamage::to_error() const {
  const bool too_new = name == base::kUnknownFormat;
  return Error{ErrorCode::corrupt,
               fmt::format("{}: {} at offset {} (position {}): {}; nothing was changed{}", segment,
                           too_new ? "not readable" : "damaged", offset, position, reason,
                           too_new ? ""
                                   : "; go back to a backup (`symphainy backup restore BACKUP`), or copy what is sound "
                                     "(`symphainy wal repair DIR`)"),
               name,
               Json::object({{"segment", segment}, {"offset", offset}, {"position", position}, {"reason", reason}})};
}

Result<std::string_view> SequentialReader::at(std::uint64_t offset, std::size_t length) {
  if (offset < start_ || offset + length > start_ + window_.size()) {
    TRY(file_.read_at(offset, std::max(length, window_bytes_), window_));
    start_ = offset;
  }
  return std::string_view(window_).substr(offset - start_, length);
}

namespace {

Result<LogScan> scan_behind(FileSystem& files, const std::string& directory, const KnownHead& head,
                            const ScanOptions& options, const std::optional<LogBase>& base) {
  TRY(auto chain_file, read_chain_file(files, directory));
  const bool ours = chain_file && chain_file->log.store == head.newest.store &&
                    chain_file->log.timeline == head.newest.timeline &&
                    (!base || chain_file->chain.position() >= base->chain.position());
  if (!ours) chain_file.reset();
  const bool begin_there = options.from_chain_file && chain_file;
  TRY(LogScan scan, Scan(files, head, options, base, chain_file, begin_there).run(directory));
  if (!scan.damage || !begin_there) return scan;
  // Believing the chain file, a log may look damaged that is not, and one that is may not be told rightly.
  return Scan(files, head, options, base, chain_file, false).run(directory);
}

LogScan with_damaged_base(const std::string& directory, const Error& error) {
  LogScan scan;
  scan.damage = LogDamage{directory + "/base", 0, 1, error.message};
  return scan;
}

std::uint64_t begin_of(const Result<std::optional<LogBase>>& base) {
  return base && *base ? (*base)->chain.position() : 0;
}

}  // namespace

Result<LogScan> scan_log(FileSystem& files, const std::string& directory, KnownHead& head, const ScanOptions& options) {
  while (true) {
    const auto base = read_log_base(files, directory);
    if (!base && base.error().code != ErrorCode::corrupt) return std::unexpected(base.error());
    Result<LogScan> scan =
        base ? scan_behind(files, directory, head, options, *base) : with_damaged_base(directory, base.error());
    if (scan && !scan->damage) return scan;
    // What was read may have been retired meanwhile.
    if (begin_of(read_log_base(files, directory)) != begin_of(base)) continue;
    if (!scan || !head.newest.closed) return scan;
    // Beside a writer, what looks like damage may be the log growing behind a head that was closed when we read it.
    TRY(KnownHead now, read_durable_head(files, directory));
    if (now.newest.generation == head.newest.generation) return scan;
    head = std::move(now);
  }
}

}  // namespace symphainy::public_works
