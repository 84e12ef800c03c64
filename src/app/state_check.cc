// SPDX-License-Identifier: Apache-2.0
#include "app/state_check.h"

#include <algorithm>
#include <fmt/format.h>

#include "app/local_store.h"
#include "app/snapshots.h"
#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_comparison.h"
#include "runtime/state_surface.h"

namespace symphainy::app {
namespace {

using public_works::SegmentLog;
using public_works::SqliteStateStore;

constexpr std::size_t kMaxDifferences = 20;
// Between two looks at whether to stop: about a second's folding.
constexpr std::uint64_t kPositionsAtOnce = 500'000;

Json row_counts(const public_works::TableComparison& table) {
  return Json::object({{"equal", table.equal}, {"live", table.live_rows}, {"rebuilt", table.rebuilt_rows}});
}

Json difference_json(const public_works::RowDifference& difference) {
  return Json::object({{"table", difference.table},
                       {"key", difference.key},
                       {"column", difference.column.empty() ? Json() : Json(difference.column)},
                       {"live", difference.live},
                       {"rebuilt", difference.rebuilt}});
}

class StateCheck {
 public:
  explicit StateCheck(const StateCheckOptions& options)
      : options_(options), directory_{options.data_directory}, rebuilt_path_(options.scratch_directory + "/state.db") {}

  // The snapshot is taken last: while it is held, an owner's database cannot put its write-ahead log to use again.
  Result<Json> run() {
    TRY(open_log());
    TRY(const std::uint64_t reached, live_position());
    TRY(begin_at_snapshot());
    TRY(rebuilt_,
        SqliteStateStore::open(rebuilt_path_, SqliteStateStore::Mode::read_write, state_origin(log_->identity())));
    TRY(fold_up_to(std::min(reached, log_->durable_position())));
    TRY(const auto snapshot, public_works::ProjectionSnapshot::open(directory_.state(), rebuilt_path_));
    if (snapshot.position() > log_->durable_position()) TRY(open_log());
    TRY(fold_up_to(snapshot.position()));
    TRY(check_reached(snapshot.position()));
    TRY(const auto compared, snapshot.compare(kMaxDifferences, options_.stopped));
    return answer(snapshot.position(), compared);
  }

 private:
  Result<void> open_log() {
    TRY(log_, SegmentLog::open(files_, clock_, random_, {.directory = directory_.wal(), .read_only = true}));
    return {};
  }

  // What the log does not have any more.
  Result<void> begin_at_snapshot() {
    if (log_->first_position() == 1) return {};
    const Snapshots snapshots(files_, directory_);
    TRY(const auto good, snapshots.good(*log_));
    if (good.empty()) {
      return fail(ErrorCode::not_found,
                  fmt::format("the log begins at position {}, and there is no good snapshot in {} to fold it from",
                              log_->first_position(), directory_.snapshots()),
                  public_works::kHistoryRetired);
    }
    from_ = good.back().position;  // the oldest, to fold as much as can be
    return snapshots.copy_to(good.back(), rebuilt_path_);
  }

  Result<std::uint64_t> live_position() {
    const auto live =
        SqliteStateStore::open(directory_.state(), SqliteStateStore::Mode::read_only, state_origin(log_->identity()));
    if (live) return (*live)->position();
    if (live.error().code != ErrorCode::not_found) return std::unexpected(live.error());
    return fail(ErrorCode::not_found,
                fmt::format("there is no {} to verify; whatever opens the store next makes it from the log",
                            directory_.state()),
                "no_projections");
  }

  Result<void> fold_up_to(std::uint64_t position) {
    TRY(std::uint64_t reached, rebuilt_->position());
    while (reached < std::min(position, log_->durable_position())) {
      if (options_.stopped && options_.stopped()) return fail(ErrorCode::cancelled, "stopped on request", "stopped");
      TRY(runtime::fold_log(*log_, *rebuilt_, std::min(position, reached + kPositionsAtOnce)));
      TRY(reached, rebuilt_->position());
    }
    return {};
  }

  // Transactions of the live projections end where batches end, so the fold gets exactly there.
  Result<void> check_reached(std::uint64_t position) {
    TRY(const std::uint64_t reached, rebuilt_->position());
    if (reached == position) return {};
    return fail(ErrorCode::corrupt,
                fmt::format("{} says that it is the fold up to position {}, which is {}; delete it with its -wal and "
                            "-shm when nothing has the store open, and it is rebuilt",
                            directory_.state(), position,
                            position > log_->durable_position()
                                ? fmt::format("beyond the log's end, {}", log_->durable_position())
                                : std::string("not the end of a batch")),
                "wrong_position");
  }

  [[nodiscard]] Json answer(std::uint64_t position, const public_works::ProjectionComparison& compared) const {
    Json tables = Json::object();
    for (const auto& table : compared.tables) tables[table.table] = row_counts(table);
    Json differences = Json::array();
    for (const auto& difference : compared.differences) differences.push_back(difference_json(difference));
    return Json::object({{"equal", compared.equal()},
                         {"from", from_},
                         {"position", position},
                         {"tables", std::move(tables)},
                         {"differences", std::move(differences)}});
  }

  const StateCheckOptions& options_;
  const DataDirectory directory_;
  const std::string rebuilt_path_;
  public_works::PosixFileSystem files_;
  public_works::SystemClock clock_;
  public_works::SystemRandom random_;
  std::unique_ptr<SegmentLog> log_;
  std::uint64_t from_ = 0;  // the snapshot that it was folded from; 0: the whole log
  std::unique_ptr<SqliteStateStore> rebuilt_;
};

}  // namespace

Result<Json> check_state(const StateCheckOptions& options) {
  return StateCheck(options).run();
}

}  // namespace symphainy::app
