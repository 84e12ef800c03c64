// SPDX-License-Identifier: Apache-2.0
// `symphainy wal retain`: gives up the beginning of the log, once. `symphainy wal unretire` brings it back.
#include "app/archived_log.h"
#include "app/retention.h"
#include "app/unretire.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy::cli {
namespace {

struct RetainArguments {
  std::optional<std::string> older_than;
  std::optional<std::uint64_t> keep_bytes;
  std::optional<std::string> archive;
  bool dry_run = false;
};

std::map<std::string, Json> flags_of(const RetainArguments& arguments) {
  std::map<std::string, Json> flags;
  if (arguments.older_than) flags.emplace("log.retain_age", *arguments.older_than);
  if (arguments.keep_bytes) flags.emplace("log.retain_bytes", *arguments.keep_bytes);
  if (arguments.archive) flags.emplace("log.archive", *arguments.archive);
  return flags;
}

/// Whoever has the store open retires by its own configuration.
Error said_for_retention(Error error) {
  if (error.reason == "locked")
    error.message +=
        "; the process that has it open retires by itself when log.retain_age or log.retain_bytes is set for it";
  return error;
}

Result<int> retain(Invocation& invocation, const RetainArguments& arguments) {
  TRY(const app::Configuration configuration, invocation.configuration(flags_of(arguments)));
  app::RetentionRound round;
  round.policy = configuration.log;
  // What is asked for here counts, not what is configured beside it.
  const bool asked = arguments.older_than || arguments.keep_bytes;
  round.by_age = asked ? arguments.older_than.has_value() : round.policy.retain_age_us > 0;
  round.by_size = asked ? arguments.keep_bytes.has_value() : round.policy.retain_bytes > 0;
  round.archive_all = arguments.archive.has_value();
  round.at_once = true;
  round.dry_run = arguments.dry_run;
  if (!round.by_age && !round.by_size && !round.archive_all) {
    return fail(
        ErrorCode::invalid_argument,
        "what may go? say --older-than or --keep-bytes, or set log.retain_age or log.retain_bytes; or only copy "
        "what is sealed with --archive",
        "no_policy");
  }
  if (!holds_store(configuration.data_directory)) return std::unexpected(no_store(configuration.data_directory));
  auto done = app::retain_once(configuration.runtime_options(), round);
  if (!done) return std::unexpected(said_for_retention(std::move(done).error()));
  if (!round.dry_run && !round.policy.archive.empty()) {
    TRY(app::make_archive_directory(round.policy.archive));
  }
  invocation.out().json_line(*done);
  return kOk;
}

Result<int> bring_back(Invocation& invocation, const std::optional<std::string>& archive) {
  std::map<std::string, Json> flags;
  if (archive) flags.emplace("log.archive", *archive);
  TRY(const app::Configuration configuration, invocation.configuration(std::move(flags)));
  if (configuration.log.archive.empty()) {
    return fail(ErrorCode::invalid_argument, "from where? name the archive with --archive, or set log.archive",
                "no_archive");
  }
  if (!holds_store(configuration.data_directory)) return std::unexpected(no_store(configuration.data_directory));
  TRY(const Json done, app::unretire(configuration.data_directory, configuration.log.archive));
  invocation.out().json_line(done);
  return kOk;
}

}  // namespace

void add_wal_retain(Command& wal) {
  auto arguments = std::make_shared<RetainArguments>();
  wal.add("retain", "give up the beginning of the log, once: snapshot, archive, retire")
      .takes_data()
      .option("--older-than", arguments->older_than, "segments whose records are all older: 12h, 30d", "SPAN")
      .option("--keep-bytes", arguments->keep_bytes, "the oldest segments, while there are more bytes than this")
      .option("--archive", arguments->archive, "keep a compressed copy of every sealed segment here first", "DIR")
      .flag("--dry-run", arguments->dry_run, "only say what would go, and what keeps the rest")
      .examples({"symphainy wal retain --older-than 30d --archive /backup/log --dry-run",
                 "symphainy wal retain --keep-bytes 1000000000"})
      .runs([arguments](Invocation& invocation) { return retain(invocation, *arguments); });

  auto archive = std::make_shared<std::optional<std::string>>();
  wal.add("unretire", "bring back from the archive what was retired, so that the log begins at position 1 again")
      .takes_data()
      .option("--archive", *archive, "where the retired segments are kept, and those of earlier timelines", "DIR")
      .examples({"symphainy wal unretire --archive /backup/log"})
      .runs([archive](Invocation& invocation) { return bring_back(invocation, *archive); });
}

}  // namespace symphainy::cli
