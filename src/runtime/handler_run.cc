// SPDX-License-Identifier: Apache-2.0
#include "runtime/handler_run.h"

#include <exception>

#include "base/time.h"

namespace symphainy::runtime {
namespace {

using Outcome = Promised<Result<HandlerResult>>;

Task<void> on_handler_thread(HandlerExecutors executors, RegisteredPtr handler,
                             std::shared_ptr<RuntimeExecutionContext> context, std::shared_ptr<Outcome> outcome) {
  co_await move_to(executors.handlers);
  Result<HandlerResult> answer = HandlerResult{};
  try {
    answer = co_await handler->handler(context->intent(), *context);
  } catch (const std::exception& exception) {
    answer = fail(ErrorCode::failed, std::string("the handler threw: ") + exception.what(), "handler_threw");
  } catch (...) {
    answer = fail(ErrorCode::failed, "the handler threw something that is no std::exception", "handler_threw");
  }
  co_await move_to(executors.partition);
  outcome->set(std::move(answer));
}

std::unexpected<Error> deadline_passed(std::int64_t deadline_us) {
  return fail(ErrorCode::deadline_exceeded, "the intent's deadline " + base::format_time(deadline_us) + " passed");
}

}  // namespace

Task<Result<HandlerResult>> run_handler(HandlerExecutors executors, RegisteredPtr handler,
                                        std::shared_ptr<RuntimeExecutionContext> context) {
  auto outcome = std::make_shared<Outcome>();
  if (const auto deadline = context->deadline_us()) {
    const std::int64_t left_us = *deadline - executors.clock.wall_us();
    if (left_us <= 0) co_return deadline_passed(*deadline);
    // Weak: a deadline far away must not keep an execution in memory that ended long ago.
    executors.partition.post_at(executors.clock.steady_us() + left_us,
                                [deadline, waiting = std::weak_ptr(outcome), fenced = std::weak_ptr(context)] {
                                  const auto late = waiting.lock();
                                  if (!late || late->is_set()) return;
                                  if (const auto still = fenced.lock()) still->fence();
                                  late->set(deadline_passed(*deadline));
                                });
  }
  spawn(on_handler_thread(executors, std::move(handler), context, outcome));
  Result<HandlerResult> answer = co_await *outcome;
  context->fence();
  co_return answer;
}

}  // namespace symphainy::runtime
