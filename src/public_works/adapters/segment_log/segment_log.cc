// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/segment_log.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/try.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::public_works {
namespace {

constexpr std::chrono::milliseconds kIdleBeforeHead{10};
constexpr std::size_t kZeroPieceBytes = 1024 * 1024;
constexpr std::size_t kReadWindowBytes = 64 * 1024;  // most reads want one execution's few records

base::Uuid new_uuid(Clock& clock, Random& random) {
  std::array<char, 16> noise{};
  random.fill(noise);
  return base::make_uuid_v7(clock.wall_us(), {noise.data(), noise.size()});
}

Result<DurableHead> open_or_create_head(FileSystem& files, Clock& clock, Random& random,
                                        const SegmentLogOptions& options) {
  auto head = DurableHead::open(files, options.directory, options.read_only ? OpenMode::read : OpenMode::read_write);
  if (head || head.error().code != ErrorCode::not_found) return head;
  TRY(const auto found, files.stat(options.directory));
  if (found) {
    TRY(const auto names, files.list(options.directory));
    if (std::ranges::any_of(names, [](const std::string& name) { return parse_segment_name(name).has_value(); })) {
      return fail(ErrorCode::corrupt, fmt::format("{}/head is missing although there are segments; nothing was changed",
                                                  options.directory));
    }
  }
  if (options.read_only) return fail(ErrorCode::not_found, fmt::format("{}: there is no log here", options.directory));
  TRY(files.create_directories(options.directory));
  return DurableHead::create(files, options.directory, new_uuid(clock, random), new_uuid(clock, random));
}

// Overwrites what a crash left behind the log's end, so that it can never be taken for a continuation.
Result<void> cut_torn_tail(FileSystem& files, const LogScan& scan) {
  const ScannedSegment& last = scan.segments.back();
  TRY(const auto file, files.open(last.path, OpenMode::read_write));
  for (std::uint64_t done = 0; done < scan.torn_bytes; done += kZeroPieceBytes) {
    const std::string zeros(std::min<std::uint64_t>(kZeroPieceBytes, scan.torn_bytes - done), '\0');
    TRY(file->write_at(last.end_offset + done, zeros));
  }
  return file->sync_data();
}

}  // namespace

Result<std::unique_ptr<SegmentLog>> SegmentLog::open(FileSystem& files, Clock& clock, Random& random,
                                                     const SegmentLogOptions& options) {
  TRY(DurableHead head, open_or_create_head(files, clock, random, options));
  TRY(LogScan scan, scan_log(files, options.directory, head.current()));
  if (scan.damage) return std::unexpected(scan.damage->to_error());
  std::unique_ptr<SegmentLog> log(new SegmentLog(files, clock, random, options, std::move(head)));
  TRY(log->recover(std::move(scan)));
  return log;
}

SegmentLog::SegmentLog(FileSystem& files, Clock& clock, Random& random, const SegmentLogOptions& options,
                       DurableHead head)
    : files_(files),
      clock_(clock),
      random_(random),
      options_(options),
      identity_{head.current().store, head.current().timeline},
      preparer_(files, options.directory, options.segment_bytes),
      head_(std::move(head)) {}

SegmentLog::~SegmentLog() {
  (void)close();
}

Result<void> SegmentLog::recover(LogScan scan) {
  chain_ = scan.chain;
  head_position_ = head_.current().position;
  recovery_ = {.last_position = chain_.position(),
               .last_epoch = scan.last_epoch,
               .cut_bytes = scan.torn_bytes,
               .head_position = head_position_};
  for (ScannedSegment& segment : scan.segments) {
    segments_.push_back({segment.first_position, segment.path, std::move(segment.marks)});
  }
  durable_position_ = chain_.position();
  if (options_.read_only) return {};

  if (scan.torn_bytes > 0) TRY(cut_torn_tail(files_, scan));
  stamper_.emplace(identity_.store, chain_);
  if (scan.segments.empty()) return create_segment(chain_.store_hash(), 1);
  TRY(current_file_, files_.open(segments_.back().path, OpenMode::read_write));
  current_offset_ = scan.segments.back().end_offset;
  // What lies beyond the head was read back, not necessarily synced: the crash may have come between write and sync.
  return current_file_->sync_data();
}

