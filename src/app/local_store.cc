// SPDX-License-Identifier: Apache-2.0
#include "app/local_store.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "app/retention.h"
#include "app/snapshots.h"
#include "base/fault_points.h"
#include "base/try.h"

namespace symphainy::app {

using public_works::SqliteStateStore;

namespace {

std::unexpected<Error> unusable(const DataDirectory& directory, const Error& error) {
  if (error.code == ErrorCode::unavailable) return std::unexpected(error);  // later it may be usable
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} cannot be a data directory ({}); name one that can be written with --data",
                          directory.root, error.message),
              "unusable_directory");
}

constexpr std::int64_t kRetentionIntervalUs = 5'000'000;

bool is_useless(const Error& error) {
  return error.code == ErrorCode::corrupt || error.reason == "schema_version" || error.reason == "another_log";
}

Error state_lost(const DataDirectory& directory, const public_works::EventLog& log, const std::string& why) {
  return Error{
      ErrorCode::conflict,
      fmt::format("the projections cannot be rebuilt: {}; the log begins at position {}, and no snapshot in {} is "
                  "good for this release. Open it with the release that wrote it, or put the archived segments "
                  "back (docs/guides/retention.md); nothing was changed",
                  why, log.first_position(), directory.snapshots()),
      "state_lost",
      {}};
}

}  // namespace

LocalStore::LocalStore(std::size_t handler_threads)
    : log_background(clock, 1, "sym-log-prepare"),
      log_writer(clock, 1, "sym-log"),
      relay(clock, 1, "sym-relay"),
      fold(clock, 1, "sym-fold"),
      handlers(clock, handler_threads, "sym-handler"),
      partition(clock, 1, "sym-partition") {}

LocalStore::~LocalStore() {
  closing_ = true;
}

void LocalStore::begin_retention(const LogRetention& policy) {
  if (policy.retain_age_us == 0 && policy.retain_bytes == 0 && policy.snapshot_every == 0) return;
  maintenance_ = std::make_unique<public_works::ThreadExecutor>(clock, 1, "sym-retain");
  maintenance_->post([this, policy] { retain(policy); });
}

void LocalStore::retain(const LogRetention& policy) {
  if (closing_) return;
  RetentionRound round;
  round.policy = policy;
  round.by_age = policy.retain_age_us > 0;
  round.by_size = policy.retain_bytes > 0;
  round.stopped = [this] { return closing_.load(); };
  const auto done = run_retention({files, clock, *log, *state, {root}}, round);
  const std::string complaint = done ? std::string() : done.error().message;
  if (!done && complaint != retention_complaint_) spdlog::warn("the log's beginning cannot be retired: {}", complaint);
  retention_complaint_ = complaint;
  if (done && done->find("retired")->size() > 0) {
    spdlog::info("retired {} segments; the log begins at position {}", done->find("retired")->size(),
                 log->first_position());
  }
  maintenance_->post_at(clock.steady_us() + kRetentionIntervalUs, [this, policy] { retain(policy); });
}

Result<std::shared_ptr<LocalStore>> LocalStore::open(const RuntimeOptions& options) {
  const DataDirectory directory{options.data_directory};
  auto store = std::make_shared<LocalStore>(std::max<std::size_t>(options.handler_threads, 1));
  store->root = directory.root;
  TRY(refuse_backup(store->files, directory));
  if (const auto made = store->files.create_directories(directory.root); !made)
    return unusable(directory, made.error());
  auto lock = store->files.lock(directory.lock());
  if (!lock && lock.error().code == ErrorCode::unavailable) {
    return fail(ErrorCode::unavailable,
                fmt::format("another process owns the data directory {}; wait for it or stop it, or use another --data",
                            directory.root),
                "locked");
  }
  if (!lock) return unusable(directory, lock.error());
  TRY(store->lock, std::move(lock));
  // The log first: whatever it says, nothing else has been touched yet.
  TRY(store->log, public_works::SegmentLog::open(store->files, store->clock, store->random,
                                                 {.directory = directory.wal(),
                                                  .segment_bytes = options.segment_bytes,
                                                  .writer = &store->log_writer,
                                                  .background = &store->log_background}));
  if (const auto& found = store->log->recovery(); found.cut_bytes > 0) {
    spdlog::warn("cut a torn tail of {} bytes after position {} (never acknowledged)", found.cut_bytes,
                 found.last_position);
  }
  CRASH_POINT("open-after-log");
  TRY(store->state, open_state_for_writing(store->files, directory, *store->log));
  CRASH_POINT("open-after-state");
  TRY(store->artifacts, public_works::FilesystemArtifactStore::open(store->files, directory.artifacts(),
                                                                    public_works::ArtifactAccess::read_write));
  store->publisher = std::make_unique<public_works::NdjsonEventPublisher>(store->files, directory.events());
  return store;
}

std::string state_origin(const public_works::LogIdentity& log) {
  return fmt::format("{}/{}", log.store.text(), log.timeline.text());
}

Result<std::unique_ptr<SqliteStateStore>> open_state_for_writing(public_works::FileSystem& files,
                                                                 const DataDirectory& directory,
                                                                 const public_works::EventLog& log) {
  const std::string origin = state_origin(log.identity());
  const auto open = [&] {
    return SqliteStateStore::open(directory.state(), SqliteStateStore::Mode::read_write, origin);
  };
  std::string why = "there is no " + directory.state();
  TRY(const auto there, files.stat(directory.state()));
  if (there) {
    auto state = open();
    if (!state && !is_useless(state.error())) return state;
    if (state) {
      TRY(const std::uint64_t position, (*state)->position());
      if (position + 1 >= log.first_position()) return state;
    }
    why = state ? directory.state() + " ends before the log begins" : state.error().message;
  }
  const Snapshots snapshots(files, directory);
  TRY(const auto snapshot, snapshots.newest_good(log));
  if (!snapshot && log.first_position() > 1) return std::unexpected(state_lost(directory, log, why));
  if (there) spdlog::warn("dropping the projections, they are rebuilt from the log: {}", why);
  for (const char* suffix : {"", "-wal", "-shm"}) TRY(files.remove(directory.state() + suffix));
  if (snapshot) TRY(snapshots.copy_to(*snapshot, directory.state()));
  return open();
}

}  // namespace symphainy::app
