// SPDX-License-Identifier: Apache-2.0
// A data directory on this machine: its adapters, opened for writing by the one process that owns it.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "symphainy/runtime.h"

#include "app/store_reader.h"
#include "public_works/adapters/filesystem/filesystem_artifact_store.h"
#include "public_works/adapters/filesystem/ndjson_event_publisher.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/segment_log.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/system_random.h"
#include "public_works/adapters/system/thread_executor.h"

namespace symphainy::app {

/// Members are destroyed from the last to the first: threads first, the lock and the files last.
struct LocalStore {
  [[nodiscard]] static Result<std::shared_ptr<LocalStore>> open(const RuntimeOptions& options);

  explicit LocalStore(std::size_t handler_threads);
  ~LocalStore();

  /// From now on gives up what the policy says of the log, every few seconds on a thread of its own.
  void begin_retention(const LogRetention& policy);

  std::string root;  ///< the data directory
  public_works::PosixFileSystem files;
  public_works::SystemClock clock;
  public_works::SystemRandom random;
  std::unique_ptr<public_works::FileLock> lock;
  std::unique_ptr<public_works::SqliteStateStore> state;
  std::unique_ptr<public_works::FilesystemArtifactStore> artifacts;
  std::unique_ptr<public_works::NdjsonEventPublisher> publisher;
  public_works::ThreadExecutor log_background;
  public_works::ThreadExecutor log_writer;
  std::unique_ptr<public_works::SegmentLog> log;
  public_works::ThreadExecutor relay;
  public_works::ThreadExecutor fold;
  public_works::ThreadExecutor handlers;
  public_works::ThreadExecutor partition;

 private:
  void retain(const LogRetention& policy);

  std::atomic<bool> closing_ = false;
  std::string retention_complaint_;  // the maintenance thread's: told once
  std::unique_ptr<public_works::ThreadExecutor> maintenance_;
};

/// What state.db must have been folded from.
[[nodiscard]] std::string state_origin(const public_works::LogIdentity& log);
/// The state store of a directory whose lock is held; one that is damaged, of another schema or another log is dropped,
/// because the newest good snapshot and the log behind it refill it. conflict, reason "state_lost", when the log does
/// not reach back far enough for that: then nothing is dropped.
[[nodiscard]] Result<std::unique_ptr<public_works::SqliteStateStore>> open_state_for_writing(
    public_works::FileSystem& files, const DataDirectory& directory, const public_works::EventLog& log);

}  // namespace symphainy::app
