// SPDX-License-Identifier: Apache-2.0
// What only a program may set, because it holds for the whole process: called from main(), never by the library.
#pragma once

namespace symphainy::app {

/// SQLite counts its memory under one mutex for all threads, which slows a busy runtime. Nothing needs the count but
/// StoreReader::sql, for its limit of memory. Before anything else uses SQLite.
void stop_counting_memory() noexcept;

/// The program's log goes to stderr: stdout is for answers. Before any thread is started.
void log_to_stderr();

}  // namespace symphainy::app
