// SPDX-License-Identifier: Apache-2.0
// The intent's inner side: what the lifecycle needs of it beyond the public header.
#pragma once

#include <string>

#include "symphainy/intent.h"

namespace symphainy::runtime {

/// The members of a refused intent that were valid, so that its refusal can be recorded and found: ids, type, actor.
/// Nothing that could exceed a limit.
[[nodiscard]] Intent salvage(const Json& refused);

/// "user:maria"
[[nodiscard]] std::string actor_text(const Actor& actor);

}  // namespace symphainy::runtime
