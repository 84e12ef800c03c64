// SPDX-License-Identifier: Apache-2.0
// The fold: records in, rows out. It is a function of the records alone (no clock, no look-ups), so the projections can
// be dropped and rebuilt, and rebuilding gives the same rows.
#pragma once

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/log_record.h"
#include "public_works/abstractions/state_store.h"

namespace symphainy::runtime {

class Payload;

/// Fold side; used by one thread.
class Projection {
 public:
  /// `live`: the executions that had not ended at the position from which folding goes on.
  explicit Projection(std::vector<public_works::ExecutionRow> live);

  /// Folds one record into the changes being collected. corrupt: its payload is not what its type says, or it is
  /// refused (reasons unknown_record_type, unknown_feature_level: a newer release is needed; stale_attempt: a later
  /// attempt was granted before it).
  [[nodiscard]] Result<void> fold(const base::LogRecord& record, std::uint64_t batch_first_position);
  /// The changes since the last call. Executions that have not ended are among them when they changed.
  [[nodiscard]] public_works::StateChanges take();
  [[nodiscard]] std::size_t records() const noexcept { return records_; }
  /// Of the payloads folded since the last call of take().
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  using Row = public_works::ExecutionRow;
  Row& live(const base::LogRecord& record, std::uint64_t batch_first_position);
  void end(const base::LogRecord& record, std::string status);
  Result<void> check_known(const base::LogRecord& record) const;
  Result<void> check_attempt(const base::LogRecord& record) const;
  std::string release_needed() const;
  void count_session(const Row& row);

  Result<void> fold_opening(const base::LogRecord& record, const Json& payload);
  Result<void> fold_payload(const base::LogRecord& record, const Json& payload, std::uint64_t batch);
  Result<void> fold_waiting(const base::LogRecord& record, Payload& members, std::uint64_t batch, const char* status);
  Result<void> fold_accepted(const base::LogRecord& record, const Json& payload, std::uint64_t batch);
  Result<void> fold_rejected(const base::LogRecord& record, const Json& payload, std::uint64_t batch);
  Result<void> fold_references(const base::LogRecord& record, const Json& payload);
  Result<void> fold_provenance(const base::LogRecord& record, const Json& payload);
  Result<void> fold_state(const base::LogRecord& record, const Json& payload);
  Result<void> fold_events(const base::LogRecord& record, const Json& payload);
  Result<void> fold_registration(const base::LogRecord& record, const Json& payload);

  std::unordered_map<base::Uuid, Row, base::UuidHash> live_;  // by execution
  std::unordered_set<base::Uuid, base::UuidHash> touched_;    // those of live_ changed since take()
  std::unordered_map<std::string, std::size_t> sessions_;     // tenant and session → index in changes_.sessions
  public_works::StateChanges changes_;
  std::string release_;  // that opened the store last, as far as was folded here
  std::size_t records_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace symphainy::runtime
