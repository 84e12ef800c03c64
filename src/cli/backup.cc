// SPDX-License-Identifier: Apache-2.0
// `symphainy backup`: copies of a data directory that can be taken while it is used, and stores made of them.
#include "app/backup.h"

#include <fmt/format.h>

#include "base/time.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy::cli {
namespace {

struct RestoreArguments {
  std::string backup;
  std::optional<std::uint64_t> to_position;
  std::optional<std::string> to_time;
  std::optional<std::string> actor;
};

Result<int> create(Invocation& invocation, const std::string& directory) {
  TRY(const app::Configuration configuration, invocation.configuration());
  if (!holds_store(configuration.data_directory)) return std::unexpected(no_store(configuration.data_directory));
  const auto made = app::create_backup(configuration.data_directory, directory);
  if (!made) return std::unexpected(made.error());
  invocation.out().json_line(*made);
  const Json* history = made->find("history_lost");
  if (history != nullptr) {
    complain(
        fmt::format("the backup is made, but the store's log is damaged between its beginning and a snapshot: the "
                    "records of positions {} to {} are not in it, only what they made; repair the store "
                    "(`symphainy wal repair DIR`)",
                    plain(*history->find("first")), plain(*history->find("last"))));
  }
  const Json* missing = made->find("missing");
  if (missing == nullptr || missing->empty()) return history == nullptr ? kOk : kDamaged;
  complain(
      fmt::format("the backup is made, but the store itself lacks {} of the files that its log names; `missing` "
                  "tells which: bring them back from an earlier backup",
                  missing->size()));
  return kDamaged;
}

Result<app::RestoreOptions> options_of(const RestoreArguments& arguments, const app::Configuration& configuration) {
  app::RestoreOptions options;
  options.backup = arguments.backup;
  options.target = configuration.data_directory;
  options.actor = who_asks(configuration);
  options.to_position = arguments.to_position;
  if (!arguments.to_time) return options;
  if (arguments.to_position)
    return fail(ErrorCode::invalid_argument, "--to-position and --to-time name two points; give one of them");
  options.to_time_us = base::parse_time(*arguments.to_time);
  if (options.to_time_us) return options;
  return fail(ErrorCode::invalid_argument,
              fmt::format("--to-time '{}' is no time; write it like 2026-01-31T12:00:00Z", *arguments.to_time));
}

Result<int> restore(Invocation& invocation, const RestoreArguments& arguments) {
  std::map<std::string, Json> flags;
  if (arguments.actor) flags.emplace("actor", *arguments.actor);
  TRY(const app::Configuration configuration, invocation.configuration(std::move(flags)));
  TRY(const app::RestoreOptions options, options_of(arguments, configuration));
  TRY(const Json restored, app::restore_backup(options));
  invocation.out().json_line(restored);
  const Json* missing = restored.find("missing");
  if (missing != nullptr && !missing->empty()) {
    notify(
        fmt::format("the store is restored, but lacks {} of the files that its log names, as the backup does; "
                    "`missing` tells which: bring them back from an earlier backup",
                    missing->size()));
  }
  return kOk;
}

}  // namespace

void add_backup(Command root) {
  Command backup = root.add("backup", "copies of a data directory, and going back to them");
  backup.examples(
      {"symphainy backup create ./monday.backup", "symphainy backup restore ./monday.backup --data ./restored"});

  auto directory = std::make_shared<std::string>();
  backup.add("create", "copy a data directory while it is used; exit 3 when the store itself is damaged or lacks files")
      .takes_data()
      .argument("DIR", *directory, "where the backup goes; must not exist or be empty")
      .examples({"symphainy backup create --data ./data ./monday.backup"})
      .runs([directory](Invocation& invocation) { return create(invocation, *directory); });

  auto arguments = std::make_shared<RestoreArguments>();
  backup.add("restore", "check a backup and make a new data directory of it, on a timeline of its own")
      .takes_data()
      .argument("BACKUP", arguments->backup, "a directory that `backup create` made; --data names the new one")
      .option("--to-position", arguments->to_position, "as it was at this position (default: all of it)")
      .option("--to-time", arguments->to_time, "as it was at this time, in RFC 3339", "TIME")
      .option("--actor", arguments->actor, "who asks, as it is recorded (default: the OS user)", "TYPE:ID")
      .examples({"symphainy backup restore ./monday.backup --data ./restored",
                 "symphainy backup restore ./monday.backup --data ./restored --to-position 5"})
      .runs([arguments](Invocation& invocation) { return restore(invocation, *arguments); });
}

}  // namespace symphainy::cli
