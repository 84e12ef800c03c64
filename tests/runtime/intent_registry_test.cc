// SPDX-License-Identifier: Apache-2.0
// Which registrations make a record, which change nothing, and which are refused.
#include "runtime/intent_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/log_record.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Task<Result<HandlerResult>> answer(const Intent&, ExecutionContext&) {
  co_return HandlerResult{Json(1)};
}

template <typename T>
std::string reason_of(const Result<T>& result) {
  return result ? "accepted" : result.error().reason;
}

IntentSupport support(std::string type, std::uint32_t version = 1, Json schema = Json::object({{"type", "object"}})) {
  return {std::move(type), std::move(schema), version, Effects::context_only};
}

std::vector<std::uint32_t> versions(const std::vector<RegisteredPtr>& handlers) {
  std::vector<std::uint32_t> out;
  for (const RegisteredPtr& handler : handlers) out.push_back(handler->version);
  return out;
}

class Registry : public ::testing::Test {
 protected:
  Result<std::optional<base::RecordDraft>> add(IntentSupport intent, std::string service = "content",
                                               std::string handler = "handler") {
    return registry_.register_intent(std::move(intent), std::move(service), std::move(handler), answer);
  }

  IntentRegistry registry_;
};

TEST_F(Registry, AnswersTheRecordOfANewRegistration) {
  const Json schema = Json::parse(R"({"type":"object","required":["path"],"properties":{}})").value();
  const auto draft = add(support("ingest_file", 2, schema));
  ASSERT_TRUE(draft && *draft);
  EXPECT_EQ((*draft)->tenant, base::kSystemTenant);
  EXPECT_EQ((*draft)->type, static_cast<std::uint16_t>(RecordType::intent_type_registered));
  EXPECT_EQ((*draft)->flags & base::kMustUnderstand, base::kMustUnderstand);
  const Json payload = Json::parse((*draft)->payload).value();
  EXPECT_EQ(payload.dump(), (*draft)->payload);
  EXPECT_EQ(payload, Json::object({{"domain_service", "content"},
                                   {"handler", "handler"},
                                   {"intent_type", "ingest_file"},
                                   {"schema", schema},
                                   {"schema_digest", base::sha256(schema.dump()).hex()},
                                   {"version", 2}}));
  const RegisteredPtr found = registry_.find("ingest_file");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->schema_digest, base::sha256(schema.dump()).hex());
  EXPECT_EQ(found->effects, Effects::context_only);
  EXPECT_FALSE(found->schema.validate(Json::object()).empty());
}

TEST_F(Registry, MakesNoSecondRecordOfTheSameRegistration) {
  ASSERT_TRUE(add(support("a", 1, Json::parse(R"({"type":"object","title":"t"})").value())).value());
  const auto again = add(support("a", 1, Json::parse(R"({"title":"t","type":"object"})").value()));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(*again);
  EXPECT_THAT(versions(registry_.get_intent_handlers("a")), ElementsAre(1U));
}

TEST_F(Registry, RefusesAnotherSchemaForTheSameVersion) {
  ASSERT_TRUE(add(support("a")));
  const auto other = add(support("a", 1, Json::object({{"type", "object"}, {"title", "x"}})));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::already_exists);
  EXPECT_EQ(other.error().reason, "schema_changed");
  EXPECT_THAT(other.error().message, HasSubstr("version 2"));
  EXPECT_EQ(registry_.find("a")->schema_digest, base::sha256(R"({"type":"object"})").hex());
  EXPECT_TRUE(add(support("a", 2, Json::object({{"type", "object"}, {"title", "x"}}))).value());
}

TEST_F(Registry, RefusesAnotherHandlerOrServiceForTheSameVersion) {
  ASSERT_TRUE(add(support("a")));
  for (const auto& [service, handler] :
       std::vector<std::pair<std::string, std::string>>{{"content", "other"}, {"other", "handler"}}) {
    const auto refused = add(support("a"), service, handler);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::already_exists);
    EXPECT_EQ(refused.error().reason, "handler_changed");
  }
  EXPECT_EQ(registry_.find("a")->handler_name, "handler");
  EXPECT_EQ(registry_.find("a")->domain_service, "content");
}

