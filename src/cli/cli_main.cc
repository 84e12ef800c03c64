// SPDX-License-Identifier: Apache-2.0
// The whole program: describe the commands, parse, run the one that was chosen, turn its error into one line and a
// code.
#include <cstdio>
#include <exception>

#include "symphainy/cli.h"

#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy {
namespace {

void add_commands(cli::CommandLine& line) {
  cli::Command root = line.root();
  cli::add_run(root);
  cli::add_execution(root);
  cli::add_reference(root);
  cli::add_lineage(root);
  cli::add_state(root);
  cli::add_outbox(root);
  cli::add_wal(root);
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

int run_chosen(const cli::CommandBody& body, cli::Invocation& invocation) {
  Result<int> code = body(invocation);
  if (code) return *code;
  cli::complain(code.error().message);
  return cli::exit_code_of(code.error());
}

}  // namespace

int cli_main(int argc, const char* const* argv, const RegisterDomains& register_domains) {
  try {
    cli::CommandLine line;
    add_commands(line);
    const auto chosen = line.parse(argc, argv);
    if (!chosen) return chosen.error();
    cli::Invocation invocation(line.options(), register_domains);
    const int code = run_chosen(*chosen, invocation);
    if (std::fflush(stdout) == 0) return code;
    cli::complain("cannot write to stdout; see that its target has space");
    return code == cli::kOk ? cli::kSomeFailed : code;
  } catch (const std::exception& error) {
    cli::complain(error.what());
    return cli::kSomeFailed;
  }
}

}  // namespace symphainy
