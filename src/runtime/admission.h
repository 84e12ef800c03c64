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
  Admission(std::uint64_t max_lag_records, std::uint64_t max_lag_bytes, std::uint64_t position) noexcept
      : max_lag_(max_lag_records), max_bytes_(max_lag_bytes), appended_(position), folded_(position) {}

  /// A batch that ends at the position, with payloads of so many bytes.
  void appended(std::uint64_t position, std::uint64_t bytes) {
    appended_ = position;
    bytes_ += bytes;
    batches_.emplace_back(position, bytes);
  }
  void folded(std::uint64_t position) {
    folded_ = position;
    for (; !batches_.empty() && batches_.front().first <= position; batches_.pop_front()) {
      bytes_ -= batches_.front().second;
    }
    admit();
  }
  /// Nothing is admitted any more: the log has stopped, or the fold has failed and nothing of it could be shown.
  void close(Error reason) {
    if (!closed_) closed_ = std::move(reason);
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
  [[nodiscard]] bool too_far_behind() const noexcept {
    return (appended_ > folded_ && appended_ - folded_ > max_lag_) || bytes_ > max_bytes_;
  }
  void admit() {
    while (!waiting_.empty() && (closed_ || !too_far_behind())) {
      const auto next = waiting_.front();
      waiting_.pop_front();
      next.resume();
    }
  }

  const std::uint64_t max_lag_;
  const std::uint64_t max_bytes_;
  std::uint64_t appended_;
  std::uint64_t folded_;
  std::deque<std::pair<std::uint64_t, std::uint64_t>> batches_;  // not folded yet: last position, bytes
  std::uint64_t bytes_ = 0;                                      // of them
  std::optional<Error> closed_;
  std::deque<std::coroutine_handle<>> waiting_;
};

}  // namespace symphainy::runtime
