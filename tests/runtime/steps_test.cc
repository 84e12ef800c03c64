// SPDX-License-Identifier: Apache-2.0
// Steps: done once and remembered, whatever happens to the process between two of them.
#include <fmt/format.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/digest.h"
#include "runtime/execution_history.h"
#include "runtime/manual_runtime.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Names = std::vector<std::string>;
const Names kBegun = {"IntentAccepted", "ExecutionCreated", "ExecutionStarted"};

// What step functions do: note their token, and answer; the one at which it stops, when the gate is opened.
struct World {
  std::string stops_at = {};
  Gate gate;
  std::vector<std::string> effects;  // names, as they happen
  std::map<std::string, std::vector<std::string>> tokens;

  StepFunction effect(std::string name, Result<Json> answer = Json("done")) {
    return [this, name = std::move(name), answer = std::move(answer)](const StepRun& run) {
      return act(name, answer, run);
    };
  }
  Task<Result<Json>> act(std::string name, Result<Json> answer, StepRun run) {
    effects.push_back(name);
    tokens[name].push_back(run.token);
    if (name == stops_at) co_await gate;
    co_return answer;
  }
};

// Takes the steps in this order, and answers with their values.
Task<Result<HandlerResult>> take_steps(World* world, std::vector<std::string> names, ExecutionContext& context) {
  Json values = Json::array();
  for (const std::string& name : names) {
    auto value = co_await context.step(name, Json(name), world->effect(name, Json("made by " + name)));
    if (!value) co_return std::unexpected(value.error());
    values.push_back(*std::move(value));
  }
  co_return HandlerResult{std::move(values)};
}
IntentHandler taking_steps(World& world, std::vector<std::string> names) {
  return [&world, names = std::move(names)](const Intent&, ExecutionContext& context) {
    return take_steps(&world, names, context);
  };
}

Task<Result<HandlerResult>> try_and_undo(World* world, ExecutionContext& context) {
  const Error declined{ErrorCode::conflict, "the card was declined", "card_declined", Json::object({{"limit", 5}})};
  const auto charged = co_await context.step("do", Json(), world->effect("do", std::unexpected(declined)));
  if (charged) co_return HandlerResult{Json("charged")};
  const auto undone = co_await context.step("undo", Json(), world->effect("undo"));
  if (!undone) co_return std::unexpected(undone.error());
  co_return HandlerResult{Json::object({{"because", charged.error().reason},
                                        {"details", charged.error().details},
                                        {"kind", to_string(charged.error().code)}})};
}

Task<Result<HandlerResult>> tell_time_around_a_step(World* world, ExecutionContext& context) {
  Json times = Json::array();
  times.push_back(Json(context.now_us()));
  auto earlier = co_await context.step("earlier", Json(), world->effect("earlier"));
  auto later = co_await context.step("later", Json(), world->effect("later"));
  if (!earlier || !later) co_return fail(ErrorCode::failed, "no step");
  times.push_back(Json(context.now_us()));
  co_return HandlerResult{std::move(times)};
}

Task<Result<HandlerResult>> ask_otherwise(World* world, ExecutionContext& context) {
  (void)co_await context.step("one", Json("something else"), world->effect("one"));
  (void)co_await context.step("new", Json(), world->effect("new"));
  co_return HandlerResult{Json("as if nothing had happened")};
}

Task<Result<Json>> fail_at_first(public_works::Clock* clock, std::vector<std::int64_t>* at_us, std::size_t failures) {
  at_us->push_back(clock->steady_us());
  if (at_us->size() <= failures) co_return fail(ErrorCode::unavailable, "not now", "flaky");
  co_return Json("at last");
}

Task<Result<HandlerResult>> take_flaky_step(public_works::Clock* clock, std::vector<std::int64_t>* at_us,
                                            std::size_t failures, RetryPolicy retry, ExecutionContext& context) {
  const StepFunction flaky = [=](const StepRun&) { return fail_at_first(clock, at_us, failures); };
  auto value = co_await context.step("flaky", Json(), flaky, retry);
  if (!value) co_return std::unexpected(value.error());
  co_return HandlerResult{*std::move(value)};
}

