// SPDX-License-Identifier: Apache-2.0
// The program `symphainy`: the command line with the domains that come with the runtime.
#include "symphainy/cli.h"

#include "app/process.h"

int main(int argc, char** argv) {
  symphainy::app::set_up_process();
  return symphainy::cli_main(argc, argv);
}
