// SPDX-License-Identifier: Apache-2.0
// What the official suite leaves open: what compile refuses and how it says so, what a violation tells, how patterns
// are read, and that neither schemas nor instances can make a run endless.
#include "runtime/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/json_schema_regex.h"
#include "runtime/json_schema_uri.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json json_of(std::string_view text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json.has_value()) << text;
  return json ? *std::move(json) : Json();
}

JsonSchema compiled(std::string_view schema, const SchemaOptions& options = {}) {
  auto result = JsonSchema::compile(json_of(schema), options);
  if (!result) {
    ADD_FAILURE() << schema << ": " << result.error().message;
    return *JsonSchema::compile(Json(true));
  }
  return *std::move(result);
}

bool accepts(std::string_view schema, std::string_view instance) {
  return compiled(schema).validate(json_of(instance)).empty();
}

std::string nested(std::string_view open, std::string_view close, int levels) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += open;
  for (int i = 0; i < levels; ++i) text += close;
  return text;
}

// --- What compile refuses

struct RefusedSchema {
  std::string_view schema;
  std::string_view pointer;
  std::string_view keyword;
};

class RefusedSchemas : public ::testing::TestWithParam<RefusedSchema> {};

TEST_P(RefusedSchemas, NameThePlaceAndTheKeyword) {
  const auto result = JsonSchema::compile(json_of(GetParam().schema));
  ASSERT_FALSE(result.has_value()) << GetParam().schema;
  EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(result.error().reason, "invalid_schema") << result.error().message;
  EXPECT_EQ(*result.error().details.find("schema_pointer"), Json(GetParam().pointer));
  EXPECT_EQ(*result.error().details.find("keyword"), Json(GetParam().keyword));
}

