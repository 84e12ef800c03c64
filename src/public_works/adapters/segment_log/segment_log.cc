// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/segment_log.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/adapters/segment_log/chain_file.h"
#include "public_works/adapters/segment_log/log_recovery.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::public_works {
namespace {

constexpr std::int64_t kIdleBeforeHeadUs = 10'000;
constexpr std::int64_t kRoomIntervalUs = 100'000;
// With so much at each sync, on average, zeros written ahead cost more than they spare.
constexpr std::uint64_t kMuchAtOnceBytes = 512 * 1024;

base::Uuid new_uuid(Clock& clock, Random& random) {
  std::array<char, 16> noise{};
  random.fill(noise);
  return base::make_uuid_v7(clock.wall_us(), {noise.data(), noise.size()});
}

// Nothing when there is no log yet.
Result<std::optional<KnownHead>> find_head(FileSystem& files, const std::string& directory) {
  auto head = read_durable_head(files, directory);
  if (head) return *head;
  if (head.error().code != ErrorCode::not_found) return std::unexpected(head.error());
  TRY(const auto found, files.stat(directory));
  if (!found) return std::nullopt;
  TRY(const auto segments, segment_paths(files, directory));
  if (segments.empty()) return std::nullopt;
  // A process may just have created the log, head first, between the two looks.
  head = read_durable_head(files, directory);
  if (head) return *head;
  return fail(ErrorCode::corrupt,
              fmt::format("{}/head is missing although there are segments; nothing was changed", directory));
}

}  // namespace

Result<std::unique_ptr<SegmentLog>> SegmentLog::open(FileSystem& files, Clock& clock, Random& random,
                                                     const SegmentLogOptions& options) {
  CHECK(options.read_only || (options.writer != nullptr && options.background != nullptr));
  TRY(auto head, find_head(files, options.directory));
  if (!head && options.read_only) {
    return fail(ErrorCode::not_found, fmt::format("{}: there is no log here", options.directory));
  }
  if (!head) {
    TRY(files.create_directories(options.directory));
    TRY(const DurableHead created,
        DurableHead::create(files, options.directory, new_uuid(clock, random), new_uuid(clock, random)));
    head = KnownHead{created.current(), {created.current()}};
  }
  ScanOptions how;
  how.from_chain_file = true;
  TRY(LogScan scan, scan_log(files, options.directory, *head, how));
  if (scan.damage) return std::unexpected(scan.damage->to_error());
  std::unique_ptr<SegmentLog> log(new SegmentLog(files, clock, random, options, head->newest));
  TRY(log->recover(std::move(scan), head->newest));
  return log;
}

SegmentLog::SegmentLog(FileSystem& files, Clock& clock, Random& random, const SegmentLogOptions& options,
                       const HeadSlot& head)
    : files_(files),
      clock_(clock),
      random_(random),
      options_(options),
      identity_{head.store, head.timeline},
      preparer_(files, options.directory, options.segment_bytes) {}

SegmentLog::~SegmentLog() {
  (void)close();
}

Result<void> SegmentLog::recover(LogScan scan, const HeadSlot& head) {
  chain_ = scan.chain;
  recovery_ = {.last_position = chain_.position(),
               .last_epoch = scan.last_epoch,
               .cut_bytes = scan.torn_bytes,
               .head_position = head.position};
  for (ScannedSegment& segment : scan.segments) {
    segments_.push_back(
        {segment.first_position, segment.path, std::make_shared<SegmentMarks>(std::move(segment.marks))});
  }
  durable_position_ = chain_.position();
  base_.log = identity_;
  if (scan.base) {
    base_ = *std::move(scan.base);
    first_position_ = base_.chain.position() + 1;
  }
  if (options_.read_only) return {};

  stamper_.emplace(identity_.store, chain_);
  if (scan.segments.empty()) {
    TRY(auto file, preparer_.prepare());
    TRY(create_segment(std::move(file), chain_.store_hash(), 1));
  } else {
    TRY(current_file_, recover_last_segment(files_, options_.directory, scan, head));
    current_offset_ = scan.segments.back().end_offset;
  }
  TRY(head_, DurableHead::open(files_, options_.directory, head));
  TRY(store_head());  // not closed any more, before anything is written behind it
  if (!scan.began_at_chain_file && scan.segments.size() > 1) TRY(store_chain(scan.chain_before_last));
  open_ = std::make_shared<bool>(true);
  open_token_ = open_;
  return {};
}

Result<void> SegmentLog::create_segment(std::unique_ptr<File> file, const base::Digest& previous_hash,
                                        std::uint64_t first_position) {
  const SegmentHeader header{identity_.store, identity_.timeline, first_position, previous_hash};
  TRY(file->write_at(0, header.encode()));
  CRASH_POINT("log-rotate-before-sync");
  TRY(file->sync_data());
  const std::string path = options_.directory + "/" + segment_name(first_position);
  CRASH_POINT("log-rotate-before-rename");
  TRY(files_.rename(preparer_.path(), path));
  CRASH_POINT("log-rotate-after-rename");
  TRY(files_.sync_directory(options_.directory));
  CRASH_POINT("log-rotate-after-directory-sync");
  current_file_ = std::move(file);
  current_offset_ = kSegmentBatchesOffset;
  groups_here_ = 0;
  head_file_due_ = true;
  const std::lock_guard lock(segments_mutex_);
  segments_.push_back({first_position, path, std::make_shared<SegmentMarks>()});
  return {};
}