Task<Result<HandlerResult>> take_one_step(StepFunction function, ExecutionContext& context, RetryPolicy retry = {}) {
  auto value = co_await context.step("one", Json(), std::move(function), std::move(retry));
  if (!value) co_return std::unexpected(value.error());
  co_return HandlerResult{*std::move(value)};
}

Task<Result<HandlerResult>> take_a_step_late(Gate* gate, StepFunction function, ExecutionContext& context) {
  co_await *gate;
  co_return co_await take_one_step(std::move(function), context);
}

Task<Result<HandlerResult>> go_on_regardless(World* world, ExecutionContext& context) {
  for (const char* name : {"one", "two", "three"}) (void)co_await context.step(name, Json(), world->effect(name));
  co_return HandlerResult{};
}

Task<Result<HandlerResult>> list_members(World* world, Json value, ExecutionContext& context) {
  auto object = co_await context.step("object", Json(), world->effect("object", value));
  auto later = co_await context.step("later", Json(), world->effect("later"));
  if (!object || !later) co_return fail(ErrorCode::failed, "no step");
  std::string names;
  object->for_each_member([&](std::string_view name, const Json&) { names += name; });
  co_return HandlerResult{Json(names)};
}

Task<Result<Json>> meddle(std::vector<std::string>* refused, ExecutionContext* context, ArtifactSink* sink) {
  refused->push_back(sink->write("more").error().reason);
  refused->push_back(sink->finish().error().reason);
  const auto note = [refused](const auto& result) { refused->push_back(result ? "taken" : result.error().reason); };
  note(context->get_state("key"));
  note(context->put_state("key", Json(1)));
  note(context->add_artifact({"a", "text/plain", "x"}));
  note(context->add_event({"thing.made", Json(), "", ""}));
  ReferenceDraft reference;
  reference.type = "thing";
  note(context->register_reference(reference));
  note(context->get_reference("018bcfe5-6800-7000-8000-000000000001"));
  note(co_await context->step("inner", Json(), [](const StepRun&) -> Task<Result<Json>> { co_return Json(); }));
  for (const auto& varies :
       std::vector<std::function<void()>>{[&] { (void)context->random(); }, [&] { (void)context->new_id(); }}) {
    try {
      varies();
    } catch (const std::logic_error&) {
      refused->push_back("inside_step");
    }
  }
  co_return Json();
}

Task<Result<HandlerResult>> meddle_inside_a_step(std::vector<std::string>* refused, ExecutionContext& context) {
  const auto sink = context.open_artifact("opened", "text/plain");
  if (!sink) co_return std::unexpected(sink.error());
  auto value =
      co_await context.step("outer", Json(), [&](const StepRun&) { return meddle(refused, &context, sink->get()); });
  if (!value) co_return std::unexpected(value.error());
  if (auto state = context.put_state("key", Json(1)); !state) co_return std::unexpected(state.error());
  if (auto refused_name = context.add_artifact({"a", "text/plain", "x"}); !refused_name)
    co_return std::unexpected(refused_name.error());
  co_return HandlerResult{};
}

Task<Result<Json>> misbehave(std::string name) {
  if (name == "throws") throw std::runtime_error("thrown");
  co_return Json(std::string(1'048'577, 'x'));
}

Task<Result<HandlerResult>> take_named_step(const Intent& intent, ExecutionContext& context) {
  const std::string name(intent.parameters.find("name")->as_string().value());
  const auto function = [name](const StepRun&) { return name == "empty" ? Task<Result<Json>>() : misbehave(name); };
  auto value = co_await context.step(name, Json(), function);
  if (!value) co_return std::unexpected(value.error());
  co_return HandlerResult{*std::move(value)};
}

using HandlerIn = std::function<IntentHandler(World&)>;

// A process that dies in a step of its one execution, and the next one, five seconds later.
class Death {
 public:
  Death(const std::string& step, const HandlerIn& handler, const Intent& intent = intent_for("work")) {
    before.stops_at = step;
    dying.support("work", handler(before));
    (void)dying.submit(intent);
    dying.run();
    reopened.emplace(dying.copy_of_log(), 2);
    reopened->clock.advance_us(5'000'000);
    before.gate.open();  // or its coroutines would be leaked; nobody sees what they come to
    dying.run();
  }
  Heard resume(const HandlerIn& handler) {
    reopened->support("work", handler(after));
    const Heard heard = reopened->resume(reopened->decisions.live().front());
    reopened->run();
    return heard;
  }

