// SPDX-License-Identifier: Apache-2.0
#include "runtime/handler_run.h"

#include <coroutine>
#include <exception>
#include <optional>

#include "base/time.h"

namespace symphainy::runtime {
namespace {

// co_await: ends when the task has ended (true), or its handler is suspended.
class EndedOrSuspended {
 public:
  EndedOrSuspended(Task<Result<HandlerResult>>& task, RuntimeExecutionContext& context) noexcept
      : task_(task), context_(context) {}
  [[nodiscard]] bool await_ready() const noexcept { return task_.await_ready(); }
  [[nodiscard]] std::coroutine_handle<> await_suspend(std::coroutine_handle<> root) const noexcept {
    context_.when_suspended(root);
    return task_.await_suspend(root);
  }
  [[nodiscard]] bool await_resume() const noexcept { return task_.await_ready(); }

 private:
  Task<Result<HandlerResult>>& task_;
  RuntimeExecutionContext& context_;
};

// What it says is void when the handler is suspended, and its frame destroyed.
Task<Result<HandlerResult>> ended_or_suspended(Task<Result<HandlerResult>> task, RuntimeExecutionContext& context) {
  if (co_await EndedOrSuspended(task, context)) co_return task.await_resume();
  co_return fail(ErrorCode::cancelled, "the execution waits", "suspended");
}

Task<void> on_handler_thread(HandlerPlace place, RegisteredPtr handler,
                             std::shared_ptr<RuntimeExecutionContext> context,
                             std::shared_ptr<HandlerOutcome> outcome) {
  place.running.begun();
  co_await move_to(place.handlers);
  Result<HandlerResult> answer = co_await answer_of(handler->handler, *context);
  co_await move_to(place.partition);
  outcome->set(std::move(answer));
  place.running.ended();
}

std::unexpected<Error> deadline_has_passed(std::int64_t deadline_us) {
  return std::unexpected(deadline_passed(deadline_us));
}

}  // namespace

Error deadline_passed(std::int64_t deadline_us) {
  return {ErrorCode::deadline_exceeded, "the intent's deadline " + base::format_time(deadline_us) + " passed", {}, {}};
}

Task<Result<HandlerResult>> answer_of(const IntentHandler& handler, RuntimeExecutionContext& context) {
  try {
    Task<Result<HandlerResult>> task = handler(context.intent(), context);
    if (task) co_return co_await ended_or_suspended(std::move(task), context);
    co_return fail(ErrorCode::failed, "the handler returned an empty Task; it must be a coroutine", "empty_task");
  } catch (const std::exception& exception) {
    co_return fail(ErrorCode::failed, std::string("the handler threw: ") + exception.what(), "handler_threw");
  } catch (...) {
    co_return fail(ErrorCode::failed, "the handler threw something that is no std::exception", "handler_threw");
  }
}

Task<Result<HandlerResult>> run_handler(HandlerPlace place, RegisteredPtr handler,
                                        std::shared_ptr<RuntimeExecutionContext> context,
                                        std::shared_ptr<HandlerOutcome> outcome) {
  std::optional<DeadlineTimers::Key> timer;
  const auto deadline =
      context->is_compensating() || context->has_no_way_back() ? std::nullopt : context->deadline_us();
  if (deadline) {
    const std::int64_t left_us = *deadline - place.clock.wall_us();
    if (left_us <= 0) {
      context->give_up();
      co_return deadline_has_passed(*deadline);
    }
    timer = place.deadlines.add(place.clock.steady_us() + left_us, [deadline, outcome, context] {
      if (context->has_no_way_back()) return;
      context->give_up();
      outcome->set(deadline_has_passed(*deadline));
    });
  }
  spawn(on_handler_thread(place, handler, context, outcome));
  Result<HandlerResult> answer = co_await *outcome;
  if (timer) place.deadlines.take_back(*timer);
  co_return answer;
}

}  // namespace symphainy::runtime
