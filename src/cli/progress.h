// SPDX-License-Identifier: Apache-2.0
// How far a run is, on stderr, when that is a terminal and for nobody else.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace symphainy::cli {

struct ProgressCounts {
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;  ///< or refused
  std::uint64_t bytes_taken = 0;
  std::optional<std::uint64_t> total_bytes;
};

class Progress {
 public:
  Progress();

  /// Draws at most ten times a second.
  void update(const ProgressCounts& counts);
  /// Replaces the bar by one line that sums up.
  void finish(const ProgressCounts& counts);
  [[nodiscard]] bool visible() const noexcept { return terminal_; }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] double seconds() const;

  bool terminal_;
  Clock::time_point started_;
  Clock::time_point drawn_;
};

}  // namespace symphainy::cli
