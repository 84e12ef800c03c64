// SPDX-License-Identifier: Apache-2.0
// Keeps what a log reports to its listener.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "public_works/abstractions/event_log.h"

namespace symphainy::public_works {

class LogRecorder final : public EventLogListener {
 public:
  void on_durable(std::vector<std::shared_ptr<const base::LogBatch>> group) override {
    const std::lock_guard lock(mutex_);
    ++groups_;
    if (stops_ > 0) ++reports_after_stop_;
    for (const auto& batch : group) batches_.push_back(*batch);
    changed_.notify_all();
  }
  void on_stopped(const Error&) override {
    const std::lock_guard lock(mutex_);
    ++stops_;
    changed_.notify_all();
  }
  /// Returns when the position is durable; false when the log stopped instead.
  bool wait_for(std::uint64_t position) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [&] { return stops_ > 0 || (!batches_.empty() && batches_.back().last_position() >= position); });
    return stops_ == 0;
  }
  void wait_for_stop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stops_ > 0; });
  }
  [[nodiscard]] std::vector<base::LogBatch> batches() const {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  [[nodiscard]] std::vector<base::LogRecord> records() const {
    std::vector<base::LogRecord> out;
    for (const base::LogBatch& batch : batches()) out.insert(out.end(), batch.records.begin(), batch.records.end());
    return out;
  }
  [[nodiscard]] int groups() const {
    const std::lock_guard lock(mutex_);
    return groups_;
  }
  [[nodiscard]] int stops() const {
    const std::lock_guard lock(mutex_);
    return stops_;
  }
  [[nodiscard]] int reports_after_stop() const {
    const std::lock_guard lock(mutex_);
    return reports_after_stop_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<base::LogBatch> batches_;
  int groups_ = 0;
  int stops_ = 0;
  int reports_after_stop_ = 0;
};

}  // namespace symphainy::public_works
