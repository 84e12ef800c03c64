// SPDX-License-Identifier: Apache-2.0
// The fold alone, as its tables grow: intent ids and idempotency keys in no order, each asked for before it is folded,
// as deciding about an intent does.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "symphainy/error.h"

#include "public_works/adapters/sqlite/sqlite_key_generations.h"

namespace symphainy::bench {

struct FoldBenchmarkOptions {
  std::string directory;  ///< created; kept
  std::size_t executions = 2'000'000;
  std::size_t executions_per_figure = 500'000;
  std::size_t executions_per_transaction = 2'048;  ///< what the runtime's 16,384 records make
  std::size_t keys_per_generation = public_works::KeyGenerationOptions().keys_per_generation;
};

struct FoldFigure {
  double executions_per_second = 0;  ///< folded; the questions are not in it
  double processor_us = 0;           ///< of the folding thread, for each execution
  double written_bytes = 0;          ///< by the process for each execution: write-ahead log and state.db
  double slowest_ms = 0;             ///< of the transactions: one that seals keys, or a checkpoint
  double question_us = 0;            ///< to learn that an intent id or a key is new, on average
};

/// Tells a figure as soon as it is known.
[[nodiscard]] Result<void> measure_fold(const FoldBenchmarkOptions& options,
                                        const std::function<void(const FoldFigure&)>& tell);

}  // namespace symphainy::bench
