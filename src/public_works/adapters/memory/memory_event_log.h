// SPDX-License-Identifier: Apache-2.0
// The log in memory, for tests and simulation: batches are sealed with both chains and "durable" as soon as they are
// appended. It can be told to fail, and then behaves like a log whose disk did.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/random.h"

namespace symphainy::public_works {

/// What outlives an opening: hand it to the next MemoryEventLog to open the same log again.
struct MemoryLogContents {
  LogIdentity identity;
  base::LogChain chain;
  std::vector<std::shared_ptr<const base::LogBatch>> batches;
};

class MemoryEventLog final : public EventLog {
 public:
  MemoryEventLog(Clock& clock, Random& random, std::shared_ptr<MemoryLogContents> contents);
  ~MemoryEventLog() override;

  /// The next append, and every later one, is lost and reported as a failed sync.
  void fail_from_now_on();

  void start(EventLogListener& listener) override;
  [[nodiscard]] Result<AppendReceipt> append(std::vector<base::RecordDraft> drafts) override;
  [[nodiscard]] Result<void> read_batches(std::uint64_t from,
                                          const std::function<bool(const base::LogBatch&)>& visit) const override;
  [[nodiscard]] std::uint64_t durable_position() const override;
  [[nodiscard]] LogIdentity identity() const override { return contents_->identity; }
  [[nodiscard]] const LogRecovery& recovery() const override { return recovery_; }
  Result<void> close() override;

 private:
  Clock& clock_;
  Random& random_;
  const std::shared_ptr<MemoryLogContents> contents_;
  LogRecovery recovery_;
  base::RecordStamper stamper_;
  EventLogListener* listener_ = nullptr;

  mutable std::mutex mutex_;  // guards contents_ and the next two
  bool failing_ = false;
  std::optional<Error> stopped_;
};

}  // namespace symphainy::public_works
