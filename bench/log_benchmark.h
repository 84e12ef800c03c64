// SPDX-License-Identifier: Apache-2.0
// The log alone: how fast it appends and how fast it is verified, each beside what the same bytes cost without it.
// Machines are shared: log and limit take turns, and what is told are medians over the rounds.
#pragma once

#include <cstddef>
#include <string>

#include "symphainy/error.h"

namespace symphainy::bench {

struct LogBenchmarkOptions {
  std::string directory;                ///< created; kept
  std::size_t batches_waiting = 1'024;  ///< appended and not yet durable, at most
  std::size_t rounds = 5;
  double seconds = 1;  ///< of a round, for the log and for the limit each
};

struct Figure {
  double value = 0;
  double limit = 0;
  double ratio = 0;  ///< the median of the rounds' ratios, not the ratio of the medians
};

/// Bytes of batches made durable in a second, in the groups that the log makes itself; the limit hashes, writes and
/// syncs as many bytes in groups of the round's mean size.
struct AppendFigure : Figure {
  double group_bytes = 0;
};
[[nodiscard]] Result<AppendFigure> measure_append(const LogBenchmarkOptions& options);

/// Bytes of the log in `directory` checked in a second of one processor's time, reading included; the limit computes
/// the same hashes of the same pieces, which are in memory, and nothing else.
[[nodiscard]] Result<Figure> measure_verify(const LogBenchmarkOptions& options);

}  // namespace symphainy::bench
