// SPDX-License-Identifier: Apache-2.0
// `symphainy version`: which release this is.
#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy::cli {
namespace {

Result<int> version(Invocation& invocation) {
  if (invocation.out().json_asked())
    invocation.out().json_line(Json::object({{"name", "symphainy"}, {"version", SYMPHAINY_VERSION}}));
  else
    invocation.out().line("symphainy " SYMPHAINY_VERSION);
  return kOk;
}

}  // namespace

void add_version(Command root) {
  root.add("version", "print the release").examples({"symphainy version", "symphainy version -o json"}).runs(version);
}

}  // namespace symphainy::cli
