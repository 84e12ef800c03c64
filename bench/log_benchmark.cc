// SPDX-License-Identifier: Apache-2.0
#include "log_benchmark.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <vector>

#include "base/log_record.h"
#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/log_scan.h"
#include "public_works/adapters/segment_log/segment.h"
#include "public_works/adapters/segment_log/segment_log.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/system_random.h"
#include "public_works/adapters/system/thread_executor.h"
#include "raw_log.h"

namespace symphainy::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kRecordsPerBatch = 4;
constexpr std::size_t kPayloadBytes = 240;  // a record is then as long as those of the executions' benchmark

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

double processor_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

std::vector<base::RecordDraft> some_drafts() {
  std::vector<base::RecordDraft> drafts(kRecordsPerBatch);
  for (base::RecordDraft& draft : drafts) {
    draft.tenant = "bench";
    draft.partition_epoch = 1;
    draft.type = 10;
    draft.attempt = 1;
    draft.payload.assign(kPayloadBytes, 'p');
  }
  return drafts;
}

// Counts what is durable, and lets the appending thread wait until not too much is under way.
class Durable final : public public_works::EventLogListener {
 public:
  void on_durable(std::vector<std::shared_ptr<const base::LogBatch>> group) override {
    const std::lock_guard lock(mutex_);
    ++groups_;
    batches_ += group.size();
    for (const auto& batch : group) bytes_ += base::encoded_size(*batch);
    changed_.notify_one();
  }
  void on_stopped(const Error& error) override {
    const std::lock_guard lock(mutex_);
    failure_ = error;
    changed_.notify_one();
  }
  Result<void> wait_for(std::size_t batches) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return batches_ >= batches || failure_; });
    if (failure_) return std::unexpected(*failure_);
    return {};
  }
  [[nodiscard]] double bytes() const { return static_cast<double>(bytes_); }
  [[nodiscard]] double groups() const { return static_cast<double>(groups_); }
  [[nodiscard]] std::size_t batches() const { return batches_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t groups_ = 0;  // guarded by mutex_, like the next three
  std::size_t batches_ = 0;
  std::size_t bytes_ = 0;
  std::optional<Error> failure_;
};

class AppendRounds {
 public:
  explicit AppendRounds(const LogBenchmarkOptions& options) : options_(options) {}

  Result<AppendFigure> run() {
    TRY(log_, public_works::SegmentLog::open(
                  files_, clock_, random_,
                  {.directory = options_.directory + "/wal", .writer = &writer_, .background = &background_}));
    log_->start(durable_);
    std::vector<double> values;
    std::vector<double> limits;
    std::vector<double> ratios;
    std::vector<double> group_sizes;
    for (std::size_t round = 0; round < options_.rounds; ++round) {
      TRY(values.emplace_back(), append());
      group_sizes.push_back(group_bytes_);
      TRY(limits.emplace_back(), write_raw());
      ratios.push_back(values.back() / limits.back());
    }
    TRY(log_->close());
    return AppendFigure{{median(values), median(limits), median(ratios)}, median(group_sizes)};
  }

 private:
  Result<double> append() {
    const double bytes_before = durable_.bytes();
    const double groups_before = durable_.groups();
    const auto start = SteadyClock::now();
    while (seconds_since(start) < options_.seconds) {
      TRY(log_->append(some_drafts()));
      if (++appended_ > options_.batches_waiting) TRY(durable_.wait_for(appended_ - options_.batches_waiting));
    }
    TRY(durable_.wait_for(appended_));
    const double seconds = seconds_since(start);
    const double bytes = durable_.bytes() - bytes_before;
    group_bytes_ = bytes / (durable_.groups() - groups_before);
    bytes_per_record_ = durable_.bytes() / static_cast<double>(durable_.batches() * kRecordsPerBatch);
    return bytes / seconds;
  }

