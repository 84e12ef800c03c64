// SPDX-License-Identifier: Apache-2.0
// When what failed is tried again: steps of an execution, and executions themselves.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "symphainy/execution_context.h"

namespace symphainy::runtime {

/// invalid_argument, which names the member. `what` has the policy: "step".
[[nodiscard]] Result<void> check_retry(std::string_view what, const RetryPolicy& retry);

/// Whether the policy has another try for what failed so often; it would begin when the first began `age_us` ago.
[[nodiscard]] bool is_worth_another_try(const Error& error, const RetryPolicy& retry, std::uint32_t tries,
                                        std::int64_t age_us);

/// Before try `number`, from 2. The same for the same token, so that the log can be replayed.
[[nodiscard]] std::int64_t delay_before(std::uint32_t number, const RetryPolicy& retry, const std::string& token);

}  // namespace symphainy::runtime
