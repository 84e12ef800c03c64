// SPDX-License-Identifier: Apache-2.0
#include "crash/torture_sagas.h"

#include <utility>

#include "crash/saga_course.h"

namespace symphainy::tests {
namespace {

constexpr std::int64_t kStuck = 1;
constexpr std::int64_t kCompletes = 2;
constexpr std::int64_t kFailsInPivot = 3;

const Error kNoRoom{ErrorCode::failed, "there is no room, as it was asked for", "no_room", {}};

Task<Result<Json>> noted(const Ledger& ledger, const ExecutionContext& context, std::string key, Result<Json> answer) {
  ledger.note(context, key);
  co_return answer;
}

Task<Result<void>> take_back(const Ledger& ledger, const ExecutionContext& context, std::string key, bool fails) {
  ledger.note(context, std::string(kUndoPrefix) + key);
  if (fails) co_return fail(ErrorCode::failed, "it is not taken back, as it was asked for", "not_taken_back");
  co_return Result<void>();
}

// An undo outlives its handler, so it keeps nothing of that.
class Saga {
 public:
  Saga(const Ledger& ledger, ExecutionContext& context, std::string name)
      : ledger_(ledger), context_(context), name_(std::move(name)) {}

  [[nodiscard]] Task<Result<Json>> take(std::string step, Result<Json> answer, bool gets_stuck = false) const {
    auto function = does(step, std::move(answer));
    const bool fails = gets_stuck && context_.attempt() == 1;
    UndoFunction undo = [&ledger = ledger_, &context = context_, key = step + "#1", fails](const UndoRun&) {
      return take_back(ledger, context, key, fails);
    };
    return context_.undoable_step(std::move(step), Json(name_), std::move(function), {std::move(undo), {}});
  }
  [[nodiscard]] Task<Result<Json>> take_pivot(std::string step, Result<Json> answer) const {
    auto function = does(step, std::move(answer));
    return context_.pivot_step(std::move(step), Json(name_), std::move(function));
  }
  [[nodiscard]] Task<Result<Json>> take_last(std::string step, Result<Json> answer) const {
    auto function = does(step, std::move(answer));
    return context_.step(std::move(step), Json(name_), std::move(function));
  }
  [[nodiscard]] Json value() const { return Json::object({{"name", name_}}); }

 private:
  [[nodiscard]] StepFunction does(const std::string& step, Result<Json> answer) const {
    return [&ledger = ledger_, &context = context_, key = step + "#1", answer = std::move(answer)](const StepRun&) {
      return noted(ledger, context, key, answer);
    };
  }

  const Ledger& ledger_;
  ExecutionContext& context_;
  const std::string name_;
};

Task<Result<HandlerResult>> cross(const Saga& saga, bool pivots, bool arrives) {
  const auto pivot = co_await saga.take_pivot("cross", pivots ? Result<Json>(Json("over")) : std::unexpected(kNoRoom));
  if (!pivot) co_return std::unexpected(pivot.error());
  const auto arrived =
      co_await saga.take_last("arrive", arrives ? Result<Json>(Json("there")) : std::unexpected(kNoRoom));
  if (!arrived) co_return std::unexpected(arrived.error());
  co_return HandlerResult{saga.value()};
}

}  // namespace

Task<Result<HandlerResult>> travel(const Ledger& ledger, ExecutionContext& context, std::string name,
                                   std::int64_t number) {
  const Saga saga(ledger, context, std::move(name));
  const auto train = co_await saga.take("train", Json("seat 7"));
  if (!train) co_return std::unexpected(train.error());
  const auto hotel = co_await saga.take("hotel", Json("room 8"), number == kStuck);
  if (!hotel) co_return std::unexpected(hotel.error());
  if (number == kCompletes || number == kFailsInPivot) {
    co_return co_await cross(saga, number == kCompletes, context.attempt() > 1);
  }
  const auto boat = co_await saga.take("boat", std::unexpected(kNoRoom));
  co_return std::unexpected(boat.error());
}

Task<Result<HandlerResult>> set_out(const Ledger& ledger, ExecutionContext& context, std::string name) {
  const Saga saga(ledger, context, std::move(name));
  for (const char* step : {"train", "hotel"}) {
    const auto taken = co_await saga.take(step, Json(step));
    if (!taken) co_return std::unexpected(taken.error());
  }
  const auto arrived = co_await saga.take_last("arrive", std::unexpected(kNoRoom));
  co_return std::unexpected(arrived.error());
}

}  // namespace symphainy::tests
