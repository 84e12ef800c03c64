// SPDX-License-Identifier: Apache-2.0
#include "runtime/write_ahead_log.h"

#include <iterator>
#include <utility>

#include "base/try.h"

namespace symphainy::runtime {

Error outcome_unknown(const Error& cause) {
  return Error{ErrorCode::unknown,
               "the log stopped while this was being written, so it may or may not be recorded; retry with the same "
               "idempotency key after the runtime was opened again (" +
                   cause.message + ")",
               "outcome_unknown",
               {}};
}

base::RecordDraft draft_record(RecordType type, std::string tenant, std::string payload, const base::Uuid& execution,
                               std::uint32_t attempt) {
  base::RecordDraft draft;
  draft.tenant = std::move(tenant);
  draft.type = static_cast<std::uint16_t>(type);
  draft.flags = base::kMustUnderstand;
  draft.execution = execution;
  draft.attempt = attempt;
  draft.payload = std::move(payload);
  return draft;
}

WriteAheadLog::WriteAheadLog(public_works::EventLog& log, public_works::Executor& partition, std::uint64_t epoch,
                             std::function<void(const DurableBatches&)> on_batches,
                             std::function<void(const Error&)> on_stop)
    : log_(log),
      partition_(partition),
      epoch_(epoch),
      on_batches_(std::move(on_batches)),
      on_stop_(std::move(on_stop)),
      durable_(log.durable_position()) {}

Result<public_works::AppendReceipt> WriteAheadLog::append(std::vector<base::RecordDraft> drafts) {
  if (stopped_) return fail(ErrorCode::stopped, "the runtime has stopped: " + stopped_->message);
  for (base::RecordDraft& draft : drafts) draft.partition_epoch = epoch_;
  return log_.append(std::move(drafts));
}

bool WriteAheadLog::Durable::await_ready() const noexcept {
  return log_.durable_ >= position_ || log_.stopped_;
}

void WriteAheadLog::Durable::await_suspend(std::coroutine_handle<> waiting) {
  auto& waiters = log_.waiters_;
  auto behind = waiters.end();
  while (behind != waiters.begin() && std::prev(behind)->position > position_) --behind;
  waiters.insert(behind, {position_, waiting});
}

Result<void> WriteAheadLog::Durable::await_resume() const {
  if (log_.durable_ >= position_) return {};
  return std::unexpected(outcome_unknown(*log_.stopped_));
}

void WriteAheadLog::on_durable(DurableBatches group) {
  on_batches_(group);
  partition_.post([this, position = group.back()->last_position()] { resume_up_to(position); });
}

void WriteAheadLog::on_stopped(const Error& error) {
  partition_.post([this, error] {
    stopped_ = error;
    resume_up_to(durable_);
    while (!waiters_.empty()) {
      const Waiter waiter = waiters_.front();
      waiters_.pop_front();
      waiter.handle.resume();
    }
    if (on_stop_) on_stop_(error);
  });
}

void WriteAheadLog::resume_up_to(std::uint64_t position) {
  durable_ = std::max(durable_, position);
  while (!waiters_.empty() && waiters_.front().position <= durable_) {
    const Waiter waiter = waiters_.front();
    waiters_.pop_front();
    waiter.handle.resume();
  }
}

}  // namespace symphainy::runtime
