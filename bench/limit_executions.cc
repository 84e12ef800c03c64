// SPDX-License-Identifier: Apache-2.0
// The physical limit beside the benchmark: hashing, writing, syncing and folding the same amounts, and nothing else.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "app/benchmark.h"
#include "base/ids.h"
#include "base/try.h"
#include "execution_rows.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"
#include "raw_log.h"

namespace symphainy::app {
namespace {

using SteadyClock = std::chrono::steady_clock;
using public_works::StateChanges;

constexpr std::size_t kBatchesPerExecution = 2;
constexpr std::size_t kExecutionsPerTransaction = 8'192;

// Folds as many executions as the writer has synced, on a thread of its own.
class Folder {
 public:
  explicit Folder(public_works::SqliteStateStore& store) : store_(store), thread_([this] { run(); }) {}
  ~Folder() { (void)finish(); }

  void synced(std::uint64_t executions) {
    std::unique_lock lock(mutex_);
    target_ = executions;
    changed_.notify_all();
    // As the runtime does: the writer waits when the fold is too far behind.
    changed_.wait(lock, [this] { return target_ - folded_ < 32'768 || failure_; });
  }
  Result<void> finish() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
    if (failure_) return std::unexpected(*failure_);
    return {};
  }

 private:
  void run() {
    const std::string source = base::fresh_uuid_v7().text();
    while (true) {
      std::uint64_t up_to = 0;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return target_ > folded_ || closing_; });
        if (target_ == folded_ || failure_) return;
        up_to = std::min(target_, folded_ + kExecutionsPerTransaction);
      }
      StateChanges changes;
      for (std::uint64_t number = folded_ + 1; number <= up_to; ++number) bench::add_rows(changes, number, source);
      const auto applied = store_.apply(changes);
      const std::lock_guard lock(mutex_);
      if (!applied) failure_ = applied.error();
      folded_ = up_to;
      changed_.notify_all();
    }
  }

  public_works::SqliteStateStore& store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t target_ = 0;  // guarded by mutex_, like the next three
  std::uint64_t folded_ = 0;
  bool closing_ = false;
  std::optional<Error> failure_;
  std::thread thread_;
};

Result<Limit> measure(const LimitOptions& options) {
  TRY(bench::RawFile file, bench::RawFile::open(options.directory + "/log"));
  TRY(const auto store, public_works::SqliteStateStore::open(options.directory + "/state.db",
                                                             public_works::SqliteStateStore::Mode::read_write));
  Limit limit;
  TRY(limit.fdatasync_p50_us, bench::median_sync_us(file));
  const auto batches = std::max<std::size_t>(static_cast<std::size_t>(std::llround(options.batches_per_group)), 1);
  const double group_bytes = static_cast<double>(batches) / kBatchesPerExecution * options.log_bytes_per_execution;
  const std::string group(std::min(static_cast<std::size_t>(group_bytes), bench::kRawFileBytes), 'g');
  Folder folder(*store);
  std::uint64_t written = 0;  // batches
  const auto start = SteadyClock::now();
  while (SteadyClock::now() - start < std::chrono::duration<double>(options.seconds)) {
    if (options.stopped && options.stopped()) break;
    bench::hash_like_the_log(group, batches * bench::kRecordsPerExecution / kBatchesPerExecution);
    TRY(file.append(group));
    TRY(file.sync());
    written += batches;
    folder.synced(written / kBatchesPerExecution);
  }
  TRY(folder.finish());
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  limit.executions_per_second = static_cast<double>(written) / kBatchesPerExecution / seconds;
  return limit;
}

}  // namespace

Result<Limit> measure_limit(const LimitOptions& options) {
  public_works::PosixFileSystem files;
  TRY(files.create_directories(options.directory));
  auto limit = measure(options);
  std::error_code ignored;
  std::filesystem::remove_all(options.directory, ignored);
  return limit;
}

}  // namespace symphainy::app
