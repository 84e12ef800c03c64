// SPDX-License-Identifier: Apache-2.0
#include "runtime/state_surface.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/try.h"

namespace symphainy::runtime {
namespace {

// Large transactions make the fold fast; this bounds their memory.
constexpr std::size_t kMaxRecordsPerTransaction = 16'384;
constexpr std::size_t kMaxBytesPerTransaction = 16 * 1024 * 1024;
// Of a log that is caught up with; each of at most the size above.
constexpr std::size_t kMaxTransactionsBehind = 4;
constexpr std::int64_t kRetryUs = 250'000;
constexpr std::int64_t kPatienceUs = 60'000'000;
// So many batches are worth a transaction, however little time has passed.
constexpr std::size_t kBatchesWorthATransaction = 2'048;

}  // namespace

Result<void> fold_log(const public_works::EventLog& log, public_works::StateStore& store, std::uint64_t until) {
  TRY(const std::uint64_t reached, store.position());
  if (reached > log.durable_position()) {
    return fail(
        ErrorCode::corrupt,
        fmt::format("the projections have reached position {}, but the log ends at {}: they belong to another "
                    "log, or the log was cut. If the log was restored on purpose, delete state.db and open again",
                    reached, log.durable_position()),
        "projection_ahead");
  }
  TRY(auto live, store.live_executions());
  Projection projection(std::move(live));
  Result<void> outcome;
  const auto flush = [&]() -> Result<void> { return store.apply(projection.take()); };
  TRY(log.read_batches(reached + 1, [&](const base::LogBatch& records) {
    if (records.first_position() > until) return false;
    for (const base::LogRecord& record : records.records) {
      if (outcome) outcome = projection.fold(record, records.first_position());
    }
    const bool full =
        projection.records() >= kMaxRecordsPerTransaction || projection.bytes() >= kMaxBytesPerTransaction;
    if (outcome && full) outcome = flush();
    return outcome.has_value();
  }));
  TRY(std::move(outcome));
  if (projection.records() > 0) TRY(flush());
  return {};
}

Result<std::unique_ptr<StateSurface>> StateSurface::open(public_works::StateStore& store,
                                                         public_works::Executor& fold_executor, OnFolded on_folded,
                                                         FoldLinger linger) {
  TRY(auto live, store.live_executions());
  TRY(const std::uint64_t position, store.position());
  return std::unique_ptr<StateSurface>(
      new StateSurface(store, fold_executor, std::move(on_folded), linger, std::move(live), position));
}

StateSurface::StateSurface(public_works::StateStore& store, public_works::Executor& fold_executor, OnFolded on_folded,
                           FoldLinger linger, std::vector<public_works::ExecutionRow> live, std::uint64_t position)
    : store_(store),
      fold_executor_(fold_executor),
      on_folded_(std::move(on_folded)),
      linger_(linger),
      projection_(std::move(live)),
      folded_(position) {}

StateSurface::~StateSurface() = default;

Result<void> StateSurface::catch_up(const public_works::EventLog& log,
                                    const std::function<void(const public_works::StateChanges&)>& seen) {
  std::size_t told = 0;  // of unapplied_
  const auto tell = [&]() -> Result<void> {
    while (told < unapplied_.size()) seen(unapplied_[told++]);
    for (; unapplied_.size() > kMaxTransactionsBehind; --told) {
      TRY(store_.apply(unapplied_.front()));
      folded_ = unapplied_.front().position;
      unapplied_.pop_front();
    }
    return {};
  };
  Result<void> outcome;
  TRY(log.read_batches(folded_ + 1, [&](const base::LogBatch& batch) {
    outcome = project(batch);
    if (outcome) outcome = tell();
    return outcome.has_value();
  }));
  TRY(std::move(outcome));
  if (projection_.records() > 0) unapplied_.push_back(projection_.take());
  TRY(tell());
  if (unapplied_.empty()) return {};
  scheduled_ = true;  // nobody else looks at it yet
  fold_executor_.post([this] { fold_waiting(); });
  return {};
}

void StateSurface::close() {
  fold_executor_.post([this] { open_.reset(); });
}

void StateSurface::hand_over(const DurableBatches& batches) {
  std::unique_lock lock(mutex_);
  if (failed_) return;
  waiting_.insert(waiting_.end(), batches.begin(), batches.end());
  if (!waiting_.empty()) fold_soon(std::move(lock));
}

// At once when somebody waits or there is enough to fold, else when the linger is over.
void StateSurface::fold_soon(std::unique_lock<std::mutex> lock) {
  const bool at_once =
      linger_.clock == nullptr || wanted_ > folded_.load() || waiting_.size() >= kBatchesWorthATransaction;
  if (scheduled_ || (timer_set_ && !at_once)) return;
  (at_once ? scheduled_ : timer_set_) = true;
  lock.unlock();
  if (at_once) return fold_executor_.post([this] { fold_waiting(); });
  fold_executor_.post_at(linger_.clock->steady_us() + linger_.duration_us, [this, open = std::weak_ptr(open_)] {
    if (!open.expired()) fold_waiting();
  });
}

void StateSurface::fold_waiting() {
  DurableBatches batches;
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    batches.swap(waiting_);
  }
  Result<void> folded = project(batches);
  if (folded) folded = apply();
  if (!folded && folded.error().code == ErrorCode::unavailable && linger_.clock != nullptr) {
    const std::int64_t now_us = linger_.clock->steady_us();
    if (failing_since_us_ == 0) failing_since_us_ = now_us;
    const bool patient = now_us - failing_since_us_ < kPatienceUs;
    if (patient || folded.error().reason == "no_space") {
      if (!patient) tell_waiters(folded.error());
      return retry_later();
    }
  }
  if (!folded) return fail_for_good(folded.error());
  failing_since_us_ = 0;
  std::unique_lock lock(mutex_);
  no_space_.reset();
  scheduled_ = timer_set_ = false;
  if (!waiting_.empty()) fold_soon(std::move(lock));  // what came meanwhile gathers again
}

