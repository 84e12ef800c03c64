// SPDX-License-Identifier: Apache-2.0
// How one attempt waits. For a moment its frame is kept: most of what takes no second need not run again for it. Behind
// that it is suspended: the frames are destroyed, and the lifecycle wakes the execution when the wait is over.
#include <algorithm>
#include <coroutine>
#include <utility>

#include "base/fault_points.h"
#include "base/try.h"
#include "runtime/attempt_steps.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/spawn.h"

namespace symphainy::runtime {
namespace {

constexpr std::int64_t kKeepFrameUs = 1'000'000;

// co_await: never goes on. Behind post() nothing of the frame may be touched: it may be destroyed already.
class Suspended {
 public:
  Suspended(RuntimeExecutionContext& context, public_works::Executor& handlers) noexcept
      : context_(context), handlers_(handlers) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> /*frame*/) const {
    handlers_.post([root = context_.suspend()] { root.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  RuntimeExecutionContext& context_;
  public_works::Executor& handlers_;
};

}  // namespace

Task<Result<Json>> AttemptSteps::wait(Wait wait, std::vector<base::RecordDraft> unrecorded) {
  co_await move_to(place_.partition);
  auto outcome = co_await wait_here(std::move(wait), std::move(unrecorded));
  co_await move_to(place_.handlers);
  co_return outcome;
}

Task<Result<Json>> AttemptSteps::wait_here(Wait wait, std::vector<base::RecordDraft> drafts) {
  if (!context_.still_owner()) co_return std::unexpected(superseded());
  if (context_.is_cancelled()) co_return std::unexpected(context_.cancellation());
  if (failed_) co_return std::unexpected(*failed_);
  if (wait.begins) {
    if (wait.duration_us) wait.start.due = place_.due_clock.after(*wait.duration_us);
    std::optional<Due> deadline;
    // Behind the pivot it is not heard.
    if (const auto at_us = context_.deadline_us(); at_us && !context_.has_no_way_back())
      deadline = Due{*at_us, DueBy::wall};
    wait.start.wake = place_.due_clock.earlier(wait.start.due, deadline);
    drafts.push_back(begun(wait.start));
  }
  open_ = std::move(wait.start);
  over_.reset();
  awaited_children_ = missing(*open_, children_);
  if (auto signal = take_signal(*open_)) {
    drafts.push_back(ended(*open_, signal->id(), false));
    co_return co_await end_with(std::move(signal->json), std::move(drafts));
  }
  if (open_->kind == WaitKind::children && awaited_children_.empty()) {
    drafts.push_back(ended(*open_, "", false));
    co_return co_await end_with(results_of(*open_, children_), std::move(drafts));
  }
  if (open_->due && (place_.due_clock.is_reached(*open_->due) || PLANTED_BUG("end-wait-early"))) {
    drafts.push_back(ended(*open_, "", open_->kind != WaitKind::timer));
    co_return co_await end_with(Json(), std::move(drafts));
  }
  if (!drafts.empty()) {
    CRASH_POINT("wait-before-append");
    const auto receipt = append_(std::move(drafts));
    if (!receipt) co_return std::unexpected(failed_.emplace(outcome_unknown(receipt.error())));
    recorded_position_ = receipt->last_position;
  }
  on_pause_();
  if (is_brief() && co_await stay_awake() == Roused::by_end) {
    if (const auto durable = co_await place_.log.durable(over_->position); !durable)
      co_return std::unexpected(failed_.emplace(durable.error()));
    co_return std::move(over_->value);
  }
  if (!context_.still_owner()) co_return std::unexpected(superseded());
  if (context_.is_cancelled()) co_return std::unexpected(context_.cancellation());
  if (!over_ && open_->due && place_.due_clock.is_reached(*open_->due)) {
    std::vector<base::RecordDraft> end;
    end.push_back(ended(*open_, "", open_->kind != WaitKind::timer));
    co_return co_await end_with(Json(), std::move(end));
  }
  co_await Suspended(context_, place_.handlers);
  co_return Json();  // never reached
}

std::optional<ReceivedSignal> AttemptSteps::take_signal(const WaitStart& wait) {
  if (wait.kind != WaitKind::signal) return std::nullopt;
  const auto found = std::ranges::find(inbox_, wait.name, &ReceivedSignal::name);
  if (found == inbox_.end()) return std::nullopt;
  ReceivedSignal signal = *found;
  if (!PLANTED_BUG("take-signal-twice")) inbox_.erase(found);
  return signal;
}

Task<Result<Json>> AttemptSteps::end_with(Json value, std::vector<base::RecordDraft> drafts) {
  CRASH_POINT("wait-before-end");
  const auto receipt = append_(std::move(drafts));
  if (!receipt) co_return std::unexpected(failed_.emplace(outcome_unknown(receipt.error())));
  open_.reset();
  if (const auto durable = co_await place_.log.durable(receipt->last_position); !durable)
    co_return std::unexpected(failed_.emplace(durable.error()));
  if (!context_.still_owner()) co_return std::unexpected(superseded());
  co_return value;
}

bool AttemptSteps::is_brief() const {
  if (!context_.still_owner()) return false;
  return open_->kind != WaitKind::timer || place_.due_clock.left_us(*open_->due) < kKeepFrameUs;
}

// Until its time comes, or the frame has been kept for long enough.
Task<AttemptSteps::Roused> AttemptSteps::stay_awake() {
  const auto roused = std::make_shared<Promised<Roused>>();
  std::int64_t stay_us = kKeepFrameUs;
  if (open_->due) stay_us = std::min(stay_us, place_.due_clock.left_us(*open_->due));
  const auto timer = place_.timers.add(place_.clock.steady_us() + stay_us, [roused] { roused->set(Roused::by_time); });
  awake_ = roused;
  const Roused by = co_await *roused;
  awake_.reset();
  place_.timers.take_back(timer);
  co_return by;
}

bool AttemptSteps::ends_with(const std::string& child) const {
  return awaited() != nullptr && awaited_children_.size() == 1 && awaited_children_.contains(child);
}

void AttemptSteps::keep(const std::string& child, Json outcome, std::uint64_t position) {
  const bool ends = ends_with(child);
  children_.insert_or_assign(child, std::move(outcome));
  awaited_children_.erase(child);
  if (ends) end_wait(results_of(*open_, children_), position);
}

void AttemptSteps::end_wait(Json value, std::uint64_t position) {
  over_ = Over{std::move(value), position};
  if (const auto awake = awake_) awake->set(Roused::by_end);
}

void AttemptSteps::interrupt() {
  if (const auto awake = awake_) awake->set(Roused::by_interruption);
}

base::RecordDraft AttemptSteps::begun(const WaitStart& wait) const {
  const RecordOwner owner = context_.owner();
  return draft_record(RecordType::wait_begun, owner.tenant, wait_begun_payload(wait), owner.execution, owner.attempt);
}

base::RecordDraft AttemptSteps::ended(const WaitStart& wait, const std::string& signal_id, bool timed_out) const {
  const RecordOwner owner = context_.owner();
  return draft_record(RecordType::wait_ended, owner.tenant, wait_ended_payload(wait.key, signal_id, timed_out),
                      owner.execution, owner.attempt);
}

}  // namespace symphainy::runtime
