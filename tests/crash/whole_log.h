// SPDX-License-Identifier: Apache-2.0
// A log from position 1 on, for the checkers: what was retired of it is read from its archive, all of it, and held to
// what the log knows of its beginning. So the archive is judged like the log.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/abstractions/random.h"

namespace symphainy::tests {

class WholeLog final : public public_works::EventLog {
 public:
  /// Read only. corrupt when the archive does not lead to where the log begins. The first three outlive it.
  [[nodiscard]] static Result<std::unique_ptr<WholeLog>> open(public_works::FileSystem& files,
                                                              public_works::Clock& clock, public_works::Random& random,
                                                              const std::string& wal, const std::string& archive);

  [[nodiscard]] std::size_t retired_segments() const { return retired_segments_; }

  void start(public_works::EventLogListener& listener) override { rest_->start(listener); }
  [[nodiscard]] Result<public_works::AppendReceipt> append(std::vector<base::RecordDraft> drafts) override {
    return rest_->append(std::move(drafts));
  }
  [[nodiscard]] Result<void> read_batches(std::uint64_t from,
                                          const std::function<bool(const base::LogBatch&)>& visit) const override;
  [[nodiscard]] std::uint64_t durable_position() const override { return rest_->durable_position(); }
  [[nodiscard]] public_works::LogIdentity identity() const override { return rest_->identity(); }
  [[nodiscard]] const public_works::LogRecovery& recovery() const override { return rest_->recovery(); }
  Result<void> close() override { return rest_->close(); }

 private:
  WholeLog() = default;
  [[nodiscard]] Result<void> read_retired(public_works::FileSystem& files, const std::string& wal,
                                          const std::string& archive);

  std::unique_ptr<EventLog> rest_;
  std::vector<base::LogBatch> retired_;
  std::size_t retired_segments_ = 0;
};

}  // namespace symphainy::tests
