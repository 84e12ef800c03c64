// SPDX-License-Identifier: Apache-2.0
// Measures executions per second through the whole runtime, beside what the same bytes, syncs and rows cost without it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "symphainy/error.h"

namespace symphainy::app {

struct BenchmarkOptions {
  std::string data_directory;  ///< must be empty or absent
  std::size_t in_flight = 64;
  double seconds = 5;
  std::function<bool()> stopped;  ///< asked now and then; may be empty
  std::size_t executions = 0;     ///< so many instead of so many seconds; 0: by time
  /// Submitted in a second, however many are in flight then; latencies count from when each was due, so that a stall
  /// is felt by all that it held up. 0: as fast as `in_flight` allows.
  double rate = 0;
  std::size_t steps = 0;    ///< durable steps that each execution takes, one after the other
  bool saga = false;        ///< each of these can be undone, and is: the last one fails
  bool random_ids = false;  ///< intent ids and idempotency keys in no order; else ids by time and no keys
};

/// Two synced commits per execution, or one more than it has steps (two more, and one for each that is undone, in a
/// saga); the handler adds a 200-byte artifact, a reference
/// with one provenance edge, an event.
/// {"in_flight", "executions", "throughput" (executions/s, projections drained), "p50_us", "p99_us",
/// "p999_us", "device_bytes_per_execution" (by the device that holds the directory, for everybody; 0: unknown), "limit"
/// (executions/s), "ratio", "fdatasync_us" (p50 of a raw one), "log_bytes_per_execution", "batches_per_group" (that one
/// sync of the log makes durable, on average), "millions" (executions/s in each million of them), "peak_rss_mib" (of
/// this process, up to the end of the executions)}. cancelled when it was stopped.
[[nodiscard]] Result<Json> run_benchmark(const BenchmarkOptions& options);

/// What to push through the limit: the shape of what the runtime has just written.
struct LimitOptions {
  std::string directory;  ///< created, and removed at the end
  double seconds = 3;
  double log_bytes_per_execution = 2'000;
  double batches_per_group = 64;  ///< two batches are an execution
  std::function<bool()> stopped;
};

struct Limit {
  double executions_per_second = 0;
  double fdatasync_p50_us = 0;
};

/// One thread hashes, writes and syncs group after group; another folds the same rows into the same tables. No code of
/// the runtime takes part.
[[nodiscard]] Result<Limit> measure_limit(const LimitOptions& options);

}  // namespace symphainy::app
