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

#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/executor.h"
#include "public_works/abstractions/state_store.h"
#include "runtime/projection.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {

/// Folds everything from the store's position to the log's end. For opening, and for readers of a store without an
/// owner.
[[nodiscard]] Result<void> fold_log(const public_works::EventLog& log, public_works::StateStore& store);

class StateSurface {
 public:
  /// Called on the fold's executor: after each transaction with the position reached, or once with the error that ended
  /// folding (then the log goes on, but nothing new can be shown until the store is opened again).
  using OnFolded = std::function<void(Result<std::uint64_t>)>;
  /// The store must be folded up to the log's end (fold_log) before anything is handed over.
  [[nodiscard]] static Result<std::unique_ptr<StateSurface>> open(public_works::StateStore& store,
                                                                  public_works::Executor& fold_executor,
                                                                  OnFolded on_folded);

  /// Any thread (the log's): batches in log order.
  void hand_over(const DurableBatches& batches);
  /// Blocks until everything up to the position is folded; the fold's error when it has failed.
  [[nodiscard]] Result<void> wait_until(std::uint64_t position);

  [[nodiscard]] std::uint64_t folded() const noexcept { return folded_.load(); }
  [[nodiscard]] public_works::StateStore& store() noexcept { return store_; }

 private:
  StateSurface(public_works::StateStore& store, public_works::Executor& fold_executor, OnFolded on_folded,
               std::vector<public_works::ExecutionRow> live, std::uint64_t position);
  void fold_waiting();
  [[nodiscard]] Result<void> fold(const DurableBatches& batches);

  public_works::StateStore& store_;
  public_works::Executor& fold_executor_;
  const OnFolded on_folded_;
  Projection projection_;  // the fold executor's

  std::mutex mutex_;
  std::condition_variable changed_;
  DurableBatches waiting_;  // guarded by mutex_, like the next two
  bool scheduled_ = false;
  std::optional<Error> failed_;
  std::atomic<std::uint64_t> folded_;
};

}  // namespace symphainy::runtime