TEST_F(Registry, GivesNewIntentsTheHighestVersion) {
  for (const std::uint32_t version : {2U, 10U, 1U, 4294967295U, 9U}) {
    ASSERT_TRUE(add(support("b", version)));
  }
  ASSERT_TRUE(add(support("a", 3)));
  ASSERT_TRUE(add(support("bb", 7)));
  EXPECT_EQ(registry_.find("b")->version, 4294967295U);
  EXPECT_EQ(registry_.find("a")->version, 3U);
  EXPECT_EQ(registry_.find("b", 9)->version, 9U);
  EXPECT_EQ(registry_.find("b", 3), nullptr);
  EXPECT_EQ(registry_.find("aa"), nullptr);
  EXPECT_EQ(registry_.find(""), nullptr);
  EXPECT_EQ(registry_.find("c"), nullptr);
}

TEST_F(Registry, ListsHandlersAndSupportedIntents) {
  EXPECT_THAT(registry_.list_supported_intents(), IsEmpty());
  for (const auto& [type, version] :
       std::vector<std::pair<std::string, std::uint32_t>>{{"z", 1}, {"a", 2}, {"a", 1}, {"a-b", 1}, {"a", 11}}) {
    ASSERT_TRUE(add(support(type, version)));
  }
  EXPECT_THAT(registry_.list_supported_intents(), ElementsAre("a", "a-b", "z"));
  EXPECT_THAT(versions(registry_.get_intent_handlers("a")), ElementsAre(1U, 2U, 11U));
  EXPECT_THAT(registry_.get_intent_handlers("none"), IsEmpty());
}

TEST_F(Registry, RefusesBadNames) {
  for (const std::string bad : {"", "_hidden", ".x", "a b", "a/b", "ä"}) {
    for (const auto& refused : {add(support(bad)), add(support("a"), bad), add(support("a"), "content", bad)}) {
      ASSERT_FALSE(refused) << bad;
      EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument) << bad;
    }
  }
  EXPECT_FALSE(add(support("a", 0)));
  EXPECT_FALSE(registry_.register_intent(support("a"), "content", "handler", IntentHandler()));
  EXPECT_THAT(registry_.list_supported_intents(), IsEmpty());
}

TEST_F(Registry, RefusesASchemaThatDoesNotCompileAndNamesTheIntent) {
  const auto bad = add(support("a", 3, Json::object({{"type", "nothing"}})));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(bad.error().reason, "invalid_schema");
  EXPECT_THAT(bad.error().message, HasSubstr("the schema of 'a' version 3"));
  const auto pattern = add(support("a", 3, Json::object({{"pattern", "(?=a)b"}})));
  ASSERT_FALSE(pattern);
  EXPECT_EQ(pattern.error().reason, "unsupported_pattern");
  EXPECT_NE(pattern.error().details.find("schema_pointer"), nullptr);
  EXPECT_EQ(registry_.find("a"), nullptr);
  EXPECT_TRUE(add(support("a", 3)).value()) << "a refused schema must not bind the version";
}

TEST_F(Registry, RefusesASchemaThatTheLogCouldNotReadBack) {
  EXPECT_FALSE(add(support("a", 1, Json::object({{"title", "\xff"}}))));
  EXPECT_FALSE(add(support("a", 1, Json::object({{"$comment", "\xed\xa0\x80"}}))));
  Json deep = 1;
  for (int i = 0; i < 600; ++i) deep = Json::array({deep});
  EXPECT_FALSE(add(support("a", 1, Json::object({{"default", deep}}))));
  EXPECT_EQ(registry_.find("a"), nullptr);
}

TEST_F(Registry, KnowsWhatEarlierProcessesRegistered) {
  const std::string digest = base::sha256(R"({"type":"object"})").hex();
  registry_.load({{"a", 1, "content", "handler", R"({"type":"object"})", digest, 7}});
  EXPECT_EQ(registry_.find("a"), nullptr) << "a record is no handler";
  EXPECT_THAT(registry_.list_supported_intents(), IsEmpty());
  const auto changed = add(support("a", 1, Json::object({{"type", "array"}})));
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().reason, "schema_changed");
  EXPECT_EQ(reason_of(add(support("a"), "content", "renamed")), "handler_changed");
  EXPECT_EQ(registry_.find("a"), nullptr);
  const auto same = add(support("a"));
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_FALSE(*same);
  EXPECT_NE(registry_.find("a"), nullptr);
}

}  // namespace
}  // namespace symphainy::runtime
