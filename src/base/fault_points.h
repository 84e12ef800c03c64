// SPDX-License-Identifier: Apache-2.0
// Places where tests make the program die or go wrong. In the product they are nothing: only tests compile the files
// that use them a second time, with SYMPHAINY_FAULT_POINTS (symphainy_use_fault_points in cmake/targets.cmake).
#pragma once

#include <string_view>

namespace symphainy::base {

/// Whose step it is that several take in the same way: names the crash points in it. Empty in the product.
struct CrashStep {
  std::string_view name;
};

}  // namespace symphainy::base

#ifdef SYMPHAINY_FAULT_POINTS

namespace symphainy::base {

/// Kills the process here when the test says so.
void reach_crash_point(std::string_view name);
void reach_crash_point(CrashStep step, std::string_view point);
/// Whether the program shall have this bug.
[[nodiscard]] bool has_planted_bug(std::string_view name);

}  // namespace symphainy::base

/// Before or after a step that makes something durable: the process may die exactly here.
#define CRASH_POINT(name) ::symphainy::base::reach_crash_point(name)
/// The caller's name for a step, and a point in the step: "NAME" and "-before-rename" are the point NAME-before-rename.
#define CRASH_STEP(name) ::symphainy::base::CrashStep(name)
#define CRASH_POINT_OF(step, point) ::symphainy::base::reach_crash_point(step, point)
/// Guards a mistake that the checkers have to catch.
#define PLANTED_BUG(name) ::symphainy::base::has_planted_bug(name)

#else

#define CRASH_POINT(name) static_cast<void>(0)
#define CRASH_STEP(name) ::symphainy::base::CrashStep()
#define CRASH_POINT_OF(step, point) static_cast<void>(step)
#define PLANTED_BUG(name) false

#endif
