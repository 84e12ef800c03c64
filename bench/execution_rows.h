// SPDX-License-Identifier: Apache-2.0
// What the fold is given for an execution of the benchmark, without the runtime that would make it.
#pragma once

#include <cstdint>
#include <string>

#include "public_works/abstractions/state_store.h"

namespace symphainy::bench {

inline constexpr std::size_t kRecordsPerExecution = 8;

/// Adds the rows that one execution leaves behind, with the identifiers' real lengths, and moves the position behind
/// them. `number` counts from 1; the execution's reference is derived from `source`.
void add_rows(public_works::StateChanges& changes, std::uint64_t number, const std::string& source);

}  // namespace symphainy::bench
