// SPDX-License-Identifier: Apache-2.0
// The write-ahead log in segment files. One strand writes: it takes everything that waits, seals it into one buffer,
// writes and syncs once (group commit), and only then reports it durable. The durable head follows with the next
// group's sync, or within 10 ms of idle. The format is described in docs/formats/write-ahead-log.md.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/executor.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/abstractions/random.h"
#include "public_works/adapters/segment_log/durable_head.h"
#include "public_works/adapters/segment_log/log_scan.h"
#include "public_works/adapters/segment_log/segment_marks.h"
#include "public_works/adapters/segment_log/segment_preparer.h"

namespace symphainy::public_works {

struct SegmentLogOptions {
  std::string directory;  ///< created when absent, unless read_only
  std::uint64_t segment_bytes = 32 * 1024 * 1024;
  bool read_only = false;  ///< read_batches() only: no file is changed, a torn tail is passed over
  /// Where it writes: a strand that nothing else uses, because it waits for the disk; and where the next segment is
  /// prepared meanwhile. Both outlive the log and go by its clock. Not needed when read_only.
  Executor* writer = nullptr;
  Executor* background = nullptr;
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
  [[nodiscard]] Result<void> read_batches_at(std::span<const std::uint64_t> positions,
                                             const std::function<bool(const base::LogBatch&)>& visit) const override;
  [[nodiscard]] std::uint64_t durable_position() const override { return durable_position_.load(); }
  [[nodiscard]] std::uint64_t first_position() const override { return first_position_.load(); }
  [[nodiscard]] std::string restored_before() const override;
  [[nodiscard]] LogIdentity identity() const override { return identity_; }
  /// The next segment is prepared when this one is half full. While that fails, the other half is kept for ending what
  /// has begun, and then what has begun waits; it is tried again ten times a second.
  [[nodiscard]] Result<void> room() const override;
  void end_waiting_for_room() override { ending_ = true; }
  [[nodiscard]] const LogRecovery& recovery() const override { return recovery_; }
  Result<void> close() override;

  struct SealedSegment {
    std::string path;
    std::uint64_t first_position = 0;
    std::uint64_t last_position = 0;
  };
  /// All but the last, which is being written. Any thread.
  [[nodiscard]] std::vector<SealedSegment> sealed_segments() const;
  /// Removes the sealed segments whose positions all are below `before`, from the front, and tells them. Each is
  /// checked before; after a crash in the middle the log opens and has everything from `before` on at least. Any
  /// thread, beside the writer and readers.
  [[nodiscard]] Result<std::vector<SealedSegment>> retire(std::uint64_t before);

 private:
  struct Segment {
    std::uint64_t first_position = 0;
    std::string path;
    std::shared_ptr<SegmentMarks> marks;
  };
  /// A read that goes forward through one segment.
  struct Passage {
    Segment segment;
    std::unique_ptr<File> file;
    std::unique_ptr<SequentialReader> reader;
    std::uint64_t offset = 0;
  };

  SegmentLog(FileSystem& files, Clock& clock, Random& random, const SegmentLogOptions& options, const HeadSlot& head);
  [[nodiscard]] Result<void> recover(LogScan scan, const HeadSlot& head);
  [[nodiscard]] Result<void> create_segment(std::unique_ptr<File> file, const base::Digest& previous_hash,
                                            std::uint64_t first_position);

  [[nodiscard]] Result<void> takes_more() const;

  using Step = void (SegmentLog::*)();
  void post(Step step);
  void post_at(std::int64_t steady_us, Step step);
  void write_waiting();
  [[nodiscard]] bool fits(const base::LogBatch& batch) const;
  [[nodiscard]] Result<bool> begin_next_segment();
  [[nodiscard]] Result<void> write_group();
  void prepare_next_segment();
  void on_prepared();
  void prepare_again();
  void tell_room(const std::optional<Error>& failure);
  [[nodiscard]] bool head_lags() const { return head_->current().position < chain_.position(); }
  [[nodiscard]] Result<void> write_head();
  [[nodiscard]] Result<void> store_head(bool closed = false);
  void store_head_when_idle();
  [[nodiscard]] Result<void> store_chain(const base::LogChain& chain);
  void write_closed_head();
  void stop(const Error& error);
  [[nodiscard]] std::vector<Segment> segments_from(std::uint64_t position) const;
  [[nodiscard]] Result<Passage> enter(const Segment& segment, std::uint64_t wanted) const;
  [[nodiscard]] static Result<std::optional<base::LogBatch>> advance(Passage& passage, std::uint64_t position);
  [[nodiscard]] Result<bool> read_segment(const Segment& segment, std::uint64_t& next, std::uint64_t end,
                                          const std::function<bool(const base::LogBatch&)>& visit) const;
  [[nodiscard]] Error unopened(const Segment& segment, std::uint64_t wanted, const Error& error) const;

  FileSystem& files_;
  Clock& clock_;
  Random& random_;
  const SegmentLogOptions options_;
  LogIdentity identity_;
  LogRecovery recovery_;
  EventLogListener* listener_ = nullptr;

  // The appending thread's.
  std::optional<base::RecordStamper> stamper_;

  // The writer's, once it is open.
  base::LogChain chain_;
  std::deque<std::shared_ptr<base::LogBatch>> unwritten_;
  std::unique_ptr<File> current_file_;
  std::uint64_t current_offset_ = 0;
  std::uint64_t groups_here_ = 0;  // written by this process into this segment
  SegmentPreparer preparer_;
  bool preparing_ = false;           // the next segment: until it is there, failures included
  std::unique_ptr<File> next_file_;  // it is there
  std::optional<DurableHead> head_;  // nothing when read_only
  bool head_file_due_ = false;       // the head file does not know yet that there is something in this segment
  std::size_t head_slot_ = 0;        // of the segment, to write next
  bool idle_timer_set_ = false;
  std::int64_t last_write_us_ = 0;
  std::string buffer_;
  std::shared_ptr<bool> open_;  // from the end of recovery until it is closed: what was posted before is void then

  std::weak_ptr<bool> open_token_;    // of open_; never changed after recovery, so that any thread may copy it
  std::atomic<bool> ending_ = false;  // nothing waits for room any more

  mutable std::mutex room_mutex_;
  std::optional<Error> no_room_;       // guarded by room_mutex_
  std::atomic<bool> has_room_ = true;  // says whether no_room_ need be looked at

  mutable std::mutex segments_mutex_;
  std::vector<Segment> segments_;  // guarded by segments_mutex_

  std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::vector<std::shared_ptr<base::LogBatch>> queue_;  // guarded by queue_mutex_, like the next four
  bool scheduled_ = false;                              // the writer will look at the queue, or has something unwritten
  bool closing_ = false;
  bool closed_ = false;
  std::optional<Error> stopped_;

  mutable std::mutex base_mutex_;                          // one retire() at a time
  LogBase base_;                                           // guarded by base_mutex_
  mutable std::atomic<std::uint64_t> first_position_ = 1;  // a reader learns here what another process retired
  std::atomic<std::uint64_t> durable_position_ = 0;
};

}  // namespace symphainy::public_works
