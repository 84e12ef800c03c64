// SPDX-License-Identifier: Apache-2.0
#include "runtime/state_surface.h"

#include <fmt/format.h>

#include "base/try.h"

namespace symphainy::runtime {
namespace {

// Large transactions make the fold fast; this bounds their memory.
constexpr std::size_t kMaxRecordsPerTransaction = 65'536;

}  // namespace

Result<void> fold_log(const public_works::EventLog& log, public_works::StateStore& store) {
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
    for (const base::LogRecord& record : records.records) {
      if (outcome) outcome = projection.fold(record, records.first_position());
    }
    if (outcome && projection.records() >= kMaxRecordsPerTransaction) outcome = flush();
    return outcome.has_value();
  }));
  TRY(std::move(outcome));
  if (projection.records() > 0) TRY(flush());
  return {};
}

Result<std::unique_ptr<StateSurface>> StateSurface::open(public_works::StateStore& store,
                                                         public_works::Executor& fold_executor, OnFolded on_folded) {
  TRY(auto live, store.live_executions());
  TRY(const std::uint64_t position, store.position());
  return std::unique_ptr<StateSurface>(
      new StateSurface(store, fold_executor, std::move(on_folded), std::move(live), position));
}

StateSurface::StateSurface(public_works::StateStore& store, public_works::Executor& fold_executor, OnFolded on_folded,
                           std::vector<public_works::ExecutionRow> live, std::uint64_t position)
    : store_(store),
      fold_executor_(fold_executor),
      on_folded_(std::move(on_folded)),
      projection_(std::move(live)),
      folded_(position) {}

void StateSurface::hand_over(const DurableBatches& batches) {
  bool schedule = false;
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    waiting_.insert(waiting_.end(), batches.begin(), batches.end());
    schedule = !std::exchange(scheduled_, true);
  }
  if (schedule) fold_executor_.post([this] { fold_waiting(); });
}

void StateSurface::fold_waiting() {
  while (true) {
    DurableBatches batches;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty() || failed_) {
        scheduled_ = false;
        return;
      }
      batches.swap(waiting_);
    }
    const auto folded = fold(batches);
    if (folded) continue;
    {
      const std::lock_guard lock(mutex_);
      failed_ = folded.error();
      waiting_.clear();
    }
    changed_.notify_all();
    on_folded_(std::unexpected(folded.error()));
  }
}

Result<void> StateSurface::fold(const DurableBatches& batches) {
  for (auto batch = batches.begin(); batch != batches.end(); ++batch) {
    for (const base::LogRecord& record : (*batch)->records) {
      TRY(projection_.fold(record, (*batch)->first_position()));
    }
    if (projection_.records() < kMaxRecordsPerTransaction && std::next(batch) != batches.end()) continue;
    TRY(store_.apply(projection_.take()));
    {
      const std::lock_guard lock(mutex_);
      folded_ = (*batch)->last_position();
    }
    changed_.notify_all();
    on_folded_(folded_.load());
  }
  return {};
}

Result<void> StateSurface::wait_until(std::uint64_t position) {
  if (folded_ >= position) return {};
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return folded_ >= position || failed_; });
  if (folded_ >= position) return {};
  return std::unexpected(*failed_);
}

}  // namespace symphainy::runtime
