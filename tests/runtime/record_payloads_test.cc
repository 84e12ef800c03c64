// SPDX-License-Identifier: Apache-2.0
// Every record that the runtime writes is canonical JSON: what reads it back and writes it again gets the same bytes,
// and so the same digests.
#include <chrono>
#include <cstdint>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/try.h"
#include "public_works/adapters/memory/memory_artifact_store.h"
#include "public_works/adapters/memory/memory_event_log.h"
#include "public_works/adapters/memory/memory_event_publisher.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/thread_executor.h"
#include "runtime/execution_context.h"
#include "runtime/runtime_node.h"
#include "runtime/store_restored.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {
namespace {

using public_works::MemoryLogContents;
using public_works::ThreadExecutor;
using ::testing::IsSupersetOf;

// Whatever canonical form is about: the order of members, escapes, the shortest numbers, 64-bit integers.
Json awkward() {
  return Json::object({{"z", Json::array({1e21, 0.1, -0.0, 1e-7, 100.0, 5e-324})},
                       {"\xF0\x9F\x98\x80", "after \xEF\xAC\xB3 in UTF-8, before it in UTF-16"},
                       {"\xEF\xAC\xB3", nullptr},
                       {"", true},
                       {"a", "\x01\x1F\x7F\"\\/\b\f\n\r\t</script> \xE2\x80\xA8 ä"},
                       {"a\n", Json::object({{"max", 18446744073709551615U}, {"beyond", 9007199254740993}})},
                       {"A", Json::array({Json::object(), Json::array()})}});
}
const std::string kAwkwardText = "say \"no\"\\\n\x01 \xF0\x9F\x98\x80";

// One of everything that a context knows; the reference it looks for is a parameter.
Result<HandlerResult> do_everything(const Intent& intent, ExecutionContext& context) {
  const std::string known(intent.parameters.find("known")->as_string().value());
  (void)context.now_us();
  for (const char* key : {"put", "never put"}) TRY(context.get_state(key));
  TRY(context.get_reference(context.new_id()));
  if (!known.empty()) TRY(context.get_reference(known));
  TRY(context.add_artifact({"inline", kAwkwardText, std::string("\x00\xFF bytes", 8)}));
  TRY(const Artifact stored, context.add_artifact({"stored", "", std::string(kMaxInlineArtifactBytes + 1, '\xFF')}));
  TRY(context.add_event({"z.happened", awkward(), kAwkwardText, ""}));
  TRY(context.add_event({"a.happened", Json(), "", "topic"}));
  TRY(const std::string made, context.register_reference({.type = "thing",
                                                          .name = kAwkwardText,
                                                          .digest = stored.digest,
                                                          .size = stored.size,
                                                          .media_type = kAwkwardText,
                                                          .location = stored.location,
                                                          .metadata = awkward()}));
  if (!known.empty()) TRY(context.track_provenance(made, known, Relation::was_revision_of));
  TRY(context.put_state("put", awkward()));
  TRY(context.put_state(kAwkwardText.substr(0, 8), Json(1.5)));
  TRY(context.delete_state("deleted"));
  if (intent.parameters.find("fail") != nullptr) {
    return fail(ErrorCode::failed, kAwkwardText, "wanted", Json::object({{"z", awkward()}, {"a", 1}}));
  }
  return HandlerResult{Json::object({{"made", made}, {"awkward", awkward()}})};
}

Task<Result<Json>> answer_with(Error error) {
  co_return std::unexpected(std::move(error));
}

Task<Result<HandlerResult>> handle(const Intent& intent, ExecutionContext& context) {
  const Error error{ErrorCode::unavailable, kAwkwardText, "", Json::object({{"z", awkward()}, {"a", 1}})};
  const StepFunction succeed = [](const StepRun&) -> Task<Result<Json>> { co_return awkward(); };
  const StepFunction go_wrong = [error](const StepRun&) { return answer_with(error); };
  (void)co_await context.step("good", awkward(), succeed);
  (void)co_await context.step("bad", awkward(), go_wrong);
  co_return do_everything(intent, context);
}

Task<Result<HandlerResult>> wait_for_all(ExecutionContext* context) {
  if (auto slept = co_await context->sleep(std::chrono::milliseconds(1)); !slept)
    co_return std::unexpected(slept.error());
  auto came = co_await context->wait_signal("come", std::chrono::hours(1));
  if (!came) co_return std::unexpected(came.error());
  const ChildIntent child{.intent_type = "echo", .parameters = Json::object({{"awkward", awkward()}})};
  auto ended = co_await context->execute("child", child);
  if (!ended) co_return std::unexpected(ended.error());
  co_return HandlerResult{ended->value};
}

Intent rich_intent(const std::string& known) {
  Intent intent = Intent::create("make", "acme", "session", "solution", {"user", kAwkwardText},
                                 Json::object({{"known", known}, {"awkward", awkward()}}));
  intent.metadata = awkward();
  intent.idempotency_key = kAwkwardText + intent.intent_id;
  intent.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  intent.deadline_us = intent.created_at_us + 3'600'000'000;
  intent.priority = 9;
  intent.parent = ParentExecution{"0192f0c1-2345-8abc-8def-0123456789ab", "step"};
  return intent;
}

class NobodyListens final : public public_works::EventLogListener {
 public:
  void on_durable(std::vector<std::shared_ptr<const base::LogBatch>>) override {}
  void on_stopped(const Error&) override {}
};

// How a restore has the log go on.
void restore(public_works::EventLog& log) {
  const StoreRestored restored{.kind = "restore",
                               .actor = {"user", kAwkwardText},
                               .reason = kAwkwardText,
                               .timeline = base::fresh_uuid_v7(),
                               .earlier = {{log.identity().timeline, log.durable_position()}}};
  base::RecordDraft draft = draft_record(RecordType::store_restored, "_system", restored.payload());
  draft.partition_epoch = log.recovery().last_epoch + 1;
  NobodyListens nobody;
  log.start(nobody);
  ASSERT_TRUE(log.append({std::move(draft)}));
  ASSERT_TRUE(log.close());
}

// One that is parked when its attempts are used up, then cancelled; another one resumed, then terminated.
void fail_again_and_act(Runtime& node, Intent intent) {
  IntentSupport support{.intent_type = "make_again"};
  support.retry = {.max_tries = 2, .first_delay_us = 0};
  support.out_of_attempts = OutOfAttempts::park;
  ASSERT_TRUE(node.register_intent(std::move(support), "things", "handle_again", handle));
  intent.intent_type = "make_again";
  for (const Action action : {Action::cancel, Action::terminate}) {
    intent.intent_id = base::fresh_uuid_v7().text();
    intent.idempotency_key.reset();
    const ExecutionResult parked = node.execute(intent).value();
    ASSERT_EQ(parked.status, ExecutionStatus::parked);
    const ExecutionCommand resume{Action::resume,         "acme",       parked.execution_id,
                                  {"user", kAwkwardText}, kAwkwardText, true};
    EXPECT_EQ(node.command(resume)->status, ExecutionStatus::parked);
    ExecutionCommand end = resume;
    end.action = action;
    EXPECT_EQ(node.command(end)->status,
              action == Action::cancel ? ExecutionStatus::cancelled : ExecutionStatus::terminated);
  }
}

Task<Result<void>> undo_on_the_third_try(int* tries) {
  if (++*tries < 3) co_return fail(ErrorCode::failed, kAwkwardText, kAwkwardText);
  co_return Result<void>();
}

// One that is undone, after it was stuck.
void undo(Runtime& node) {
  int tries = 0;
  const auto handler = [&tries](const Intent&, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    Undo undo{[&tries](const UndoRun&) { return undo_on_the_third_try(&tries); }, {}};
    (void)co_await context.undoable_step(
        "step", awkward(), [](const StepRun&) -> Task<Result<Json>> { co_return awkward(); }, std::move(undo));
    co_return fail(ErrorCode::failed, kAwkwardText, "wanted");
  };
  ASSERT_TRUE(node.register_intent({.intent_type = "travel"}, "things", "travel", handler));
  const ExecutionResult stuck = node.execute(Intent::create("travel", "acme", "s", "s", {"user", "u"})).value();
  ASSERT_EQ(stuck.status, ExecutionStatus::compensation_stuck);
  const ExecutionCommand resume{Action::resume, "acme", stuck.execution_id, {"user", "u"}, "", true};
  EXPECT_EQ(node.command(resume)->status, ExecutionStatus::compensation_stuck);
  EXPECT_EQ(node.command(resume)->status, ExecutionStatus::compensated);
}

// A store opened twice, with executions of every outcome.
// One that waits for a moment, and for a signal.
void wait_and_signal(Runtime& node, Intent intent) {
  IntentSupport support{.intent_type = "wait"};
  support.signals = {{"come", Json::object()}};
  const IntentHandler handler = [](const Intent&, ExecutionContext& context) { return wait_for_all(&context); };
  ASSERT_TRUE(node.register_intent(std::move(support), "things", "wait", handler));
  const IntentHandler echo = [](const Intent& given, ExecutionContext&) -> Task<Result<HandlerResult>> {
    co_return HandlerResult{given.parameters};
  };
  ASSERT_TRUE(node.register_intent({.intent_type = "echo"}, "things", "echo", echo));
  intent.intent_type = "wait";
  intent.intent_id = base::fresh_uuid_v7().text();
  intent.idempotency_key.reset();
  std::promise<std::string> started;
  node.start(intent, [&](const Result<ExecutionResult>& result) { started.set_value(result.value().execution_id); });
  const ExecutionCommand come{Action::signal,
                              "acme",
                              started.get_future().get(),
                              {"user", kAwkwardText},
                              kAwkwardText,
                              true,
                              SignalDraft{"come", awkward(), kAwkwardText}};
  EXPECT_EQ(node.command(come)->status, ExecutionStatus::completed);
}

std::shared_ptr<MemoryLogContents> rich_run() {
  auto contents = std::make_shared<MemoryLogContents>();
  public_works::SystemClock clock;
  public_works::SeededRandom random(1);
  public_works::MemoryStateStore store;
  public_works::MemoryArtifactStore artifacts;
  public_works::MemoryEventPublisher publisher;
  for (int opening = 0; opening < 2; ++opening) {
    if (opening == 1) {
      public_works::MemoryEventLog copied(clock, random, contents);
      restore(copied);
    }
    public_works::MemoryEventLog log(clock, random, contents);
    ThreadExecutor partition(clock, 1, "partition");
    ThreadExecutor fold(clock, 1, "fold");
    ThreadExecutor relay(clock, 1, "relay");
    ThreadExecutor handlers(clock, 2, "handler");
    NodeAdapters adapters{.owner = nullptr,
                          .log = log,
                          .state = store,
                          .lineage = store,
                          .artifacts = artifacts,
                          .publisher = &publisher,
                          .publisher_name = "memory",
                          .partition = partition,
                          .fold = fold,
                          .relay = relay,
                          .handlers = handlers,
                          .clock = clock,
                          .random = random,
                          .log_sink = [](auto&&...) {}};
    const auto node = RuntimeNode::open(std::move(adapters), RuntimeOptions()).value();
    EXPECT_TRUE(node->register_intent({.intent_type = "make", .schema = Json::object({{"z", 0.5}, {"$comment", "ä"}})},
                                      "things", "handle", handle));
    const ExecutionResult first = node->execute(rich_intent("")).value();
    EXPECT_EQ(first.status, ExecutionStatus::completed) << first.to_json().dump();
    const std::string made = first.references.empty() ? "" : first.references.front().reference_id;
    const ExecutionResult second = node->execute(rich_intent(made)).value();
    EXPECT_EQ(second.status, ExecutionStatus::completed) << second.to_json().dump();
    const ExecutionCommand again{.action = Action::rerun,
                                 .tenant_id = "acme",
                                 .execution_id = first.execution_id,
                                 .actor = {"user", kAwkwardText},
                                 .reason = kAwkwardText,
                                 .wait_for_end = true};
    EXPECT_EQ(node->command(again)->rerun_of, first.execution_id);
    Intent failing = rich_intent(made);
    failing.parameters["fail"] = Json(true);
    EXPECT_EQ(node->execute(failing)->error->reason, "wanted");
    fail_again_and_act(*node, failing);
    undo(*node);
    wait_and_signal(*node, failing);
    Intent refused = rich_intent(made);
    refused.intent_type = "unknown";
    EXPECT_EQ(node->execute(refused)->status, ExecutionStatus::rejected);
    EXPECT_TRUE(node->drain());
    EXPECT_TRUE(node->close());
  }
  return contents;
}

TEST(RecordPayloads, AreCanonicalJsonWhateverTheRecord) {
  const auto contents = rich_run();
  std::set<std::string_view> seen;
  for (const auto& batch : contents->batches) {
    for (const base::LogRecord& record : batch->records) {
      seen.insert(record_name(record.type));
      const auto payload = Json::parse(record.payload);
      ASSERT_TRUE(payload) << record.payload << ": " << payload.error().message;
      EXPECT_EQ(payload->dump(), record.payload) << record_name(record.type) << " at " << record.position;
    }
  }
  std::set<std::string_view> all;
  for (std::uint16_t type = 0; type < 1'000; ++type) {
    if (!record_name(type).empty()) all.insert(record_name(type));
  }
  EXPECT_THAT(all, IsSupersetOf({"StoreCreated", "EventsPublished"}));
  EXPECT_EQ(seen, all) << "a type that this run does not write is not held to anything";
}

}  // namespace
}  // namespace symphainy::runtime
