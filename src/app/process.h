// SPDX-License-Identifier: Apache-2.0
// What only a program may set, because it holds for the whole process: called from main(), never by the library.
#pragma once

namespace symphainy::app {

/// Before anything else uses SQLite.
void set_up_process() noexcept;

}  // namespace symphainy::app