INSTANTIATE_TEST_SUITE_P(
    JsonSchema, RefusedSchemas,
    ::testing::Values(
        RefusedSchema{"1", "", ""}, RefusedSchema{"[]", "", ""}, RefusedSchema{R"({"type": "text"})", "", "type"},
        RefusedSchema{R"({"type": []})", "", "type"}, RefusedSchema{R"({"type": ["null", "null"]})", "", "type"},
        RefusedSchema{R"({"type": 1})", "", "type"},
        RefusedSchema{R"({"properties": {"a/b": {"enum": 1}}})", "/properties/a~1b", "enum"},
        RefusedSchema{R"({"properties": []})", "", "properties"},
        RefusedSchema{R"({"properties": {"a": 1}})", "", "properties"},
        RefusedSchema{R"({"patternProperties": {"(": true}})", "", "patternProperties"},
        RefusedSchema{R"({"required": "a"})", "", "required"},
        RefusedSchema{R"({"required": ["a", "a"]})", "", "required"},
        RefusedSchema{R"({"required": [1]})", "", "required"},
        RefusedSchema{R"({"dependentRequired": {"a": [1]}})", "", "dependentRequired"},
        RefusedSchema{R"({"dependentSchemas": {"a": []}})", "", "dependentSchemas"},
        RefusedSchema{R"({"minLength": -1})", "", "minLength"}, RefusedSchema{R"({"maxItems": 1.5})", "", "maxItems"},
        RefusedSchema{R"({"minProperties": "1"})", "", "minProperties"},
        RefusedSchema{R"({"minimum": "1"})", "", "minimum"}, RefusedSchema{R"({"multipleOf": 0})", "", "multipleOf"},
        RefusedSchema{R"({"multipleOf": -1})", "", "multipleOf"},
        RefusedSchema{R"({"uniqueItems": 1})", "", "uniqueItems"}, RefusedSchema{R"({"pattern": 1})", "", "pattern"},
        RefusedSchema{R"({"pattern": "["})", "", "pattern"}, RefusedSchema{R"({"format": 1})", "", "format"},
        RefusedSchema{R"({"x-sensitive": "yes"})", "", "x-sensitive"}, RefusedSchema{R"({"allOf": []})", "", "allOf"},
        RefusedSchema{R"({"anyOf": {}})", "", "anyOf"}, RefusedSchema{R"({"items": []})", "", "items"},
        RefusedSchema{R"({"prefixItems": {}})", "", "prefixItems"}, RefusedSchema{R"({"not": null})", "", "not"},
        RefusedSchema{R"({"$defs": {"unused": {"type": "text"}}})", "/$defs/unused", "type"},
        RefusedSchema{R"({"$id": 1})", "", "$id"}, RefusedSchema{R"({"$id": "http://a/b#c"})", "", "$id"},
        RefusedSchema{R"({"$anchor": "a#"})", "", "$anchor"},
        RefusedSchema{R"({"allOf": [{"$anchor": "a"}, {"$anchor": "a"}]})", "/allOf/0", "$anchor"},
        RefusedSchema{R"({"$schema": "http://a/unknown"})", "", "$schema"},
        RefusedSchema{R"({"$schema": 7})", "", "$schema"}, RefusedSchema{R"({"$ref": 1})", "", "$ref"},
        RefusedSchema{R"({"items": {"$ref": "#/nowhere"}})", "/items", "$ref"},
        RefusedSchema{R"({"$ref": "#nowhere"})", "", "$ref"}, RefusedSchema{R"({"$ref": "http://a/b"})", "", "$ref"},
        RefusedSchema{R"({"$ref": "b.json"})", "", "$ref"}, RefusedSchema{R"({"$ref": "#/%zz"})", "", "$ref"},
        RefusedSchema{R"({"$dynamicRef": "#nowhere"})", "", "$dynamicRef"}));

class ReferenceLoops : public ::testing::TestWithParam<std::string_view> {};

TEST_P(ReferenceLoops, AreRefusedWhenTheyMakeNoProgress) {
  const auto result = JsonSchema::compile(json_of(GetParam()));
  ASSERT_FALSE(result.has_value());
  EXPECT_THAT(result.error().message, HasSubstr("without end"));
}

INSTANTIATE_TEST_SUITE_P(JsonSchema, ReferenceLoops,
                         ::testing::Values(R"({"$ref": "#"})", R"({"allOf": [{"$ref": "#"}]})",
                                           R"({"not": {"$ref": "#"}})",
                                           R"({"if": true, "then": {"anyOf": [{"oneOf": [{"$ref": "#"}]}]}})",
                                           R"({"dependentSchemas": {"a": {"$ref": "#"}}})",
                                           R"({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}})"));

TEST(JsonSchema, AllowsLoopsThatGoIntoTheInstance) {
  const auto schema =
      compiled(R"({"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": false})");
  EXPECT_THAT(schema.validate(json_of(R"({"next": {"next": {}}})")), IsEmpty());
  const auto violations = schema.validate(json_of(R"({"next": {"next": {"other": 1}}})"));
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].instance_pointer, "/next/next/other");
}

TEST(JsonSchema, CutsOffADynamicLoopInsteadOfOverflowingTheStack) {
  const auto schema = compiled(R"({"$id": "http://a/b", "$dynamicAnchor": "x", "$dynamicRef": "#x"})");
  const auto violations = schema.validate(Json());
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].keyword, "limit");
}

TEST(JsonSchema, DoesNotLetNotTurnACutOffRunIntoAValidOne) {
  const auto schema = compiled(R"({"not": {"$id": "http://a/b", "$dynamicAnchor": "x", "$dynamicRef": "#x"}})");
  EXPECT_FALSE(schema.validate(Json()).empty());
}

TEST(JsonSchema, CompilesAVeryLongChainOfReferencesAndCutsItOff) {
  Json schema = json_of(R"({"$ref": "#/$defs/0", "$defs": {}})");
  constexpr int kLength = 20'000;
  for (int i = 0; i < kLength; ++i)
    schema["$defs"][std::to_string(i)] = Json::object({{"$ref", "#/$defs/" + std::to_string(i + 1)}});
  schema["$defs"][std::to_string(kLength)] = true;
  const auto result = JsonSchema::compile(schema);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->validate(Json()).at(0).keyword, "limit");
}

TEST(JsonSchema, FollowsAnInstanceAsDeepAsTheParserAllows) {
  const auto schema = compiled(R"({"type": "array", "items": {"allOf": [{"$ref": "#"}]}})");
  EXPECT_THAT(schema.validate(json_of(nested("[", "]", 512))), IsEmpty());
}

// --- What a violation tells

TEST(JsonSchema, ReportsEveryViolationWithBothPointers) {
  const auto schema = compiled(R"({
    "type": "object",
    "required": ["id"],
    "properties": {"a/b": {"type": "integer", "minimum": 3}, "list": {"items": {"$ref": "#/$defs/s"}}},
    "additionalProperties": false,
    "$defs": {"s": {"type": "string", "maxLength": 2}}})");
  const auto violations = schema.validate(json_of(R"({"a/b": 2, "list": ["ok", 1, "long"], "other": null})"));
  EXPECT_THAT(
      violations,
      ElementsAre(
          SchemaViolation{"", "required", "/required", "member \"id\" is missing"},
          SchemaViolation{"/a~1b", "minimum", "/properties/a~1b/minimum", "must be at least 3"},
          SchemaViolation{"/list/1", "type", "/$defs/s/type", "must be string, is integer"},
          SchemaViolation{"/list/2", "maxLength", "/$defs/s/maxLength", "must have at most 2 characters, has 4"},
          SchemaViolation{"/other", "additionalProperties", "/additionalProperties", "this member is not allowed"}));
}

TEST(JsonSchema, StopsAtTheNumberOfViolationsAskedFor) {
  const auto schema = compiled(R"({"items": {"type": "string"}})");
  Json instance = Json::array();
  for (int i = 0; i < 1000; ++i) instance.push_back(i);
  EXPECT_EQ(schema.validate(instance).size(), 100U);
  EXPECT_EQ(schema.validate(instance, 7).size(), 7U);
  EXPECT_EQ(schema.validate(instance, 0).size(), 1U);
}

TEST(JsonSchema, NeverQuotesTheInstanceInMessages) {
  const auto schema = compiled(
      R"({"enum": ["a"], "const": "b", "pattern": "^x", "maxLength": 1, "type": "null",
          "not": {}, "anyOf": [false], "oneOf": [false]})");
  for (const auto& violation : schema.validate(Json("hunter2")))
    EXPECT_THAT(violation.message, ::testing::Not(HasSubstr("hunter2")));
}

TEST(JsonSchema, NamesTheDocumentOfAViolationInAnotherOne) {
  const Json other = json_of(R"({"$defs": {"n": {"type": "number"}}})");
  SchemaOptions options;
  options.find_document = [&](std::string_view uri) { return uri == "http://a/other.json" ? &other : nullptr; };
  const auto schema = compiled(R"({"$id": "http://a/root.json", "$ref": "other.json#/$defs/n"})", options);
  EXPECT_EQ(schema.validate(Json("x")).at(0).schema_pointer, "http://a/other.json#/$defs/n/type");
}

// --- Dialects

TEST(JsonSchema, ReadsDocumentsWithoutSchemaKeywordInTheDefaultDraft) {
  SchemaOptions options;
  options.default_draft = SchemaOptions::Draft::draft_7;
  const auto schema = compiled(R"({"items": [{"type": "string"}], "additionalItems": false})", options);
  EXPECT_THAT(schema.validate(json_of(R"(["a"])")), IsEmpty());
  EXPECT_FALSE(schema.validate(json_of(R"(["a", 1])")).empty());
}

TEST(JsonSchema, RefusesADialectThatRequiresAnUnknownVocabulary) {
  const Json dialect = json_of(R"({"$schema": "https://json-schema.org/draft/2020-12/schema",
      "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/format-assertion": true}})");
  SchemaOptions options;
  options.find_document = [&](std::string_view) { return &dialect; };
  const auto result = JsonSchema::compile(json_of(R"({"$schema": "http://a/dialect"})"), options);
  ASSERT_FALSE(result.has_value());
  EXPECT_THAT(result.error().message, HasSubstr("format-assertion"));
}

// --- Numbers and large sets

TEST(JsonSchema, ComparesNumbersExactly) {
  EXPECT_FALSE(accepts(R"({"maximum": 9007199254740992})", "9007199254740993"));
  EXPECT_FALSE(accepts(R"({"maximum": 9007199254740992.0})", "9007199254740993"));
  EXPECT_TRUE(accepts(R"({"exclusiveMinimum": 1.8446744073709551615e19})", "1e300"));
  EXPECT_FALSE(accepts(R"({"minimum": 1.9e19})", "18446744073709551615"));
  EXPECT_TRUE(accepts(R"({"minimum": -1.5})", "-1"));
  EXPECT_FALSE(accepts(R"({"minimum": -1})", "-1.5"));
  EXPECT_TRUE(accepts(R"({"enum": [1]})", "1.0"));
  EXPECT_FALSE(accepts(R"({"const": 9007199254740993})", "9007199254740992.0"));
  EXPECT_FALSE(accepts(R"({"uniqueItems": true})", "[1, 1.0]"));
}

TEST(JsonSchema, DividesDecimalsExactly) {
  EXPECT_TRUE(accepts(R"({"multipleOf": 0.01})", "4.35"));
  EXPECT_TRUE(accepts(R"({"multipleOf": 0.01})", "1073741824.07"));
  EXPECT_FALSE(accepts(R"({"multipleOf": 0.01})", "4.355"));
  EXPECT_TRUE(accepts(R"({"multipleOf": 0.1})", "-0.3"));
  EXPECT_TRUE(accepts(R"({"multipleOf": 3})", "18446744073709551615"));
  EXPECT_FALSE(accepts(R"({"multipleOf": 2})", "18446744073709551615"));
  EXPECT_TRUE(accepts(R"({"multipleOf": 5e-324})", "1e308"));
  EXPECT_FALSE(accepts(R"({"multipleOf": 7})", "1e308"));
}

TEST(JsonSchema, FindsValuesInAnEnumOfThousands) {
  Json schema = Json::object({{"enum", Json::array()}});
  for (int i = 0; i < 20'000; ++i) {
    schema["enum"].push_back("value " + std::to_string(i));
    schema["enum"].push_back(Json::object({{"n", i}}));
  }
  const auto compiled_schema = JsonSchema::compile(schema);
  ASSERT_TRUE(compiled_schema.has_value());
  EXPECT_THAT(compiled_schema->validate(Json("value 19999")), IsEmpty());
  EXPECT_THAT(compiled_schema->validate(Json::object({{"n", 77.0}})), IsEmpty());
  EXPECT_FALSE(compiled_schema->validate(Json("value 20000")).empty());
}

TEST(JsonSchema, FindsEqualItemsAmongVeryMany) {
  Json items = Json::array();
  for (int i = 0; i < 100'000; ++i) items.push_back(Json::object({{"n", i}}));
  const auto schema = compiled(R"({"uniqueItems": true})");
  EXPECT_THAT(schema.validate(items), IsEmpty());
  items.push_back(Json::object({{"n", 500.0}}));
  EXPECT_EQ(schema.validate(items).at(0).message, "items 500 and 100000 are equal");
}

TEST(JsonSchema, CountsCodePointsNotBytes) {
  EXPECT_TRUE(accepts(R"({"maxLength": 2, "minLength": 2})", R"("é😀")"));
}

// --- Patterns

struct PatternCase {
  std::string_view pattern;
  std::string_view text;
  bool is_found;
};

class Patterns : public ::testing::TestWithParam<PatternCase> {};

TEST_P(Patterns, MatchAsInEcma262) {
  const auto pattern = json_schema::Pattern::compile(GetParam().pattern);
  ASSERT_TRUE(pattern.has_value()) << GetParam().pattern << ": " << pattern.error().message;
  EXPECT_EQ(pattern->is_found_in(GetParam().text), GetParam().is_found)
      << GetParam().pattern << " in " << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    JsonSchema, Patterns,
    ::testing::Values(
        PatternCase{"b", "abc", true}, PatternCase{"^b", "abc", false}, PatternCase{"^abc$", "abc\n", false},
        PatternCase{"^a", "b\na", false}, PatternCase{"^.$", "é", true}, PatternCase{"^.$", "😀", true},
        PatternCase{".", "\r", false}, PatternCase{".", "\xE2\x80\xA8", false}, PatternCase{"^\\d$", "٣", false},
        PatternCase{"^\\w$", "é", false}, PatternCase{"^\\W$", "é", true}, PatternCase{"^\\s$", "\xC2\xA0", true},
        PatternCase{"^\\s$", "\xEF\xBB\xBF", true}, PatternCase{"^\\s$", "\xE3\x80\x80", true},
        PatternCase{"^[\\s]$", "\xE2\x80\xA9", true}, PatternCase{"^\\S$", "\xC2\xA0", false},
        PatternCase{"^[\\S]$", "x", true}, PatternCase{"^[^\\S]$", " ", true},
        PatternCase{"^\\S$", "\xE2\x80\x8B", true}, PatternCase{"^[\\D]$", "x", true},
        PatternCase{"^[^\\D]$", "5", true}, PatternCase{"^[\\w-]+$", "a-b", true},
        PatternCase{"^[\\w-x]+$", "a-x", true}, PatternCase{"^\\u00e9$", "é", true},
        PatternCase{"^\\u{1F600}$", "😀", true}, PatternCase{"^\\uD83D\\uDE00$", "😀", true},
        PatternCase{"^[\\uD83D\\uDE00]$", "😀", true}, PatternCase{"^[😀-😂]$", "😁", true},
        PatternCase{"^\\x41$", "A", true}, PatternCase{"^\\cA$", "\x01", true},
        PatternCase{"^\\0$", std::string_view("\0", 1), true}, PatternCase{"^[\\b]$", "\b", true},
        PatternCase{"\\bfoo\\b", "a foo b", true}, PatternCase{"^\\p{Letter}+$", "aé", true},
        PatternCase{"^\\p{L}$", "1", false}, PatternCase{"^\\P{L}$", "1", true},
        PatternCase{"^[\\p{Lu}\\d]+$", "A1", true}, PatternCase{"^\\p{Script=Greek}$", "α", true},
        PatternCase{"^\\p{gc=Nd}$", "٣", true}, PatternCase{"^\\p{General_Category=Cased_Letter}$", "a", true},
        PatternCase{"^\\p{ASCII}$", "é", false}, PatternCase{"^\\p{Any}$", "é", true}, PatternCase{"[]", "a", false},
        PatternCase{"^[^]$", "\n", true}, PatternCase{"^[[:alpha:]]$", "a]", true}, PatternCase{"^[a\\]]$", "]", true},
        PatternCase{"^[a^]$", "^", true}, PatternCase{"^a{2}$", "aa", true}, PatternCase{"^a{2,}$", "a", false},
        PatternCase{"^a{1,02}$", "aa", true}, PatternCase{"^a{,2}$", "a{,2}", true}, PatternCase{"^{a}$", "{a}", true},
        PatternCase{"^a]$", "a]", true}, PatternCase{"^(?<year>\\d+)-(?:x|y)$", "24-x", true},
        PatternCase{"^a+?$", "aa", true}, PatternCase{"^\\/\\-\\.\\_\\@$", "/-._@", true},
        PatternCase{"^(|a)$", "", true}, PatternCase{"", "anything", true}));

struct RefusedPattern {
  std::string_view pattern;
  bool is_unsupported;
};

class RefusedPatterns : public ::testing::TestWithParam<RefusedPattern> {};

TEST_P(RefusedPatterns, SayWhetherTheyAreMalformedOrUnsupported) {
  const auto result = JsonSchema::compile(Json::object({{"pattern", Json(GetParam().pattern)}}));
  ASSERT_FALSE(result.has_value()) << GetParam().pattern;
  EXPECT_EQ(result.error().reason, GetParam().is_unsupported ? "unsupported_pattern" : "invalid_schema")
      << result.error().message;
  EXPECT_EQ(*result.error().details.find("keyword"), Json("pattern"));
}

INSTANTIATE_TEST_SUITE_P(
    JsonSchema, RefusedPatterns,
    ::testing::Values(RefusedPattern{"(?=a)", true}, RefusedPattern{"(?!a)", true}, RefusedPattern{"(?<=a)", true},
                      RefusedPattern{"(?<!a)", true}, RefusedPattern{"(a)\\1", true},
                      RefusedPattern{"(?<n>a)\\k<n>", true}, RefusedPattern{"a{1001}", true},
                      RefusedPattern{"a{1,99999999999}", true}, RefusedPattern{"(?i:a)", true},
                      RefusedPattern{"\\uD800", true}, RefusedPattern{"\\p{Emoji}", true},
                      RefusedPattern{"\\p{Script=Nobody}", true}, RefusedPattern{"((a{100}){100}){100}", true},
                      RefusedPattern{"(", false}, RefusedPattern{")", false}, RefusedPattern{"[a", false},
                      RefusedPattern{"*", false}, RefusedPattern{"a**", false}, RefusedPattern{"^*", false},
                      RefusedPattern{"[b-a]", false}, RefusedPattern{"a{2,1}", false}, RefusedPattern{"\\", false},
                      RefusedPattern{"\\a", false}, RefusedPattern{"\\Qa\\E", false}, RefusedPattern{"\\x4", false},
                      RefusedPattern{"\\u{110000}", false}, RefusedPattern{"\\p{L", false},
                      RefusedPattern{"\\c1", false}, RefusedPattern{"\\01", false}, RefusedPattern{"[\\", false}));

// With backtracking these would not end.
TEST(JsonSchema, MatchesHostilePatternsAgainstAMegabyte) {
  const std::string many(1024 * 1024, 'a');
  for (const std::string_view pattern : {"^(a|b)*$", "^(a+)+$", "^(a|a)*$", "^(a*)*b?$"}) {
    const auto schema = JsonSchema::compile(Json::object({{"pattern", Json(pattern)}}));
    ASSERT_TRUE(schema.has_value());
    EXPECT_THAT(schema->validate(Json(many)), IsEmpty()) << pattern;
    EXPECT_EQ(schema->validate(Json(many + "!")).size(), 1U) << pattern;
  }
}

// --- Sensitive parts

TEST(JsonSchema, FindsSensitivePartsThroughReferencesAndItems) {
  const auto schema = compiled(R"({
    "properties": {"user": {"$ref": "#/$defs/user"}, "keys": {"items": {"x-sensitive": true}}},
    "$defs": {"user": {"properties": {"password": {"type": "string", "x-sensitive": true}}}}})");
  EXPECT_THAT(schema.sensitive_pointers(json_of(R"({"user": {"password": "p", "n": 1}, "keys": [1, 2]})")),
              ElementsAre("/keys/0", "/keys/1", "/user/password"));
  EXPECT_THAT(schema.sensitive_pointers(json_of("{}")), IsEmpty());
}

TEST(JsonSchema, FindsSensitivePartsOfTheAlternativeThatMatches) {
  const auto schema = compiled(R"({"oneOf": [
    {"properties": {"kind": {"const": "a"}, "v": {"x-sensitive": true}}},
    {"properties": {"kind": {"const": "b"}, "w": {"x-sensitive": true}}}]})");
  EXPECT_THAT(schema.sensitive_pointers(json_of(R"({"v": 1, "w": 2, "kind": "b"})")), ElementsAre("/w"));
  EXPECT_THAT(schema.sensitive_pointers(json_of(R"({"kind": "c", "v": 1, "w": 2})")), ElementsAre("/v", "/w"));
}

TEST(JsonSchema, FindsSensitivePartsOfInvalidInstancesToo) {
  const auto schema = compiled(R"({"type": "object", "required": ["id"], "maxProperties": 1,
      "properties": {"a": {"type": "null"}, "secret": {"x-sensitive": true, "type": "null"}},
      "unevaluatedProperties": {"x-sensitive": true}})");
  EXPECT_THAT(schema.sensitive_pointers(json_of(R"({"a": 1, "secret": 2, "other": 3})")),
              ElementsAre("/other", "/secret"));
}

TEST(JsonSchema, HidesEverythingWhenLookingForSensitivePartsIsCutOff) {
  const auto schema = compiled(R"({"x-sensitive": true, "$id": "http://a/b", "$dynamicAnchor": "x",
      "$dynamicRef": "#x"})");
  EXPECT_THAT(schema.sensitive_pointers(Json(1)), ElementsAre(""));
}

TEST(JsonSchema, KeepsSensitiveNextToADraft7Reference) {
  const auto schema = compiled(R"({"$schema": "http://json-schema.org/draft-07/schema#",
      "properties": {"a": {"$ref": "#/definitions/s", "x-sensitive": true}},
      "definitions": {"s": {"type": "string"}}})");
  EXPECT_THAT(schema.sensitive_pointers(json_of(R"({"a": "x"})")), ElementsAre("/a"));
}

// --- Use

TEST(JsonSchema, OutlivesTheDocumentsItWasCompiledFrom) {
  auto source = std::make_unique<Json>(json_of(R"({"enum": ["a string beyond the small buffer"]})"));
  const auto schema = *JsonSchema::compile(*source);
  source.reset();
  EXPECT_THAT(schema.validate(Json("a string beyond the small buffer")), IsEmpty());
}

TEST(JsonSchema, ValidatesOnManyThreadsAtOnce) {
  const auto schema = compiled(R"({"items": {"pattern": "^[a-z]+$", "minLength": 2}})");
  const Json instance = json_of(R"(["ab", "c", "D"])");
  std::vector<std::size_t> counts(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t& count : counts)
      threads.emplace_back([copy = schema, &instance, &count] {
        for (int i = 0; i < 200; ++i) count += copy.validate(instance).size();
      });
  }
  EXPECT_THAT(counts, ElementsAre(600, 600, 600, 600));
}

TEST(JsonSchemaUri, ResolvesReferencesAsRfc3986Does) {
  const std::string base = "http://a/b/c/d;p?q";
  const std::vector<std::pair<std::string_view, std::string_view>> kCases{{"g:h", "g:h"},
                                                                          {"g", "http://a/b/c/g"},
                                                                          {"./g", "http://a/b/c/g"},
                                                                          {"g/", "http://a/b/c/g/"},
                                                                          {"/g", "http://a/g"},
                                                                          {"//g", "http://g"},
                                                                          {"?y", "http://a/b/c/d;p?y"},
                                                                          {"g?y", "http://a/b/c/g?y"},
                                                                          {"#s", "http://a/b/c/d;p?q#s"},
                                                                          {"", "http://a/b/c/d;p?q"},
                                                                          {".", "http://a/b/c/"},
                                                                          {"..", "http://a/b/"},
                                                                          {"../g", "http://a/b/g"},
                                                                          {"../../../g", "http://a/g"},
                                                                          {"/./g", "http://a/g"},
                                                                          {"g/../h", "http://a/b/c/h"}};
  for (const auto& [reference, expected] : kCases)
    EXPECT_EQ(json_schema::resolve_uri(base, reference), expected) << reference;
  EXPECT_EQ(json_schema::resolve_uri("urn:x:y", "#z"), "urn:x:y#z");
}

}  // namespace
}  // namespace symphainy::runtime
