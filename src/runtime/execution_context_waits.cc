// SPDX-License-Identifier: Apache-2.0
// The durable waits of an execution context: answered again, or recorded, and waited for.
#include <fmt/format.h>
#include <utility>

#include "base/try.h"
#include "runtime/context_checks.h"
#include "runtime/execution_context.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/payload.h"

namespace symphainy {

Signal Signal::from_json(const Json& json) {
  runtime::Payload members(json);
  runtime::Payload actor(members.object("actor"));
  const Json* value = json.find("value");
  const Json* received = json.find("received_us");
  return {members.text("signal_id"),
          members.text("name"),
          value == nullptr ? Json() : *value,
          {actor.text("type"), actor.text("id")},
          received == nullptr ? 0 : received->as_int64().value_or(0)};
}

}  // namespace symphainy

namespace symphainy::runtime {
namespace {

constexpr std::int64_t kMaxDurationUs = 100LL * 366 * 24 * 3'600'000'000;

}  // namespace

Task<Result<Json>> RuntimeExecutionContext::run_wait(WaitRequest request) {
  if (const auto begun = begin_wait(request); !begun) co_return std::unexpected(begun.error());
  StepLog::Wait wait{.start = {.key = waits_.next_key(request.kind, request.name),
                               .kind = request.kind,
                               .name = request.name,
                               .observed = commit_.observations.size(),
                               .due = std::nullopt,
                               .wake = std::nullopt,
                               .children = std::move(request.children)},
                     .begins = true,
                     .duration_us = request.duration_us};
  if (request.until_us) wait.start.due = Due{*request.until_us, DueBy::wall};
  if (!lets_wait(wait.start, request)) co_await LeftSuspended{*this};
  if (const auto room = admit(++steps_taken_, text_bytes({wait.start.key}), "steps"); !room)
    co_return std::unexpected(room.error());
  if (const Json* outcome = waits_.outcome(wait.start.key)) {
    if (const auto room = admit(0, outcome->dump().size(), "steps"); !room) co_return std::unexpected(room.error());
    co_return *outcome;
  }
  if (const WaitStart* awaited = waits_.awaited()) {
    co_return diverged_from_wait(*awaited, fmt::format("wait '{}'", wait.start.key));
  }
  if (compensating_) co_return std::unexpected(being_undone());
  if (is_cancelled()) co_return std::unexpected(*cancellation_);
  if (const WaitStart* begun = waits_.started(wait.start.key)) {
    wait.start = *begun;
    wait.begins = false;
  }
  std::vector<base::RecordDraft> unrecorded;
  append_unrecorded(unrecorded);
  auto outcome = co_await step_log_->wait(std::move(wait), std::move(unrecorded));
  all_durable_ = outcome.has_value();
  co_return outcome;
}

Result<void> RuntimeExecutionContext::begin_wait(const WaitRequest& request) const {
  TRY(check_outside_step("waits"));
  if (divergence_) return std::unexpected(*divergence_);
  if (!still_owner()) return std::unexpected(superseded());
  if (request.kind == WaitKind::signal) TRY(check_name("wait", "name", request.name));
  const auto& duration = request.duration_us;
  if (duration && (*duration < 0 || *duration > kMaxDurationUs)) {
    return refused("wait", fmt::format("the duration is {} microseconds; it must be 0 to 100 years", *duration));
  }
  for (const std::string& child : request.children) {
    if (children_.contains(child)) continue;
    return fail(ErrorCode::not_found,
                fmt::format("'{}' is no child of this execution; give what spawn() answered", child), "unknown_child");
  }
  if (request.until_us && *request.until_us < 0) {
    return refused("wait", fmt::format("the time {} is before 1970; it is in microseconds UTC", *request.until_us));
  }
  return {};
}

std::unexpected<Error> RuntimeExecutionContext::diverged_from_wait(const WaitStart& awaited, const std::string& found) {
  divergence_ =
      Error{ErrorCode::conflict,
            fmt::format("wait '{}' was begun by an earlier attempt and is not over, and this one asks for {}: "
                        "the handler does not do again what it did; put the code back under which this "
                        "execution began",
                        awaited.key, found),
            kStepDiverged, Json::object({{"expected", awaited.key}, {"found", found}})};
  return std::unexpected(*divergence_);
}

}  // namespace symphainy::runtime
