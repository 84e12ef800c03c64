// SPDX-License-Identifier: Apache-2.0
// The write-ahead log in segment files. One thread writes: it takes everything that waits, seals it into one buffer,
// writes and syncs once (group commit), and only then reports it durable. The durable head follows with the next
// group's sync, or within 10 ms of idle. The format is described in docs/formats/write-ahead-log.md.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/abstractions/random.h"
#include "public_works/adapters/segment_log/durable_head.h"
#include "public_works/adapters/segment_log/log_scan.h"
#include "public_works/adapters/segment_log/segment_preparer.h"

namespace symphainy::public_works {

struct SegmentLogOptions {
  std::string directory;  ///< created when absent, unless read_only
  std::uint64_t segment_bytes = 32 * 1024 * 1024;
  bool read_only = false;  ///< read_batches() only: no thread, no file is changed, a torn tail is passed over
};

class SegmentLog final : public EventLog {
 public:
  /// Opening is read-only until what it reads is verified; then a torn tail is cut (overwritten with zeros). It reads
  /// the last segment; earlier ones must be there, and are checked when they are read, and by scan_log().
  [[nodiscard]] static Result<std::unique_ptr<SegmentLog>> open(FileSystem& files, Clock& clock, Random& random,
                                                                const SegmentLogOptions& options);
  ~SegmentLog() override;

  void start(EventLogListener& listener) override;
  [[nodiscard]] Result<AppendReceipt> append(std::vector<base::RecordDraft> drafts) override;
  [[nodiscard]] Result<void> read_batches(std::uint64_t from,
                                          const std::function<bool(const base::LogBatch&)>& visit) const override;
  [[nodiscard]] std::uint64_t durable_position() const override { return durable_position_.load(); }
  [[nodiscard]] LogIdentity identity() const override { return identity_; }
  /// The next segment is prepared when this one is half full. While that fails, the other half is kept for ending what
  /// has begun; it is tried again ten times a second.
  [[nodiscard]] Result<void> room() const override;
  [[nodiscard]] const LogRecovery& recovery() const override { return recovery_; }
  Result<void> close() override;

 private:
  struct Segment {
    std::uint64_t first_position = 0;
    std::string path;
    std::vector<PositionMark> marks;
  };
  using Group = std::vector<std::shared_ptr<base::LogBatch>>;

  SegmentLog(FileSystem& files, Clock& clock, Random& random, const SegmentLogOptions& options, const HeadSlot& head);
  [[nodiscard]] Result<void> recover(LogScan scan, const HeadSlot& head);
  [[nodiscard]] Result<void> create_segment(const base::Digest& previous_hash, std::uint64_t first_position);

  void run_writer();
  [[nodiscard]] Group wait_for_group();
  [[nodiscard]] Result<void> write_group(const Group& group);
  [[nodiscard]] Result<void> write_current(std::string_view bytes);
  [[nodiscard]] bool head_lags() const { return head_->current().position < chain_.position(); }
  [[nodiscard]] Result<void> write_head();
  [[nodiscard]] Result<void> store_head(bool closed = false);
  [[nodiscard]] Result<void> store_chain(const base::LogChain& chain);
  [[nodiscard]] bool needs_next_segment() const {
    return current_offset_ > options_.segment_bytes / 2 && !preparer_.is_ready();
  }
  [[nodiscard]] Result<std::unique_ptr<File>> next_segment_file();
  void look_for_room();
  void stop(const Error& error);
  [[nodiscard]] std::vector<Segment> segments_from(std::uint64_t position) const;

  FileSystem& files_;
  Clock& clock_;
  Random& random_;
  const SegmentLogOptions options_;
  LogIdentity identity_;
  LogRecovery recovery_;
  EventLogListener* listener_ = nullptr;

  // The appending thread's.
  std::optional<base::RecordStamper> stamper_;

  // The writer thread's.
  base::LogChain chain_;
  std::unique_ptr<File> current_file_;
  std::uint64_t current_offset_ = 0;
  SegmentPreparer preparer_;
  std::chrono::steady_clock::time_point next_try_;  // of preparing a segment, after it failed
  std::optional<DurableHead> head_;                 // nothing when read_only
  bool head_file_due_ = false;  // the head file does not know yet that there is something in this segment
  std::size_t head_slot_ = 0;   // of the segment, to write next
  std::string buffer_;

  mutable std::mutex room_mutex_;
  std::optional<Error> no_room_;       // guarded by room_mutex_
  std::atomic<bool> has_room_ = true;  // says whether no_room_ need be looked at

  mutable std::mutex segments_mutex_;
  std::vector<Segment> segments_;  // guarded by segments_mutex_

  std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::vector<std::shared_ptr<base::LogBatch>> queue_;  // guarded by queue_mutex_, like the next three
  bool closing_ = false;
  std::optional<Error> stopped_;

  std::atomic<std::uint64_t> durable_position_ = 0;
  std::thread writer_;
};

}  // namespace symphainy::public_works
