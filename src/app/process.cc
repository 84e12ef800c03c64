// SPDX-License-Identifier: Apache-2.0
#include "app/process.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "public_works/adapters/sqlite/sqlite_database.h"

namespace symphainy::app {

void stop_counting_memory() noexcept {
  public_works::stop_counting_sqlite_memory();
}

void log_to_stderr() {
  spdlog::default_logger()->sinks() = {std::make_shared<spdlog::sinks::stderr_sink_mt>()};
}

}  // namespace symphainy::app