Result<void> SegmentLog::create_segment(const base::Digest& previous_hash, std::uint64_t first_position) {
  TRY(auto file, preparer_.take());
  const SegmentHeader header{identity_.store, identity_.timeline, first_position, previous_hash};
  TRY(file->write_at(0, header.encode()));
  TRY(file->sync_data());
  const std::string path = options_.directory + "/" + segment_name(first_position);
  TRY(files_.rename(preparer_.path(), path));
  TRY(files_.sync_directory(options_.directory));
  current_file_ = std::move(file);
  current_offset_ = kSegmentHeaderBytes;
  const std::lock_guard lock(segments_mutex_);
  segments_.push_back({first_position, path, {}});
  return {};
}

void SegmentLog::start(EventLogListener& listener) {
  CHECK(!options_.read_only && listener_ == nullptr);
  listener_ = &listener;
  head_writer_ = std::thread([this] { run_head(); });
  writer_ = std::thread([this] { run_writer(); });
}

Result<AppendReceipt> SegmentLog::append(std::vector<base::RecordDraft> drafts) {
  std::string salts(drafts.size() * 16, '\0');
  random_.fill(salts);
  {
    const std::lock_guard lock(queue_mutex_);
    if (stopped_) return fail(ErrorCode::stopped, "the log has stopped: " + stopped_->message);
    if (closing_) return fail(ErrorCode::stopped, "the log is closed");
  }
  auto batch = std::make_shared<base::LogBatch>(stamper_->stamp(std::move(drafts), clock_.wall_us(), salts));
  const AppendReceipt receipt{batch->first_position(), batch->last_position(), batch->records.back().time_us};
  bool was_empty = false;
  {
    const std::lock_guard lock(queue_mutex_);
    was_empty = queue_.empty();
    queue_.push_back(std::move(batch));
  }
  if (was_empty) queue_changed_.notify_one();
  return receipt;
}

// --- the writer thread
// ------------------------------------------------------------------------------------------------

void SegmentLog::run_writer() {
  while (true) {
    const Group group = wait_for_group();
    if (group.empty()) break;
    // The head of the group before is synced beside this group's data: a truncated log is noticed up to the last group.
    if (head_position_ < chain_.position()) begin_head_sync(chain_.position(), chain_.store_hash());
    auto written = write_group(group);
    if (auto head = finish_head_sync(); written && !head) written = std::move(head);
    if (!written) return stop(written.error());
    durable_position_ = chain_.position();
    listener_->on_durable({group.begin(), group.end()});
  }
  if (head_position_ < chain_.position()) {
    begin_head_sync(chain_.position(), chain_.store_hash());
    if (auto head = finish_head_sync(); !head) stop(head.error());
  }
}

// Empty: closing, and nothing is left to write.
SegmentLog::Group SegmentLog::wait_for_group() {
  std::unique_lock lock(queue_mutex_);
  const auto something = [this] { return !queue_.empty() || closing_; };
  if (!queue_changed_.wait_for(lock, kIdleBeforeHead, something)) {
    if (head_position_ < chain_.position()) {
      lock.unlock();
      begin_head_sync(chain_.position(), chain_.store_hash());
      if (auto head = finish_head_sync(); !head) {
        stop(head.error());
        return {};
      }
      lock.lock();
    }
    queue_changed_.wait(lock, something);
  }
  return std::exchange(queue_, {});
}

Result<void> SegmentLog::write_group(const Group& group) {
  buffer_.clear();
  for (const auto& batch : group) {
    std::size_t before = buffer_.size();
    const base::Digest previous_hash = chain_.store_hash();
    chain_.seal(*batch, buffer_);
    const bool fits = current_offset_ + buffer_.size() <= options_.segment_bytes;
    if (!fits && current_offset_ + before > kSegmentHeaderBytes) {
      // The old segment is synced whole before the next exists: only a last segment can be torn.
      TRY(write_current(std::string_view(buffer_).substr(0, before)));
      TRY(current_file_->sync_data());
      TRY(create_segment(previous_hash, batch->first_position()));
      buffer_.erase(0, before);
      before = 0;
    }
    const std::uint64_t offset = current_offset_ + before;
    const std::lock_guard lock(segments_mutex_);
    auto& marks = segments_.back().marks;
    if (marks.empty() || offset - marks.back().offset >= kMarkSpacing)
      marks.push_back({batch->first_position(), offset});
  }
  TRY(write_current(buffer_));
  TRY(current_file_->sync_data());
  if (current_offset_ > options_.segment_bytes / 2) preparer_.start();
  return {};
}