void SegmentLog::start(EventLogListener& listener) {
  CHECK(!options_.read_only && listener_ == nullptr);
  listener_ = &listener;
}

Result<AppendReceipt> SegmentLog::append(std::vector<base::RecordDraft> drafts) {
  std::string salts(drafts.size() * 16, '\0');
  random_.fill(salts);
  {
    const std::lock_guard lock(queue_mutex_);
    TRY(takes_more());
  }
  auto batch = std::make_shared<base::LogBatch>(stamper_->stamp(std::move(drafts), clock_.wall_us(), salts));
  const AppendReceipt receipt{batch->first_position(), batch->last_position(), batch->records.back().time_us};
  bool wakes = false;
  {
    const std::lock_guard lock(queue_mutex_);
    TRY(takes_more());  // it may have been closed meanwhile: then nobody would write it, or say so
    queue_.push_back(std::move(batch));
    wakes = !std::exchange(scheduled_, true);
  }
  if (wakes) post(&SegmentLog::write_waiting);
  return receipt;
}

Result<void> SegmentLog::takes_more() const {
  if (stopped_) return fail(ErrorCode::stopped, "the log has stopped: " + stopped_->message);
  if (closing_) return fail(ErrorCode::stopped, "the log is closed");
  return {};
}

// --- on the writer's strand
// ------------------------------------------------------------------------------------------------

void SegmentLog::post(Step step) {
  options_.writer->post([this, step, open = open_token_] {
    if (!open.expired()) (this->*step)();
  });
}

void SegmentLog::post_at(std::int64_t steady_us, Step step) {
  options_.writer->post_at(steady_us, [this, step, open = open_token_] {
    if (!open.expired()) (this->*step)();
  });
}

// Ends early when there is no segment for what comes next: on_prepared() goes on.
void SegmentLog::write_waiting() {
  {
    const std::lock_guard lock(queue_mutex_);
    if (stopped_) return;
    unwritten_.insert(unwritten_.end(), queue_.begin(), queue_.end());
    queue_.clear();
  }
  while (!unwritten_.empty()) {
    const auto fitting = fits(*unwritten_.front()) ? Result<bool>(true) : begin_next_segment();
    if (fitting && !*fitting) return;
    const auto written = fitting ? write_group() : std::unexpected(fitting.error());
    if (!written) return stop(written.error());
  }
  const std::lock_guard lock(queue_mutex_);
  scheduled_ = !queue_.empty();
  if (scheduled_) return post(&SegmentLog::write_waiting);
  queue_changed_.notify_all();
}

bool SegmentLog::fits(const base::LogBatch& batch) const {
  const std::uint64_t end = current_offset_ + buffer_.size();
  return end == kSegmentBatchesOffset || end + base::encoded_size(batch) <= options_.segment_bytes;
}

// False while it is not prepared. The old segment is synced whole by now: only a last segment can be torn.
Result<bool> SegmentLog::begin_next_segment() {
  if (next_file_ == nullptr) {
    prepare_next_segment();
    return false;
  }
  preparing_ = false;
  TRY(create_segment(std::exchange(next_file_, nullptr), chain_.store_hash(), unwritten_.front()->first_position()));
  // Without it, opening only reads more.
  static_cast<void>(store_chain(chain_));
  return true;
}

// As much as fits into this segment, with one sync.
Result<void> SegmentLog::write_group() {
  if (head_lags()) TRY(write_head());
  std::vector<std::shared_ptr<const base::LogBatch>> group;
  while (!unwritten_.empty() && fits(*unwritten_.front())) {
    const std::uint64_t offset = current_offset_ + buffer_.size();
    base::LogBatch& batch = *unwritten_.front();
    chain_.seal(batch, buffer_);
    {
      const std::lock_guard lock(segments_mutex_);
      segments_.back().marks->note({batch.first_position(), offset});
    }
    group.push_back(std::move(unwritten_.front()));
    unwritten_.pop_front();
  }
  if (PLANTED_BUG("ack-before-sync")) listener_->on_durable(group);
  CRASH_POINT("log-append-before-write");
  TRY(current_file_->write_at(current_offset_, buffer_));
  current_offset_ += buffer_.size();
  ++groups_here_;
  buffer_.clear();
  CRASH_POINT("log-append-before-sync");
  const auto synced = current_file_->sync_data();
  if (!synced && !PLANTED_BUG("swallow-sync-error")) return synced;
  CRASH_POINT("log-append-after-sync");
  durable_position_ = chain_.position();
  if (!PLANTED_BUG("ack-before-sync")) listener_->on_durable(std::move(group));
  last_write_us_ = clock_.steady_us();
  if (!std::exchange(idle_timer_set_, true))
    post_at(last_write_us_ + kIdleBeforeHeadUs, &SegmentLog::store_head_when_idle);
  if (current_offset_ > options_.segment_bytes / 2) prepare_next_segment();
  return {};
}

