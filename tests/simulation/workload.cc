// SPDX-License-Identifier: Apache-2.0
#include "simulation/workload.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>
#include <stdexcept>

#include "base/digest.h"
#include "base/try.h"
#include "public_works/abstractions/event_log.h"
#include "simulation/sleep.h"

namespace symphainy::simulation {
namespace {

using tests::ClientOperation;
using Outcome = ClientOperation::Outcome;

constexpr std::size_t kClients = 4;
constexpr std::uint64_t kFewestIntents = 4;
constexpr std::uint64_t kMoreIntents = 10;
constexpr std::int64_t kLongestThinkUs = 30'000;
constexpr std::uint64_t kSlowUs = 60'000;
constexpr std::uint64_t kVerySlowUs = 1'500'000;  // others fill segments meanwhile
constexpr std::size_t kLargeBytes = 20'000;       // too large for the log

const std::set<std::string> kSteppingTypes = {"steps", "flaky", "stuck"};
const std::set<std::string> kWaitingTypes = {"nap", "approval"};
const std::set<std::string> kSagas = {"journey", "voyage"};  // the second kind is parked when it fails

std::string member(const Intent& intent, std::string_view name) {
  const Json* value = intent.parameters.find(name);
  return value == nullptr ? std::string() : std::string(value->as_string().value_or(""));
}

std::uint64_t number(const Intent& intent, std::string_view name) {
  const Json* value = intent.parameters.find(name);
  return value == nullptr ? 0 : value->as_uint64().value_or(0);
}

// How often a step fails, of eight times that it runs.
std::uint64_t fails_in_eight(const std::string& intent_type, const std::string& step) {
  if (step == "move") return 0;
  if (intent_type == "stuck") return 7;
  return intent_type == "flaky" || step == "charge" ? 4 : 0;
}

bool has_steps(const Intent& intent) {
  return kSagas.contains(intent.intent_type) || kSteppingTypes.contains(intent.intent_type);
}

Outcome outcome_of(const Error& error) {
  const bool open = error.code == ErrorCode::unknown || error.code == ErrorCode::stopped;
  return open ? Outcome::unknown : Outcome::refused;
}

}  // namespace

Workload::Workload(Simulator& simulator, public_works::Executor& handlers, public_works::Executor& clients,
                   std::function<bool()> is_dead)
    : simulator_(simulator),
      handlers_(handlers),
      clients_executor_(clients),
      is_dead_(std::move(is_dead)),
      operators_(simulator, clients, is_dead_) {
  for (std::size_t i = 0; i < kClients; ++i) {
    clients_.push_back({.name = fmt::format("client-{}", i),
                        .tenant = i % 3 == 2 ? "globex" : "acme",
                        .left = kFewestIntents + simulator_.below(kMoreIntents),
                        .pending = {}});
  }
}

// --- clients
// ----------------------------------------------------------------------------------------------------------

void Workload::go_on(Runtime& runtime) {
  runtime_ = &runtime;
  for (Client& client : clients_) come_back_later(client);
  operators_.go_on(runtime);
}

void Workload::runtime_is_gone() {
  runtime_ = nullptr;
  ++generation_;
  frames_ = 0;
  operators_.runtime_is_gone();
  for (Client& client : clients_) {
    if (std::exchange(client.waits, false)) history_.push_back(operation(client));
  }
}

bool Workload::is_done() const {
  return std::ranges::all_of(clients_, [](const Client& client) { return client.left == 0 && !client.pending; });
}

void Workload::come_back_later(Client& client) {
  const std::int64_t at = simulator_.clock().steady_us() + static_cast<std::int64_t>(simulator_.below(kLongestThinkUs));
  clients_executor_.post_at(at, [this, &client, generation = generation_] { next(client, generation); });
}

void Workload::next(Client& client, std::uint64_t generation) {
  if (generation != generation_ || is_dead_() || client.waits) return;
  if (!client.pending) {
    if (client.left == 0) return;
    if (simulator_.one_in(12)) submit_garbage(client);
    --client.left;
    client.pending = new_intent(client);
  }
  client.waits = true;
  runtime_->submit(*client.pending, [this, &client, generation](Result<ExecutionResult> result) {
    heard(client, generation, std::move(result));
  });
}

// Nobody waits for the answer: it is refused, and recorded when at least its tenant can be told.
void Workload::submit_garbage(const Client& client) {
  Json garbage = Json::object({{"intent_type", "note"}, {"what", "is this"}});
  if (simulator_.one_in(2)) garbage["tenant_id"] = client.tenant;
  if (simulator_.one_in(2)) garbage["intent_id"] = 7;
  runtime_->submit_json(std::move(garbage), [](auto&&) {});
}

Intent Workload::new_intent(Client& client) {
  // Somebody else's, or one's own from before: answered as then, or refused when its body is another.
  if (!asked_.empty() && simulator_.one_in(6)) {
    Intent again = asked_[simulator_.below(asked_.size())];
    if (again.tenant_id == client.tenant) {
      if (simulator_.one_in(2) && again.idempotency_key)
        again.intent_id = fmt::format("again-{}", simulator_.below(1'000'000));
      if (simulator_.one_in(4)) again.parameters["other"] = true;
      return again;
    }
  }
  static constexpr std::array<const char*, 24> kTypes = {
      "note",        "note",   "count", "derive", "derive", "large",    "slow",     "faulty",
      "unsupported", "steps",  "flaky", "flaky",  "stuck",  "stuck",    "journey",  "journey",
      "journey",     "voyage", "nap",   "nap",    "nap",    "approval", "approval", "approval"};
  Json parameters = Json::object({{"key", fmt::format("k{}", simulator_.below(5))}});
  parameters["events"] = simulator_.below(4);
  const auto& known = references_[simulator_.one_in(15) ? "acme" : client.tenant];
  if (!known.empty()) parameters["source"] = known[simulator_.below(known.size())];
  if (simulator_.one_in(20)) parameters["source"] = "invented";
  if (simulator_.one_in(20)) parameters["circle"] = true;
  if (simulator_.one_in(12)) parameters["key"] = 7;  // against the schema
  Intent intent = Intent::create(kTypes[simulator_.below(kTypes.size())], client.tenant,
                                 fmt::format("session-{}", simulator_.below(3)), "simulation", {"service", client.name},
                                 std::move(parameters));
  intent.intent_id = fmt::format("intent-{}-{}", client.name, client.left);
  intent.created_at_us = simulator_.clock().wall_us();
  if (!simulator_.one_in(3)) intent.idempotency_key = fmt::format("key-{}-{}", client.name, client.left);
  if (simulator_.one_in(5)) {
    intent.deadline_us = simulator_.clock().wall_us() + static_cast<std::int64_t>(simulator_.below(40'000));
  }
  asked_.push_back(intent);
  return intent;
}

ClientOperation Workload::operation(const Client& client) const {
  const Intent& intent = *client.pending;
  ClientOperation operation;
  operation.client = client.name;
  operation.tenant = intent.tenant_id;
  operation.idempotency_key = intent.idempotency_key.value_or("");
  operation.intent_id = intent.intent_id;
  operation.intent_type = intent.intent_type;
  operation.parameters = intent.parameters.dump();
  operation.intent = intent.canonical();
  return operation;
}

void Workload::heard(Client& client, std::uint64_t generation, Result<ExecutionResult> result) {
  if (generation != generation_ || is_dead_()) return;
  client.waits = false;
  ClientOperation operation = this->operation(client);
  if (result) {
    operation.outcome = Outcome::acknowledged;
    operation.execution_id = result->execution_id;
    operation.status = to_string(result->status);
    operation.position = result->position;
    if (result->status == ExecutionStatus::completed) operation.value_sha256 = base::sha256(result->value.dump()).hex();
    for (const PublishedEvent& event : result->events) operation.event_ids.push_back(event.event_id);
    if (Operators::is_waiting(result->status)) operators_.hear_of_waiting(client.tenant, result->execution_id);
    for (const Reference& reference : result->references) references_[client.tenant].push_back(reference.reference_id);
    client.pending.reset();
  } else if (result.error().reason == public_works::kHistoryRetired) {
    operation.outcome = Outcome::retired;
    client.pending.reset();
  } else {
    operation.outcome = outcome_of(result.error());
  }
  simulator_.trace(
      fmt::format("{} {} {}", client.name, operation.intent_id, result ? operation.status : result.error().message));
  history_.push_back(std::move(operation));
  come_back_later(client);
}

// --- handlers
// ---------------------------------------------------------------------------------------------------------

std::set<std::string> Workload::noting_types() {
  return {"count", "derive", "large",   "slow",   "faulty", "steps",
          "flaky", "stuck",  "journey", "voyage", "nap",    "approval"};
}

Result<bool> Workload::register_handlers(Runtime& runtime, bool every) {
  std::set<std::string> types = noting_types();
  types.insert("note");
  const bool lacks_one = !every && simulator_.one_in(6);
  if (lacks_one) types.erase(std::next(types.begin(), static_cast<std::ptrdiff_t>(simulator_.below(types.size()))));
  const IntentHandler handler = [this](const Intent& intent, ExecutionContext& context) {
    return handle(intent, context);
  };
  TRY(register_types(runtime, types, handler));
  return !lacks_one;
}

Result<void> Workload::register_replayed_handlers(Runtime& runtime) {
  std::set<std::string> types = noting_types();
  types.insert("note");
  return register_types(runtime, types,
                        [this](const Intent& intent, ExecutionContext& context) { return replay(intent, context); });
}

Result<void> Workload::register_types(Runtime& runtime, const std::set<std::string>& types,
                                      const IntentHandler& handler) {
  const Json schema = Json::parse(R"({"type": "object", "properties": {"key": {"type": "string"}}})").value();
  for (const std::string& type : types) {
    IntentSupport support{type, schema, 1, type == "note" ? Effects::context_only : Effects::external};
    if (type == "flaky") support.retry = {.max_tries = 3, .first_delay_us = 10'000, .max_delay_us = 60'000};
    if (type == "approval") {
      support.retry = {.max_tries = 2, .first_delay_us = 10'000};
      support.signals = {{"approved", Json::parse(R"({"type": ["string", "integer"]})").value()}};
    }
    if (type == "journey") support.retry = {.max_tries = 2, .first_delay_us = 10'000};
    if (type == "stuck" || type == "voyage") {
      support.retry = {.max_tries = 2, .first_delay_us = 5'000, .non_retryable = {"no_luck"}};
      support.out_of_attempts = OutOfAttempts::park;
    }
    TRY(runtime.register_intent(std::move(support), "simulation", type, handler));
  }
  return {};
}

Task<Result<HandlerResult>> Workload::handle(const Intent& intent, ExecutionContext& context) {
  // One that may only touch its context runs before its acceptance is durable, and leaves no trace outside.
  if (intent.intent_type != "note") note(context);
  operators_.hear_of(intent.tenant_id, context.execution_id());
  if (intent.intent_type == "slow") {
    const auto duration = static_cast<std::int64_t>(simulator_.below(simulator_.one_in(3) ? kVerySlowUs : kSlowUs));
    co_await Sleep{handlers_, simulator_.clock().steady_us() + duration};
  }
  if (has_steps(intent)) {
    auto taken = co_await take_all_steps(intent, context);
    operators_.hear_of(intent.tenant_id, context.execution_id());
    if (!taken) co_return std::unexpected(taken.error());
  }
  if (kWaitingTypes.contains(intent.intent_type)) {
    const auto waited = co_await take_live_waits(intent, context);
    if (!waited) co_return std::unexpected(waited.error());
  }
  auto value = act(intent, context);
  if (!value) co_return std::unexpected(value.error());
  co_return HandlerResult{*std::move(value)};
}

Task<Result<HandlerResult>> Workload::replay(const Intent& intent, ExecutionContext& context) {
  if (has_steps(intent)) {
    auto taken = co_await take_all_steps(intent, context);
    if (!taken) co_return std::unexpected(taken.error());
  }
  if (kWaitingTypes.contains(intent.intent_type)) {
    const auto waited = co_await take_waits(intent, context, false);
    if (!waited) co_return std::unexpected(waited.error());
  }
  auto value = act(intent, context);
  if (!value) co_return std::unexpected(value.error());
  co_return HandlerResult{*std::move(value)};
}

Task<Result<Json>> Workload::take_all_steps(const Intent& intent, ExecutionContext& context) {
  return kSagas.contains(intent.intent_type) ? take_saga(intent, context) : take_steps(intent, context);
}

void Workload::note(const ExecutionContext& context, std::string step) {
  if (is_dead_()) return;
  const Intent& intent = context.intent();
  ledger_.push_back({.execution_id = context.execution_id(),
                     .tenant = intent.tenant_id,
                     .idempotency_key = intent.idempotency_key.value_or(""),
                     .attempt = context.attempt(),
                     .step = std::move(step)});
}

// Of some it ignores that they failed, as some do, also when it is cancelled.
Task<Result<Json>> Workload::take_steps(const Intent& intent, ExecutionContext& context) {
  const RetryPolicy twice{.max_tries = 2, .first_delay_us = 2'000, .max_delay_us = 2'000};
  const bool cares = context.random() % 4 != 0;
  std::int64_t before_us = 0;
  for (const std::string name : {"move", "charge", "move", "settle"}) {
    const std::string key = fmt::format("{}#{}", name, name == "move" && before_us > 0 ? 2 : 1);
    const std::uint64_t fails = fails_in_eight(intent.intent_type, name);
    before_us = context.now_us();
    const auto done = co_await context.step(
        name, Json(intent.intent_id),
        [this, &context, key, fails](const StepRun&) { return run_step(key, context, fails); }, twice);
    if (!done && cares) co_return std::unexpected(done.error());
  }
  co_return Json();
}

Task<Result<Json>> Workload::run_step(std::string key, const ExecutionContext& context, std::uint64_t eighths) {
  note(context, key);
  if (simulator_.one_in(3)) {
    const auto duration = static_cast<std::int64_t>(simulator_.below(kSlowUs));
    co_await Sleep{handlers_, simulator_.clock().steady_us() + duration};
  }
  if (simulator_.below(8) >= eighths) co_return Json(key);
  if (simulator_.one_in(12)) co_return fail(ErrorCode::failed, "it did not work", "no_luck");
  co_return fail(ErrorCode::unavailable, "nobody answers", "no_connection");
}

Result<Json> Workload::act(const Intent& intent, ExecutionContext& context) {
  const std::string& type = intent.intent_type;
  const std::string key = member(intent, "key");
  if (type == "faulty" && context.random() % 2 == 0) throw std::runtime_error("it broke");
  if (type == "faulty") return fail(ErrorCode::failed, "it did not work", "no_luck");

  TRY(const auto before, context.get_state(key));
  const std::uint64_t count = before ? before->value.as_uint64().value_or(0) : 0;
  if (type == "count") {
    TRY(context.put_state(key, Json(count + 1), before ? before->version : 0));
  } else if (key == "k4" && before) {
    TRY(context.delete_state(key));
  } else {
    TRY(context.put_state(key, Json(count + 1)));
  }
  std::vector<std::string> references;
  if (type == "derive" || type == "large") {
    const std::string content = type == "large" ? std::string(kLargeBytes, 'x') + intent.intent_id : intent.intent_id;
    TRY(const Artifact artifact, context.add_artifact({"result", "text/plain", content}));
    ReferenceDraft draft{.type = "file",
                         .name = intent.intent_id,
                         .digest = artifact.digest,
                         .size = artifact.size,
                         .media_type = artifact.media_type,
                         .location = artifact.location};
    TRY(const std::string reference, context.register_reference(std::move(draft)));
    references.push_back(reference);
    const std::string source = member(intent, "source");
    if (!source.empty()) TRY(context.track_provenance(reference, source));
    if (!source.empty() && intent.parameters.find("circle") != nullptr)
      TRY(context.track_provenance(source, reference));
  }
  for (std::uint64_t i = 0; i < number(intent, "events"); ++i) {
    TRY(context.add_event({type + ".done", Json(i), key, i % 2 == 0 ? "done" : "audit"}));
  }
  return Json::object({{"count", count}, {"type", type}});
}

}  // namespace symphainy::simulation
