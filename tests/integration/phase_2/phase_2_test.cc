// SPDX-License-Identifier: Apache-2.0
// The runtime on a real data directory: what an execution leaves behind, what it does not, and that the log alone is
// enough to say it again.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <pthread.h>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "symphainy/runtime.h"

#include "app/store_reader.h"
#include "base/try.h"
#include "runtime/data_brain.h"
#include "runtime/execution_history.h"
#include "runtime/wal_record.h"
#include "sanitized.h"
#include "temporary_directory.h"

namespace symphainy {
namespace {

using app::StoreReader;
using public_works::ExecutionRow;
using public_works::ReferenceRow;
using public_works::TenantScope;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::chrono::seconds kPatience{20};
const std::string kUnknownReference = "0192f0c1-2345-8abc-8def-0123456789ab";

std::int64_t now_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

std::string text_of(const Intent& intent, std::string_view key) {
  const Json* member = intent.parameters.find(key);
  return member != nullptr && member->is_string() ? std::string(*member->as_string()) : std::string();
}

// Adds one of everything. Parameters: "source" (reference), "expected_version" (of the state), "end" (error, throw),
// "cycle".
Result<HandlerResult> add_everything(const Intent& intent, ExecutionContext& context) {
  TRY(const Artifact artifact, context.add_artifact({"report", "text/plain", "made by a test"}));
  TRY(const std::string event, context.add_event({"thing.made", Json::object({{"n", 1}}), "thing", ""}));
  ReferenceDraft draft;
  draft.type = "thing";
  draft.digest = artifact.digest;
  draft.size = artifact.size;
  draft.media_type = artifact.media_type;
  draft.location = artifact.location;
  TRY(const std::string reference, context.register_reference(draft));
  if (const std::string source = text_of(intent, "source"); !source.empty()) {
    TRY(context.track_provenance(reference, source));
  }
  if (intent.parameters.find("cycle") != nullptr) {
    TRY(const std::string other, context.register_reference(draft));
    TRY(context.track_provenance(reference, other));
    TRY(context.track_provenance(other, reference));
  }
  std::optional<std::uint64_t> expected;
  if (const Json* version = intent.parameters.find("expected_version")) expected = version->as_uint64();
  TRY(context.put_state("latest", Json::object({{"reference", reference}}), expected));
  if (text_of(intent, "end") == "error") return fail(ErrorCode::failed, "the test wants it so", "wanted");
  if (text_of(intent, "end") == "throw") throw std::runtime_error("the test wants it so");
  return HandlerResult{Json::object({{"reference", reference}, {"event", event}})};
}

Task<Result<HandlerResult>> handle_make(const Intent& intent, ExecutionContext& context) {
  co_return add_everything(intent, context);
}

constexpr std::size_t kStoredBytes = 20'000;  // more than what travels in the log

// Parameters: "store" (keep that much of the letter in the artifact store), "location" (register a reference to it
// without having stored it), "open" (and read its content).
Task<Result<HandlerResult>> handle_borrow(const Intent& intent, ExecutionContext& context) {
  std::string location = text_of(intent, "location");
  if (const std::string letter = text_of(intent, "store"); !letter.empty()) {
    auto artifact = context.add_artifact({"stored", "text/plain", std::string(kStoredBytes, letter.front())});
    if (!artifact) co_return std::unexpected(artifact.error());
    if (location.empty()) location = artifact->location;
  }
  ReferenceDraft draft;
  draft.type = "thing";
  draft.location = location;
  auto reference = context.register_reference(draft);
  if (!reference) co_return std::unexpected(reference.error());
  std::string bytes;
  if (intent.parameters.find("open") != nullptr) {
    const auto content = context.open_reference(*reference);
    if (!content) co_return std::unexpected(content.error());
    if (auto read = (*content)->read_at(0, 1, bytes); !read) co_return std::unexpected(read.error());
  }
  co_return HandlerResult{Json::object({{"read", bytes}})};
}

Json make_schema() {
  return Json::object({{"type", "object"},
                       {"properties", Json::object({{"source", Json::object({{"type", "string"}})},
                                                    {"end", Json::object({{"enum", Json::array({"error", "throw"})}})},
                                                    {"expected_version", Json::object({{"type", "integer"}})}})}});
}

// A handler that says when it runs and waits until it may go on.
struct Gate {
  std::promise<void> entered;
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
  IntentHandler handler() {
    return [this](const Intent& intent, ExecutionContext& context) { return wait(intent, context); };
  }
  Task<Result<HandlerResult>> wait(const Intent& intent, ExecutionContext& context) {
    entered.set_value();
    opened.wait();
    co_return add_everything(intent, context);
  }
};

Intent intent_for(const std::string& tenant, Json parameters = Json::object(), const std::string& type = "thing.make") {
  return Intent::create(type, tenant, "session", "solution", {"user", "u"}, std::move(parameters));
}

std::future<Result<ExecutionResult>> submit(Runtime& runtime, Intent intent) {
  auto promise = std::make_shared<std::promise<Result<ExecutionResult>>>();
  auto future = promise->get_future();
  runtime.submit(std::move(intent),
                 [promise](Result<ExecutionResult> result) { promise->set_value(std::move(result)); });
  return future;
}

std::string error_name(const Result<ExecutionResult>& result) {
  if (!result) return std::string(result.error().name());
  return result->error ? std::string(result->error->name()) : "none";
}

class Phase2 : public ::testing::Test {
 protected:
  std::unique_ptr<Runtime> open(const std::string& directory) {
    RuntimeOptions options;
    options.data_directory = directory;
    options.segment_bytes = 1024 * 1024;
    auto runtime = Runtime::open(options);
    if (!runtime) throw std::runtime_error(runtime.error().message);
    const auto registered = (*runtime)->register_intent({.intent_type = "thing.make", .schema = make_schema()},
                                                        "things", "make", handle_make);
    if (!registered) throw std::runtime_error(registered.error().message);
    const auto borrowing =
        (*runtime)->register_intent({.intent_type = "thing.borrow"}, "things", "borrow", handle_borrow);
    if (!borrowing) throw std::runtime_error(borrowing.error().message);
    return *std::move(runtime);
  }
  std::unique_ptr<Runtime> open() { return open(data_); }
  std::unique_ptr<StoreReader> read() { return read(data_); }
  std::unique_ptr<StoreReader> read(const std::string& directory) { return StoreReader::open(directory).value(); }