  // Into blocks never written before, as a log does.
  Result<double> write_raw() const {
    const std::string path = options_.directory + "/raw";
    std::optional<RawFile> raw;
    const std::string group(static_cast<std::size_t>(group_bytes_), 'g');
    const auto records = static_cast<std::size_t>(group_bytes_ / bytes_per_record_);
    double bytes = 0;
    const auto start = SteadyClock::now();
    while (seconds_since(start) < options_.seconds) {
      hash_like_the_log(group, records);
      if (!raw || !raw->has_room_for(group.size())) {
        TRY(RawFile next, RawFile::open(path, RawFile::Blocks::fresh));
        raw.emplace(std::move(next));
      }
      TRY(raw->append(group));
      TRY(raw->sync());
      bytes += group_bytes_;
    }
    return bytes / seconds_since(start);
  }

  const LogBenchmarkOptions& options_;
  public_works::PosixFileSystem files_;
  public_works::SystemClock clock_;
  public_works::SystemRandom random_;
  Durable durable_;
  public_works::ThreadExecutor background_{clock_, 1, "bench-prepare"};
  public_works::ThreadExecutor writer_{clock_, 1, "bench-log"};
  std::unique_ptr<public_works::SegmentLog> log_;
  std::size_t appended_ = 0;
  double group_bytes_ = 0;
  double bytes_per_record_ = 1;
};

struct Measured {
  double bytes = 0;
  double seconds = 0;  // of the processor
};

// All that the format hashes in one segment, and nothing else.
Result<Measured> hash_segment(public_works::FileSystem& files, const std::string& path) {
  TRY(const auto file, files.open(path, public_works::OpenMode::read));
  TRY(const auto stat, file->stat());
  std::string bytes;
  TRY(file->read_at(0, stat.size, bytes));
  std::vector<base::BatchView> batches;
  std::size_t offset = public_works::kSegmentBatchesOffset;
  while (offset < bytes.size()) {
    const auto rest = std::string_view(bytes).substr(offset);
    const auto header = base::peek_batch(rest.substr(0, base::kBatchHeaderBytes));
    if (!header) break;
    TRY(base::view_batch(rest.substr(0, header->length), batches.emplace_back()));
    offset += header->length;
  }
  const double start = processor_seconds();
  base::Digest last;
  for (const base::BatchView& batch : batches) {
    std::string chains(12, '\0');
    for (const base::RecordView& record : batch.records) {
      const base::Digest content = base::sha256({record.salt(), record.payload()});
      last = base::sha256({last.view(), record.header(), content.view()});
      chains.append(last.view());
    }
    last = base::sha256({last.view(), chains});
  }
  if (last == base::Digest{}) return fail(ErrorCode::internal, "nothing was hashed");
  return Measured{static_cast<double>(offset), processor_seconds() - start};
}

Result<Measured> hash_all(public_works::FileSystem& files, const std::string& wal) {
  Measured all;
  TRY(const auto paths, public_works::segment_paths(files, wal));
  for (const std::string& path : paths) {
    TRY(const Measured one, hash_segment(files, path));
    all.bytes += one.bytes;
    all.seconds += one.seconds;
  }
  return all;
}

Result<Measured> verify_all(public_works::FileSystem& files, const std::string& wal) {
  const double start = processor_seconds();
  TRY(auto head, public_works::read_durable_head(files, wal));
  TRY(const auto scan, public_works::scan_log(files, wal, head));
  if (scan.damage) return std::unexpected(scan.damage->to_error());
  Measured all{0, processor_seconds() - start};
  for (const auto& segment : scan.segments) all.bytes += static_cast<double>(segment.end_offset);
  return all;
}

}  // namespace

Result<AppendFigure> measure_append(const LogBenchmarkOptions& options) {
  public_works::PosixFileSystem files;
  TRY(files.create_directories(options.directory));
  return AppendRounds(options).run();
}

Result<Figure> measure_verify(const LogBenchmarkOptions& options) {
  public_works::PosixFileSystem files;
  const std::string wal = options.directory + "/wal";
  std::vector<double> values;
  std::vector<double> limits;
  std::vector<double> ratios;
  for (std::size_t round = 0; round < options.rounds; ++round) {
    TRY(const Measured verified, verify_all(files, wal));
    TRY(const Measured hashed, hash_all(files, wal));
    values.push_back(verified.bytes / verified.seconds);
    limits.push_back(hashed.bytes / hashed.seconds);
    ratios.push_back(values.back() / limits.back());
  }
  return Figure{median(values), median(limits), median(ratios)};
}

}  // namespace symphainy::bench
