// SPDX-License-Identifier: Apache-2.0
#include "fold_benchmark.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <string>

#include "base/digest.h"
#include "base/ids.h"
#include "base/try.h"
#include "execution_rows.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"

namespace symphainy::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using public_works::SqliteStateStore;
using public_works::StateChanges;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// What was handed to write(), whenever it reaches the device: the same on a busy machine.
double written_bytes() {
  std::ifstream counts("/proc/self/io");
  std::string name;
  double value = 0;
  while (counts >> name >> value) {
    if (name == "wchar:") return value;
  }
  return 0;
}

double processor_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

/// Executions `first` to `last`.
StateChanges stretch(std::uint64_t first, std::uint64_t last, const std::string& source) {
  StateChanges changes;
  for (std::uint64_t number = first; number <= last; ++number) {
    add_rows(changes, number, source);
    const std::string digits = base::sha256(std::to_string(number)).hex();
    changes.executions.back().intent_id = digits.substr(0, 32);
    changes.executions.back().idempotency_key = digits.substr(32);
  }
  return changes;
}

Result<void> ask_for_all(SqliteStateStore& store, const StateChanges& changes) {
  for (const auto& row : changes.executions) {
    TRY(const auto by_key, store.execution_by_key(row.tenant, *row.idempotency_key));
    TRY(const auto by_intent, store.execution_by_intent(row.tenant, row.intent_id));
    if (by_key || by_intent) return fail(ErrorCode::internal, "what was never folded was found: " + row.intent_id);
  }
  return {};
}

}  // namespace

Result<void> measure_fold(const FoldBenchmarkOptions& options, const std::function<void(const FoldFigure&)>& tell) {
  public_works::PosixFileSystem files;
  TRY(files.create_directories(options.directory));
  TRY(const auto store, SqliteStateStore::open(options.directory + "/state.db", SqliteStateStore::Mode::read_write, {},
                                               {.keys_per_generation = options.keys_per_generation}));
  const std::string source = base::fresh_uuid_v7().text();
  for (std::uint64_t folded = 0; folded < options.executions;) {
    const std::uint64_t before = folded;
    const std::uint64_t end = std::min<std::uint64_t>(folded + options.executions_per_figure, options.executions);
    double asking = 0;
    double folding = 0;
    double processing = 0;
    double slowest = 0;
    const double written_before = written_bytes();
    while (folded < end) {
      const std::uint64_t last = std::min<std::uint64_t>(folded + options.executions_per_transaction, end);
      const StateChanges changes = stretch(folded + 1, last, source);
      auto start = SteadyClock::now();
      TRY(ask_for_all(*store, changes));
      asking += seconds_since(start);
      start = SteadyClock::now();
      const double processor_before = processor_seconds();
      TRY(store->apply(changes));
      const double took = seconds_since(start);
      folding += took;
      slowest = std::max(slowest, took);
      processing += processor_seconds() - processor_before;
      folded = last;
    }
    const auto count = static_cast<double>(end - before);
    tell({count / folding, processing / count * 1e6, (written_bytes() - written_before) / count, slowest * 1e3,
          asking / (2 * count) * 1e6});
  }
  return {};
}

}  // namespace symphainy::bench
