// SPDX-License-Identifier: Apache-2.0
// What a handler's context answers, refuses and keeps, and that a context restored from the log answers as before.
#include "runtime/execution_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/ids.h"
#include "base/time.h"
#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/memory/manual_executor.h"
#include "public_works/adapters/memory/memory_artifact_store.h"
#include "public_works/adapters/memory/memory_event_log.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "runtime/content_location.h"
#include "runtime/execution_history.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/state_surface.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

using public_works::ManualClock;
using public_works::ManualExecutor;
using public_works::MemoryArtifactStore;
using public_works::MemoryEventLog;
using public_works::MemoryLogContents;
using public_works::MemoryStateStore;
using public_works::SeededRandom;
using public_works::TenantScope;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kUnknownReference = "0192f0c1-2345-8abc-8def-0123456789ab";

template <typename T>
std::string reason_of(const Result<T>& result) {
  return result ? "accepted" : result.error().reason;
}

template <typename T>
std::optional<ErrorCode> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

base::Uuid execution(char which) {
  return base::make_uuid_v7(1'000'000, std::string(16, which));
}

// Folds whatever becomes durable at once, so that nobody waits.
class FoldsAtOnce final : public public_works::EventLogListener {
 public:
  FoldsAtOnce(StateSurface& surface, ManualExecutor& executor) : surface_(surface), executor_(executor) {}
  void on_durable(std::vector<std::shared_ptr<const base::LogBatch>> group) override {
    surface_.hand_over(group);
    executor_.run_until_idle();
  }
  void on_stopped(const Error&) override {}

 private:
  StateSurface& surface_;
  ManualExecutor& executor_;
};

class Context : public ::testing::Test {
 protected:
  Context() { log_.start(listener_); }

  std::unique_ptr<RuntimeExecutionContext> open(char which = 'a', const std::string& tenant = "acme",
                                                const std::string& seed = "seed", std::uint32_t attempt = 1) {
    Intent intent = Intent::create("t", tenant, "s", "o", {"user", "u"});
    return std::make_unique<RuntimeExecutionContext>(services_, std::make_shared<const Intent>(std::move(intent)),
                                                     execution(which), seed, attempt);
  }

  void append(std::vector<base::RecordDraft> drafts) { ASSERT_TRUE(log_.append(std::move(drafts))); }

  /// Commits a context's additions as the lifecycle would, with the acceptance before them.
  void commit(RuntimeExecutionContext& context, const std::string& seed = "seed") {
    const RecordOwner owner = context.owner();
    const RegisteredIntent handler{
        "t", 1, "service", "handler", "digest", Effects::external, JsonSchema::compile(Json(true)).value(), {}};
    append({draft_record(RecordType::intent_accepted, owner.tenant,
                         accepted_payload(context.intent(), context.intent().fingerprint()), owner.execution),
            draft_record(RecordType::execution_created, owner.tenant, created_payload(handler, seed), owner.execution),
            draft_record(RecordType::execution_started, owner.tenant, started_payload(owner.attempt, 1),
                         owner.execution, owner.attempt)});
    for (PendingStateChange& change : context.commit().state) {
      const auto row = store_.state(owner.tenant, change.key).value();
      change.version = row ? row->version + 1 : 1;
    }
    std::vector<base::RecordDraft> drafts;
    append_observation_record(context.commit(), owner, drafts);
    append_artifact_records(context.commit(), owner, drafts);
    append_event_records(context.commit(), owner, drafts);
    drafts.push_back(draft_record(RecordType::execution_completed, owner.tenant, completed_payload(1, Json()),
                                  owner.execution, owner.attempt));
    append(std::move(drafts));
  }
  std::vector<base::LogRecord> history_of(const RuntimeExecutionContext& context) {
    const auto row = store_.execution(TenantScope::every_tenant(), context.execution_id()).value();
    return read_history(log_, row.value()).value();
  }

  /// Every record of the commit reads back.
  static void expect_readable(RuntimeExecutionContext& context) {
    std::vector<base::RecordDraft> drafts;
    append_observation_record(context.commit(), context.owner(), drafts);
    append_artifact_records(context.commit(), context.owner(), drafts);
    append_event_records(context.commit(), context.owner(), drafts);
    std::size_t bytes = 0;
    for (const base::RecordDraft& draft : drafts) {
      const auto payload = Json::parse(draft.payload);
      EXPECT_TRUE(payload) << record_name(draft.type) << ": " << payload.error().message;
      bytes += draft.payload.size();
    }
    EXPECT_LE(bytes, kMaxCommitBytes + kMaxCommitBytes / 10);
  }

