// SPDX-License-Identifier: Apache-2.0
// The program `symphainy`: the command line with the domains that come with the runtime.
#include <algorithm>
#include <span>
#include <string_view>

#include "symphainy/cli.h"

#include "app/process.h"

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  const bool may_ask_in_sql = std::ranges::any_of(arguments, [](std::string_view word) { return word == "sql"; });
  if (!may_ask_in_sql) symphainy::app::stop_counting_memory();
  return symphainy::cli_main(argc, argv);
}