  ExecutionResult run(Runtime& runtime, Intent intent) { return runtime.execute(std::move(intent)).value(); }
  std::string reference_made(Runtime& runtime, Json parameters = Json::object(), const std::string& tenant = "acme") {
    const ExecutionResult result = run(runtime, intent_for(tenant, std::move(parameters)));
    EXPECT_EQ(result.status, ExecutionStatus::completed) << result.to_json().dump();
    return result.references.empty() ? "" : result.references.front().reference_id;
  }
  std::vector<std::string> event_lines(const std::string& tenant = "acme") {
    std::ifstream file(data_ + "/events/" + tenant + "/thing.ndjson");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  tests::TemporaryDirectory directory_;
  const std::string data_ = directory_ / "data";
};

TEST_F(Phase2, ACompletedExecutionLeavesEverythingItAddedAndAllSixStagesInTheLog) {
  auto runtime = open();
  const ExecutionResult result = run(*runtime, intent_for("acme"));
  ASSERT_EQ(result.status, ExecutionStatus::completed) << result.to_json().dump();
  EXPECT_THAT(result.artifacts, SizeIs(1));
  EXPECT_THAT(result.references, SizeIs(1));
  ASSERT_THAT(result.events, SizeIs(1));
  ASSERT_TRUE(runtime->drain());
  ASSERT_TRUE(runtime->close());

  const std::vector<std::string> lines = event_lines();
  ASSERT_THAT(lines, SizeIs(1));
  const Json event = Json::parse(lines.front()).value();
  EXPECT_EQ(*event.find("id"), Json(result.events.front().event_id));

  auto reader = read();
  const auto row = reader->state().execution(TenantScope::only("acme"), result.execution_id).value();
  ASSERT_TRUE(row);
  const auto records = runtime::read_history(reader->log(), *row).value();
  std::vector<std::string> stages;
  for (const base::LogRecord& record : records) {
    const std::string stage(runtime::lifecycle_stage(record.type));
    if (!stage.empty() && (stages.empty() || stages.back() != stage)) stages.push_back(stage);
  }
  EXPECT_THAT(stages, ElementsAre("accept_intent", "create_execution", "execute_intent", "handle_artifacts",
                                  "publish_events", "complete_execution"));
  const auto state = reader->state().state("acme", "latest").value();
  ASSERT_TRUE(state);
  EXPECT_EQ(state->version, 1);
  EXPECT_EQ(state->value, Json::object({{"reference", result.references.front().reference_id}}).dump());
}

TEST_F(Phase2, AFailedExecutionLeavesNothingOfWhatItAdded) {
  auto runtime = open();
  const ExecutionResult refused = run(*runtime, intent_for("acme", Json::object({{"end", "error"}})));
  const ExecutionResult thrown = run(*runtime, intent_for("acme", Json::object({{"end", "throw"}})));
  ASSERT_TRUE(runtime->close());
  EXPECT_EQ(refused.status, ExecutionStatus::failed);
  EXPECT_EQ(error_name(refused), "wanted");
  EXPECT_EQ(thrown.status, ExecutionStatus::failed);
  EXPECT_EQ(error_name(thrown), "handler_threw");
  EXPECT_THAT(event_lines(), IsEmpty());
  auto reader = read();
  for (const ExecutionResult* result : {&refused, &thrown}) {
    EXPECT_THAT(result->artifacts, IsEmpty());
    EXPECT_THAT(result->events, IsEmpty());
    EXPECT_THAT(result->references, IsEmpty());
    const auto row = reader->state().execution(TenantScope::only("acme"), result->execution_id).value();
    ASSERT_TRUE(row);
    EXPECT_EQ(row->status, "failed");
    EXPECT_EQ(row->artifacts + row->events + row->references, 0);
  }
  EXPECT_THAT(reader->state().list_events({}).value(), IsEmpty());
  EXPECT_THAT(reader->lineage().list_references({}).value(), IsEmpty());
  EXPECT_FALSE(reader->state().state("acme", "latest").value());
}

TEST_F(Phase2, TheDataBrainKnowsAChainOverThreeExecutionsUpAndDown) {
  auto runtime = open();
  const std::string first = reference_made(*runtime);
  const std::string second = reference_made(*runtime, Json::object({{"source", first}}));
  const std::string third = reference_made(*runtime, Json::object({{"source", second}}));
  ASSERT_TRUE(runtime->close());
  auto reader = read();
  const runtime::DataBrain brain(reader->lineage());
  const TenantScope scope = TenantScope::only("acme");
  const auto found = brain.get_reference(scope, third).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->type, "thing");
  const auto ids = [](const runtime::Lineage& lineage) {
    std::vector<std::string> result;
    for (const runtime::LineageNode& node : lineage.nodes) result.push_back(node.reference.reference_id);
    return result;
  };
  const auto up = brain.lineage(scope, third, {.direction = runtime::Direction::up}).value();
  EXPECT_THAT(ids(up), ElementsAre(third, second, first));
  EXPECT_THAT(up.edges, SizeIs(2));
  const auto down = brain.lineage(scope, first, {.direction = runtime::Direction::down}).value();
  EXPECT_THAT(ids(down), ElementsAre(first, second, third));
  const auto edges = brain.get_provenance(scope, second).value();
  ASSERT_THAT(edges, SizeIs(1));
  EXPECT_EQ(edges.front().source, first);
}

TEST_F(Phase2, TheProjectionsAreRebuiltFromTheLogAndNothingIsPublishedTwice) {
  {
    auto runtime = open();
    const std::string first = reference_made(*runtime);
    reference_made(*runtime, Json::object({{"source", first}}));
    run(*runtime, intent_for("acme", Json::object({{"end", "error"}})));
    ASSERT_TRUE(runtime->close());
  }
  const auto answers = [this] {
    auto reader = read();
    return std::tuple(reader->state().list_executions({}).value(), reader->lineage().list_references({}).value(),
                      reader->state().list_state(TenantScope::every_tenant(), "", {}, 100).value());
  };
  const auto before = answers();
  const std::vector<std::string> lines = event_lines();
  EXPECT_THAT(std::get<0>(before), SizeIs(3));
  EXPECT_THAT(lines, SizeIs(2));
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(data_ + "/state.db" + suffix);
  EXPECT_EQ(answers(), before);
  auto runtime = open();
  ASSERT_TRUE(runtime->resume());
  ASSERT_TRUE(runtime->drain());
  ASSERT_TRUE(runtime->close());
  EXPECT_EQ(event_lines(), lines);
}

// state.db of a store with a longer log was copied here: its rows must not be shown, nor its position believed.
TEST_F(Phase2, TheProjectionsOfAnotherLogAreReplaced) {
  const std::string other = directory_ / "other";
  for (const auto& [where, count] : {std::pair(data_, 2), std::pair(other, 5)}) {
    const auto runtime = open(where);
    for (int i = 0; i < count; ++i) reference_made(*runtime);
    ASSERT_TRUE(runtime->close());
  }
  const auto executions_in = [&](const std::string& where) {
    public_works::ExecutionFilter filter;
    filter.scope = TenantScope::only("acme");
    return read(where)->state().list_executions(filter).value();
  };
  const auto before = executions_in(data_);
  ASSERT_EQ(before.size(), 2U);
  for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(data_ + "/state.db" + suffix);
  const auto overwrite = std::filesystem::copy_options::overwrite_existing;
  std::filesystem::copy_file(other + "/state.db", data_ + "/state.db", overwrite);
  EXPECT_EQ(executions_in(data_), before) << "a reader that finds no owner replaces them";
  std::filesystem::copy_file(other + "/state.db", data_ + "/state.db", overwrite);
  const auto runtime = open();
  reference_made(*runtime);
  ASSERT_TRUE(runtime->close());
  EXPECT_EQ(executions_in(data_).size(), 3U) << "so does an owner";
}

TEST_F(Phase2, AnIdempotencyKeyStandsForOneExecutionAlsoAfterReopening) {
  Intent intent = intent_for("acme");
  intent.idempotency_key = "key";
  const auto again = [&] {
    Intent copy = intent_for("acme");
    copy.idempotency_key = "key";
    return copy;
  };
  std::string first;
  {
    auto runtime = open();
    const ExecutionResult result = run(*runtime, intent);
    ASSERT_EQ(result.status, ExecutionStatus::completed);
    first = result.to_json().dump();
    EXPECT_EQ(run(*runtime, again()).to_json().dump(), first);
    Intent other = intent_for("acme", Json::object({{"note", "another body"}}));
    other.idempotency_key = "key";
    const ExecutionResult refused = run(*runtime, other);
    EXPECT_EQ(refused.status, ExecutionStatus::rejected);
    EXPECT_EQ(error_name(refused), "idempotency_conflict");
    ASSERT_TRUE(runtime->close());
  }
  auto runtime = open();
  EXPECT_EQ(run(*runtime, again()).to_json().dump(), first);
}

TEST_F(Phase2, TwentyConcurrentSubmissionsWithOneKeyAreOneExecution) {
  auto runtime = open();
  std::vector<std::future<Result<ExecutionResult>>> pending;
  for (int i = 0; i < 20; ++i) {
    Intent intent = intent_for("acme");
    intent.idempotency_key = "key";
    pending.push_back(submit(*runtime, std::move(intent)));
  }
  std::set<std::string> ids;
  for (auto& future : pending) ids.insert(future.get().value().execution_id);
  EXPECT_THAT(ids, SizeIs(1));
  ASSERT_TRUE(runtime->close());
  EXPECT_THAT(read()->state().list_executions({}).value(), SizeIs(1));
  EXPECT_THAT(event_lines(), SizeIs(1));
}

TEST_F(Phase2, APassedDeadlineIsRefusedAndNothingRuns) {
  auto runtime = open();
  Intent intent = intent_for("acme");
  intent.deadline_us = now_us() - 1'000'000;
  const auto result = runtime->execute(intent);
  EXPECT_EQ(error_name(result), "deadline_exceeded");
  ASSERT_TRUE(runtime->close());
  EXPECT_FALSE(read()->state().state("acme", "latest").value());
}

TEST_F(Phase2, ADeadlineThatPassesWhileTheHandlerRunsEndsTheExecution) {
  Gate gate;
  auto runtime = open();
  ASSERT_TRUE(runtime->register_intent({.intent_type = "thing.wait"}, "things", "wait", gate.handler()));
  Intent intent = intent_for("acme", Json::object(), "thing.wait");
  intent.deadline_us = now_us() + 300'000;
  auto pending = submit(*runtime, intent);
  const bool ended = pending.wait_for(kPatience) == std::future_status::ready;
  gate.open.set_value();
  EXPECT_TRUE(ended) << "the execution waited for its handler";
  EXPECT_EQ(error_name(pending.get()), "deadline_exceeded");
  ASSERT_TRUE(runtime->close());
  EXPECT_THAT(event_lines(), IsEmpty());
  EXPECT_FALSE(read()->state().state("acme", "latest").value());
}

TEST_F(Phase2, AnUnknownIntentTypeIsRejected) {
  auto runtime = open();
  const ExecutionResult result = run(*runtime, intent_for("acme", Json::object(), "thing.unknown"));
  EXPECT_EQ(result.status, ExecutionStatus::rejected);
  EXPECT_TRUE(result.error);
}

TEST_F(Phase2, AViolatedSchemaListsEveryPointer) {
  auto runtime = open();
  const ExecutionResult result = run(*runtime, intent_for("acme", Json::object({{"source", 1}, {"end", "otherwise"}})));
  EXPECT_EQ(result.status, ExecutionStatus::rejected);
  ASSERT_TRUE(result.error);
  const Json* violations = result.error->details.find("violations");
  ASSERT_NE(violations, nullptr) << result.error->details.dump();
  std::vector<std::string> pointers;
  for (std::size_t i = 0; i < violations->size(); ++i) {
    pointers.emplace_back(*violations->at(i).find("pointer")->as_string());
  }
  EXPECT_THAT(pointers, ::testing::UnorderedElementsAre("/parameters/source", "/parameters/end"));
}

TEST_F(Phase2, ACompareAndSetThatLostFailsAsAStateConflict) {
  auto runtime = open();
  const Json at_none = Json::object({{"expected_version", 0}});
  EXPECT_EQ(run(*runtime, intent_for("acme", at_none)).status, ExecutionStatus::completed);
  const ExecutionResult lost = run(*runtime, intent_for("acme", at_none));
  EXPECT_EQ(lost.status, ExecutionStatus::failed);
  EXPECT_EQ(error_name(lost), "state_conflict");
  ASSERT_TRUE(runtime->close());
  EXPECT_THAT(event_lines(), SizeIs(1));
}

TEST_F(Phase2, UnknownReferencesCyclesAndOtherTenantsReferencesAreRefused) {
  auto runtime = open();
  EXPECT_EQ(error_name(run(*runtime, intent_for("acme", Json::object({{"source", kUnknownReference}})))),
            "unknown_reference");
  EXPECT_EQ(error_name(run(*runtime, intent_for("acme", Json::object({{"cycle", true}})))), "provenance_cycle");
  const std::string foreign = reference_made(*runtime, Json::object(), "acme");
  EXPECT_EQ(error_name(run(*runtime, intent_for("globex", Json::object({{"source", foreign}})))), "unknown_reference");
  ASSERT_TRUE(runtime->close());
  auto reader = read();
  const runtime::DataBrain brain(reader->lineage());
  EXPECT_TRUE(brain.get_reference(TenantScope::only("acme"), foreign).value());
  EXPECT_FALSE(brain.get_reference(TenantScope::only("globex"), foreign).value());
  EXPECT_THAT(reader->lineage().list_references({}).value(), SizeIs(1));
}

TEST_F(Phase2, KnowingTheDigestOfAnotherTenantsContentIsNotEnoughToReferToIt) {
  const auto borrow = [&](Runtime& runtime, const std::string& tenant, Json parameters) {
    return run(runtime, intent_for(tenant, std::move(parameters), "thing.borrow"));
  };
  const auto answers = [&](Runtime& runtime, const std::string& location) {
    std::vector<std::string> found;
    for (Json parameters :
         {Json::object({{"location", location}}), Json::object({{"location", location}, {"open", true}}),
          Json::object({{"location", location}, {"store", "z"}})}) {
      const ExecutionResult result = borrow(runtime, "globex", std::move(parameters));
      EXPECT_EQ(result.status, ExecutionStatus::failed);
      Error error = result.error.value_or(Error{});
      EXPECT_THAT(error.message, ::testing::HasSubstr(location));
      // The only thing that differs between two executions.
      if (const Json* id = error.details.find("reference_id")) {
        const std::string text(*id->as_string());
        if (const auto at = error.message.find(text); at != std::string::npos) error.message.erase(at, text.size());
        error.details.erase("reference_id");
      }
      found.push_back(error.to_json().dump());
    }
    return found;
  };

  auto runtime = open();
  const ExecutionResult stored = borrow(*runtime, "acme", Json::object({{"store", "s"}}));
  ASSERT_EQ(stored.status, ExecutionStatus::completed) << stored.to_json().dump();
  const std::string location = stored.references.front().location;
  ASSERT_THAT(location, ::testing::StartsWith("artifact:"));
  const auto beside_acme = answers(*runtime, location);
  EXPECT_THAT(beside_acme.front(), ::testing::HasSubstr("foreign_content"));

  // Its own tenant may, at once, folded or not.
  const Json open_it = Json::object({{"location", location}, {"open", true}});
  const ExecutionResult again = borrow(*runtime, "acme", open_it);
  EXPECT_EQ(again.status, ExecutionStatus::completed) << again.to_json().dump();
  EXPECT_EQ(again.value, Json::object({{"read", "s"}}));
  // Who has the content may store it too, and owes nobody an explanation.
  const ExecutionResult same = borrow(*runtime, "globex", Json::object({{"store", "s"}, {"open", true}}));
  EXPECT_EQ(same.status, ExecutionStatus::completed) << same.to_json().dump();
  EXPECT_EQ(same.references.front().location, location);
  EXPECT_EQ(borrow(*runtime, "globex", open_it).status, ExecutionStatus::completed);
  ASSERT_TRUE(runtime->close());

  auto alone = open(directory_ / "alone");
  EXPECT_EQ(answers(*alone, location), beside_acme) << "the answer tells whether another tenant has the content";
  ASSERT_TRUE(alone->close());
  auto reader = read();
  public_works::ReferenceFilter theirs;
  theirs.scope = TenantScope::only("globex");
  EXPECT_THAT(reader->lineage().list_references(theirs).value(), SizeIs(2)) << "what was refused left nothing";
}

TEST_F(Phase2, WhatIsRebuiltFromTheLogStillKnowsWhoseContentItIs) {
  std::string location;
  {
    auto runtime = open();
    location = run(*runtime, intent_for("acme", Json::object({{"store", "s"}}), "thing.borrow")).references[0].location;
    ASSERT_TRUE(runtime->close());
  }
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(data_ + "/state.db" + suffix);
  auto runtime = open();
  const auto borrow = [&](const std::string& tenant) {
    return error_name(run(*runtime, intent_for(tenant, Json::object({{"location", location}}), "thing.borrow")));
  };
  EXPECT_EQ(borrow("acme"), "none");
  EXPECT_EQ(borrow("globex"), "foreign_content");
}

TEST_F(Phase2, ACallbackMaySubmitAgainAndARefusalComesBeforeSubmitReturns) {
  auto runtime = open();
  std::promise<Result<ExecutionResult>> second;
  runtime->submit(intent_for("acme"), [&](const Result<ExecutionResult>&) {
    runtime->submit(intent_for("acme"), [&](Result<ExecutionResult> result) { second.set_value(std::move(result)); });
  });
  auto ended = second.get_future();
  ASSERT_EQ(ended.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(error_name(ended.get()), "none");
  ASSERT_TRUE(runtime->close());
  std::optional<std::string> refusal;
  std::thread::id refused_on;
  runtime->submit(intent_for("acme"), [&](const Result<ExecutionResult>& result) {
    refusal = error_name(result);
    refused_on = std::this_thread::get_id();
  });
  EXPECT_EQ(refusal, "closing");
  EXPECT_EQ(refused_on, std::this_thread::get_id());
}

// A sanitizer keeps shadow memory of every stack.

TEST_F(Phase2, OpeningAnswersAnErrorWhenAThreadCannotBeStarted) {
  if (tests::kSanitized) GTEST_SKIP() << "not with sanitizers";
  // Two such stacks do not fit into the address space.
  constexpr std::size_t kHugeStack = std::size_t{80} << 40;
  pthread_attr_t before;
  pthread_attr_t huge;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, kHugeStack), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  RuntimeOptions options;
  options.data_directory = data_;
  const auto refused = Runtime::open(options);
  EXPECT_EQ(pthread_setattr_default_np(&before), 0);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&before);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(refused.error().name(), "no_threads");
  EXPECT_TRUE(Runtime::open(options)) << "nothing of the first attempt is left";
}

TEST_F(Phase2, AnExecutionLeftUnfinishedCompletesAsASecondAttempt) {
  Gate gate;
  auto runtime = open();
  ASSERT_TRUE(runtime->register_intent({.intent_type = "thing.wait"}, "things", "wait", gate.handler()));
  auto pending = submit(*runtime, intent_for("acme", Json::object(), "thing.wait"));
  const bool entered = gate.entered.get_future().wait_for(kPatience) == std::future_status::ready;
  // Without state.db, which somebody is writing: it is built again from the log.
  const std::string copy = directory_ / "copy";
  std::filesystem::create_directory(copy);
  for (const auto& entry : std::filesystem::directory_iterator(data_)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("state.db")) continue;
    std::filesystem::copy(entry.path(), copy + "/" + name, std::filesystem::copy_options::recursive);
  }
  gate.open.set_value();
  ASSERT_TRUE(entered);
  const ExecutionResult original = pending.get().value();
  ASSERT_TRUE(runtime->close());

  auto second = open(copy);
  ASSERT_TRUE(second->register_intent({.intent_type = "thing.wait"}, "things", "wait", handle_make));
  EXPECT_EQ(second->resume().value(), 1);
  ASSERT_TRUE(second->close());
  auto reader = read(copy);
  const auto row = reader->state().execution(TenantScope::only("acme"), original.execution_id).value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->status, "completed");
  EXPECT_EQ(row->attempt, 2);
  EXPECT_EQ(row->events, 1);
  // Ids derive from the execution, not from the attempt.
  EXPECT_TRUE(reader->lineage().reference(TenantScope::only("acme"), original.references.front().reference_id).value());
}

}  // namespace
}  // namespace symphainy
