// SPDX-License-Identifier: Apache-2.0
// The program `symphainy`: the command line with the domains that come with the runtime.
#include "symphainy/cli.h"

int main(int argc, char** argv) {
  return symphainy::cli_main(argc, argv);
}