Result<void> StateSurface::project(const DurableBatches& batches) {
  for (const auto& batch : batches) TRY(project(*batch));
  if (projection_.records() > 0) unapplied_.push_back(projection_.take());
  return {};
}

Result<void> StateSurface::project(const base::LogBatch& batch) {
  for (const base::LogRecord& record : batch.records) TRY(projection_.fold(record, batch.first_position()));
  const bool full =
      projection_.records() >= kMaxRecordsPerTransaction || projection_.bytes() >= kMaxBytesPerTransaction;
  if (full) unapplied_.push_back(projection_.take());
  return {};
}

Result<void> StateSurface::apply() {
  while (!unapplied_.empty()) {
    TRY(store_.apply(unapplied_.front()));
    {
      const std::lock_guard lock(mutex_);
      folded_ = unapplied_.front().position;
    }
    unapplied_.pop_front();
    changed_.notify_all();
    on_folded_(folded_.load());
  }
  return {};
}

// Everybody else leaves it to the timer: `scheduled_` stays set.
void StateSurface::retry_later() {
  {
    const std::lock_guard lock(mutex_);
    scheduled_ = true;
  }
  fold_executor_.post_at(linger_.clock->steady_us() + kRetryUs, [this, open = std::weak_ptr(open_)] {
    if (!open.expired()) fold_waiting();
  });
}

// A disk that stays full is waited for as long as it takes, but not by those who want an answer.
void StateSurface::tell_waiters(const Error& error) {
  const std::lock_guard lock(mutex_);
  no_space_ = error;
  changed_.notify_all();
}

void StateSurface::fail_for_good(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    failed_ = error;
    waiting_.clear();
  }
  unapplied_.clear();
  changed_.notify_all();
  on_folded_(std::unexpected(error));
}

Result<void> StateSurface::wait_until(std::uint64_t position) {
  if (folded_ >= position) return {};
  std::unique_lock lock(mutex_);
  wanted_ = std::max(wanted_, position);
  if (!waiting_.empty() && !failed_) {
    fold_soon(std::move(lock));
    lock = std::unique_lock(mutex_);
  }
  public_works::wait_for_work(fold_executor_, lock, changed_,
                              [&] { return folded_ >= position || failed_ || no_space_; });
  if (folded_ >= position) return {};
  return std::unexpected(failed_ ? *failed_ : *no_space_);
}

}  // namespace symphainy::runtime
