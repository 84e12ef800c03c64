// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/log_copy.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/adapters/segment_log/log_scan.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::public_works {
namespace {

constexpr std::size_t kWindowBytes = 1024 * 1024;
constexpr std::size_t kSearchBytes = 4096;  // less than the window, or each find would have it read again
constexpr std::string_view kBatchMagic = "SYB1";

Error at_place(const Error& error, const std::string& path, std::uint64_t offset) {
  Error placed = error;
  placed.message = fmt::format("{}: not readable at offset {}: {}", path, offset, error.message);
  return placed;
}

// 0 when it has no segment's name.
std::uint64_t first_in(const std::string& path) {
  return parse_segment_name(std::string_view(path).substr(path.rfind('/') + 1)).value_or(0);
}

bool contradicts(const HeadSlot& head, const base::LogBatch& batch) {
  return batch.first_position() <= head.position && head.position <= batch.last_position() &&
         (batch.last_position() != head.position || batch.store_hash != head.store_hash);
}

// Looks through one segment's bytes from an offset on for batches that are whole by their CRC.
class StraySearch {
 public:
  using Visit = std::function<Result<void>(const base::LogBatch&, std::uint64_t offset)>;

  StraySearch(const File& file, const FollowedSegment& segment, std::uint64_t size)
      : reader_(file, kWindowBytes), segment_(segment), size_(size), at_(segment.end_offset) {}

  Result<std::uint64_t> run(const Visit& visit) {
    while (at_ < size_) {
      TRY(const std::string_view window, reader_.at(at_, std::min<std::uint64_t>(kSearchBytes, size_ - at_)));
      if (window.empty()) break;
      const std::size_t magic = window.find(kBatchMagic);
      // A magic may begin in this window and end in the next.
      const std::size_t passed =
          std::min(magic, window.size() < kBatchMagic.size() ? window.size() : window.size() - kBatchMagic.size() + 1);
      note_used(window.substr(0, passed));
      at_ += passed;
      if (magic == std::string_view::npos) continue;
      TRY(const std::uint64_t length, batch(visit));
      at_ += std::max<std::uint64_t>(length, 1);
      used_end_ = at_;
    }
    return used_end_ > segment_.end_offset ? used_end_ - segment_.end_offset : 0;
  }

 private:
  void note_used(std::string_view bytes) {
    const std::size_t last = bytes.find_last_not_of('\0');
    if (last != std::string_view::npos) used_end_ = at_ + last + 1;
  }

  // Its length; 0 when none stands here.
  Result<std::uint64_t> batch(const Visit& visit) {
    TRY(const std::string_view begin, reader_.at(at_, base::kBatchHeaderBytes));
    const auto header = base::peek_batch(begin);
    if (!header || at_ + header->length > size_) return 0;
    TRY(const std::string_view bytes, reader_.at(at_, header->length));
    const auto batch = base::decode_batch(bytes);
    if (!batch && batch.error().reason == base::kUnknownFormat) {
      return std::unexpected(at_place(batch.error(), segment_.path, at_));
    }
    if (!batch) return 0;
    TRY(visit(*batch, at_));
    return header->length;
  }

  SequentialReader reader_;
  const FollowedSegment& segment_;
  const std::uint64_t size_;
  std::uint64_t at_;
  std::uint64_t used_end_ = 0;
};

class Follower {
 public:
  Follower(const FollowOptions& options, const std::function<Result<void>(const FollowedBatch&)>& visit)
      : options_(options), visit_(visit) {
    found.chain = options.begin;
  }

  // A segment that does not go on where the one before it ended adds nothing: its first batch does not fit the chain.
  // `begin_inside`: what is followed begins somewhere in it.
  Result<void> segment(FileSystem& files, const std::string& path, bool begin_inside) {
    TRY(const auto file, files.open(path, OpenMode::read));
    TRY(const FileStat stat, file->stat());
    SequentialReader reader(*file, kWindowBytes);
    TRY(const std::string_view head, reader.at(0, kSegmentHeaderBytes));
    const auto header = SegmentHeader::decode(head);
    if (!header && header.error().reason == base::kUnknownFormat) {
      return std::unexpected(at_place(header.error(), path, 0));
    }
    FollowedSegment& here = found.segments.emplace_back(path, kSegmentBatchesOffset);
    if (begin_inside) TRY(find_beginning(*file, here, stat.size));
    bool first = true;
    while (!reached_end_) {
      TRY(const auto length, batch(reader, here, stat.size, first));
      if (length == 0) break;
      here.end_offset += length;
      first = false;
    }
    return {};
  }

  FollowedLog found;

 private:
  // To the batch that follows the beginning, whatever stands before it; when there is none, behind what is before it.
  Result<void> find_beginning(const File& file, FollowedSegment& here, std::uint64_t size) {
    bool is_there = false;
    std::uint64_t at = here.end_offset;
    const auto look = [&](const base::LogBatch& batch, std::uint64_t offset) -> Result<void> {
      if (is_there) return {};
      if (batch.last_position() <= found.chain.position()) at = offset + base::encoded_size(batch);
      if (batch.first_position() != found.chain.position() + 1) return {};
      base::LogChain trial = found.chain;
      is_there = trial.follow(batch, options_.store).has_value();
      if (is_there) at = offset;
      return {};
    };
    TRY(StraySearch(file, here, size).run(look));
    here.end_offset = at;
    return {};
  }

