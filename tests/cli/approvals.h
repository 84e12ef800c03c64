// SPDX-License-Identifier: Apache-2.0
// An intent type whose executions wait for somebody's approval, as a user's own program registers one.
#pragma once

#include <string>

#include "symphainy/runtime.h"

namespace symphainy::tests {

/// "buy": takes the signal "approved", a boolean, and answers who sent it, and what.
[[nodiscard]] Result<void> register_approvals(Runtime& runtime);

/// The id of one that was accepted, of the tenant acme; it may not wait yet.
[[nodiscard]] Result<std::string> begin_buying(Runtime& runtime);

}  // namespace symphainy::tests