  World before;
  World after;
  ManualRuntime dying;
  std::optional<ManualRuntime> reopened;
};

class Steps : public ::testing::Test {
 protected:
  World world_;
  ManualRuntime runtime_;
};

TEST_F(Steps, AreEachDurableBeforeTheNextBegins) {
  runtime_.support("work", taking_steps(world_, {"one", "two", "three"}));
  runtime_.log.hold();
  const Heard heard = runtime_.submit(intent_for("work"));
  runtime_.run();
  EXPECT_THAT(world_.effects, IsEmpty()) << "its acceptance is not durable";
  for (const std::size_t done : {1U, 2U, 3U}) {
    runtime_.log.release_one();
    runtime_.run();
    EXPECT_THAT(world_.effects, SizeIs(done));
  }
  EXPECT_THAT(runtime_.recorded(),
              ElementsAre(kBegun, Names{"StepCompleted"}, Names{"StepCompleted"},
                          Names{"StepCompleted", "ArtifactsHandled", "EventsQueued", "ExecutionCompleted"}))
      << "the last one shares the commit's batch";
  EXPECT_FALSE(heard->has_value());
  runtime_.log.release();
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ((*heard)->value().value.dump(), R"(["made by one","made by two","made by three"])");
}

TEST_F(Steps, WaitForTheAcceptanceAlsoOfAHandlerThatOnlyTouchesItsContext) {
  runtime_.support("work", taking_steps(world_, {"one"}), Effects::context_only);
  runtime_.log.hold();
  const Heard heard = runtime_.submit(intent_for("work"));
  runtime_.run();
  EXPECT_THAT(world_.effects, IsEmpty());
  runtime_.log.release();
  runtime_.run();
  EXPECT_THAT(world_.effects, ElementsAre("one"));
  EXPECT_TRUE(heard->has_value());
}

TEST_F(Steps, ThatAreRecordedAreAnsweredAgainAndNotDoneAgain) {
  const Names names = {"one", "two", "three"};
  const HandlerIn handler = [&names](World& world) { return taking_steps(world, names); };
  for (std::size_t in = 0; in < names.size(); ++in) {
    SCOPED_TRACE(names[in]);
    Death death(names[in], handler);
    const Heard heard = death.resume(handler);
    ASSERT_TRUE(heard->has_value());
    EXPECT_EQ((*heard)->value().status, ExecutionStatus::completed);
    EXPECT_EQ((*heard)->value().value.dump(), R"(["made by one","made by two","made by three"])");
    EXPECT_EQ(death.after.effects, Names(names.begin() + static_cast<std::ptrdiff_t>(in), names.end()))
        << "the one whose outcome was not recorded runs again";
    EXPECT_EQ(death.after.tokens.at(names[in]), death.before.tokens.at(names[in])) << "under the same token";
  }
}

// An error is an outcome like any other: code that comes after it must see it again.
TEST_F(Steps, ThatFailedAreAnsweredWithTheSameErrorAgain) {
  const HandlerIn handler = [](World& world) {
    return [&world](const Intent&, ExecutionContext& context) { return try_and_undo(&world, context); };
  };
  Death death("undo", handler);
  const Heard heard = death.resume(handler);
  EXPECT_THAT(death.before.effects, ElementsAre("do", "undo"));
  EXPECT_THAT(death.after.effects, ElementsAre("undo"));
  EXPECT_EQ((*heard)->value().value.dump(), R"({"because":"card_declined","details":{"limit":5},"kind":"conflict"})");
}

// It is recorded before the first step runs, whether that is recorded or not.
TEST_F(Steps, SeeWhatTheContextAnsweredBeforeThemAgain) {
  const HandlerIn handler = [](World& world) {
    return [&world](const Intent&, ExecutionContext& context) { return tell_time_around_a_step(&world, context); };
  };
  for (const std::string in : {"earlier", "later"}) {
    SCOPED_TRACE(in);
    Death death(in, handler);
    const Heard heard = death.resume(handler);
    EXPECT_EQ(death.after.effects.front(), in);
    const Json times = (*heard)->value().value;
    EXPECT_EQ(times.at(0).as_int64(), death.dying.clock.wall_us());
    EXPECT_EQ(times.at(1).as_int64(), death.reopened->clock.wall_us()) << "asked for the first time by this attempt";
    const auto row = death.reopened->store.list_executions({}).value().front();
    const auto history = read_history(death.reopened->log, row).value();
    EXPECT_THAT(answers_from_history(history)->observations, SizeIs(2)) << "each is recorded once";
  }
}

