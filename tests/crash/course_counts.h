// SPDX-License-Identifier: Apache-2.0
// How many executions of a log took which course; for the floors below which a run proves nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "crash/log_facts.h"

namespace symphainy::tests {

/// "retried", "resumed", "parked" and "stuck" (ever), every end by its name; and with something undone: "undone",
/// "undone_of_unknown" (a step of which nobody knew), "undone_of_cancelled". Of waits: "ended_by_time" and
/// "ended_by_signal" (waits), "taken_up" (waits behind which another attempt went on), "cut_short" (cancelled
/// meanwhile).
[[nodiscard]] std::map<std::string, std::uint64_t> count_courses(const LogFacts& facts);

}  // namespace symphainy::tests