Result<void> SegmentLog::write_current(std::string_view bytes) {
  TRY(current_file_->write_at(current_offset_, bytes));
  current_offset_ += bytes.size();
  return {};
}

void SegmentLog::stop(const Error& error) {
  {
    const std::lock_guard lock(queue_mutex_);
    stopped_ = error;
    queue_.clear();
  }
  listener_->on_stopped(error);
}

// --- the head thread
// --------------------------------------------------------------------------------------------------

void SegmentLog::begin_head_sync(std::uint64_t position, const base::Digest& store_hash) {
  {
    const std::lock_guard lock(head_mutex_);
    head_request_ = {position, store_hash};
  }
  head_position_ = position;
  head_changed_.notify_all();
}

Result<void> SegmentLog::finish_head_sync() {
  std::unique_lock lock(head_mutex_);
  head_changed_.wait(lock, [this] { return !head_request_; });
  if (head_error_) return std::unexpected(*head_error_);
  return {};
}

void SegmentLog::run_head() {
  std::unique_lock lock(head_mutex_);
  while (true) {
    head_changed_.wait(lock, [this] { return head_request_ || head_closing_; });
    if (!head_request_) return;
    const auto [position, hash] = *head_request_;
    lock.unlock();
    const auto advanced = head_.advance(position, hash);
    lock.lock();
    if (!advanced) head_error_ = advanced.error();
    head_request_.reset();
    head_changed_.notify_all();
  }
}

Result<void> SegmentLog::close() {
  {
    const std::lock_guard lock(queue_mutex_);
    closing_ = true;
  }
  queue_changed_.notify_all();
  if (writer_.joinable()) writer_.join();
  {
    const std::lock_guard lock(head_mutex_);
    head_closing_ = true;
  }
  head_changed_.notify_all();
  if (head_writer_.joinable()) head_writer_.join();
  const std::lock_guard lock(queue_mutex_);
  if (stopped_) return std::unexpected(*stopped_);
  return {};
}

// --- reading
// ----------------------------------------------------------------------------------------------------------

std::vector<SegmentLog::Segment> SegmentLog::segments_from(std::uint64_t position) const {
  const std::lock_guard lock(segments_mutex_);
  auto first = std::ranges::upper_bound(segments_, position, {}, &Segment::first_position);
  if (first != segments_.begin()) --first;
  return {first, segments_.end()};
}

Result<void> SegmentLog::read_batches(std::uint64_t from,
                                      const std::function<bool(const base::LogBatch&)>& visit) const {
  const std::uint64_t end = durable_position();
  if (from > end) return {};
  std::uint64_t next = std::max<std::uint64_t>(from, 1);
  for (const Segment& segment : segments_from(next)) {
    TRY(const auto file, files_.open(segment.path, OpenMode::read));
    SequentialReader reader(*file, kReadWindowBytes);
    const auto mark = std::ranges::upper_bound(segment.marks, next, {}, &PositionMark::position);
    std::uint64_t offset = mark == segment.marks.begin() ? kSegmentHeaderBytes : std::prev(mark)->offset;
    while (next <= end) {
      TRY(const std::string_view first, reader.at(offset, base::kBatchHeaderBytes));
      if (first.empty()) break;
      const auto header = base::peek_batch(first);
      if (!header && header.error().code == ErrorCode::not_found) break;
      if (!header)
        return fail(ErrorCode::corrupt, fmt::format("{}: offset {}: {}", segment.path, offset, header.error().message));
      if (header->first_position + header->count > next) {
        TRY(const std::string_view bytes, reader.at(offset, header->length));
        const auto batch = base::decode_batch(bytes);
        if (!batch)
          return fail(ErrorCode::corrupt,
                      fmt::format("{}: offset {}: {}", segment.path, offset, batch.error().message));
        if (!visit(*batch)) return {};
        next = batch->last_position() + 1;
      }
      offset += header->length;
    }
    if (next > end) return {};
  }
  return fail(ErrorCode::corrupt,
              fmt::format("{}: position {} is missing although the log reaches {}", options_.directory, next, end));
}

}  // namespace symphainy::public_works