  static std::string read_all(const ContentSource& source) {
    std::string bytes;
    EXPECT_TRUE(source.read_at(0, static_cast<std::size_t>(source.size()), bytes));
    return bytes;
  }

  ManualClock clock_{1'700'000'000'000'000};
  SeededRandom random_{1};
  ManualExecutor folding_{clock_};
  MemoryStateStore store_;
  MemoryArtifactStore artifacts_;
  std::unique_ptr<StateSurface> surface_ =
      StateSurface::open(store_, folding_, [](Result<std::uint64_t> folded) { EXPECT_TRUE(folded); }).value();
  FoldsAtOnce listener_{*surface_, folding_};
  MemoryEventLog log_{clock_, random_, std::make_shared<MemoryLogContents>()};
  std::vector<std::string> logged_;
  ContextServices services_{
      *surface_, store_, artifacts_, log_, clock_, [this](LogLevel, const std::string& id, std::string_view message) {
        logged_.push_back(id + " " + std::string(message));
      }};
};

using Additions = Context;
using Answers = Context;
using Restored = Context;

// --- artifacts

TEST_F(Additions, KeepSmallArtifactsInTheLogAndLargeOnesInTheStore) {
  const auto context = open();
  const std::string fits(kMaxInlineArtifactBytes, 'x');
  const auto inlined = context->add_artifact({"inline", "text/plain", fits});
  const auto stored = context->add_artifact({"stored", "text/plain", fits + "y"});
  const auto empty = context->add_artifact({"empty", "", ""});
  ASSERT_TRUE(inlined && stored && empty);
  EXPECT_EQ(inlined->location, "execution:" + context->execution_id() + "/inline");
  EXPECT_EQ(inlined->digest, base::sha256(fits).hex());
  EXPECT_EQ(inlined->size, kMaxInlineArtifactBytes);
  EXPECT_EQ(stored->location, "artifact:" + base::sha256(fits + "y").hex());
  EXPECT_EQ(stored->size, kMaxInlineArtifactBytes + 1);
  EXPECT_EQ(artifacts_.size(), 1U);
  const auto& kept = context->commit().artifacts;
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].content, fits);
  EXPECT_FALSE(kept[1].content);
}

TEST_F(Additions, TakeArtifactsInPieces) {
  const auto context = open();
  const auto sink = context->open_artifact("big", "text/plain").value();
  ASSERT_TRUE(sink->write("one "));
  ASSERT_TRUE(sink->write("two"));
  EXPECT_THAT(context->commit().artifacts, IsEmpty());
  EXPECT_EQ(sink->finish().value().digest, base::sha256("one two").hex());
  ASSERT_EQ(context->commit().artifacts.size(), 1U);
  {
    const auto dropped = context->open_artifact("dropped", "text/plain").value();
  }
  EXPECT_EQ(context->commit().artifacts.size(), 1U);
  EXPECT_EQ(artifacts_.size(), 1U);
}

TEST_F(Additions, RefuseArtifactNamesThatAreTakenOrMalformed) {
  const auto context = open();
  ASSERT_TRUE(context->add_artifact({"a", "text/plain", "1"}));
  ASSERT_TRUE(context->open_artifact("b", "text/plain"));
  for (const std::string name : {"a", "b", "", "_x", "a/b", "a b"}) {
    for (const std::string& content : {std::string("2"), std::string(kMaxInlineArtifactBytes + 1, 'x')}) {
      const auto refused = context->add_artifact({name, "text/plain", content});
      ASSERT_FALSE(refused) << name;
      EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
      EXPECT_EQ(refused.error().reason, "invalid_artifact");
    }
    EXPECT_FALSE(context->open_artifact(name, "text/plain")) << name;
  }
  EXPECT_FALSE(context->add_artifact({"c", "text/\xff", ""}));
  EXPECT_FALSE(context->add_artifact({"d", std::string(1025, 'm'), ""}));
  EXPECT_EQ(context->commit().artifacts.size(), 1U);
  EXPECT_EQ(artifacts_.size(), 0U);
}

// --- limits

