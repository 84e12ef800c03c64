// SPDX-License-Identifier: Apache-2.0
// Every rule an intent is held to, the pointer each violation names, and that what was accepted reads back as it was.
#include "runtime/intent_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/intent.h"

#include "base/bytes.h"
#include "base/ids.h"

namespace symphainy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kUuid = "0192f0c1-2345-7abc-8def-0123456789ab";
constexpr std::string_view kTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

// A valid intent with every member.
Json complete_intent() {
  return Json::object({{"actor", Json::object({{"id", "maria"}, {"type", "user"}})},
                       {"created_at", "2026-11-23T10:07:00.000001Z"},
                       {"deadline", "2026-11-24T10:07:00.000000Z"},
                       {"idempotency_key", "once"},
                       {"intent_id", "intent-1"},
                       {"intent_type", "ingest_file"},
                       {"metadata", Json::object({{"source", "desk"}})},
                       {"parameters", Json::object({{"path", "a.csv"}})},
                       {"parent", Json::object({{"execution", kUuid}, {"step", "first"}})},
                       {"priority", 3},
                       {"session_id", "session"},
                       {"solution_id", "solution"},
                       {"tenant_id", "acme"},
                       {"traceparent", kTraceparent}});
}

Json minimal_intent() {
  Json json = complete_intent();
  for (const char* optional : {"created_at", "deadline", "idempotency_key", "intent_id", "metadata", "parameters",
                               "parent", "priority", "traceparent"}) {
    json.erase(optional);
  }
  return json;
}

Result<Intent> from_text(std::string_view text, const IntentLimits& limits = {}) {
  return Intent::from_json(text, limits);
}

// "/pointer rule" of every violation in the error.
std::vector<std::string> broken_rules(const Result<Intent>& result) {
  std::vector<std::string> out;
  if (result) return out;
  EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(result.error().reason, "invalid_intent");
  const Json* list = result.error().details.find("violations");
  if (list == nullptr) return {"no violations in " + result.error().message};
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& one = list->at(i);
    EXPECT_FALSE(one.find("message")->as_string()->empty());
    out.push_back(std::string(*one.find("pointer")->as_string()) + " " + std::string(*one.find("rule")->as_string()));
  }
  return out;
}

std::vector<std::string> broken_rules(const std::vector<Violation>& violations) {
  std::vector<std::string> out;
  for (const Violation& violation : violations) out.push_back(violation.pointer + " " + violation.rule);
  return out;
}

Json nested(std::size_t depth) {
  Json json = 1;
  for (std::size_t i = 1; i < depth; ++i) json = Json::array({json});
  return Json::object({{"deep", json}});
}

Json of_canonical_size(std::size_t bytes) {
  return Json::object({{"p", std::string(bytes - std::string_view(R"({"p":""})").size(), 'x')}});
}

