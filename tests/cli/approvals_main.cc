// SPDX-License-Identifier: Apache-2.0
// The command line with a domain of the user's own, whose executions wait.
#include "symphainy/cli.h"

#include "approvals.h"

int main(int argc, char** argv) {
  return symphainy::cli_main(argc, argv, symphainy::tests::register_approvals);
}
