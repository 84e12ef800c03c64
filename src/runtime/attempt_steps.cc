// SPDX-License-Identifier: Apache-2.0
#include "runtime/attempt_steps.h"

#include <algorithm>

#include "base/fault_points.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/spawn.h"

namespace symphainy::runtime {
namespace {

constexpr std::int64_t kPieceUs = 100'000;

}  // namespace

Task<Result<void>> AttemptSteps::record(std::vector<base::RecordDraft> drafts) {
  co_await move_to(place_.partition);
  auto recorded = co_await record_here(std::move(drafts));
  co_await move_to(place_.handlers);
  co_return recorded;
}

// An attempt is given up on the partition too, so one that is not given up here is not while it appends.
Task<Result<void>> AttemptSteps::record_here(std::vector<base::RecordDraft> drafts) {
  if (!context_.still_owner()) co_return std::unexpected(superseded());
  if (failed_) co_return std::unexpected(*failed_);
  if (!drafts.empty()) {
    CRASH_POINT("step-before-append");
    const auto receipt = append_(std::move(drafts));
    if (!receipt) co_return std::unexpected(failed_.emplace(outcome_unknown(receipt.error())));
    recorded_position_ = receipt->last_position;
  }
  if (auto durable = co_await place_.log.durable(recorded_position_); !durable)
    co_return std::unexpected(failed_.emplace(durable.error()));
  CRASH_POINT("step-durable");
  if (!context_.still_owner()) co_return std::unexpected(superseded());
  co_return Result<void>();
}

Task<Result<Json>> AttemptSteps::spawn(Intent child, StepOutcome step, std::vector<base::RecordDraft> unrecorded) {
  co_await move_to(place_.partition);
  Result<Json> outcome = co_await spawn_here(std::move(child), std::move(step), std::move(unrecorded));
  co_await move_to(place_.handlers);
  co_return outcome;
}

Task<Result<Json>> AttemptSteps::spawn_here(Intent child, StepOutcome step, std::vector<base::RecordDraft> drafts) {
  if (auto admitted = co_await place_.admission; !admitted) co_return std::unexpected(admitted.error());
  if (!context_.still_owner()) co_return std::unexpected(superseded());
  if (context_.is_cancelled()) co_return std::unexpected(context_.cancellation());
  if (failed_) co_return std::unexpected(*failed_);
  CRASH_POINT("spawn-before-append");
  auto spawned = spawn_child_(child, std::move(step), std::move(drafts));
  if (!spawned) co_return std::unexpected(failed_.emplace(spawned.error()));
  recorded_position_ = spawned->position;
  if (!context_.still_owner()) co_return std::unexpected(superseded());
  co_return std::move(spawned->outcome);
}

// In pieces, so that an attempt that is given up, or cancelled, does not keep its thread of work for the rest of it.
Task<void> AttemptSteps::pause(std::int64_t delay_us) {
  co_await move_to(place_.partition);
  pausing_ = true;
  on_pause_();
  const std::int64_t until_us = place_.clock.steady_us() + delay_us;
  const auto is_wanted = [this] { return context_.still_owner() && !context_.is_cancelled(); };
  for (std::int64_t now_us = 0; is_wanted() && (now_us = place_.clock.steady_us()) < until_us;) {
    Promised<bool> over;
    place_.timers.add(std::min(until_us, now_us + kPieceUs), [&over] { over.set(true); });
    co_await over;
  }
  pausing_ = false;
  co_await move_to(place_.handlers);
}

}  // namespace symphainy::runtime
