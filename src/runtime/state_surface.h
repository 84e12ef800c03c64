// SPDX-License-Identifier: Apache-2.0
// The State Surface: folds the durable log into the state store on a thread of its own, and lets readers wait until it
// has got as far as they need (read your writes). It may lag, never lie: every answer belongs to a position.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/executor.h"
#include "public_works/abstractions/state_store.h"
#include "runtime/projection.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {

/// Folds everything from the store's position to the log's end, or to the end of the batch that holds `until`. For
/// opening, and for readers of a store without an owner.
[[nodiscard]] Result<void> fold_log(const public_works::EventLog& log, public_works::StateStore& store,
                                    std::uint64_t until = UINT64_MAX);

/// How long batches may gather before they are folded, so that one transaction takes many: its cost hardly depends on
/// how many (measured: 20 ms instead of none raise 26,600 executions/s to 29,400). Nobody who waits for them waits so
/// long.
struct FoldLinger {
  public_works::Clock* clock = nullptr;  ///< the fold executor's; nullptr: they are folded at once
  std::int64_t duration_us = 0;
};

class StateSurface {
 public:
  /// Called on the fold's executor: after each transaction with the position reached, or once with the error that ended
  /// folding (then the log goes on, but nothing new can be shown until the store is opened again). A store that is only
  /// unavailable is asked again for a minute before that, and one without space for as long as it takes, when there is
  /// a clock to wait by.
  using OnFolded = std::function<void(Result<std::uint64_t>)>;
  /// When the log goes on behind the store's position, catch_up() comes before anything is handed over.
  [[nodiscard]] static Result<std::unique_ptr<StateSurface>> open(public_works::StateStore& store,
                                                                  public_works::Executor& fold_executor,
                                                                  OnFolded on_folded, FoldLinger linger = {});
  ~StateSurface();
  /// Projects what the log holds beyond the store's position and folds it behind, on the fold's executor; `seen` gets
  /// it first, piece by piece, in order. When it is more than a few transactions, the first are made here, which bounds
  /// memory.
  [[nodiscard]] Result<void> catch_up(const public_works::EventLog& log,
                                      const std::function<void(const public_works::StateChanges&)>& seen);
  /// From now on what the fold's timers find is void. The surface may be destroyed once the fold's executor has got
  /// here.
  void close();

  /// Any thread (the log's): batches in log order.
  void hand_over(const DurableBatches& batches);
  /// Blocks until everything up to the position is folded; the fold's error when it has failed.
  [[nodiscard]] Result<void> wait_until(std::uint64_t position);

  [[nodiscard]] std::uint64_t folded() const noexcept { return folded_.load(); }
  [[nodiscard]] public_works::StateStore& store() noexcept { return store_; }

 private:
  StateSurface(public_works::StateStore& store, public_works::Executor& fold_executor, OnFolded on_folded,
               FoldLinger linger, std::vector<public_works::ExecutionRow> live, std::uint64_t position);
  void fold_soon(std::unique_lock<std::mutex> lock);
  void fold_waiting();
  [[nodiscard]] Result<void> project(const DurableBatches& batches);
  [[nodiscard]] Result<void> project(const base::LogBatch& batch);
  [[nodiscard]] Result<void> apply();
  void retry_later();
  void tell_waiters(const Error& error);
  void fail_for_good(const Error& error);

  public_works::StateStore& store_;
  public_works::Executor& fold_executor_;
  const OnFolded on_folded_;
  const FoldLinger linger_;
  Projection projection_;                                      // the fold executor's, like the next three
  std::deque<public_works::StateChanges> unapplied_;           // projected, not in the store yet
  std::int64_t failing_since_us_ = 0;                          // 0: the last transaction went well
  std::shared_ptr<bool> open_ = std::make_shared<bool>(true);  // reset on the fold's executor

  std::mutex mutex_;
  std::condition_variable changed_;
  DurableBatches waiting_;    // guarded by mutex_, like the next five
  std::uint64_t wanted_ = 0;  // the furthest position that anybody waits for
  bool scheduled_ = false;
  bool timer_set_ = false;
  std::optional<Error> failed_;
  std::optional<Error> no_space_;  // for a while by now
  std::atomic<std::uint64_t> folded_;
};

}  // namespace symphainy::runtime
