// SPDX-License-Identifier: Apache-2.0
// Places where tests make the program die or go wrong. In the product they are nothing: only tests compile the files
// that use them a second time, with SYMPHAINY_FAULT_POINTS (symphainy_use_fault_points in cmake/targets.cmake).
#pragma once

#ifdef SYMPHAINY_FAULT_POINTS

#include <string_view>

namespace symphainy::base {

/// Kills the process here when the test says so.
void reach_crash_point(std::string_view name);
/// Whether the program shall have this bug.
[[nodiscard]] bool has_planted_bug(std::string_view name);

}  // namespace symphainy::base

/// Before or after a step that makes something durable: the process may die exactly here.
#define CRASH_POINT(name) ::symphainy::base::reach_crash_point(name)
/// Guards a mistake that the checkers have to catch.
#define PLANTED_BUG(name) ::symphainy::base::has_planted_bug(name)

#else

#define CRASH_POINT(name) static_cast<void>(0)
#define PLANTED_BUG(name) false

#endif
