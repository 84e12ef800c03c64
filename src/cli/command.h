// SPDX-License-Identifier: Apache-2.0
// How a command says what it takes and what it does. Each file of commands has one add_…() that describes them here;
// the library that parses the command line is seen by command.cc alone, which keeps the other files quick to compile.
//
// What an option is bound to must outlive parsing: commands keep it in a shared_ptr that their body captures.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "cli/output.h"

namespace CLI {
class App;
}

namespace symphainy::cli {

class Invocation;

/// What every command may be given.
struct SharedOptions {
  std::string program = "symphainy";  ///< as it was called
  std::optional<std::string> data;
  std::optional<std::string> tenant;
  std::optional<std::string> config;
  Format format = Format::automatic;
};

using CommandBody = std::function<Result<int>(Invocation&)>;

/// A command's name and options, for the completion script.
struct CommandOutline {
  std::string path;  ///< "wal verify"; empty for the program itself
  std::vector<std::string> subcommands;
  std::vector<std::string> options;
  std::vector<std::string> value_options;  ///< those of them that the next word belongs to
};

class Command {
 public:
  /// A command under this one. One that has commands of its own has no body.
  Command add(const std::string& name, const std::string& summary) const;

  Command& flag(const std::string& names, bool& target, const std::string& help);
  Command& option(const std::string& names, std::optional<std::string>& target, const std::string& help,
                  const std::string& shown = "TEXT");
  Command& option(const std::string& names, std::optional<std::uint64_t>& target, const std::string& help);
  Command& option(const std::string& names, std::optional<double>& target, const std::string& help);
  /// May be given several times, one value each.
  Command& option(const std::string& names, std::vector<std::string>& target, const std::string& help,
                  const std::string& shown = "TEXT");
  Command& argument(const std::string& name, std::string& target, const std::string& help);
  Command& optional_argument(const std::string& name, std::string& target, const std::string& help);

  Command& arguments(const std::string& name, std::vector<std::string>& target, const std::string& help);

  Command& takes_data();    ///< --data
  Command& takes_tenant();  ///< --tenant
  Command& examples(const std::vector<std::string>& lines);
  Command& runs(CommandBody body);

 private:
  friend class CommandLine;
  struct Shared {
    SharedOptions options;
    CommandBody chosen;
  };

  Command(CLI::App* app, std::shared_ptr<Shared> shared);

  CLI::App* app_;
  std::shared_ptr<Shared> shared_;
};

/// The whole command line. An instance parses once.
class CommandLine {
 public:
  CommandLine();
  ~CommandLine();

  [[nodiscard]] Command root();
  /// Chooses the body to run, or an exit code when there is nothing to run (help was printed, or a usage error).
  [[nodiscard]] std::expected<CommandBody, int> parse(int argc, const char* const* argv);
  [[nodiscard]] const SharedOptions& options() const;
  [[nodiscard]] std::vector<CommandOutline> outline() const;

 private:
  std::unique_ptr<CLI::App> app_;
  std::shared_ptr<Command::Shared> shared_;
};

void add_run(Command root);
void add_serve(Command root);
void add_execution(Command root);
void add_execution_commands(Command& execution);
void add_execution_replay(Command& execution);
void add_replay(Command root);
void add_wal(Command root);
void add_wal_retain(Command& wal);
void add_key(Command root);
void add_backup(Command root);
void add_outbox(Command root);
void add_reference(Command root);
void add_lineage(Command root);
void add_intent(Command root);
void add_state(Command root);
void add_sql(Command root);
void add_config(Command root);
void add_version(Command root);
void add_demo(Command root);
void add_bench(Command root);
void add_completion(Command root, std::function<std::vector<CommandOutline>()> outline);

}  // namespace symphainy::cli