TEST_F(Additions, AreLimitedToTenThousandOfAKind) {
  const auto context = open();
  const std::string a =
      context->register_reference({.type = "file", .name = "", .digest = "", .media_type = "", .location = ""}).value();
  const std::string b =
      context->register_reference({.type = "file", .name = "", .digest = "", .media_type = "", .location = ""}).value();
  for (std::size_t i = 0; i < kMaxItemsPerKind; ++i) {
    ASSERT_TRUE(context->add_artifact({"a" + std::to_string(i), "", ""}));
    ASSERT_TRUE(context->add_event({"e", {}, "", ""}));
    ASSERT_TRUE(context->track_provenance(b, a, Relation::was_derived_from));
    ASSERT_TRUE(context->put_state("k" + std::to_string(i), {}, std::nullopt));
    if (i >= 2) {
      ASSERT_TRUE(
          context->register_reference({.type = "file", .name = "", .digest = "", .media_type = "", .location = ""}));
    }
  }
  const std::vector<Error> refused = {
      context->add_artifact({"one-more", "", ""}).error(),
      context->open_artifact("another", "").error(),
      context->add_event({"e", {}, "", ""}).error(),
      context->track_provenance(b, a, Relation::was_derived_from).error(),
      context->put_state("one-more", {}, std::nullopt).error(),
      context->delete_state("one-more", std::nullopt).error(),
      context->register_reference({.type = "file", .name = "", .digest = "", .media_type = "", .location = ""})
          .error()};
  for (const Error& error : refused) {
    EXPECT_EQ(error.code, ErrorCode::invalid_argument);
    EXPECT_EQ(error.reason, "limit_exceeded") << error.message;
    EXPECT_THAT(error.message, HasSubstr("10000"));
  }
  EXPECT_TRUE(context->put_state("k0", Json(2), std::nullopt)) << "a key changed again is no further change";
  EXPECT_EQ(context->commit().state.size(), kMaxItemsPerKind);
  expect_readable(*context);
}

