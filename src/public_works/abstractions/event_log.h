// SPDX-License-Identifier: Apache-2.0
// The log: batches of records, appended by one thread, durable in order, readable for ever.
//
// Appending assigns positions at once and returns; the listener hears, in order, when batches are durable. Many batches
// may share one sync (group commit). After a failed write or sync nothing is known about the batches under way: the log
// is stopped, the listener hears so once, and only opening it again settles what is there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "base/log_record.h"

namespace symphainy::public_works {

/// Called from the log's own thread, one call at a time; must not block for long.
class EventLogListener {
 public:
  virtual ~EventLogListener() = default;
  /// The batches of one group, in order, each durable. Shared, because several folds read them.
  virtual void on_durable(std::vector<std::shared_ptr<const base::LogBatch>> group) = 0;
  /// Called at most once. Batches appended and not yet reported durable are unknown.
  virtual void on_stopped(const Error& error) = 0;
};

struct LogIdentity {
  base::Uuid store;
  base::Uuid timeline;
};

/// What opening found and did.
struct LogRecovery {
  std::uint64_t last_position = 0;
  std::uint64_t last_epoch = 0;     ///< highest partition epoch in any record
  std::uint64_t cut_bytes = 0;      ///< length of the torn tail, up to its last byte that is not zero
  std::uint64_t head_position = 0;  ///< the durable head as found
};

/// The reason of the error (not_found) that answers whoever asks for what was retired from the log's beginning. Its
/// details have `first_position`.
inline constexpr const char* kHistoryRetired = "history_retired";

struct AppendReceipt {
  std::uint64_t first_position = 0;
  std::uint64_t last_position = 0;
  std::int64_t time_us = 0;  ///< of the last record; those before it in the batch are one microsecond apart
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  /// Starts delivering to the listener. Called once, before the first append.
  virtual void start(EventLogListener& listener) = 0;
  /// One atomic batch. Called by one thread. `stopped` once the log has stopped.
  [[nodiscard]] virtual Result<AppendReceipt> append(std::vector<base::RecordDraft> drafts) = 0;
  /// Visits durable batches in order, from the one that holds `from`, until `visit` returns false. Any thread.
  /// not_found with reason kHistoryRetired when `from` (0 is as 1) is before first_position().
  [[nodiscard]] virtual Result<void> read_batches(std::uint64_t from,
                                                  const std::function<bool(const base::LogBatch&)>& visit) const = 0;
  /// Visits the durable ones of the batches that hold these positions (ascending, one in each batch), until `visit`
  /// returns false. As read_batches() else; one passage, where that would look for each.
  [[nodiscard]] virtual Result<void> read_batches_at(std::span<const std::uint64_t> positions,
                                                     const std::function<bool(const base::LogBatch&)>& visit) const {
    bool goes_on = true;
    for (const std::uint64_t position : positions) {
      const auto read = read_batches(position, [&](const base::LogBatch& batch) {
        goes_on = visit(batch);
        return false;
      });
      if (!read || !goes_on) return read;
    }
    return {};
  }
  [[nodiscard]] virtual std::uint64_t durable_position() const = 0;
  /// Where it begins: later than 1 when what was before is retired. It may move on at any time.
  [[nodiscard]] virtual std::uint64_t first_position() const { return 1; }
  /// The payload of the last StoreRestored record before first_position(); empty when there was none.
  [[nodiscard]] virtual std::string restored_before() const { return {}; }
  [[nodiscard]] virtual LogIdentity identity() const = 0;
  /// An error (`unavailable`) while there is only room for ending what has begun: nothing new should be begun. It goes
  /// away by itself when there is room again. Any thread.
  [[nodiscard]] virtual Result<void> room() const { return {}; }
  /// Somebody wants to end: when there is no room even for what has begun, the log stops instead of waiting for it. Any
  /// thread.
  virtual void end_waiting_for_room() {}
  [[nodiscard]] virtual const LogRecovery& recovery() const = 0;
  /// Waits for what was appended, records the durable head, and stops. Idempotent; the destructor does the same.
  virtual Result<void> close() = 0;
};

}  // namespace symphainy::public_works
