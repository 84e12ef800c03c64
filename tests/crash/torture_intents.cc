// SPDX-License-Identifier: Apache-2.0
#include "crash/torture_intents.h"

#include <algorithm>
#include <chrono>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <thread>
#include <unistd.h>

#include "base/try.h"
#include "crash/torture_sagas.h"
#include "crash/torture_waits.h"

namespace symphainy::tests {
namespace {

constexpr std::size_t kPieceBytes = 8 * 1024;
constexpr std::size_t kLargeContentBytes = 24 * 1024;  // over what travels in the log

struct Work {
  std::string name;     ///< unique to the key
  std::int64_t number;  ///< which of the few state keys that many use
  ExecutionContext& context;

  Work(const Intent& intent, ExecutionContext& with)
      : name(intent.parameters.find("name")->as_string().value()),
        number(intent.parameters.find("number")->as_int64().value()),
        context(with) {}

  [[nodiscard]] std::string key(std::string_view of) const { return fmt::format("{}/{}", of, number); }
  [[nodiscard]] Result<void> tell(const std::string& type, const std::string& topic) const {
    TRY(context.add_event({type, Json::object({{"name", name}, {"number", number}}), name, topic}));
    return {};
  }
};
using Outcome = Result<HandlerResult>;

Json result_of(const Work& work) {
  return Json::object({{"name", work.name}});
}

std::string content_of(const Work& work, std::size_t bytes) {
  std::string content;
  while (content.size() < bytes) content += fmt::format("{} {} {}\n", work.name, work.number, content.size());
  content.resize(bytes);
  return content;
}

Result<std::string> refer_to(const Work& work, const Artifact& artifact, const std::string& part) {
  return work.context.register_reference({.type = "file",
                                          .name = work.name + "/" + part,
                                          .digest = artifact.digest,
                                          .size = artifact.size,
                                          .media_type = artifact.media_type,
                                          .location = artifact.location});
}

Outcome note(const Work& work) {
  TRY(work.context.add_artifact({"note", "text/plain", content_of(work, 100)}));
  TRY(work.context.put_state(work.key("notes"), Json(work.name)));
  TRY(work.tell("note.made", "notes"));
  return HandlerResult{result_of(work)};
}

Outcome store(const Work& work) {
  TRY(const Artifact small, work.context.add_artifact({"small", "text/plain", content_of(work, 500)}));
  TRY(const auto sink, work.context.open_artifact("large", "text/plain"));
  const std::string content = content_of(work, kLargeContentBytes);
  for (std::size_t done = 0; done < content.size(); done += kPieceBytes) {
    TRY(sink->write(std::string_view(content).substr(done, kPieceBytes)));
  }
  TRY(const Artifact large, sink->finish());
  TRY(const std::string source, refer_to(work, small, "small"));
  TRY(const std::string derived, refer_to(work, large, "large"));
  TRY(work.context.track_provenance(derived, source));
  TRY(work.context.put_state(work.key("latest"), Json(derived)));
  TRY(work.tell("file.stored", "files"));
  TRY(work.tell("file.grown", "files"));
  TRY(work.tell("audit.noted", "audit"));
  return HandlerResult{result_of(work)};
}

// From whatever was stored last, so that lineages grow long.
Outcome derive(const Work& work) {
  TRY(const auto latest, work.context.get_state(work.key("latest")));
  if (!latest) return fail(ErrorCode::failed, "nothing was stored yet", "nothing_stored");
  const std::string source(latest->value.as_string().value());
  TRY(const auto reference, work.context.get_reference(source));
  if (!reference) return fail(ErrorCode::internal, "the state names reference " + source + ", which does not exist");
  TRY(const Artifact artifact, work.context.add_artifact({"derived", "text/plain", content_of(work, 300)}));
  TRY(const std::string derived, refer_to(work, artifact, "derived"));
  TRY(work.context.track_provenance(derived, source, Relation::was_revision_of));
  TRY(work.context.put_state(work.key("latest"), Json(derived)));
  TRY(work.tell("file.derived", "files"));
  return HandlerResult{result_of(work)};
}

// Fails as a conflict when another one counted in between.
Outcome count(const Work& work) {
  TRY(const auto counted, work.context.get_state(work.key("counter")));
  const std::int64_t next = counted ? counted->value.as_int64().value() + 1 : 1;
  TRY(work.context.put_state(work.key("counter"), Json(next), counted ? counted->version : 0));
  TRY(work.tell("counter.counted", "counters"));
  return HandlerResult{result_of(work)};
}

Outcome forget(const Work& work) {
  TRY(work.context.delete_state(work.key("notes")));
  TRY(work.tell("note.forgotten", "notes"));
  return HandlerResult{result_of(work)};
}

Outcome break_down(const Work& work) {
  TRY(work.context.add_artifact({"lost", "text/plain", content_of(work, kLargeContentBytes)}));
  TRY(work.context.put_state(work.key("notes"), Json("never seen")));
  TRY(work.tell("note.lost", "notes"));
  return fail(ErrorCode::failed, "it broke down, as it was asked to", "broke_down");
}

Outcome dawdle(const Work& work) {
  std::this_thread::sleep_for(std::chrono::milliseconds(5 + work.number * 5));
  TRY(work.tell("note.late", "notes"));
  return HandlerResult{result_of(work)};
}

Outcome say_much(const Work& work) {
  TRY(work.tell("note.long", "notes"));
  return HandlerResult{Json(content_of(work, 20'000 + static_cast<std::size_t>(work.number) * 20'000))};
}

// What the Data Brain must refuse: an edge to nothing.
Outcome misattribute(const Work& work) {
  TRY(const Artifact artifact, work.context.add_artifact({"orphan", "text/plain", content_of(work, 100)}));
  TRY(const std::string derived, refer_to(work, artifact, "orphan"));
  TRY(work.context.track_provenance(derived, work.context.new_id()));
  return HandlerResult{result_of(work)};
}

Task<Result<Json>> act(const Ledger& ledger, const ExecutionContext& context, std::string step, Result<Json> answer) {
  ledger.note(context, step);
  co_return answer;
}

// Two names, one of them twice, and a step that fails, is tried again and is reacted to.
Task<Outcome> take_steps(const Ledger& ledger, Work work) {
  const Error no{ErrorCode::conflict, "declined, as it was asked to be", "declined", {}};
  const RetryPolicy twice{.max_tries = 2, .first_delay_us = 1'000, .max_delay_us = 1'000};
  const auto step = [&](std::string name, int number, Result<Json> answer) {
    return work.context.step(
        name, result_of(work),
        [&ledger, &work, key = fmt::format("{}#{}", name, number), answer](const StepRun&) {
          return act(ledger, work.context, key, answer);
        },
        twice);
  };
  const std::int64_t began_us = work.context.now_us();
  const auto reserved = co_await step("move", 1, Json(work.name + " reserved"));
  const auto charged = co_await step("charge", 1, std::unexpected(no));
  const auto settled = co_await step("move", 2, Json(charged ? "kept" : "given back"));
  if (!reserved || !settled || work.context.now_us() < began_us)
    co_return fail(ErrorCode::internal, "a step that succeeds did not");
  if (auto told = work.tell("order.settled", "orders"); !told) co_return std::unexpected(told.error());
  co_return HandlerResult{Json::object({{"because", charged.error().reason}, {"settled", *settled}})};
}

// A step whose function notes that it ran.
Task<Result<Json>> noted_step(const Ledger& ledger, const Work& work, std::string name, Result<Json> answer) {
  const StepFunction function = [&ledger, &work, key = name + "#1", answer](const StepRun&) {
    return act(ledger, work.context, key, answer);
  };
  co_return co_await work.context.step(std::move(name), result_of(work), function);
}

Task<Outcome> settle(const Ledger& ledger, Work work) {
  const auto settled = co_await noted_step(ledger, work, "settle", Json(work.name));
  if (!settled) co_return std::unexpected(settled.error());
  if (auto told = work.tell("order.settled", "orders"); !told) co_return std::unexpected(told.error());
  co_return HandlerResult{Json::object({{"settled", *settled}})};
}

Result<Json> connection(bool is_there) {
  if (is_there) return Json("connected");
  return fail(ErrorCode::unavailable, "no connection, as it was asked for", "no_connection");
}

// Its first attempt fails, a later one completes, wherever a kill comes. Nothing is done about the failed step: behind
// a step that answered it, its failure would stay, and whether the execution completes would depend on when the kill
// came.
Task<Outcome> flounder(const Ledger& ledger, Work work) {
  const auto moved = co_await noted_step(ledger, work, "move", Json(work.name));
  if (!moved) co_return std::unexpected(moved.error());
  const auto connected = co_await noted_step(ledger, work, "connect", connection(work.context.attempt() > 1));
  if (!connected) co_return std::unexpected(connected.error());
  co_return co_await settle(ledger, work);
}

// Is parked. What is to be resumed completes then, or when a kill came before; what is to be ended never does.
Task<Outcome> get_stuck(const Ledger& ledger, Work work) {
  const auto moved = co_await noted_step(ledger, work, "move", Json(work.name));
  if (!moved) co_return std::unexpected(moved.error());
  const bool may_connect = action_on_parked(work.number) == Action::resume && work.context.attempt() > 1;
  const auto connected = co_await noted_step(ledger, work, "connect", connection(may_connect));
  if (!connected) co_return std::unexpected(connected.error());
  co_return co_await settle(ledger, work);
}

// Fails, and completes when it is done once more: then it has no key.
Task<Outcome> regret(const Ledger& ledger, Work work) {
  const auto moved = co_await noted_step(ledger, work, "move", Json(work.name));
  if (!moved) co_return std::unexpected(moved.error());
  const bool again = !work.context.intent().idempotency_key;
  const auto connected = co_await noted_step(ledger, work, "connect", connection(again));
  if (!connected) co_return std::unexpected(connected.error());
  co_return co_await settle(ledger, work);
}

Task<Outcome> travel_as_asked(const Ledger& ledger, Work work) {
  return travel(ledger, work.context, work.name, work.number);
}

Task<Outcome> set_out_as_asked(const Ledger& ledger, Work work) {
  return set_out(ledger, work.context, work.name);
}

Task<Outcome> nap_as_asked(const Ledger& ledger, Work work) {
  return nap(ledger, work.context, work.name, work.number);
}

Task<Outcome> ask_as_asked(const Ledger& ledger, Work work) {
  return ask_for_approval(ledger, work.context, work.name);
}

Task<Outcome> linger_as_asked(const Ledger& ledger, Work work) {
  return linger(ledger, work.context, work.name);
}

// Has two children do it: one that notes something, one that takes steps.
Task<Outcome> delegate(const Ledger& /*ledger*/, Work work) {
  std::vector<std::string> children;
  for (const std::string type : {"torture.note", "torture.steps"}) {
    const Json parameters = Json::object({{"name", work.name + "-" + type.substr(8)}, {"number", 0}});
    auto child = co_await work.context.spawn("one", {.intent_type = type, .parameters = parameters});
    if (!child) co_return std::unexpected(child.error());
    children.push_back(*std::move(child));
  }
  const auto ended = co_await work.context.wait_children(std::move(children));
  if (!ended) co_return std::unexpected(ended.error());
  Json values = Json::array();
  for (const ChildResult& child : **ended) values.push_back(child.value);
  if (auto told = work.tell("order.delegated", "orders"); !told) co_return std::unexpected(told.error());
  co_return HandlerResult{std::move(values)};
}

struct Kind {
  Outcome (*run)(const Work&);  ///< nullptr: it takes steps
  Effects effects;
  Task<Outcome> (*take_steps)(const Ledger&, Work) = nullptr;
  std::uint32_t attempts = 1;
  OutOfAttempts out_of_attempts = OutOfAttempts::fail;
};

const std::map<std::string, Kind, std::less<>>& kinds() {
  static const std::map<std::string, Kind, std::less<>> all = {
      {"torture.note", {note, Effects::context_only}},
      {"torture.store", {store, Effects::external}},
      {"torture.derive", {derive, Effects::external}},
      {"torture.count", {count, Effects::external}},
      {"torture.forget", {forget, Effects::external}},
      {"torture.break", {break_down, Effects::external}},
      {"torture.dawdle", {dawdle, Effects::external}},
      {"torture.steps", {nullptr, Effects::external, take_steps}},
      {"torture.flaky", {nullptr, Effects::external, flounder, 3}},
      {"torture.stuck", {nullptr, Effects::external, get_stuck, 1, OutOfAttempts::park}},
      {"torture.regret", {nullptr, Effects::external, regret}},
      {"torture.saga", {nullptr, Effects::external, travel_as_asked}},
      {"torture.abandon", {nullptr, Effects::external, set_out_as_asked, 1, OutOfAttempts::park}},
      {"torture.nap", {nullptr, Effects::external, nap_as_asked}},
      {"torture.approve", {nullptr, Effects::external, ask_as_asked}},
      {"torture.linger", {nullptr, Effects::external, linger_as_asked}},
      {"torture.delegate", {nullptr, Effects::external, delegate}},
      {"torture.say_much", {say_much, Effects::context_only}},
      {"torture.misattribute", {misattribute, Effects::external}}};
  return all;
}

IntentSupport support_of(const std::string& type, const Kind& kind, const Json& schema) {
  IntentSupport support{type, schema, 1, kind.effects};
  support.retry = {.max_tries = kind.attempts, .first_delay_us = 2'000, .max_delay_us = 5'000};
  support.out_of_attempts = kind.out_of_attempts;
  support.signals = signals_of(type);
  return support;
}

class TortureService final : public DomainService {
 public:
  explicit TortureService(const Ledger& ledger) : ledger_(ledger) {}

