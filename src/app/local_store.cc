// SPDX-License-Identifier: Apache-2.0
#include "app/local_store.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

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

}  // namespace

LocalStore::LocalStore(std::size_t handler_threads)
    : log_background(clock, 1, "sym-log-prepare"),
      log_writer(clock, 1, "sym-log"),
      relay(clock, 1, "sym-relay"),
      fold(clock, 1, "sym-fold"),
      handlers(clock, handler_threads, "sym-handler"),
      partition(clock, 1, "sym-partition") {}

Result<std::shared_ptr<LocalStore>> LocalStore::open(const RuntimeOptions& options) {
  const DataDirectory directory{options.data_directory};
  auto store = std::make_shared<LocalStore>(std::max<std::size_t>(options.handler_threads, 1));
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
  TRY(store->state, open_state_for_writing(store->files, directory, store->log->identity()));
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
                                                                 const public_works::LogIdentity& log) {
  const std::string origin = state_origin(log);
  auto state = SqliteStateStore::open(directory.state(), SqliteStateStore::Mode::read_write, origin);
  if (state) return state;
  const Error& error = state.error();
  const bool useless =
      error.code == ErrorCode::corrupt || error.reason == "schema_version" || error.reason == "another_log";
  if (!useless) return state;
  spdlog::warn("dropping the projections, they are rebuilt from the log: {}", error.message);
  for (const char* suffix : {"", "-wal", "-shm"}) TRY(files.remove(directory.state() + suffix));
  return SqliteStateStore::open(directory.state(), SqliteStateStore::Mode::read_write, origin);
}

}  // namespace symphainy::app
