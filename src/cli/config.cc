// SPDX-License-Identifier: Apache-2.0
// `symphainy config show`: every setting in force and where it comes from.
#include "app/config.h"

#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy::cli {
namespace {

Result<int> show(Invocation& invocation) {
  TRY(const app::Configuration configuration, invocation.configuration());
  if (invocation.out().json()) {
    invocation.out().json_line(configuration.to_json());
    return kOk;
  }
  Table table{{{"key"}, {"value"}, {"source"}}, {}};
  for (const app::Setting& setting : configuration.settings)
    table.rows.push_back({setting.key,
                          setting.value.is_null() ? Cell("(not set)", Colour::faint) : Cell(plain(setting.value)),
                          Cell(setting.source, Colour::faint)});
  invocation.out().table(table);
  return kOk;
}

}  // namespace

void add_config(Command root) {
  Command config = root.add("config", "the settings in force");
  config.examples({"symphainy config show"});
  config.add("show", "every setting and where it comes from: flag, environment, file, default")
      .takes_data()
      .takes_tenant()
      .examples({"symphainy config show", "SYMPHAINY_TENANT=acme symphainy config show -o json"})
      .runs(show);
}

}  // namespace symphainy::cli
