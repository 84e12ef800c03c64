// SPDX-License-Identifier: Apache-2.0
#include "cli/result_writer.h"

#include <cstdio>
#include <string>

namespace symphainy::cli {
namespace {

bool is_unknown(const Error& error) {
  return error.code == ErrorCode::unknown || error.code == ErrorCode::stopped;
}

/// A submission of which nothing was recorded, or nothing can be said.
Json refusal_json(const Error& error) {
  return Json::object({{"execution_id", nullptr},
                       {"intent_id", nullptr},
                       {"intent_type", nullptr},
                       {"tenant_id", nullptr},
                       {"status", is_unknown(error) ? "unknown" : "rejected"},
                       {"artifacts", Json::array()},
                       {"events", Json::array()},
                       {"references", Json::array()},
                       {"error", error.to_json()},
                       {"duration_us", 0}});
}

/// Whether all of it went out.
bool write_all(const std::deque<std::pair<std::uint64_t, Result<ExecutionResult>>>& outcomes) {
  for (const auto& [line, result] : outcomes) {
    Json json = result ? result->to_json() : refusal_json(result.error());
    json["line"] = line;
    const std::string text = json.dump() + "\n";
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) return false;
  }
  return std::fflush(stdout) == 0;
}

}  // namespace

ResultWriter::ResultWriter(std::size_t slots) : free_slots_(slots), slots_(slots), thread_([this] { write_lines(); }) {}

ResultWriter::~ResultWriter() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool ResultWriter::take_slot() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return broken_ || free_slots_ > 0; });
  if (broken_) return false;
  --free_slots_;
  return true;
}

void ResultWriter::put(std::uint64_t line, Result<ExecutionResult> outcome) {
  // Notified under the lock: once the line is written the writer may be destroyed, and nothing here may touch it then.
  const std::lock_guard lock(mutex_);
  waiting_.emplace_back(line, std::move(outcome));
  changed_.notify_all();
}

void ResultWriter::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return free_slots_ == slots_; });
}

std::uint64_t ResultWriter::completed() const {
  const std::lock_guard lock(mutex_);
  return completed_;
}

std::uint64_t ResultWriter::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

bool ResultWriter::any_unknown() const {
  const std::lock_guard lock(mutex_);
  return any_unknown_;
}

void ResultWriter::write_lines() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::deque<Outcome> batch;
    batch.swap(waiting_);
    const bool writes = !broken_;
    lock.unlock();
    const bool written = writes && write_all(batch);
    lock.lock();
    broken_ = !written;
    for (const auto& [number, result] : batch) {
      const bool done = result && result->status == ExecutionStatus::completed;
      ++(done ? completed_ : failed_);
      any_unknown_ = any_unknown_ || (!result && is_unknown(result.error()));
    }
    free_slots_ += batch.size();
    changed_.notify_all();
  }
}

}  // namespace symphainy::cli