  // Its length; 0 when what stands there is not the next batch.
  Result<std::uint64_t> batch(SequentialReader& reader, const FollowedSegment& here, std::uint64_t size, bool first) {
    TRY(const std::string_view begin, reader.at(here.end_offset, base::kBatchHeaderBytes));
    const auto header = base::peek_batch(begin);
    if (!header || here.end_offset + header->length > size) return 0;
    TRY(const std::string_view bytes, reader.at(here.end_offset, header->length));
    const auto batch = base::decode_batch(bytes);
    if (!batch && batch.error().reason == base::kUnknownFormat) {
      return std::unexpected(at_place(batch.error(), here.path, here.end_offset));
    }
    if (!batch) return 0;
    const bool wanted = batch->last_position() <= options_.until && batch->records.back().time_us <= options_.until_us;
    const bool contradicted =
        std::ranges::any_of(options_.known, [&](const HeadSlot& head) { return contradicts(head, *batch); });
    if (batch->first_position() == found.chain.position() + 1) reached_end_ = !wanted || contradicted;
    if (reached_end_ || !found.chain.follow(*batch, options_.store)) return 0;
    TRY(visit_({*batch, bytes, first}));
    return header->length;
  }

  const FollowOptions& options_;
  const std::function<Result<void>(const FollowedBatch&)>& visit_;
  bool reached_end_ = false;
};

}  // namespace

Result<FollowedLog> follow_log(FileSystem& files, const std::string& directory, const FollowOptions& options,
                               const std::function<Result<void>(const FollowedBatch&)>& visit) {
  TRY(const std::vector<std::string> paths, segment_paths(files, directory));
  Follower follower(options, visit);
  const std::uint64_t begin = options.begin.position();
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const bool before = first_in(paths[i]) <= begin;
    // Else it is retired, and was being removed when a crash came.
    const bool holds_beginning = before && (i + 1 == paths.size() || first_in(paths[i + 1]) > begin + 1);
    if (!before || holds_beginning) TRY(follower.segment(files, paths[i], holds_beginning));
  }
  return std::move(follower.found);
}

Result<std::uint64_t> find_stray_batches(FileSystem& files, const FollowedLog& followed,
                                         const std::function<Result<void>(const base::LogBatch&)>& visit) {
  std::uint64_t bytes = 0;
  for (const FollowedSegment& segment : followed.segments) {
    TRY(const auto file, files.open(segment.path, OpenMode::read));
    TRY(const FileStat stat, file->stat());
    TRY(const std::uint64_t here,
        StraySearch(*file, segment, stat.size).run([&visit](const base::LogBatch& batch, std::uint64_t) {
          return visit(batch);
        }));
    bytes += here;
  }
  return bytes;
}

Result<LogIdentity> read_identity(FileSystem& files, const std::string& directory) {
  TRY(const std::vector<std::string> paths, segment_paths(files, directory));
  if (paths.empty()) return fail(ErrorCode::not_found, fmt::format("{}: there is no segment of a log here", directory));
  TRY(const auto file, files.open(paths.front(), OpenMode::read));
  std::string bytes;
  TRY(file->read_at(0, kSegmentHeaderBytes, bytes));
  if (const auto header = SegmentHeader::decode(bytes)) return LogIdentity{header->store, header->timeline};
  TRY(const KnownHead head, read_durable_head(files, directory));
  return LogIdentity{head.newest.store, head.newest.timeline};
}

Result<void> LogCopier::begin_behind(const LogBase& base) {
  TRY(files_.create_directories(directory_));
  position_ = base.chain.position();
  store_hash_ = base.chain.store_hash();
  return write_log_base(files_, directory_, {identity_, base.chain, base.restored});
}

Result<void> LogCopier::add(const FollowedBatch& next) {
  return write(next.batch, next.bytes, next.first_in_segment);
}

Result<void> LogCopier::append(base::LogChain& chain, std::vector<base::RecordDraft> drafts, std::int64_t wall_us,
                               Random& random) {
  std::string salts(drafts.size() * 16, '\0');
  random.fill(salts);
  base::LogBatch batch = base::RecordStamper(identity_.store, chain).stamp(std::move(drafts), wall_us, salts);
  std::string bytes;
  chain.seal(batch, bytes);
  return write(batch, bytes, false);
}

Result<void> LogCopier::write(const base::LogBatch& batch, std::string_view bytes, bool begin) {
  CHECK(batch.first_position() == position_ + 1);
  if (begin || file_ == nullptr) TRY(begin_segment(batch.first_position()));
  pending_.append(bytes);
  position_ = batch.last_position();
  store_hash_ = batch.store_hash;
  return pending_.size() < kWindowBytes ? Result<void>() : flush();
}

Result<void> LogCopier::begin_segment(std::uint64_t first_position) {
  if (file_ == nullptr) {
    TRY(files_.create_directories(directory_));
  } else {
    TRY(flush());
    TRY(file_->sync_data());
  }
  TRY(file_, files_.open(directory_ + "/" + segment_name(first_position), OpenMode::create_new));
  offset_ = 0;
  pending_ = SegmentHeader{identity_.store, identity_.timeline, first_position, store_hash_}.encode();
  pending_.resize(kSegmentBatchesOffset, '\0');
  return {};
}

Result<void> LogCopier::flush() {
  TRY(file_->write_at(offset_, pending_));
  offset_ += pending_.size();
  pending_.clear();
  return {};
}

Result<void> LogCopier::finish() {
  CHECK(file_ != nullptr);
  TRY(flush());
  CRASH_POINT("log-copy-before-sync");
  TRY(file_->sync_data());
  TRY(files_.sync_directory(directory_));
  CRASH_POINT("log-copy-before-head");
  TRY(DurableHead head, DurableHead::create(files_, directory_, identity_.store, identity_.timeline));
  return head.store(position_, store_hash_, true);
}

}  // namespace symphainy::public_works
