// SPDX-License-Identifier: Apache-2.0
// The strict parser, the canonical form and the value itself: what is refused and where, what is written byte for byte,
// and that equality, bytes and round trips agree.
#include "symphainy/json.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_native.h"

namespace symphainy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

Json json_of(std::string_view text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json.has_value()) << text << ": " << (json ? "" : json.error().message);
  return json ? *std::move(json) : Json();
}

std::string canonical(std::string_view text) {
  return json_of(text).dump();
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

// --- What parsing refuses, and the byte that it blames

struct Refusal {
  std::string_view text;
  std::size_t offset;
  std::string_view problem;
};

class Refusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refusals, NameTheProblemAndTheOffset) {
  const auto result = Json::parse(GetParam().text);
  ASSERT_FALSE(result.has_value()) << GetParam().text;
  const Error& error = result.error();
  EXPECT_EQ(error.code, ErrorCode::invalid_argument);
  EXPECT_EQ(error.reason, "malformed_json");
  EXPECT_THAT(error.message, HasSubstr(GetParam().problem));
  EXPECT_THAT(error.message, HasSubstr("byte " + std::to_string(GetParam().offset) + ":"));
  EXPECT_EQ(error.details, Json::object({{"offset", GetParam().offset}})) << error.message;
}

constexpr std::string_view kEnds = "ends too early";
constexpr std::string_view kUnexpected = "unexpected character";

INSTANTIATE_TEST_SUITE_P(
    JsonParse, Refusals,
    ::testing::Values(
        Refusal{"", 0, kEnds}, Refusal{"  ", 2, kEnds}, Refusal{"[", 1, kEnds}, Refusal{"[1,", 3, kEnds},
        Refusal{"{\"a\"", 4, kEnds}, Refusal{"{\"a\":", 5, kEnds}, Refusal{"tru", 3, kEnds}, Refusal{"-", 1, kEnds},
        Refusal{"1.", 2, kEnds}, Refusal{"1e", 2, kEnds}, Refusal{"x", 0, kUnexpected}, Refusal{"[1,]", 3, kUnexpected},
        Refusal{"truE", 3, kUnexpected}, Refusal{"NaN", 0, kUnexpected}, Refusal{"nan", 1, kUnexpected},
        Refusal{"[Infinity]", 1, kUnexpected}, Refusal{"-Infinity", 1, kUnexpected}, Refusal{"+1", 0, kUnexpected},
        Refusal{".5", 0, kUnexpected}, Refusal{"'a'", 0, kUnexpected}, Refusal{"//c\n1", 0, kUnexpected},
        Refusal{"[1 2]", 3, "expected ',' or ']'"}, Refusal{"{\"a\" 1}", 5, "expected ':'"},
        Refusal{"{\"a\":1 \"b\":2}", 7, "expected ',' or '}'"}, Refusal{"{a:1}", 1, "member name"},
        Refusal{"{1:1}", 1, "member name"}, Refusal{"{\"a\":1,}", 7, "member name"},
        Refusal{"[1}", 2, "expected ',' or ']'"}, Refusal{"1.x", 2, "decimal point"}, Refusal{"[1e+]", 4, "exponent"},
        Refusal{"01", 0, "leading zero"}, Refusal{"[-012]", 1, "leading zero"}, Refusal{"1 2", 2, "data after the end"},
        Refusal{"{} ]", 3, "data after the end"}, Refusal{"0x10", 1, "data after the end"},
        Refusal{std::string_view("1\0", 2), 1, "data after"}, Refusal{"\xEF\xBB\xBF{}", 0, "byte order mark"},
        Refusal{"{\"a\":1,\"a\":2}", 7, "duplicate key"}, Refusal{"{\"a\":1, \"\\u0061\":2}", 8, "duplicate key"},
        Refusal{"{\"\\u00e9\":1,\"é\":2}", 12, "duplicate key"},
        Refusal{"[{\"x\":{\"\":1,\"\":1}}]", 12, "duplicate key"}, Refusal{"\"abc", 4, "does not end"},
        Refusal{"\"abc\\", 5, "does not end"}, Refusal{"\"a\tb\"", 2, "control character"},
        Refusal{"\"\x1f\"", 1, "control character"}, Refusal{std::string_view("\"\0\"", 3), 1, "control character"},
        Refusal{"\"a\\x\"", 2, "unknown escape"}, Refusal{"\"\\'\"", 1, "unknown escape"},
        Refusal{"\"\\u12\"", 1, "\\u escape"}, Refusal{"\"\\u12g4\"", 1, "\\u escape"},
        Refusal{"\"\\u+123\"", 1, "\\u escape"}, Refusal{"\"ab\\uD800\"", 3, "lone surrogate"},
        Refusal{"\"\\uDC00\"", 1, "lone surrogate"}, Refusal{"\"\\uD800\\uD800\"", 1, "lone surrogate"},
        Refusal{"\"\\uD800x\"", 1, "lone surrogate"}, Refusal{"\"\\uD800\\n\"", 1, "lone surrogate"},
        Refusal{"{\"\\uD800\":1}", 2, "lone surrogate"}, Refusal{"\"\x80\"", 1, "invalid UTF-8"},
        Refusal{"\"ab\xC0\xAF\"", 3, "invalid UTF-8"}, Refusal{"\"\xE0\x80\x80\"", 1, "invalid UTF-8"},
        Refusal{"\"\xED\xA0\x80\"", 1, "invalid UTF-8"}, Refusal{"\"\xF0\x8F\xBF\xBF\"", 1, "invalid UTF-8"},
        Refusal{"\"\xF4\x90\x80\x80\"", 1, "invalid UTF-8"}, Refusal{"\"\xFF\"", 1, "invalid UTF-8"},
        Refusal{"\"\xC3\"", 1, "invalid UTF-8"}, Refusal{"\"\xE2\x82", 1, "invalid UTF-8"},
        Refusal{"{\"\xC3(\":1}", 2, "invalid UTF-8"}, Refusal{"1e400", 0, "too large for a double"},
        Refusal{"[-1e309]", 1, "too large for a double"},
        Refusal{"1e99999999999999999999", 0, "too large for a double"},
        Refusal{"18446744073709551616", 0, "beyond 64 bits"}, Refusal{"[-9223372036854775809]", 1, "beyond 64 bits"},
        Refusal{"{\"n\":100000000000000000000}", 5, "beyond 64 bits"}));

