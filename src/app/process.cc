// SPDX-License-Identifier: Apache-2.0
#include "app/process.h"

#include "public_works/adapters/sqlite/sqlite_database.h"

namespace symphainy::app {

void stop_counting_memory() noexcept {
  public_works::stop_counting_sqlite_memory();
}

}  // namespace symphainy::app