TEST_F(Steps, HaveTokensOfTheirOwn) {
  runtime_.support("work", taking_steps(world_, {"one", "one", "two"}));
  runtime_.execute(intent_for("work"));
  runtime_.execute(intent_for("work"));
  std::set<std::string> tokens(world_.tokens["one"].begin(), world_.tokens["one"].end());
  tokens.insert(world_.tokens["two"].begin(), world_.tokens["two"].end());
  EXPECT_THAT(tokens, SizeIs(6)) << "of two executions with three steps each";
}

// --- what diverges

const HandlerIn kOneAndTwo = [](World& world) { return taking_steps(world, {"one", "two"}); };
const HandlerIn kOtherwise = [](World& world) {
  return [&world](const Intent&, ExecutionContext& context) { return ask_otherwise(&world, context); };
};

TEST_F(Steps, WithAnotherInputThanRecordedParkTheExecutionWhateverTheHandlerMakesOfIt) {
  Death death("two", kOneAndTwo);
  ManualRuntime& reopened = *death.reopened;
  const Heard heard = death.resume(kOtherwise);
  ASSERT_TRUE(heard->has_value());
  const ExecutionResult result = (*heard)->value();
  EXPECT_EQ(result.status, ExecutionStatus::parked);
  EXPECT_EQ(result.error->reason, "step_diverged");
  EXPECT_THAT(result.error->message, HasSubstr("step 'one#1'"));
  EXPECT_EQ(result.error->details.find("expected")->as_string(), base::sha256(R"("one")").hex());
  EXPECT_EQ(result.error->details.find("found")->as_string(), base::sha256(R"("something else")").hex());
  EXPECT_THAT(death.after.effects, IsEmpty()) << "nor does any other step run";
  EXPECT_EQ(reopened.recorded().back(), Names{"ExecutionParked"});
  const auto row = reopened.store.list_executions({}).value().front();
  EXPECT_EQ(row.status, "parked");
  EXPECT_EQ(row.error_code, "step_diverged");

  // It stays so: for a duplicate, and for the next process.
  Intent duplicate = intent_for("work");
  duplicate.intent_id = result.intent_id;
  EXPECT_EQ(reopened.execute(duplicate)->status, ExecutionStatus::parked);
  ManualRuntime third(reopened.copy_of_log(), 3);
  third.support("work", kOneAndTwo(death.after));
  ASSERT_THAT(third.decisions.live(), SizeIs(1));
  EXPECT_EQ(third.decisions.live().front()->row.status, "parked");
  EXPECT_EQ(third.execute(duplicate)->status, ExecutionStatus::parked);
  EXPECT_EQ(third.execute(duplicate)->error->reason, "step_diverged");
  EXPECT_THAT(death.after.effects, IsEmpty());
}

TEST_F(Steps, ParkNothingBeforeThatIsDurable) {
  const Intent intent = intent_for("work");
  Death death("two", kOneAndTwo, intent);
  ManualRuntime& reopened = *death.reopened;
  reopened.log.hold();
  const Heard heard = death.resume(kOtherwise);
  reopened.log.release_one();  // its grant
  reopened.run();
  const Heard duplicate = reopened.submit(intent);
  reopened.run();
  EXPECT_FALSE(duplicate->has_value()) << "it waits for the first";
  reopened.log.release();
  reopened.run();
  ASSERT_TRUE(heard->has_value() && duplicate->has_value());
  EXPECT_EQ((*duplicate)->value().status, ExecutionStatus::parked);
}

TEST_F(Steps, ParkNothingForAnErrorThatOnlySaysSo) {
  runtime_.support("work", [this](const Intent&, ExecutionContext& context) {
    return take_one_step(world_.effect("one", fail(ErrorCode::conflict, "not mine", "step_diverged")), context);
  });
  EXPECT_EQ(runtime_.execute(intent_for("work"))->status, ExecutionStatus::failed);
}

