// SPDX-License-Identifier: Apache-2.0
// Copies of a state.db, each as it was at one position of the log, made beside its owner. While one is made the
// database's own write-ahead log cannot start over; nobody who writes waits. One thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "symphainy/error.h"

namespace symphainy::public_works {

/// Writes the projections at `path` into the file `to`, which is empty or does not exist. Durable once the caller has synced it.
[[nodiscard]] Result<void> copy_state(const std::string& path, const std::string& to);

struct StateCopy {
  std::uint64_t position = 0;  ///< what it is the fold up to
  std::string origin;          ///< the log that it is the fold of
};
/// Reads all of a copy: corrupt when it is damaged; conflict, reason "schema_version", when another release made it.
[[nodiscard]] Result<StateCopy> check_state_copy(const std::string& path);

/// Says that a copy is the fold of another log: of one that was copied from the first.
[[nodiscard]] Result<void> relabel_state_copy(const std::string& path, const std::string& origin);

}  // namespace symphainy::public_works
