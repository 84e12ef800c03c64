// SPDX-License-Identifier: Apache-2.0
// An execution explained in words: who wanted what, which handler ran under which schema, why it ended as it did, and
// what its data was made from.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/invocation.h"

namespace symphainy::cli {

[[nodiscard]] Result<int> explain(Invocation& invocation, const std::string& execution_id);

/// `symphainy why ID` and `symphainy execution why ID` are the same command.
void add_why(Command parent, const std::string& prefix);

}  // namespace symphainy::cli