// --- what fails

TEST_F(Steps, AreTriedAgainAsOftenAsToldWithGrowingDelays) {
  std::vector<std::int64_t> at_us;
  const RetryPolicy retry{.max_tries = 4, .first_delay_us = 1'000'000, .max_delay_us = 2'000'000, .non_retryable = {}};
  runtime_.support("work", [&](const Intent&, ExecutionContext& context) {
    return take_flaky_step(&runtime_.clock, &at_us, 3, retry, context);
  });
  const Heard heard = runtime_.submit(intent_for("work"));
  for (int i = 0; i < 100; ++i) {
    runtime_.run();
    runtime_.clock.advance_us(100'000);
  }
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ((*heard)->value().status, ExecutionStatus::completed);
  ASSERT_THAT(at_us, SizeIs(4));
  const std::int64_t first = at_us[1] - at_us[0];
  EXPECT_GE(first, 800'000);
  EXPECT_LE(first, 1'100'000);
  for (const std::size_t later : {2U, 3U}) {
    EXPECT_GE(at_us[later] - at_us[later - 1], 1'600'000);
    EXPECT_LE(at_us[later] - at_us[later - 1], 2'100'000) << "no longer than the longest";
  }
  EXPECT_EQ(runtime_.last_payload(RecordType::step_completed).find("tries")->as_uint64(), 4U);
}

TEST_F(Steps, AreNotTriedAgainForWhatDoesNotPass) {
  std::vector<std::int64_t> at_us;
  const RetryPolicy retry{.max_tries = 4, .first_delay_us = 1, .max_delay_us = 1, .non_retryable = {"flaky"}};
  runtime_.support("work", [&](const Intent&, ExecutionContext& context) {
    return take_flaky_step(&runtime_.clock, &at_us, 3, retry, context);
  });
  const auto result = runtime_.execute(intent_for("work"));
  EXPECT_EQ(result->status, ExecutionStatus::failed);
  EXPECT_EQ(result->error->reason, "flaky");
  EXPECT_THAT(at_us, SizeIs(1));
  EXPECT_EQ(runtime_.recorded().back(), (Names{"StepFailed", "ExecutionFailed"}));
}

TEST_F(Steps, OfAnAttemptThatWasGivenUpAreNotRecorded) {
  world_.stops_at = "one";
  runtime_.support("work", taking_steps(world_, {"one", "two"}));
  Intent intent = intent_for("work");
  intent.deadline_us = runtime_.clock.wall_us() + 1'000'000;
  const Heard heard = runtime_.submit(intent);
  runtime_.run();
  runtime_.clock.advance_us(2'000'000);
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ((*heard)->value().error->code, ErrorCode::deadline_exceeded);
  const std::size_t recorded = runtime_.batches();
  world_.gate.open();
  runtime_.run();
  EXPECT_EQ(runtime_.batches(), recorded) << "its late outcome changes nothing";
  EXPECT_THAT(world_.effects, ElementsAre("one")) << "nor does it go on";
}

TEST_F(Steps, DoNotBeginInAnAttemptThatWasGivenUp) {
  Gate gate;
  runtime_.support("work", [&](const Intent&, ExecutionContext& context) {
    return take_a_step_late(&gate, world_.effect("late"), context);
  });
  Intent intent = intent_for("work");
  intent.deadline_us = runtime_.clock.wall_us() + 1'000'000;
  const Heard heard = runtime_.submit(intent);
  runtime_.run();
  runtime_.clock.advance_us(2'000'000);
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  gate.open();
  runtime_.run();
  EXPECT_THAT(world_.effects, IsEmpty());
}

TEST_F(Steps, DoNotRunOnceTheLogHasStoppedWhateverTheHandlerMakesOfIt) {
  runtime_.support("work",
                   [this](const Intent&, ExecutionContext& context) { return go_on_regardless(&world_, context); });
  runtime_.log.hold();
  const Heard heard = runtime_.submit(intent_for("work"));
  runtime_.run();
  runtime_.log.release_one();
  runtime_.run();
  runtime_.log.stop();
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ(heard->value().error().code, ErrorCode::unknown);
  EXPECT_THAT(world_.effects, ElementsAre("one")) << "what its outcome led to would be done without it";
}

TEST_F(Steps, StopWaitingForAnotherTryOnceTheyAreGivenUp) {
  std::vector<std::int64_t> at_us;
  const RetryPolicy retry{
      .max_tries = 9, .first_delay_us = 3'600'000'000, .max_delay_us = 3'600'000'000, .non_retryable = {}};
  runtime_.support("work", [&](const Intent&, ExecutionContext& context) {
    return take_flaky_step(&runtime_.clock, &at_us, 8, retry, context);
  });
  Intent intent = intent_for("work");
  intent.deadline_us = runtime_.clock.wall_us() + 1'000'000;
  const Heard heard = runtime_.submit(intent);
  for (int i = 0; i < 12; ++i) {
    runtime_.run();
    runtime_.clock.advance_us(100'000);
  }
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  runtime_.lifecycle->wait_for_handlers();  // or this would hang
  EXPECT_THAT(at_us, SizeIs(1));
}

// Objects have their members in the order of the log, also for the attempt that wrote them there.
TEST_F(Steps, AnswerTheSameWhetherTheyRanOrAreAnsweredAgain) {
  const HandlerIn handler = [](World& world) {
    return [&world](const Intent&, ExecutionContext& context) {
      return list_members(&world, Json::object({{"z", 1}, {"a", 1.0}}), context);
    };
  };
  Death death("later", handler);
  EXPECT_EQ((*death.resume(handler))->value().value, Json("az"));
  EXPECT_EQ(death.dying.last_payload(RecordType::execution_completed).find("result")->as_string(), "az");
}

TEST_F(Steps, AnswerUnknownWhenTheLogStops) {
  runtime_.support("work", taking_steps(world_, {"one", "two"}));
  runtime_.log.hold();
  const Heard heard = runtime_.submit(intent_for("work"));
  runtime_.run();
  runtime_.log.release_one();
  runtime_.run();
  EXPECT_THAT(world_.effects, ElementsAre("one"));
  runtime_.log.stop();
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ(heard->value().error().code, ErrorCode::unknown);
  EXPECT_THAT(world_.effects, ElementsAre("one")) << "the outcome before is not known to be durable";
}

TEST_F(Steps, RefuseWhatWouldNotHappenAgainInside) {
  std::vector<std::string> refused;
  runtime_.support("work",
                   [&](const Intent&, ExecutionContext& context) { return meddle_inside_a_step(&refused, context); });
  EXPECT_EQ(runtime_.execute(intent_for("work"))->status, ExecutionStatus::completed);
  EXPECT_EQ(refused, Names(11, "inside_step"));
}

TEST_F(Steps, RefuseBadInputByName) {
  runtime_.support("work",
                   [](const Intent& intent, ExecutionContext& context) { return take_named_step(intent, context); });
  const auto error_of = [&](Json name, const Json& value) {
    return *runtime_.execute(intent_for("work", Json::object({{"name", std::move(name)}, {"value", value}})))->error;
  };
  EXPECT_THAT(error_of("a b", Json()).message, HasSubstr("step: name must be 1 to 128 bytes"));
  EXPECT_EQ(error_of("", Json()).reason, "invalid_step");
  EXPECT_THAT(error_of("huge", Json()).message, HasSubstr("step: is 1048579 bytes of JSON; the limit is 1048576"));
  EXPECT_EQ(error_of("throws", Json()).message, "the step threw: thrown");
  EXPECT_EQ(error_of("empty", Json()).reason, "empty_task");
  for (const RetryPolicy& bad :
       {RetryPolicy{0, 0, 0, {}}, RetryPolicy{1, -1, 0, {}}, RetryPolicy{1, 0, INT64_MAX, {}}}) {
    runtime_.support(fmt::format("bad{}{}", bad.max_tries, bad.first_delay_us),
                     [this, bad](const Intent&, ExecutionContext& context) {
                       return take_one_step(world_.effect("one"), context, bad);
                     });
    const auto result = runtime_.execute(intent_for(fmt::format("bad{}{}", bad.max_tries, bad.first_delay_us)));
    EXPECT_EQ(result->error->reason, "invalid_step") << result->error->message;
  }
  EXPECT_THAT(world_.effects, IsEmpty());
}

}  // namespace
}  // namespace symphainy::runtime
