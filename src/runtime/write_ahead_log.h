// SPDX-License-Identifier: Apache-2.0
// The write-ahead log as the lifecycle uses it: append a batch, wait until it is durable, go on. Every record carries
// the partition's epoch, so that nothing written by an earlier opening can be mistaken for ours.
//
// Used on the partition's executor, except on_durable and on_stopped, which the event log calls.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log_record.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/executor.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {

using DurableBatches = std::vector<std::shared_ptr<const base::LogBatch>>;

/// A record of an execution, or (nil execution) of the store.
[[nodiscard]] base::RecordDraft draft_record(RecordType type, std::string tenant, std::string payload,
                                             const base::Uuid& execution = {}, std::uint32_t attempt = 0);

/// The answer to whoever depends on what was being written when the log stopped.
[[nodiscard]] Error outcome_unknown(const Error& cause);

class WriteAheadLog final : public public_works::EventLogListener {
 public:
  /// `on_batches` is called on the log's thread with every durable group, before anybody who waits for it goes on;
  /// `on_stop` once on the partition's executor, when the log has stopped.
  WriteAheadLog(public_works::EventLog& log, public_works::Executor& partition, std::uint64_t epoch,
                std::function<void(const DurableBatches&)> on_batches, std::function<void(const Error&)> on_stop = {});

  [[nodiscard]] Result<public_works::AppendReceipt> append(std::vector<base::RecordDraft> drafts);

  class [[nodiscard]] Durable {
   public:
    Durable(WriteAheadLog& log, std::uint64_t position) noexcept : log_(log), position_(position) {}
    [[nodiscard]] bool await_ready() const noexcept;
    void await_suspend(std::coroutine_handle<> waiting);
    /// `unknown` when the log stopped before it could say that the position is durable.
    [[nodiscard]] Result<void> await_resume() const;

   private:
    WriteAheadLog& log_;
    std::uint64_t position_;
  };
  /// co_await durable(receipt.last_position): acknowledged means durable.
  Durable durable(std::uint64_t position) noexcept { return {*this, position}; }

  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  /// See EventLog::room().
  [[nodiscard]] Result<void> room() const { return log_.room(); }
  [[nodiscard]] const std::optional<Error>& stopped() const noexcept { return stopped_; }
  [[nodiscard]] public_works::EventLog& log() noexcept { return log_; }

  void on_durable(DurableBatches group) override;
  void on_stopped(const Error& error) override;

 private:
  struct Waiter {
    std::uint64_t position;
    std::coroutine_handle<> handle;
  };
  void resume_up_to(std::uint64_t position);

  public_works::EventLog& log_;
  public_works::Executor& partition_;
  const std::uint64_t epoch_;
  const std::function<void(const DurableBatches&)> on_batches_;
  const std::function<void(const Error&)> on_stop_;
  std::uint64_t durable_ = 0;
  std::optional<Error> stopped_;
  std::deque<Waiter> waiters_;  // ascending positions; most wait right after they appended, those who drain may not
};

}  // namespace symphainy::runtime
