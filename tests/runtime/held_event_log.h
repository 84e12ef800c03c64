// SPDX-License-Identifier: Apache-2.0
// The log in memory with its sync in the test's hand: what is appended becomes durable when the test says so, or never.
// For one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "public_works/adapters/memory/memory_event_log.h"

namespace symphainy::tests {

class HeldEventLog final : public public_works::EventLog, private public_works::EventLogListener {
 public:
  HeldEventLog(public_works::Clock& clock, public_works::Random& random,
               std::shared_ptr<public_works::MemoryLogContents> contents)
      : inner_(clock, random, std::move(contents)) {}

  /// From now on nothing becomes durable by itself.
  void hold() { holding_ = true; }
  /// The oldest held batch becomes durable; false when there is none.
  bool release_one() {
    if (held_.empty()) return false;
    auto batch = std::move(held_.front());
    held_.pop_front();
    listener_->on_durable({std::move(batch)});
    return true;
  }
  /// All of them become durable, in one group, and what is appended later does so at once.
  void release() {
    holding_ = false;
    if (held_.empty()) return;
    Group group(held_.begin(), held_.end());
    held_.clear();
    listener_->on_durable(std::move(group));
  }
  /// The sync has failed: whether the held batches are on disk, nobody knows.
  void stop() {
    stopped_ = Error{ErrorCode::io_error, "the sync failed", "sync_failed", {}};
    listener_->on_stopped(*stopped_);
  }
  /// The disk is nearly full, or not any more.
  void fill_up(bool full) { full_ = full; }
  [[nodiscard]] Result<void> room() const override {
    return full_ ? fail(ErrorCode::unavailable, "the disk is nearly full", "no_space") : Result<void>();
  }
  [[nodiscard]] std::size_t held() const { return held_.size(); }

  void start(public_works::EventLogListener& listener) override {
    listener_ = &listener;
    inner_.start(*this);
  }
  [[nodiscard]] Result<public_works::AppendReceipt> append(std::vector<base::RecordDraft> drafts) override {
    if (stopped_) return fail(ErrorCode::stopped, "the log has stopped: " + stopped_->message);
    return inner_.append(std::move(drafts));
  }
  [[nodiscard]] Result<void> read_batches(std::uint64_t from,
                                          const std::function<bool(const base::LogBatch&)>& visit) const override {
    return inner_.read_batches(
        from, [&](const base::LogBatch& batch) { return batch.last_position() <= durable_position() && visit(batch); });
  }
  [[nodiscard]] std::uint64_t durable_position() const override {
    return held_.empty() ? inner_.durable_position() : held_.front()->first_position() - 1;
  }
  [[nodiscard]] public_works::LogIdentity identity() const override { return inner_.identity(); }
  [[nodiscard]] const public_works::LogRecovery& recovery() const override { return inner_.recovery(); }
  Result<void> close() override { return inner_.close(); }

 private:
  using Group = std::vector<std::shared_ptr<const base::LogBatch>>;

  bool full_ = false;

  void on_durable(Group group) override {
    if (holding_) {
      held_.insert(held_.end(), group.begin(), group.end());
    } else {
      listener_->on_durable(std::move(group));
    }
  }
  void on_stopped(const Error& error) override { listener_->on_stopped(error); }

  public_works::MemoryEventLog inner_;
  public_works::EventLogListener* listener_ = nullptr;
  bool holding_ = false;
  std::deque<std::shared_ptr<const base::LogBatch>> held_;
  std::optional<Error> stopped_;
};

}  // namespace symphainy::tests