void SegmentLog::prepare_next_segment() {
  if (std::exchange(preparing_, true)) return;
  const bool much_at_once = current_offset_ > kMuchAtOnceBytes * std::max<std::uint64_t>(groups_here_, 1);
  const auto fill = much_at_once ? SegmentPreparer::Fill::room_only : SegmentPreparer::Fill::zeros;
  preparer_.start(*options_.background, fill, [this, writer = options_.writer, open = open_token_] {
    writer->post([this, open] {
      if (!open.expired()) on_prepared();
    });
  });
}

void SegmentLog::on_prepared() {
  auto prepared = preparer_.take();
  if (!prepared) return;
  if (*prepared) {
    next_file_ = *std::move(*prepared);
    tell_room(std::nullopt);
    if (!unwritten_.empty()) write_waiting();
    return;
  }
  if (stopped_) return;
  const Error& error = prepared->error();
  // Room comes back by itself; a disk that fails a write or a sync is trusted with nothing more.
  if (error.code != ErrorCode::unavailable) return stop(error);
  tell_room(error);
  // What has begun waits for room when the other half of the segment was not enough: it is neither lost nor unknown.
  if (!unwritten_.empty() && ending_) return stop(error);
  post_at(clock_.steady_us() + kRoomIntervalUs, &SegmentLog::prepare_again);
}

void SegmentLog::prepare_again() {
  preparing_ = false;
  prepare_next_segment();
}

void SegmentLog::tell_room(const std::optional<Error>& failure) {
  const std::lock_guard lock(room_mutex_);
  no_room_ = failure;
  has_room_ = !failure;
}

Result<void> SegmentLog::room() const {
  if (has_room_) return {};
  const std::lock_guard lock(room_mutex_);
  if (!no_room_) return {};
  return fail(
      ErrorCode::unavailable,
      "there is no room for the next part of the log, so nothing new is begun until there is: " + no_room_->message,
      no_room_->reason);
}

void SegmentLog::stop(const Error& error) {
  {
    const std::lock_guard lock(queue_mutex_);
    stopped_ = error;
    queue_.clear();
    queue_changed_.notify_all();
  }
  unwritten_.clear();
  if (listener_ != nullptr) listener_->on_stopped(error);
}

// The head of the groups before, to be synced together with this one: a truncated log is noticed up to the last group.
Result<void> SegmentLog::write_head() {
  if (head_file_due_) return store_head();
  const HeadSlot& slot = head_->advance(chain_.position(), chain_.store_hash());
  TRY(current_file_->write_at(kSegmentHeadOffsets[head_slot_], encode_head_slot(slot)));
  head_slot_ = 1 - head_slot_;
  return {};
}

Result<void> SegmentLog::store_head(bool closed) {
  TRY(head_->store(chain_.position(), chain_.store_hash(), closed));
  const std::lock_guard lock(segments_mutex_);
  head_file_due_ = chain_.position() < segments_.back().first_position;
  return {};
}

void SegmentLog::store_head_when_idle() {
  idle_timer_set_ = false;
  if (stopped_ || !head_lags()) return;
  const std::int64_t due_us = last_write_us_ + kIdleBeforeHeadUs;
  if (clock_.steady_us() < due_us) {
    idle_timer_set_ = true;
    return post_at(due_us, &SegmentLog::store_head_when_idle);
  }
  if (const auto stored = store_head(); !stored) stop(stored.error());
}

// So that opening need not read what lies before the last segment.
Result<void> SegmentLog::store_chain(const base::LogChain& chain) {
  return write_chain_file(files_, options_.directory, {identity_, chain});
}

void SegmentLog::write_closed_head() {
  if (!stopped_) {
    if (const auto stored = store_head(true); !stored) stop(stored.error());
  }
  open_.reset();
  const std::lock_guard lock(queue_mutex_);
  closed_ = true;
  queue_changed_.notify_all();
}

Result<void> SegmentLog::close() {
  if (options_.read_only) return {};
  end_waiting_for_room();
  std::unique_lock lock(queue_mutex_);
  const bool was_opened = open_token_.use_count() > 0;
  if (was_opened && !std::exchange(closing_, true)) {
    wait_for_work(*options_.writer, lock, queue_changed_, [this] { return !scheduled_ || stopped_; });
    lock.unlock();
    post(&SegmentLog::write_closed_head);
    lock.lock();
    wait_for_work(*options_.writer, lock, queue_changed_, [this] { return closed_; });
    lock.unlock();
    preparer_.wait_until_idle();
    lock.lock();
  }
  if (stopped_) return std::unexpected(*stopped_);
  return {};
}

}  // namespace symphainy::public_works
