// SPDX-License-Identifier: Apache-2.0
#include "app/store_reader.h"

#include <chrono>
#include <fmt/format.h>
#include <thread>

#include "app/local_store.h"
#include "base/try.h"
#include "runtime/state_surface.h"

namespace symphainy::app {
namespace {

using public_works::SqliteStateStore;

constexpr std::size_t kMaxSqlRows = 100'000;
constexpr int kSqlTimeoutMs = 30'000;
constexpr std::chrono::milliseconds kPollInterval{5};
constexpr std::chrono::seconds kPatience{10};

class LocalReader final : public StoreReader {
 public:
  static Result<std::unique_ptr<StoreReader>> open(const DataDirectory& directory) {
    auto reader = std::make_unique<LocalReader>();
    reader->directory_ = directory;
    TRY(refuse_backup(reader->files_, directory));
    TRY(reader->log_, public_works::SegmentLog::open(reader->files_, reader->clock_, reader->random_,
                                                     {.directory = directory.wal(), .read_only = true}));
    TRY(reader->state_, reader->open_state());
    TRY(reader->artifacts_, public_works::FilesystemArtifactStore::open(reader->files_, directory.artifacts(),
                                                                        public_works::ArtifactAccess::read_only));
    return reader;
  }

  public_works::StateStore& state() override { return *state_; }
  public_works::LineageStore& lineage() override { return *state_; }
  const public_works::EventLog& log() const override { return *log_; }
  public_works::ArtifactStore& artifacts() override { return *artifacts_; }

  Result<SqlAnswer> sql(const public_works::TenantScope& scope, const std::string& statement) override {
    TRY(auto result, public_works::query_database(directory_.state(), scope, statement, kMaxSqlRows, kSqlTimeoutMs));
    return SqlAnswer{std::move(result.columns), std::move(result.rows)};
  }

 private:
  // Projections that have reached the log's end as it was when we looked. A living owner gets there by itself; after a
  // crash nobody would, so we do it, under the lock, and let go of it.
  Result<std::unique_ptr<SqliteStateStore>> open_state() {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    const std::string origin = state_origin(log_->identity());
    while (true) {
      auto state = SqliteStateStore::open(directory_.state(), SqliteStateStore::Mode::read_only, origin);
      if (state) {
        TRY(const std::uint64_t reached, (*state)->position());
        if (reached >= log_->durable_position()) return state;
      }
      auto lock = files_.lock(directory_.lock());
      if (lock) {
        TRY(catch_up());
      } else if (lock.error().code != ErrorCode::unavailable) {
        return std::unexpected(lock.error());
      } else if (std::chrono::steady_clock::now() > give_up) {
        return fail(ErrorCode::unavailable,
                    fmt::format("the process that owns {} does not keep its projections up to date; try again",
                                directory_.root),
                    "projections_lag");
      } else {
        std::this_thread::sleep_for(kPollInterval);
      }
    }
  }

  Result<void> catch_up() {
    TRY(const auto state, open_state_for_writing(files_, directory_, *log_));
    return runtime::fold_log(*log_, *state);
  }

  DataDirectory directory_;
  public_works::PosixFileSystem files_;
  public_works::SystemClock clock_;
  public_works::SystemRandom random_;
  std::unique_ptr<public_works::SegmentLog> log_;
  std::unique_ptr<SqliteStateStore> state_;
  std::unique_ptr<public_works::FilesystemArtifactStore> artifacts_;
};

}  // namespace

Result<void> refuse_backup(public_works::FileSystem& files, const DataDirectory& directory) {
  TRY(const auto found, files.stat(directory.backup_manifest()));
  if (!found) return {};
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("{} is a backup, not a data directory; make one of it with `symphainy backup restore {} --data "
                  "NEW`, and use that",
                  directory.root, directory.root),
      "is_backup");
}

Result<std::unique_ptr<StoreReader>> StoreReader::open(const std::string& data_directory) {
  return LocalReader::open(DataDirectory{data_directory});
}

}  // namespace symphainy::app