TEST(JsonParse, RefusesNestingBeyondTheLimitAtTheBracketThatGoesTooFar) {
  EXPECT_TRUE(Json::parse(repeated("[", 512) + repeated("]", 512)).has_value());
  EXPECT_EQ(Json::parse(repeated("[", 513) + repeated("]", 513)).error().details, Json::object({{"offset", 512}}));
  EXPECT_FALSE(Json::parse("[{}]", {.max_depth = 1, .max_bytes = 100}).has_value());
  EXPECT_FALSE(Json::parse(repeated("[", 100'000)).has_value());
  EXPECT_FALSE(Json::parse(repeated("{\"a\":", 100'000)).has_value());
}

TEST(JsonParse, KeepsACeilingOnTheDepthThatACallerMayAskFor) {
  const JsonLimits limits{.max_depth = SIZE_MAX, .max_bytes = SIZE_MAX};
  EXPECT_TRUE(Json::parse(repeated("[", 4096) + repeated("]", 4096), limits).has_value());
  EXPECT_EQ(Json::parse(repeated("[", 1'000'000), limits).error().details, Json::object({{"offset", 4096}}));
}

TEST(JsonParse, RefusesTextBeyondTheLimit) {
  EXPECT_TRUE(Json::parse("[12]", {.max_depth = 1, .max_bytes = 4}).has_value());
  EXPECT_EQ(Json::parse("[123]", {.max_depth = 1, .max_bytes = 4}).error().details, Json::object({{"offset", 4}}));
}

TEST(JsonParse, TakesManyKeysAndStillSeesTheDuplicate) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += "\"key" + std::to_string(i) + "\":" + std::to_string(i) + ",";
  const std::size_t last = text.size();
  EXPECT_EQ(json_of(text + "\"last\":0}").size(), 100'001U);
  EXPECT_EQ(Json::parse(text + "\"key7\":0}").error().details, Json::object({{"offset", last}}));
}

TEST(JsonParse, TakesAStringOfAMegabyte) {
  const std::string text = repeated("é\\n", 256 * 1024);
  EXPECT_EQ(json_of("\"" + text + "\"").as_string()->size(), 3U * 256 * 1024);
}

// --- What parsing makes of values

TEST(JsonParse, KeepsThe64BitIntegersExact) {
  EXPECT_EQ(json_of("9223372036854775807").as_int64(), INT64_MAX);
  EXPECT_EQ(json_of("-9223372036854775808").as_int64(), INT64_MIN);
  EXPECT_EQ(json_of("18446744073709551615").as_uint64(), UINT64_MAX);
  EXPECT_EQ(json_of("18446744073709551615").kind(), Json::Kind::unsigned_integer);
  EXPECT_EQ(json_of("9223372036854775807").kind(), Json::Kind::integer);
  EXPECT_EQ(json_of("1.0").kind(), Json::Kind::real);
  EXPECT_EQ(json_of("-0").kind(), Json::Kind::integer);
}

TEST(JsonParse, RoundsDoublesCorrectly) {
  EXPECT_EQ(json_of("0.1").as_double(), 0.1);
  EXPECT_EQ(json_of("9007199254740993.0").as_double(), 9007199254740992.0);
  EXPECT_EQ(json_of("2.2250738585072011e-308").as_double(), 2.2250738585072011e-308);
  EXPECT_EQ(json_of("1.7976931348623157e308").as_double(), std::numeric_limits<double>::max());
  EXPECT_EQ(json_of("4.9e-324").as_double(), std::numeric_limits<double>::denorm_min());
  // Exactly half way between two doubles: to the even one.
  EXPECT_EQ(json_of("0.500000000000000166533453693773481063544750213623046875").as_double(), 0x1.0000000000002p-1);
}

TEST(JsonParse, TakesNumbersTooSmallForADoubleAsZero) {
  for (const std::string_view text : {"1e-400", "-1e-400", "123e-10000000", "0e999999", "0.0e999"})
    EXPECT_EQ(canonical(text), "0") << text;
}

TEST(JsonParse, DecodesEscapes) {
  EXPECT_EQ(json_of(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\uD83D\uDE00\u0000")").as_string(),
            std::string_view("\"\\/\b\f\n\r\tAé€😀\0", 19));
}

// --- The canonical form

TEST(JsonCanonical, SortsMembersByUtf16CodeUnits) {
  // The example of RFC 8785, section 3.2.3.
  EXPECT_EQ(canonical(R"({"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew","1":"One",
                          "\ud83d\ude00":"Emoji","\u0080":"Control","\u00f6":"O Diaeresis"})"),
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\",\"ö\":\"O Diaeresis\","
            "\"€\":\"Euro Sign\",\"😀\":\"Emoji\",\"\xEF\xAC\xB3\":\"Hebrew\"}");
  EXPECT_EQ(canonical(R"({"b":1,"ab":2,"a":3,"":4,"B":5})"), R"({"":4,"B":5,"a":3,"ab":2,"b":1})");
}

TEST(JsonCanonical, EscapesOnlyWhatMustBe) {
  EXPECT_EQ(canonical(R"("\u0000\u001f\u007f\/\"\\\b\f\n\r\t\u2028 a long enough tail \u000b")"),
            "\"\\u0000\\u001f\x7F/\\\"\\\\\\b\\f\\n\\r\\t\xE2\x80\xA8 a long enough tail \\u000b\"");
}

TEST(JsonCanonical, WritesContainersWithoutSpace) {
  EXPECT_EQ(canonical(" [ 1 , { } , [ ] , null , true , false , { \"a\" : \"b\" } ] "),
            R"([1,{},[],null,true,false,{"a":"b"}])");
}

struct NumberSample {
  std::uint64_t bits;
  std::string_view text;
};

class Rfc8785Numbers : public ::testing::TestWithParam<NumberSample> {};

TEST_P(Rfc8785Numbers, AreWrittenAsInAppendixB) {
  const double number = std::bit_cast<double>(GetParam().bits);
  EXPECT_EQ(Json(number).dump(), GetParam().text);
  EXPECT_EQ(json_of(GetParam().text).as_double(), number);
}

INSTANTIATE_TEST_SUITE_P(
    JsonCanonical, Rfc8785Numbers,
    ::testing::Values(
        NumberSample{0x0000000000000000, "0"}, NumberSample{0x8000000000000000, "0"},
        NumberSample{0x0000000000000001, "5e-324"}, NumberSample{0x8000000000000001, "-5e-324"},
        NumberSample{0x7fefffffffffffff, "1.7976931348623157e+308"},
        NumberSample{0xffefffffffffffff, "-1.7976931348623157e+308"},
        NumberSample{0x4340000000000000, "9007199254740992"}, NumberSample{0xc340000000000000, "-9007199254740992"},
        NumberSample{0x44b52d02c7e14af5, "9.999999999999997e+22"}, NumberSample{0x44b52d02c7e14af6, "1e+23"},
        NumberSample{0x44b52d02c7e14af7, "1.0000000000000001e+23"}, NumberSample{0x444b1ae4d6e2ef50, "1e+21"},
        NumberSample{0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"}, NumberSample{0x3eb0c6f7a0b5ed8d, "0.000001"},
        NumberSample{0x41b3de4355555553, "333333333.3333332"}, NumberSample{0x41b3de4355555554, "333333333.33333325"},
        NumberSample{0x41b3de4355555555, "333333333.3333333"}, NumberSample{0x41b3de4355555556, "333333333.3333334"},
        NumberSample{0x41b3de4355555557, "333333333.33333343"},
        NumberSample{0xbecbf647612f3696, "-0.0000033333333333333333"},
        NumberSample{0x43143ff3c1cb0959, "1424953923781206.2"}));

TEST(JsonCanonical, WritesWhatItCannotParseBackAsAnIntegerInExponentForm) {
  // Appendix B of RFC 8785 has digits here, which would be integers beyond 64 bits.
  EXPECT_EQ(Json(std::bit_cast<double>(0x4430000000000000)).dump(), "2.9514790517935283e+20");
  EXPECT_EQ(Json(std::bit_cast<double>(0x444b1ae4d6e2ef4e)).dump(), "9.999999999999997e+20");
  EXPECT_EQ(Json(1e20).dump(), "1e+20");
  EXPECT_EQ(Json(-1e19).dump(), "-1e+19");
  EXPECT_EQ(Json(18446744073709551616.0).dump(), "1.8446744073709552e+19");
}

TEST(JsonCanonical, WritesDoublesThatAre64BitIntegersWithAllTheirDigits) {
  EXPECT_EQ(Json(1.0).dump(), "1");
  EXPECT_EQ(canonical("1e2"), "100");
  EXPECT_EQ(canonical("-0.0"), "0");
  EXPECT_EQ(Json(1152921504606846976.0).dump(), "1152921504606846976");
  EXPECT_EQ(Json(9223372036854775808.0).dump(), "9223372036854775808");
  EXPECT_EQ(Json(-9223372036854775808.0).dump(), "-9223372036854775808");
}

TEST(JsonCanonical, RoundTripsEveryDouble) {
  std::mt19937_64 random(20260101);  // a fixed seed: a failure must repeat
  for (int i = 0; i < 200'000; ++i) {
    const double number =
        i % 2 == 0 ? std::bit_cast<double>(random()) : std::ldexp(static_cast<double>(random() >> 11), i % 80 - 60);
    if (!std::isfinite(number)) continue;
    const std::string text = Json(number).dump();
    const Json back = json_of(text);
    ASSERT_EQ(back.as_double(), number) << text;
    ASSERT_EQ(back, Json(number)) << text;
    ASSERT_EQ(back.dump(), text);
  }
}

// Random documents, with members out of order and numbers of every kind.
Json random_json(std::mt19937_64& random, int depth) {
  switch (random() % (depth > 0 ? 8 : 6)) {
    case 0:
      return nullptr;
    case 1:
      return random() % 2 == 0;
    case 2:
      return static_cast<std::int64_t>(random()) >> (random() % 64);
    case 3:
      return random() >> (random() % 64);
    case 4:
      return std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 100);
    case 5:
      return repeated(random() % 2 == 0 ? "é\n\"" : "a😀", random() % 9);
    case 6: {
      Json array = Json::array();
      for (auto count = random() % 5; count > 0; --count) array.push_back(random_json(random, depth - 1));
      return array;
    }
    default: {
      Json object = Json::object();
      for (auto count = random() % 30; count > 0; --count)
        object[std::to_string(random() % 100)] = random_json(random, depth - 1);
      return object;
    }
  }
}

TEST(JsonCanonical, RoundTripsRandomDocumentsByteForByte) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 2'000; ++i) {
    const Json json = random_json(random, 4);
    const std::string text = json.dump();
    const Json back = json_of(text);
    ASSERT_EQ(back.dump(), text);
    ASSERT_EQ(back, json);
  }
}

// --- The value

TEST(Json, ComparesNumbersByTheirExactValue) {
  EXPECT_EQ(Json(1), Json(1.0));
  EXPECT_EQ(Json(1U), Json(1));
  EXPECT_EQ(Json(0), Json(-0.0));
  EXPECT_EQ(Json(UINT64_MAX), json_of("18446744073709551615"));
  EXPECT_FALSE(Json(UINT64_MAX) == Json(18446744073709551616.0));
  EXPECT_FALSE(Json(INT64_MAX) == Json(9223372036854775808.0));
  EXPECT_FALSE(Json(9007199254740993) == Json(9007199254740992.0));
  EXPECT_FALSE(Json(-1) == Json(UINT64_MAX));
  EXPECT_FALSE(Json(1) == Json(1.5));
  EXPECT_FALSE(Json(1) == Json(true));
  EXPECT_FALSE(Json(0) == Json(nullptr));
}

TEST(Json, ComparesObjectsWithoutRegardToOrder) {
  EXPECT_EQ(json_of(R"({"a":1,"b":[2.0]})"), json_of(R"({"b":[2],"a":1.0})"));
  EXPECT_FALSE(json_of(R"({"a":1})") == json_of(R"({"a":1,"b":1})"));
  EXPECT_FALSE(json_of(R"({"a":1})") == json_of(R"({"b":1})"));
  EXPECT_FALSE(json_of("[1,2]") == json_of("[2,1]"));
}

TEST(Json, GivesValuesOnlyInTheKindsThatHoldThem) {
  EXPECT_EQ(Json(3.0).as_int64(), 3);
  EXPECT_EQ(Json(3.5).as_int64(), std::nullopt);
  EXPECT_EQ(Json(1e300).as_int64(), std::nullopt);
  EXPECT_EQ(Json(-1).as_uint64(), std::nullopt);
  EXPECT_EQ(Json(-1.0).as_uint64(), std::nullopt);
  EXPECT_EQ(Json(UINT64_MAX).as_int64(), std::nullopt);
  EXPECT_EQ(Json(7).as_uint64(), 7U);
  EXPECT_EQ(Json(7).as_double(), 7.0);
  EXPECT_EQ(Json("7").as_double(), std::nullopt);
  EXPECT_EQ(Json(true).as_bool(), true);
  EXPECT_EQ(Json(1).as_bool(), std::nullopt);
  EXPECT_EQ(Json("text").as_string(), "text");
  EXPECT_EQ(Json(1).as_string(), std::nullopt);
  EXPECT_EQ(Json(INT64_MAX).kind(), Json(std::uint64_t{INT64_MAX}).kind());
}

TEST(Json, BuildsObjectsAndArraysInPlace) {
  Json json;
  json["a"]["b"].push_back(1);
  json["a"]["b"].push_back("x");
  json["c"] = Json::object({{"d", nullptr}});
  EXPECT_EQ(json.dump(), R"({"a":{"b":[1,"x"]},"c":{"d":null}})");
  EXPECT_EQ(json.size(), 2U);
  EXPECT_EQ(json.find("a")->find("b")->at(1), Json("x"));
  EXPECT_EQ(json.find("z"), nullptr);
  EXPECT_EQ(Json(1).find("z"), nullptr);
  EXPECT_TRUE(Json(1).empty());
}

TEST(Json, KeepsInsertionOrderAlsoAfterErasing) {
  Json json = Json::object({{"c", 1}, {"a", 2}, {"d", 3}, {"b", 4}});
  json.erase("a");
  json.erase("absent");
  std::vector<std::string> keys;
  json.for_each_member([&](std::string_view key, const Json&) { keys.emplace_back(key); });
  EXPECT_THAT(keys, ElementsAre("c", "d", "b"));
}

TEST(Json, IsAValue) {
  Json original = json_of(R"({"a":[1]})");
  Json copy = original;
  copy["a"].push_back(2);
  EXPECT_EQ(original.dump(), R"({"a":[1]})");
  const Json moved = std::move(copy);
  EXPECT_EQ(moved.dump(), R"({"a":[1,2]})");
  original = Json(*original.find("a"));
  EXPECT_EQ(original.dump(), "[1]");
}

TEST(Json, CanBeReplacedByAPartOfItself) {
  Json copied = json_of(R"({"a":{"b":"a string beyond the small buffer"}})");
  copied = *copied.find("a");
  EXPECT_EQ(copied.dump(), R"({"b":"a string beyond the small buffer"})");
  Json moved = json_of(R"({"a":{"b":"a string beyond the small buffer"}})");
  moved = std::move(moved["a"]);
  EXPECT_EQ(moved.dump(), R"({"b":"a string beyond the small buffer"})");
}

TEST(Json, SeesElementsOfNativeValuesAsItself) {
  Json json = json_of(R"({"a":[1,2]})");
  EXPECT_EQ(base::as_json(base::native(json).at("a").at(1)), Json(2));
  EXPECT_EQ(base::to_json(boost::json::value("x")), Json("x"));
}

TEST(JsonDeathTest, RefusesWhatNoJsonCanHold) {
  EXPECT_DEATH(Json(std::nan("")), "CHECK failed");
  EXPECT_DEATH(Json(1)["a"], "CHECK failed");
  EXPECT_DEATH(Json(1).push_back(1), "CHECK failed");
  EXPECT_DEATH((void)Json::array().at(0), "CHECK failed");
}

// --- JSONTestSuite

TEST(JsonParse, AgreesWithTheJsonTestSuite) {
  const fs::path folder = SYMPHAINY_SOURCE_DIR "/../shared/corpora/json_test_suite";
  if (!fs::is_directory(folder)) GTEST_SKIP() << "no JSONTestSuite at " << folder;
  int must_accept = 0;
  int accepted = 0;
  int must_refuse = 0;
  int refused = 0;
  std::vector<std::string> refused_by_design;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::string name = entry.path().filename().string();
    const auto json = Json::parse(text);
    if (name.starts_with("y_")) {
      ++must_accept;
      accepted += json ? 1 : 0;
      if (!json) refused_by_design.push_back(name);
    } else if (name.starts_with("n_")) {
      ++must_refuse;
      refused += json ? 0 : 1;
      EXPECT_FALSE(json.has_value()) << name;
    }
    if (json) {
      EXPECT_EQ(canonical(json->dump()), json->dump()) << name;
    }
  }
  EXPECT_EQ(must_accept, 95);
  EXPECT_EQ(accepted, 93);
  EXPECT_EQ(must_refuse, 188);
  EXPECT_EQ(refused, 188);
  EXPECT_THAT(refused_by_design, ::testing::UnorderedElementsAre("y_object_duplicated_key.json",
                                                                 "y_object_duplicated_key_and_value.json"));
}

}  // namespace
}  // namespace symphainy
