// SPDX-License-Identifier: Apache-2.0
// The whole program: describe the commands, parse, run the one that was chosen, turn its error into one line and a
// code.
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <unistd.h>

#include "symphainy/cli.h"

#include "app/process.h"
#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy {
namespace {

void add_commands(cli::CommandLine& line) {
  cli::Command root = line.root();
  cli::add_run(root);
  cli::add_serve(root);
  cli::add_execution(root);
  cli::add_replay(root);
  cli::add_reference(root);
  cli::add_lineage(root);
  cli::add_state(root);
  cli::add_outbox(root);
  cli::add_wal(root);
  cli::add_key(root);
  cli::add_backup(root);
  cli::add_intent(root);
  cli::add_sql(root);
  cli::add_config(root);
  cli::add_demo(root);
  cli::add_bench(root);
  cli::add_completion(root, [&line] { return line.outline(); });
  cli::add_version(root);
  root.examples({"symphainy demo", "symphainy run --tenant acme intents.ndjson",
                 "symphainy execution list --tenant acme", "symphainy wal verify"});
}

/// A standard stream that is closed (>&-) gets a descriptor that fails to be read or written. Its number would go to
/// the next file that is opened otherwise, and what is printed into the write-ahead log.
void occupy_closed_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) >= 0) continue;
    [[maybe_unused]] const int lowest_free = ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
  }
}

/// Of what the log has given up there may be a copy.
std::string where_it_is_kept(const Error& error, const cli::Invocation& invocation) {
  if (error.reason != public_works::kHistoryRetired) return {};
  const auto configuration = invocation.configuration();
  if (!configuration || configuration->log.archive.empty()) return {};
  return "; its archive is " + configuration->log.archive;
}

int run_chosen(const cli::CommandBody& body, cli::Invocation& invocation) {
  Result<int> code = body(invocation);
  if (code) return *code;
  cli::complain(code.error().message + where_it_is_kept(code.error(), invocation));
  return cli::exit_code_of(code.error());
}

int run_line(int argc, const char* const* argv, const RegisterDomains& register_domains) {
  cli::CommandLine line;
  add_commands(line);
  const auto chosen = line.parse(argc, argv);
  if (!chosen) return chosen.error();
  cli::Invocation invocation(line.options(), register_domains);
  return run_chosen(*chosen, invocation);
}

}  // namespace

int cli_main(int argc, const char* const* argv, const RegisterDomains& register_domains) {
  occupy_closed_streams();
  app::log_to_stderr();
  try {
    const int code = run_line(argc, argv, register_domains);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    cli::complain("cannot write to stdout; see that it is open and has space (what was executed stays executed)");
    return code == cli::kOk ? cli::kSomeFailed : code;
  } catch (const std::exception& error) {
    cli::complain(error.what());
    return cli::kSomeFailed;
  }
}

}  // namespace symphainy