  std::string_view name() const override { return "torture"; }
  std::vector<IntentSupport> supported_intents() const override {
    const Json schema = Json::parse(R"({"type": "object", "required": ["name", "number"], "properties": {
        "name": {"type": "string"}, "number": {"type": "integer", "minimum": 0, "maximum": 20}}})")
                            .value();
    std::vector<IntentSupport> supported;
    for (const auto& [type, kind] : kinds()) supported.push_back(support_of(type, kind, schema));
    return supported;
  }
  Task<Result<HandlerResult>> handle_intent(const Intent& intent, ExecutionContext& context) override {
    const Kind& kind = kinds().find(intent.intent_type)->second;
    if (kind.effects == Effects::external) ledger_.note(context);
    if (kind.run == nullptr) co_return co_await kind.take_steps(ledger_, Work(intent, context));
    co_return kind.run(Work(intent, context));
  }

 private:
  const Ledger& ledger_;
};

}  // namespace

Ledger::Ledger(const std::string& path)
    : descriptor_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
  CHECK(descriptor_ >= 0 && ::write(descriptor_, "\n", 1) == 1);  // the line before may be cut short
}

Ledger::~Ledger() {
  ::close(descriptor_);
}

void Ledger::note(const ExecutionContext& context, const std::string& step) const {
  const Intent& intent = context.intent();
  const std::string line = Json::object({{"attempt", context.attempt()},
                                         {"execution_id", context.execution_id()},
                                         {"idempotency_key", intent.idempotency_key.value_or("")},
                                         {"step", step},
                                         {"tenant", intent.tenant_id}})
                               .dump() +
                           "\n";
  CHECK(::write(descriptor_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

Action action_on_parked(std::int64_t number) {
  static constexpr Action kActions[] = {Action::resume, Action::cancel, Action::terminate};
  return kActions[number % 3];
}

Action action_on_waiting(const std::string& intent_type, std::int64_t number) {
  if (intent_type == "torture.saga") return Action::resume;
  return intent_type == "torture.abandon" ? Action::cancel : action_on_parked(number);
}

std::shared_ptr<DomainService> make_torture_service(const Ledger& ledger) {
  return std::make_shared<TortureService>(ledger);
}

std::set<std::string> noting_intent_types() {
  std::set<std::string> noting;
  for (const auto& [type, kind] : kinds()) {
    if (kind.effects == Effects::external) noting.insert(type);
  }
  return noting;
}

}  // namespace symphainy::tests
