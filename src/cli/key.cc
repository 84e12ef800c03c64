// SPDX-License-Identifier: Apache-2.0
// `symphainy key`: the keys that checkpoints are signed with.
#include <fmt/format.h>

#include "app/log_proof.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy::cli {

void add_key(Command root) {
  Command key = root.add("key", "keys that sign checkpoints of the log");
  auto path = std::make_shared<std::string>();
  key.add("create", "make an Ed25519 key: FILE (keep it secret) and FILE.pub (give it to whoever verifies)")
      .argument("FILE", *path, "where the private key goes; neither file may exist")
      .examples({"symphainy key create /secure/place/audit.key"})
      .runs([path](Invocation& invocation) -> Result<int> {
        TRY(const std::string digits, app::create_signing_key(*path));
        invocation.out().json_line(Json::object({{"private_key", *path}, {"public_key", digits}}));
        return kOk;
      });
}

}  // namespace symphainy::cli
