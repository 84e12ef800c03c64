// SPDX-License-Identifier: Apache-2.0
// Takes the outcomes of a run from the runtime's threads and writes them, one JSON line each, on a thread of its own: a
// slow reader of stdout must not hold up the runtime. It also bounds what is in flight: a slot is free again once its
// line is written, so memory stays constant however slow the reader is.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "symphainy/runtime.h"

namespace symphainy::cli {

class ResultWriter {
 public:
  explicit ResultWriter(std::size_t slots);
  ResultWriter(const ResultWriter&) = delete;
  ResultWriter& operator=(const ResultWriter&) = delete;
  ~ResultWriter();

  /// Waits for a free slot and takes it. Each one is given back by one put(). False, and no slot taken, once a line
  /// could not be written: nobody would learn what came of more intents.
  [[nodiscard]] bool take_slot();
  /// Any thread; once per slot.
  void put(std::uint64_t line, Result<ExecutionResult> outcome);
  /// Waits until every slot taken has been given back and every line is written, or could not be.
  void finish();

  [[nodiscard]] std::uint64_t completed() const;
  [[nodiscard]] std::uint64_t failed() const;
  /// Some outcomes are not known: they may or may not have happened.
  [[nodiscard]] bool any_unknown() const;

 private:
  using Outcome = std::pair<std::uint64_t, Result<ExecutionResult>>;

  void write_lines();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Protected by mutex_.
  std::deque<Outcome> waiting_;
  std::size_t free_slots_;
  std::uint64_t completed_ = 0;
  std::uint64_t failed_ = 0;
  bool any_unknown_ = false;
  bool broken_ = false;  ///< stdout takes no more; what ends from here on is counted only
  bool closing_ = false;

  const std::size_t slots_;
  std::thread thread_;  ///< last: it uses everything above
};

}  // namespace symphainy::cli
