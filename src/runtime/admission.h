// SPDX-License-Identifier: Apache-2.0
// Holds new intents back while the projections lag too far behind the log, so that memory stays bounded and readers do
// not fall ever further behind. Used on the partition's executor.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "symphainy/error.h"

namespace symphainy::runtime {

class Admission {
 public:
  Admission(std::uint64_t max_lag_records, std::uint64_t position) noexcept
      : max_lag_(max_lag_records), appended_(position), folded_(position) {}

  void appended(std::uint64_t position) noexcept { appended_ = position; }
  void folded(std::uint64_t position) {
    folded_ = position;
    admit();
  }
  /// The fold has failed: nothing is admitted any more, because nothing of it could be shown.
  void close(Error reason) {
    closed_ = std::move(reason);
    admit();
  }

  // co_await admission: goes on once the lag is within bounds, in the order of arrival, or with the error.
  [[nodiscard]] bool await_ready() const noexcept { return closed_ || (waiting_.empty() && !too_far_behind()); }
  void await_suspend(std::coroutine_handle<> intent) { waiting_.push_back(intent); }
  [[nodiscard]] Result<void> await_resume() const {
    if (closed_) return std::unexpected(*closed_);
    return {};
  }

 private:
  [[nodiscard]] bool too_far_behind() const noexcept { return appended_ > folded_ && appended_ - folded_ > max_lag_; }
  void admit() {
    while (!waiting_.empty() && (closed_ || !too_far_behind())) {
      const auto next = waiting_.front();
      waiting_.pop_front();
      next.resume();
    }
  }

  const std::uint64_t max_lag_;
  std::uint64_t appended_;
  std::uint64_t folded_;
  std::optional<Error> closed_;
  std::deque<std::coroutine_handle<>> waiting_;
};

}  // namespace symphainy::runtime
