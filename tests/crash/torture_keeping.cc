// SPDX-License-Identifier: Apache-2.0
#include "crash/torture_keeping.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>

#include "app/backup.h"
#include "app/repair.h"
#include "app/retention.h"
#include "app/unretire.h"
#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::tests {
namespace {

// What has its name is whole. What has not is in the way until somebody removes it, and the command says so.
Result<void> make(const std::string& target, const std::function<Result<Json>()>& command) {
  if (std::filesystem::exists(target)) return {};
  const std::string unfinished = target + ".unfinished";
  if (std::filesystem::exists(unfinished)) {
    const auto refused = command();
    if (refused || refused.error().message.find(unfinished) == std::string::npos) {
      return fail(ErrorCode::internal, fmt::format("{} was in the way, but not refused: {}", unfinished,
                                                   refused ? refused->dump() : refused.error().message));
    }
    std::filesystem::remove_all(unfinished);
  }
  TRY(command());
  return {};
}

// Where no record is, so that what is repaired of it leads to the same.
Result<void> damage(const std::string& data) {
  public_works::PosixFileSystem files;
  TRY(const auto segments, public_works::segment_paths(files, data + "/wal"));
  std::fstream segment(segments.back(), std::ios::in | std::ios::out | std::ios::binary);
  segment.put('X');
  if (!segment.flush()) return fail(ErrorCode::io_error, "cannot write " + segments.back());
  return {};
}

Result<Json> repair_damaged_copy(const KeptCase& kept, const Actor& actor) {
  std::filesystem::remove_all(kept.damaged());
  std::filesystem::copy(kept.data(), kept.damaged(), std::filesystem::copy_options::recursive);
  TRY(damage(kept.damaged()));
  return app::repair_store({kept.damaged(), kept.repaired(), actor});
}

}  // namespace

Result<void> retain(const KeptCase& kept, const RuntimeOptions& options) {
  app::RetentionRound round;
  round.policy.archive = kept.archive();
  round.by_size = true;
  round.at_once = true;
  TRY(const Json report, app::retain_once(options, round));
  if (report.find("first_position")->as_uint64().value_or(0) > 1) return {};
  return fail(ErrorCode::conflict, "nothing of the log was retired: " + report.dump());
}

Result<void> make_copies(const KeptCase& kept,
                         const std::function<Result<void>(const std::string& data)>& open_and_close) {
  const Actor actor{"user", "torture"};
  TRY(make(kept.backup(), [&] { return app::create_backup(kept.data(), kept.backup()); }));
  TRY(make(kept.restored(), [&] {
    app::RestoreOptions options;
    options.backup = kept.backup();
    options.target = kept.restored();
    options.actor = actor;
    return app::restore_backup(options);
  }));
  TRY(open_and_close(kept.restored()));
  TRY(make(kept.repaired(), [&] { return repair_damaged_copy(kept, actor); }));
  return open_and_close(kept.repaired());
}

Result<void> unretire_copy(const KeptCase& kept,
                           const std::function<Result<void>(const std::string& data)>& open_and_close) {
  // Not made anew: a kill in the middle is taken up from what it left.
  if (!std::filesystem::exists(kept.unretired())) {
    std::filesystem::copy(kept.data(), kept.unretired(), std::filesystem::copy_options::recursive);
  }
  TRY(app::unretire(kept.unretired(), kept.archive()));
  TRY(open_and_close(kept.unretired()));
  TRY(const Json again, app::unretire(kept.unretired(), kept.archive()));  // verifies all of it
  if (again.find("segments")->size() == 0) return {};
  return fail(ErrorCode::internal, "it had not been brought back: " + again.dump());
}

}  // namespace symphainy::tests
