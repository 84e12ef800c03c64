// SPDX-License-Identifier: Apache-2.0
// Which executions are replayed: all of them, or so many of each intent type, spread evenly over the whole range. The
// same store and the same question choose the same ones.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "public_works/abstractions/state_store.h"

namespace symphainy::cli {

/// Of `count` in a row, `wanted` evenly spread: the first and the last, and those between; all when there are fewer.
[[nodiscard]] bool is_chosen(std::uint64_t ordinal, std::uint64_t count, std::uint64_t wanted) noexcept;

/// Visits the chosen executions, newest first, and those whose intent was rejected, which count as nobody's sample. An
/// error of the visit ends it. `filter` without cursor and limit.
[[nodiscard]] Result<void> visit_sample(public_works::StateStore& store, public_works::ExecutionFilter filter,
                                        const std::optional<std::uint64_t>& sample,
                                        const std::function<Result<void>(const public_works::ExecutionRow&)>& visit);

}  // namespace symphainy::cli
