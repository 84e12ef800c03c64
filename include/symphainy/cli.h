// SPDX-License-Identifier: Apache-2.0
// The symphainy command line for a program of your own: every command, with your domain services registered.
#pragma once

#include <functional>

#include "symphainy/error.h"
#include "symphainy/runtime.h"

namespace symphainy {

/// Called for every runtime the command line opens, after the content domain's intents are registered; for a replay
/// with one that only takes registrations.
using RegisterDomains = std::function<Result<void>(Runtime&)>;

/// Returns the exit code: 0 ok, 1 some failed or refused, 2 usage or unreadable input, 3 damaged, 4 unknown outcome.
int cli_main(int argc, const char* const* argv, const RegisterDomains& register_domains = {});

}  // namespace symphainy