TEST_F(Additions, AreLimitedInBytesWhateverTheyConsistOf) {
  // Control characters take six bytes in JSON: what a record holds counts, not what was given.
  const std::string text(1'024, '\x01');
  const auto references = open('a');
  std::size_t added = 0;
  while (
      references->register_reference({.type = "t", .name = text, .digest = "", .media_type = text, .location = text})) {
    ++added;
  }
  EXPECT_LT(added, kMaxItemsPerKind);
  expect_readable(*references);
  const auto events = open('b');
  while (events->add_event({"e", Json(text), text, ""})) {
  }
  expect_readable(*events);
  const auto state = open('c');
  for (int i = 0; state->put_state(std::to_string(i) + std::string(500, '\x01'), Json(text), std::nullopt); ++i) {
  }
  expect_readable(*state);
  const auto artifacts = open('d');
  for (int i = 0; artifacts->add_artifact({"a" + std::to_string(i), text, std::string(10'000, 'x')}); ++i) {
  }
  expect_readable(*artifacts);
  EXPECT_EQ(reason_of(references->register_reference(
                {.type = "t", .name = text, .digest = "", .media_type = text, .location = text})),
            "limit_exceeded");
}

TEST_F(Additions, RefuseValuesThatTheLogCouldNotReadBack) {
  const auto context = open();
  Json deep = 1;
  for (int i = 0; i < 129; ++i) deep = Json::array({deep});
  const std::vector<Json> bad = {Json("a\xff"), Json::object({{"\xc0\x80", 1}}), deep,
                                 Json(std::string(1024 * 1024, 'x'))};
  for (const Json& value : bad) {
    EXPECT_FALSE(context->put_state("k", value, std::nullopt));
    EXPECT_FALSE(context->add_event({"e", value, "", ""}));
    EXPECT_FALSE(context->register_reference({.type = "t",
                                              .name = "",
                                              .digest = "",
                                              .media_type = "",
                                              .location = "",
                                              .metadata = Json::object({{"v", value}})}));
    EXPECT_FALSE(RuntimeExecutionContext::check_result(value));
  }
  EXPECT_FALSE(context->register_reference(
      {.type = "t", .name = "", .digest = "", .media_type = "", .location = "", .metadata = Json::array()}));
  Json fits = 1;
  for (int i = 0; i < 128; ++i) fits = Json::array({fits});
  EXPECT_TRUE(context->put_state("k", fits, std::nullopt));
  EXPECT_TRUE(RuntimeExecutionContext::check_result(fits));
  EXPECT_TRUE(context->put_state("k2", Json(std::string(1024 * 1024 - 2, 'x')), std::nullopt));
  expect_readable(*context);
}

TEST_F(Additions, RefuseTextsThatBreakTheirRules) {
  const auto context = open();
  const std::string long_text(1025, 'x');
  const auto reference = [&](const std::string& type, const std::string& name, const std::string& digest,
                             const std::string& media_type, const std::string& location) {
    return context->register_reference(
        {.type = type, .name = name, .digest = digest, .media_type = media_type, .location = location});
  };
  for (const std::string& bad : {std::string("\xff"), long_text}) {
    EXPECT_FALSE(reference("t", bad, "", "", ""));
    EXPECT_FALSE(reference("t", "", "", bad, ""));
    EXPECT_FALSE(reference("t", "", "", "", bad));
    EXPECT_FALSE(context->add_event({"e", {}, bad, ""}));
  }
  EXPECT_FALSE(reference("", "", "", "", ""));
  EXPECT_FALSE(reference("t", "", std::string(63, 'a'), "", ""));
  EXPECT_FALSE(reference("t", "", std::string(64, 'g'), "", ""));
  EXPECT_FALSE(context->add_event({"", {}, "", ""}));
  EXPECT_FALSE(context->add_event({"e", {}, "", "_topic"}));
  for (const std::string& key : {std::string(), std::string(513, 'k'), std::string("\xff"), std::string("a\0b", 3)}) {
    EXPECT_EQ(reason_of(context->put_state(key, {}, std::nullopt)), "invalid_state");
    EXPECT_EQ(reason_of(context->delete_state(key, std::nullopt)), "invalid_state");
    EXPECT_EQ(reason_of(context->get_state(key)), "invalid_state");
  }
  EXPECT_EQ(reason_of(context->track_provenance("x", kUnknownReference, {})), "invalid_provenance");
  EXPECT_EQ(reason_of(context->track_provenance(kUnknownReference, kUnknownReference, {})), "invalid_provenance");
  EXPECT_THAT(context->commit().references, IsEmpty());
  EXPECT_THAT(context->commit().events, IsEmpty());
}

TEST_F(Additions, TakeTheTopicFromTheTypeWhenNoneIsGiven) {
  const auto context = open();
  const std::string first = context->add_event({"content.file.ingested", Json(1), "s", ""}).value();
  const std::string second = context->add_event({"plain", Json(2), "", "elsewhere"}).value();
  EXPECT_EQ(context->commit().events[0].draft.topic, "content");
  EXPECT_EQ(context->commit().events[1].draft.topic, "elsewhere");
  EXPECT_NE(first, second);
  EXPECT_TRUE(base::Uuid::parse(first));
}

// --- ids, randomness, time

TEST_F(Answers, GiveReferenceIdsThatDependOnTenantExecutionAndOrdinalAlone) {
  const auto ids = [&](char which, const std::string& tenant, const std::string& seed, std::uint32_t attempt,
                       const std::string& type) {
    const auto context = open(which, tenant, seed, attempt);
    std::vector<std::string> out;
    for (int i = 0; i < 3; ++i) {
      out.push_back(
          context->register_reference({.type = type, .name = "", .digest = "", .media_type = "", .location = ""})
              .value());
      (void)context->new_id();
    }
    return out;
  };
  const auto first = ids('a', "acme", "seed", 1, "file");
  EXPECT_EQ(ids('a', "acme", "another", 2, "table"), first);
  EXPECT_EQ(std::set(first.begin(), first.end()).size(), 3U);
  EXPECT_NE(ids('b', "acme", "seed", 1, "file")[0], first[0]);
  EXPECT_NE(ids('a', "other", "seed", 1, "file")[0], first[0]);
  EXPECT_EQ(first[0][14], '8') << "a UUID of version 8";
}

TEST_F(Answers, GiveTheSameRandomSequenceForTheSameSeed) {
  const auto sequence = [&](const std::string& seed, std::uint32_t attempt, char which = 'a') {
    const auto context = open(which, "acme", seed, attempt);
    std::vector<std::string> out;
    for (int i = 0; i < 50; ++i) {
      out.push_back(std::to_string(context->random()));
      out.push_back(context->new_id());
    }
    EXPECT_EQ(std::set(out.begin(), out.end()).size(), 100U);
    EXPECT_THAT(context->commit().observations, IsEmpty()) << "derived, not recorded";
    return out;
  };
  EXPECT_EQ(sequence("seed", 1), sequence("seed", 2));
  EXPECT_NE(sequence("seed", 1), sequence("tree", 1));
  EXPECT_NE(sequence("seed", 1), sequence("seed", 1, 'b'));
}

TEST_F(Answers, RecordTheTime) {
  const auto context = open();
  EXPECT_EQ(context->now_us(), 1'700'000'000'000'000);
  clock_.advance_us(1);
  EXPECT_EQ(context->now_us(), 1'700'000'000'000'001);
  ASSERT_EQ(context->commit().observations.size(), 2U);
  EXPECT_EQ(context->commit().observations[1].answer, Json(base::format_time(1'700'000'000'000'001)));
}

TEST_F(Answers, AreLimitedInNumber) {
  const auto context = open();
  for (std::size_t i = 0; i < kMaxItemsPerKind; ++i) (void)context->now_us();
  EXPECT_THROW((void)context->now_us(), std::length_error);
  EXPECT_EQ(reason_of(context->get_state("k")), "limit_exceeded");
  EXPECT_EQ(context->commit().observations.size(), kMaxItemsPerKind);
}

// --- state

TEST_F(Answers, ShowTheStateAndWhatThisExecutionHasPut) {
  const auto writer = open('w');
  ASSERT_TRUE(writer->put_state("k", Json(1), std::nullopt));
  commit(*writer);
  const auto context = open();
  const auto before = context->get_state("k").value();
  ASSERT_TRUE(before);
  EXPECT_EQ(before->value, Json(1));
  EXPECT_EQ(before->version, 1U);
  EXPECT_FALSE(context->get_state("none").value());
  EXPECT_FALSE(open('o', "other")->get_state("k").value()) << "another tenant's state";
  ASSERT_TRUE(context->put_state("k", Json(2), 1));
  EXPECT_EQ(context->get_state("k").value()->value, Json(2));
  ASSERT_TRUE(context->put_state("k", Json(3), std::nullopt));
  EXPECT_EQ(context->get_state("k").value()->value, Json(3));
  EXPECT_FALSE(context->put_state("k", Json(4), 7)) << "the version asked for first is what must hold";
  ASSERT_TRUE(context->delete_state("k", std::nullopt));
  EXPECT_FALSE(context->get_state("k").value());
  ASSERT_EQ(context->commit().state.size(), 1U);
  EXPECT_EQ(context->commit().state[0].expected_version, 1U);
  EXPECT_FALSE(context->commit().state[0].value);
  EXPECT_EQ(store_.state("acme", "k").value()->value, "1") << "nothing is visible before the commit";
}

// --- references

TEST_F(Answers, ShowReferencesOfThisTenantAndThisExecution) {
  const auto writer = open('w');
  const std::string id = writer
                             ->register_reference({.type = "file",
                                                   .name = "n",
                                                   .digest = std::string(64, 'a'),
                                                   .size = 3,
                                                   .media_type = "text/plain",
                                                   .location = "https://x/y",
                                                   .metadata = Json::object({{"k", 1}})})
                             .value();
  EXPECT_EQ(writer->get_reference(id).value()->name, "n");
  EXPECT_THAT(writer->commit().observations, IsEmpty()) << "its own additions need no recording";
  commit(*writer);
  const auto context = open();
  const auto found = context->get_reference(id).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->metadata, Json::object({{"k", 1}}));
  EXPECT_EQ(found->execution_id, writer->execution_id());
  EXPECT_GT(found->created_at_us, 0);
  EXPECT_EQ(reason_of(context->open_reference(id)), "content_elsewhere");
  const auto other = open('o', "other");
  EXPECT_FALSE(other->get_reference(id).value());
  EXPECT_FALSE(other->get_reference(kUnknownReference).value());
  EXPECT_EQ(reason_of(other->open_reference(id)), reason_of(other->open_reference(kUnknownReference)));
}

TEST_F(Answers, KnowNoReferenceUnderWhatIsNoReferenceId) {
  const auto context = open();
  for (const std::string& id : {std::string(), std::string("\xff"), std::string(100'000, 'x')}) {
    const auto found = context->get_reference(id);
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found);
    EXPECT_EQ(code_of(context->open_reference(id)), ErrorCode::not_found);
  }
  EXPECT_THAT(context->commit().observations, IsEmpty());
  expect_readable(*context);
}

TEST_F(Answers, OpenTheContentBehindAReference) {
  const std::string large(kMaxInlineArtifactBytes + 1, 'L');
  const auto writer = open('w');
  const Artifact small = writer->add_artifact({"small", "text/plain", "small content"}).value();
  const Artifact stored = writer->add_artifact({"stored", "text/plain", large}).value();
  const auto refer = [&](const std::string& location) {
    return writer->register_reference({.type = "t", .name = "", .digest = "", .media_type = "", .location = location})
        .value();
  };
  const std::string to_small = refer(small.location);
  const std::string to_stored = refer(stored.location);
  const std::string to_stored_by_name = refer(execution_location(writer->execution_id(), "stored"));
  const std::string to_nothing = refer(execution_location(writer->execution_id(), "nothing"));
  const std::string to_no_digest = refer("artifact:xyz");
  commit(*writer);
  const auto context = open();
  const auto from_log = context->open_reference(to_small);
  ASSERT_TRUE(from_log) << from_log.error().message;
  EXPECT_EQ(read_all(**from_log), "small content");
  std::string part;
  ASSERT_TRUE((*from_log)->read_at(6, 100, part));
  EXPECT_EQ(part, "content");
  ASSERT_TRUE((*from_log)->read_at(100, 100, part));
  EXPECT_EQ(part, "");
  EXPECT_EQ(read_all(*context->open_reference(to_stored).value()), large);
  EXPECT_EQ(code_of(context->open_reference(to_stored_by_name)), ErrorCode::not_found);
  EXPECT_EQ(code_of(context->open_reference(to_nothing)), ErrorCode::not_found);
  EXPECT_EQ(code_of(context->open_reference(to_no_digest)), ErrorCode::invalid_argument);
}

TEST_F(Answers, OpenNoContentInTheLogOfAnotherTenant) {
  const auto writer = open('w');
  const Artifact secret = writer->add_artifact({"secret", "text/plain", "secret"}).value();
  commit(*writer);
  const auto thief = open('t', "other");
  const std::string id =
      thief->register_reference({.type = "t", .name = "", .digest = "", .media_type = "", .location = secret.location})
          .value();
  EXPECT_EQ(code_of(thief->open_reference(id)), ErrorCode::not_found);
}

TEST_F(Answers, OpenNoStoredContentThatTheTenantHasNoReferenceTo) {
  const auto writer = open('w');
  const Artifact secret =
      writer->add_artifact({"secret", "text/plain", std::string(kMaxInlineArtifactBytes + 1, 'S')}).value();
  ASSERT_TRUE(secret.location.starts_with("artifact:"));
  const auto refer = [](RuntimeExecutionContext& context, const std::string& location) {
    return context.register_reference({.type = "t", .name = "", .digest = "", .media_type = "", .location = location})
        .value();
  };
  EXPECT_TRUE(writer->open_reference(refer(*writer, secret.location))) << "stored by this execution";
  EXPECT_THAT(writer->commit().observations, IsEmpty()) << "its own additions need no recording";
  commit(*writer);

  const auto thief = open('t', "other");
  const std::string nobodys = artifact_location(std::string(64, '0'));
  const auto theirs = thief->open_reference(refer(*thief, secret.location));
  const auto absent = thief->open_reference(refer(*thief, nobodys));
  EXPECT_EQ(reason_of(theirs), "foreign_content");
  EXPECT_EQ(reason_of(absent), "foreign_content") << "whether another tenant has it makes no difference";
  EXPECT_EQ(code_of(theirs), code_of(absent));
  EXPECT_EQ(reason_of(thief->open_reference(refer(*thief, "artifact:xyz"))), "foreign_content");
  ASSERT_EQ(thief->commit().observations.size(), 3U);
  EXPECT_EQ(thief->commit().observations.front().answer, thief->commit().observations.back().answer);

  const auto colleague = open('c');
  EXPECT_TRUE(colleague->open_reference(refer(*colleague, secret.location))) << "the tenant has a reference to it";
  EXPECT_EQ(reason_of(colleague->open_reference(refer(*colleague, nobodys))), "foreign_content");
}

TEST_F(Additions, RefuseADigestThatIsNotTheOneTheLocationNames) {
  const auto context = open();
  const std::string digest = base::sha256("content").hex();
  const auto refer = [&](const std::string& given, const std::string& location) {
    return reason_of(context->register_reference(
        {.type = "t", .name = "", .digest = given, .media_type = "", .location = location}));
  };
  EXPECT_EQ(refer(digest, artifact_location(digest)), "accepted");
  EXPECT_EQ(refer("", artifact_location(digest)), "accepted");
  EXPECT_EQ(refer(digest, "https://host/file"), "accepted");
  EXPECT_EQ(refer(digest, artifact_location(base::sha256("other").hex())), "invalid_reference");
  EXPECT_EQ(refer(digest, "artifact:xyz"), "invalid_reference");
}

// --- restoring

TEST_F(Restored, AnswersAsRecordedAlthoughTheWorldHasMovedOn) {
  const auto setup = open('s');
  ASSERT_TRUE(setup->put_state("k", Json::object({{"n", 1}}), std::nullopt));
  const std::string reference =
      setup->register_reference({.type = "file", .name = "first", .digest = "", .media_type = "", .location = ""})
          .value();
  commit(*setup);

  const auto context = open('a', "acme", "its seed", 3);
  const auto times = std::pair(context->now_us(), (clock_.advance_us(5), context->now_us()));
  const auto state = context->get_state("k").value();
  EXPECT_FALSE(context->get_state("absent").value());
  const auto known = context->get_reference(reference).value();
  EXPECT_FALSE(context->get_reference(kUnknownReference).value());
  const std::uint64_t number = context->random();
  const std::string id = context->new_id();
  const std::string event = context->add_event({"e", Json(1), "", ""}).value();
  const std::string own =
      context->register_reference({.type = "t", .name = "", .digest = "", .media_type = "", .location = ""}).value();
  commit(*context, "its seed");

  const auto later = open('l');
  ASSERT_TRUE(later->put_state("k", Json(2), std::nullopt));
  ASSERT_TRUE(later->put_state("absent", Json(3), std::nullopt));
  commit(*later);
  clock_.advance_us(1'000'000);

  const auto restored = RuntimeExecutionContext::restore(services_, history_of(*context));
  ASSERT_TRUE(restored) << restored.error().message;
  RuntimeExecutionContext& again = **restored;
  EXPECT_EQ(again.intent(), context->intent());
  EXPECT_EQ(again.execution_id(), context->execution_id());
  EXPECT_EQ(again.attempt(), 3U);
  // Answers are matched by what is asked, so that another order of questions gets the same ones.
  EXPECT_FALSE(again.get_state("absent").value());
  EXPECT_EQ(again.now_us(), times.first);
  EXPECT_EQ(again.get_reference(reference).value()->to_json(), known->to_json());
  const auto state_again = again.get_state("k").value();
  ASSERT_TRUE(state_again);
  EXPECT_EQ(state_again->value, state->value);
  EXPECT_EQ(state_again->version, state->version);
  EXPECT_EQ(again.now_us(), times.second);
  EXPECT_FALSE(again.get_reference(kUnknownReference).value());
  EXPECT_EQ(again.random(), number);
  EXPECT_EQ(again.new_id(), id);
  EXPECT_EQ(again.add_event({"e", Json(1), "", ""}).value(), event);
  EXPECT_EQ(again.register_reference({.type = "t", .name = "", .digest = "", .media_type = "", .location = ""}).value(),
            own);
  EXPECT_EQ(again.commit().observations.size(), context->commit().observations.size());
  // What was not asked then is answered from now.
  EXPECT_EQ(again.get_state("k").value()->value, Json(2));
  EXPECT_GT(again.now_us(), times.second);
}

TEST_F(Restored, AnswersAsRecordedWhoseContentIsWhose) {
  const std::string location = artifact_location(base::sha256(std::string(kMaxInlineArtifactBytes + 1, 'S')).hex());
  const auto open_it = [&](RuntimeExecutionContext& context) {
    const auto id =
        context.register_reference({.type = "t", .name = "", .digest = "", .media_type = "", .location = location});
    return reason_of(context.open_reference(*id));
  };
  const auto context = open();
  EXPECT_EQ(open_it(*context), "foreign_content");
  commit(*context);
  const auto later = open('l');
  ASSERT_TRUE(later->add_artifact({"a", "text/plain", std::string(kMaxInlineArtifactBytes + 1, 'S')}));
  EXPECT_EQ(open_it(*later), "accepted");
  commit(*later);
  const auto restored = RuntimeExecutionContext::restore(services_, history_of(*context));
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(open_it(**restored), "foreign_content");
  EXPECT_EQ(open_it(*open('n')), "accepted") << "the world has moved on";
}

TEST_F(Restored, SerializesAsTheOneThatWasRecorded) {
  const auto run = [](ExecutionContext& context) {
    (void)context.now_us();
    (void)context.get_state("k");
    EXPECT_TRUE(context.put_state("k", Json(1)));
    EXPECT_TRUE(context.add_artifact({"a", "text/plain", "x"}));
    EXPECT_TRUE(context.add_event({"e.f", Json(context.random()), "", ""}));
    const auto one =
        context.register_reference({.type = "t", .name = "", .digest = "", .media_type = "", .location = ""});
    const auto two =
        context.register_reference({.type = "t", .name = "", .digest = "", .media_type = "", .location = ""});
    EXPECT_TRUE(context.track_provenance(*two, *one));
  };
  const auto context = open();
  run(*context);
  commit(*context);
  clock_.advance_us(9);
  const auto restored = RuntimeExecutionContext::restore(services_, history_of(*context));
  ASSERT_TRUE(restored) << restored.error().message;
  run(**restored);
  EXPECT_EQ((*restored)->to_json().dump(), context->to_json().dump());
}

TEST_F(Restored, NeedsAHistoryThatIsComplete) {
  const auto context = open();
  (void)context->now_us();
  commit(*context);
  const std::vector<base::LogRecord> history = history_of(*context);
  EXPECT_EQ(code_of(RuntimeExecutionContext::restore(services_, {})), ErrorCode::corrupt);
  EXPECT_FALSE(RuntimeExecutionContext::restore(services_, {history[1], history[2]}));
  EXPECT_FALSE(RuntimeExecutionContext::restore(services_, {history[0], history[2]}));
  for (const std::string payload : {"{}", R"({"observations":[{"answer":1,"key":""}]})", "{"}) {
    std::vector<base::LogRecord> damaged = history;
    for (base::LogRecord& record : damaged) {
      if (static_cast<RecordType>(record.type) == RecordType::context_observed) record.payload = payload;
    }
    EXPECT_FALSE(RuntimeExecutionContext::restore(services_, damaged)) << payload;
  }
}

TEST_F(Restored, SerializesEverythingThatWasAdded) {
  const auto context = open('a', "acme", "seed", 2);
  (void)context->now_us();
  ASSERT_TRUE(context->put_state("put", Json(1), std::nullopt));
  ASSERT_TRUE(context->delete_state("deleted", std::nullopt));
  ASSERT_TRUE(context->add_artifact({"a", "text/plain", "x"}));
  ASSERT_TRUE(context->add_event({"e.f", Json(1), "s", ""}));
  const auto one =
      context->register_reference({.type = "t", .name = "", .digest = "", .media_type = "", .location = ""});
  const auto two =
      context->register_reference({.type = "t", .name = "", .digest = "", .media_type = "", .location = ""});
  ASSERT_TRUE(context->track_provenance(*two, *one, Relation::was_revision_of));
  const Json json = context->to_json();
  EXPECT_EQ(json.find("execution_id")->as_string(), context->execution_id());
  EXPECT_EQ(json.find("attempt")->as_uint64(), 2U);
  EXPECT_EQ(*json.find("intent"), context->intent().to_json());
  EXPECT_EQ(json.find("seed")->as_string(), "seed");
  EXPECT_EQ(json.find("observations")->at(0).find("kind")->as_string(), "time");
  EXPECT_EQ(json.find("artifacts")->at(0).find("name")->as_string(), "a");
  EXPECT_EQ(json.find("events")->at(0).find("topic")->as_string(), "e");
  EXPECT_EQ(json.find("references")->size(), 2U);
  EXPECT_EQ(json.find("provenance")->at(0).find("relation")->as_string(), "wasRevisionOf");
  EXPECT_EQ(json.find("state")->at(0).find("value")->as_int64(), 1);
  EXPECT_EQ(json.find("state")->at(1).find("value"), nullptr);
  EXPECT_EQ(Json::parse(json.dump()).value().dump(), json.dump());
}

TEST_F(Answers, SayWhetherTheAttemptIsStillWanted) {
  const auto context = open();
  EXPECT_TRUE(context->still_owner());
  context->fence();
  EXPECT_FALSE(context->still_owner());
  context->log(LogLevel::info, "hello");
  EXPECT_THAT(logged_, ElementsAre(context->execution_id() + " hello"));
  EXPECT_FALSE(context->deadline_us());
}

}  // namespace
}  // namespace symphainy::runtime