TEST(IntentFromJson, AcceptsEveryMemberTogether) {
  const auto intent = Intent::from_json(complete_intent());
  ASSERT_TRUE(intent) << intent.error().message;
  EXPECT_EQ(intent->intent_id, "intent-1");
  EXPECT_EQ(intent->actor, (Actor{"user", "maria"}));
  EXPECT_EQ(intent->priority, 3);
  EXPECT_EQ(intent->parent, (ParentExecution{std::string(kUuid), "first"}));
  EXPECT_EQ(*intent->deadline_us - intent->created_at_us, 86'399'999'999);
  EXPECT_EQ(intent->to_json(), complete_intent());
}

TEST(IntentFromJson, AssignsIdAndTimeWhenTheyAreLeftOut) {
  const auto one = Intent::from_json(minimal_intent());
  const auto two = Intent::from_json(minimal_intent());
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_TRUE(base::Uuid::parse(one->intent_id)) << one->intent_id;
  EXPECT_NE(one->intent_id, two->intent_id);
  EXPECT_GT(one->created_at_us, 0);
  EXPECT_TRUE(one->parameters.is_object());
  EXPECT_TRUE(one->metadata.is_object());
  EXPECT_FALSE(one->deadline_us || one->idempotency_key || one->priority || one->parent || one->traceparent);
}

// --- one rule at a time

struct Rule {
  std::string at;    // JSON pointer of the member that is replaced, at most two deep
  std::string with;  // JSON, or "" to leave it out
  std::string broken;
};

Json with_change(const Rule& rule) {
  Json json = complete_intent();
  const std::size_t slash = rule.at.find('/', 1);
  const std::string first = rule.at.substr(1, slash == std::string::npos ? slash : slash - 1);
  Json& holder = slash == std::string::npos ? json : json[first];
  const std::string key = slash == std::string::npos ? first : rule.at.substr(slash + 1);
  if (rule.with.empty())
    holder.erase(key);
  else
    holder[key] = Json::parse(rule.with).value();
  return json;
}

std::vector<Rule> rules() {
  std::vector<Rule> out;
  const auto quoted = [](const std::string& text) { return "\"" + text + "\""; };
  for (const std::string at : {"/intent_type", "/tenant_id", "/session_id", "/solution_id", "/actor/type", "/actor/id",
                               "/parent/execution", "/parent/step", "/actor"}) {
    out.push_back({at, "", at + " required"});
  }
  for (const std::string at :
       {"/intent_id", "/intent_type", "/tenant_id", "/session_id", "/solution_id", "/created_at", "/deadline",
        "/idempotency_key", "/traceparent", "/actor/type", "/actor/id", "/parent/execution", "/parent/step"}) {
    for (const std::string wrong : {"7", "null", "true", "[\"a\"]", "{}"}) out.push_back({at, wrong, at + " type"});
  }
  for (const std::string at : {"/parameters", "/metadata", "/actor", "/parent"}) {
    for (const std::string wrong : {"7", "null", "[]", "\"text\""}) out.push_back({at, wrong, at + " type"});
  }
  for (const std::string wrong : {"\"1\"", "1.5", "null", "true", "18446744073709551615"}) {
    out.push_back({"/priority", wrong, "/priority type"});
  }
  for (const std::string at : {"/surprise", "/actor/surprise", "/parent/surprise"}) {
    out.push_back({at, "1", at + " unknown_member"});
  }
  for (const std::string at :
       {"/intent_id", "/intent_type", "/tenant_id", "/session_id", "/solution_id", "/actor/type", "/parent/step"}) {
    for (const std::string& wrong :
         {std::string(), std::string(129, 'a'), std::string(".a"), std::string("_system"), std::string("a b"),
          std::string("a/b"), std::string("ä"), std::string("a\\u0000")}) {
      out.push_back({at, quoted(wrong), at + " name"});
    }
    for (const std::string& right : {std::string(128, 'a'), std::string("a"), std::string("-"), std::string("A._-9")}) {
      out.push_back({at, quoted(right), ""});
    }
  }
  for (const std::string at : {"/actor/id", "/idempotency_key"}) {
    out.push_back({at, quoted(""), at + " limit"});
    out.push_back({at, quoted(std::string(257, 'k')), at + " limit"});
    out.push_back({at, quoted(std::string(256, 'k')), ""});
    out.push_back({at, quoted("Ünï cödé / .x"), ""});
  }
  for (const std::string at : {"/created_at", "/deadline"}) {
    for (const std::string wrong : {"", "yesterday", "2026-11-23", "2026-11-23T10:07:00", "2026-02-30T10:07:00Z",
                                    "1969-12-31T23:59:59Z", "2026-11-23T24:00:00Z", "2026-11-23T10:07:00Z "}) {
      out.push_back({at, quoted(wrong), at + " format"});
    }
    for (const std::string right :
         {"1970-01-01T00:00:00Z", "2026-11-23T10:07:00+02:00", "9999-12-31T23:59:59.999999Z"}) {
      out.push_back({at, quoted(right), ""});
    }
  }
  const std::string trace(kTraceparent);
  for (const std::string& wrong :
       {std::string(), "01" + trace.substr(2), trace + "-00", trace.substr(0, 54),
        "00-" + std::string(32, '0') + trace.substr(35), trace.substr(0, 36) + std::string(16, '0') + "-01",
        "00-4BF9" + trace.substr(7), trace.substr(0, 53) + "0g"}) {
    out.push_back({"/traceparent", quoted(wrong), "/traceparent format"});
  }
  for (const std::string wrong : {"-1", "10", "9223372036854775807", "-9223372036854775808"}) {
    out.push_back({"/priority", wrong, "/priority limit"});
  }
  for (const std::string right : {"0", "9"}) out.push_back({"/priority", right, ""});
  for (const std::string wrong : {"", "parent", "0192f0c1-2345-7abc-8def-0123456789a"}) {
    out.push_back({"/parent/execution", quoted(wrong), "/parent/execution format"});
  }
  return out;
}

TEST(IntentFromJson, HoldsEveryMemberToItsRule) {
  for (const Rule& rule : rules()) {
    const auto result = Intent::from_json(with_change(rule));
    if (rule.broken.empty()) {
      EXPECT_TRUE(result) << rule.at << " = " << rule.with << ": " << (result ? "" : result.error().message);
    } else {
      EXPECT_THAT(broken_rules(result), ElementsAre(rule.broken)) << rule.at << " = " << rule.with;
    }
  }
}

TEST(IntentFromJson, RefusesWhatIsNotAnObject) {
  for (const char* text : {"null", "[]", "7", "\"intent\"", "true"}) {
    EXPECT_THAT(broken_rules(from_text(text)), ElementsAre(" type")) << text;
  }
}

TEST(IntentFromJson, EscapesAndShortensTheNameOfAnUnknownMember) {
  Json json = complete_intent();
  json["a/b~c"] = 1;
  EXPECT_THAT(broken_rules(Intent::from_json(json)), ElementsAre("/a~1b~0c unknown_member"));
  json.erase("a/b~c");
  json[std::string(100'000, 'm')] = 1;
  const auto result = Intent::from_json(json);
  EXPECT_LT(result.error().details.dump().size(), 1'000U);
  EXPECT_TRUE(base::is_utf8(result.error().message));
}

TEST(IntentFromJson, ReportsEveryViolationAtOnce) {
  Json json = complete_intent();
  json.erase("tenant_id");
  json["session_id"] = "_hidden";
  json["surprise"] = 1;
  json["actor"] = Json::object({{"type", ""}, {"extra", 1}});
  json["parent"] = Json::object({{"execution", "no"}, {"step", 4}});
  json["priority"] = 12;
  json["deadline"] = "later";
  json["traceparent"] = "00";
  json["idempotency_key"] = "";
  json["parameters"] = nested(33);
  json["metadata"] = of_canonical_size(64 * 1024 + 1);
  const auto result = Intent::from_json(json);
  EXPECT_THAT(
      broken_rules(result),
      UnorderedElementsAre("/tenant_id required", "/session_id name", "/surprise unknown_member", "/actor/type name",
                           "/actor/extra unknown_member", "/actor/id required", "/parent/execution format",
                           "/parent/step type", "/priority limit", "/deadline format", "/traceparent format",
                           "/idempotency_key limit", "/parameters limit", "/metadata limit"));
  EXPECT_THAT(result.error().message, HasSubstr("13 more"));
}

TEST(IntentFromJson, ReportsTwoViolationsOfOneMember) {
  IntentLimits limits;
  limits.parameters_bytes = 16;
  limits.depth = 2;
  Json json = complete_intent();
  json["parameters"] = nested(30);
  EXPECT_THAT(broken_rules(Intent::from_json(json, limits)), ElementsAre("/parameters limit", "/parameters limit"));
}

TEST(IntentFromJson, NamesTheOffsetInMalformedJson) {
  for (const std::string_view text :
       {R"({"tenant_id": "a", "tenant_id": "b"})", R"({"tenant_id": })", "", "{", R"({"priority": 1e400})", R"({} x)",
        "\xEF\xBB\xBF{}", R"({"a": "\ud800"})", R"({"a": 18446744073709551616})", "{\"a\": \"\xff\"}"}) {
    const auto result = Intent::from_json(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    const Json* offset = result.error().details.find("offset");
    ASSERT_NE(offset, nullptr) << text;
    EXPECT_LE(offset->as_uint64().value(), text.size()) << text;
  }
}

// --- limits

TEST(IntentLimitsOfOneIntent, AreInclusive) {
  Json json = complete_intent();
  json["parameters"] = of_canonical_size(1024 * 1024);
  json["metadata"] = of_canonical_size(64 * 1024);
  EXPECT_TRUE(from_text(json.dump()));
  json["parameters"] = of_canonical_size(1024 * 1024 + 1);
  EXPECT_THAT(broken_rules(from_text(json.dump())), ElementsAre("/parameters limit"));
  json["parameters"] = nested(32);
  json["metadata"] = nested(32);
  EXPECT_TRUE(from_text(json.dump()));
  json["metadata"] = nested(33);
  EXPECT_THAT(broken_rules(from_text(json.dump())), ElementsAre("/metadata limit"));
}

TEST(IntentLimitsOfOneIntent, CanBeConfigured) {
  IntentLimits limits;
  limits.parameters_bytes = 20;
  limits.metadata_bytes = 30;
  limits.depth = 3;
  Json json = complete_intent();
  json["parameters"] = of_canonical_size(20);
  json["metadata"] = of_canonical_size(30);
  EXPECT_TRUE(Intent::from_json(json, limits));
  json["parameters"] = of_canonical_size(21);
  json["metadata"] = of_canonical_size(31);
  EXPECT_THAT(broken_rules(Intent::from_json(json, limits)), ElementsAre("/parameters limit", "/metadata limit"));
  json["parameters"] = nested(3);
  json["metadata"] = nested(4);
  EXPECT_THAT(broken_rules(Intent::from_json(json, limits)), ElementsAre("/metadata limit"));
  limits.depth = 60;
  limits.metadata_bytes = 1'000;
  json["metadata"] = nested(60);
  EXPECT_TRUE(from_text(json.dump(), limits));
}

TEST(IntentLimitsOfOneIntent, NeverAdmitWhatTheLogCouldNotReadBack) {
  IntentLimits limits;
  limits.depth = 100'000;
  Intent intent = Intent::create("t", "a", "s", "o", {"user", "u"});
  intent.parameters = nested(600);
  EXPECT_THAT(broken_rules(validate(intent, limits)), ElementsAre("/parameters limit"));
  limits.parameters_bytes = std::numeric_limits<std::size_t>::max() / 32;
  intent.parameters = of_canonical_size(40 * 1024 * 1024);
  EXPECT_THAT(broken_rules(validate(intent, limits)), ElementsAre("/parameters limit"));
}

// --- intents made by a program

TEST(IntentMadeByAProgram, IsValidFromEveryFactory) {
  const Actor actor{"service", "loader"};
  const Intent created = Intent::create("my.type", "acme", "s", "o", actor, Json::object({{"a", 1}}));
  const Intent ingest = Intent::ingest_file("acme", "s", "o", actor, "data/a.csv");
  const Intent analyze = Intent::analyze_content("acme", "s", "o", actor, kUuid, "profile");
  for (const Intent& intent : {created, ingest, analyze}) {
    EXPECT_THAT(validate(intent), IsEmpty()) << intent.canonical();
    EXPECT_TRUE(base::Uuid::parse(intent.intent_id));
    EXPECT_GT(intent.created_at_us, 0);
    EXPECT_EQ(intent.tenant_id, "acme");
    EXPECT_EQ(intent.actor, actor);
  }
  EXPECT_NE(created.intent_id, ingest.intent_id);
  EXPECT_EQ(created.parameters.dump(), R"({"a":1})");
  EXPECT_EQ(ingest.intent_type, "ingest_file");
  EXPECT_EQ(ingest.parameters.dump(), R"({"path":"data/a.csv"})");
  EXPECT_EQ(analyze.intent_type, "analyze_content");
  EXPECT_EQ(analyze.parameters.dump(),
            R"({"analysis":"profile","reference_id":"0192f0c1-2345-7abc-8def-0123456789ab"})");
}

TEST(IntentMadeByAProgram, IsRefusedWhenItHoldsInvalidUtf8) {
  const std::string bad = "a\xff";
  const Intent valid = Intent::create("t", "a", "s", "o", {"user", "u"});
  Intent intent = valid;
  intent.parameters = Json::object({{"text", bad}});
  EXPECT_THAT(broken_rules(validate(intent)), ElementsAre("/parameters format"));
  intent = valid;
  intent.metadata = Json::object({{bad, 1}});
  EXPECT_THAT(broken_rules(validate(intent)), ElementsAre("/metadata format"));
  intent = valid;
  intent.actor.id = bad;
  intent.idempotency_key = bad;
  intent.traceparent = bad;
  intent.tenant_id = bad;
  EXPECT_THAT(broken_rules(validate(intent)), UnorderedElementsAre("/actor/id limit", "/idempotency_key limit",
                                                                   "/traceparent format", "/tenant_id name"));
}

TEST(IntentMadeByAProgram, IsRefusedWhenItsTimesCannotBeWrittenDown) {
  for (const std::int64_t wrong :
       {std::int64_t{-1}, std::int64_t{253'402'300'800'000'000}, std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()}) {
    Intent intent = Intent::create("t", "a", "s", "o", {"user", "u"});
    intent.created_at_us = wrong;
    intent.deadline_us = wrong;
    EXPECT_THAT(broken_rules(validate(intent)), UnorderedElementsAre("/created_at format", "/deadline format"))
        << wrong;
  }
}

TEST(IntentMadeByAProgram, MayNotHaveParametersThatAreNoObject) {
  Intent intent = Intent::create("t", "a", "s", "o", {"user", "u"}, Json::array({1}));
  intent.metadata = nullptr;
  EXPECT_THAT(broken_rules(validate(intent)), ElementsAre("/parameters type", "/metadata type"));
}

// --- canonical form

TEST(CanonicalIntent, ReadsBackByteForByte) {
  std::vector<Intent> intents = {Intent::from_json(complete_intent()).value(),
                                 Intent::from_json(minimal_intent()).value()};
  for (const std::string_view parameters :
       {R"({"a":18446744073709551615,"b":-9223372036854775808,"c":9223372036854775807,"d":9007199254740993})",
        R"({"z":0.1,"y":1e300,"x":-0.0,"w":5e-324,"v":1.0,"u":123456789012345680000.5})",
        R"({"ünï":"cödé","emoji":"\ud83d\ude00","control":"\u0000\u001f\u007f","slash":"\/","quote":"\"\\"})",
        R"({"\ud83d\ude00":1,"\uffff":2,"\ue000":3,"B":4,"a":5,"":6})",
        R"({"n":[[],{},[{"k":[null,true,false,{"deep":[[[1,2,[3]]]]}]}]]})", "{}"}) {
    Intent intent = Intent::create("t", "a", "s", "o", {"user", "Jörg 😀"}, Json::parse(parameters).value());
    intent.metadata = intent.parameters;
    intents.push_back(intent);
    intent.idempotency_key = "schlüssel \"1\"\n";
    intent.deadline_us = 253'402'300'799'999'999;
    intent.created_at_us = 0;
    intent.priority = 0;
    intents.push_back(intent);
    intent.parent = ParentExecution{std::string(kUuid), "s"};
    intent.traceparent = kTraceparent;
    intents.push_back(intent);
  }
  for (const Intent& intent : intents) {
    const std::string canonical = intent.canonical();
    const auto read = from_text(canonical);
    ASSERT_TRUE(read) << canonical << ": " << read.error().message;
    EXPECT_EQ(read->canonical(), canonical);
    EXPECT_EQ(*read, intent) << canonical;
    EXPECT_EQ(intent.to_json().dump(), canonical);
  }
}

TEST(Fingerprint, IgnoresEverythingButTheBody) {
  const Intent intent = Intent::from_json(complete_intent()).value();
  Intent other = intent;
  other.intent_id = "another";
  other.created_at_us += 1;
  other.deadline_us.reset();
  other.actor = {"service", "x"};
  other.session_id = "elsewhere";
  other.idempotency_key.reset();
  other.priority.reset();
  other.traceparent.reset();
  other.parent.reset();
  EXPECT_EQ(other.fingerprint(), intent.fingerprint());
  EXPECT_EQ(intent.fingerprint().size(), 64U);
  Intent one = intent;
  Intent two = intent;
  one.parameters = Json::parse(R"({"a":1,"b":{"c":2,"d":3}})").value();
  two.parameters = Json::parse(R"({"b":{"d":3,"c":2},"a":1})").value();
  EXPECT_EQ(one.fingerprint(), two.fingerprint());
}

TEST(Fingerprint, ChangesWithEveryPartOfTheBody) {
  const Intent intent = Intent::from_json(complete_intent()).value();
  std::vector<Intent> others(5, intent);
  others[0].intent_type = "other";
  others[1].solution_id = "other";
  others[2].parameters["path"] = "b.csv";
  others[3].metadata["source"] = "phone";
  std::swap(others[4].parameters, others[4].metadata);
  std::vector<std::string> seen = {intent.fingerprint()};
  for (const Intent& other : others) {
    EXPECT_THAT(seen, ::testing::Not(::testing::Contains(other.fingerprint()))) << other.canonical();
    seen.push_back(other.fingerprint());
  }
}

// --- what a refusal can record

TEST(Salvage, KeepsTheMembersThatAreValid) {
  Json json = complete_intent();
  json["surprise"] = 1;
  const Intent kept = runtime::salvage(json);
  EXPECT_EQ(kept.intent_id, "intent-1");
  EXPECT_EQ(kept.intent_type, "ingest_file");
  EXPECT_EQ(kept.tenant_id, "acme");
  EXPECT_EQ(kept.session_id, "session");
  EXPECT_EQ(kept.solution_id, "solution");
  EXPECT_EQ(runtime::actor_text(kept.actor), "user:maria");
  EXPECT_EQ(kept.parameters.dump() + kept.metadata.dump(), "{}{}");
  EXPECT_FALSE(kept.idempotency_key || kept.traceparent || kept.priority || kept.parent);
}

TEST(Salvage, DropsWhatBreaksARule) {
  Json json = complete_intent();
  json["intent_id"] = std::string(100'000, 'i');
  json["intent_type"] = 7;
  json["tenant_id"] = "_system";
  json["session_id"] = "a b";
  json.erase("solution_id");
  json["actor"] = Json::object({{"id", std::string(257, 'x')}, {"type", "a\xff"}});
  const Intent kept = runtime::salvage(json);
  EXPECT_EQ(kept.intent_id + kept.intent_type + kept.tenant_id + kept.session_id + kept.solution_id, "");
  EXPECT_EQ(kept.actor, (Actor{"", ""}));
  json["actor"] = Json::object({{"id", "a\xff"}, {"type", "user"}});
  EXPECT_EQ(runtime::salvage(json).actor, (Actor{"user", ""}));
}

TEST(Salvage, TakesAnythingThatIsNoIntentAtAll) {
  for (const char* text : {"null", "[1,2]", "7", "\"text\"", "{}", R"({"actor":[],"parent":3,"priority":{}})"}) {
    const Intent kept = runtime::salvage(Json::parse(text).value());
    EXPECT_EQ(kept.tenant_id, "") << text;
    EXPECT_EQ(kept.parameters.dump(), "{}") << text;
  }
}

}  // namespace
}  // namespace symphainy
