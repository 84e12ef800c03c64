// SPDX-License-Identifier: Apache-2.0
// What `symphainy run` takes in, in every shape, and what it says about input that is not right.
#include <algorithm>
#include <string>

#include "program.h"

namespace symphainy::tests {
namespace {

class RunInput : public ProgramTest {
 protected:
  void SetUp() override { write_file("rows.csv", "a,b\n1,2\n"); }

  Ended take(const std::string& input, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"run", "--data", "data", "--tenant", "acme"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, input);
  }
};

const std::string kIngest = R"({"intent_type":"ingest_file","parameters":{"path":"rows.csv"}})";

std::vector<std::uint64_t> sorted_lines(const Ended& ended) {
  std::vector<std::uint64_t> numbers;
  for (const Json& result : ended.json_lines()) numbers.push_back(result.find("line")->as_uint64().value());
  std::ranges::sort(numbers);
  return numbers;
}

TEST_F(RunInput, OneObjectGivesOneResultLineWithEverythingInIt) {
  const Ended ended = take(kIngest);
  EXPECT_EQ(ended.code, 0) << ended.err;
  const Json result = ended.json();
  EXPECT_EQ(text(result, "status"), "completed");
  EXPECT_EQ(text(result, "tenant_id"), "acme");
  EXPECT_EQ(text(result, "intent_type"), "ingest_file");
  EXPECT_FALSE(text(result, "execution_id").empty());
  EXPECT_FALSE(text(result, "intent_id").empty());
  EXPECT_EQ(result.find("line")->as_uint64(), 1U);
  EXPECT_EQ(result.find("references")->size(), 1U);
  EXPECT_EQ(result.find("events")->size(), 1U);
  EXPECT_TRUE(result.find("artifacts")->is_array());
  EXPECT_GT(result.find("duration_us")->as_int64().value(), 0);
}

TEST_F(RunInput, AnObjectMaySpreadOverSeveralLines) {
  const Ended ended = take("\n{\n  \"intent_type\": \"ingest_file\",\n  \"parameters\": {\"path\": \"rows.csv\"}\n}\n");
  EXPECT_EQ(ended.code, 0) << ended.out << ended.err;
  EXPECT_EQ(sorted_lines(ended), (std::vector<std::uint64_t>{1}));
}

TEST_F(RunInput, AnArrayIsNumberedByElement) {
  const Ended ended = take("[\n" + kIngest + ",\n" + kIngest + ",\n" + kIngest + "]");
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(sorted_lines(ended), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(RunInput, NdjsonIsNumberedByLineAndBlankLinesCount) {
  const Ended ended = take(kIngest + "\n\n  \r\n" + kIngest + "\r\n" + kIngest);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(sorted_lines(ended), (std::vector<std::uint64_t>{1, 4, 5}));
}

TEST_F(RunInput, AFileIsReadLikeStdin) {
  write_file("intents.ndjson", kIngest + "\n" + kIngest + "\n");
  const Ended ended = run({"run", "--data", "data", "--tenant", "acme", "intents.ndjson"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(sorted_lines(ended), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(RunInput, ManyIntentsAreInFlightAndEachEndsOnce) {
  std::string input;
  for (int i = 0; i < 500; ++i) input += kIngest + "\n";
  const Ended ended = take(input, {"--concurrency", "100"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const auto lines = sorted_lines(ended);
  ASSERT_EQ(lines.size(), 500U);
  EXPECT_EQ(std::ranges::adjacent_find(lines), lines.end());
}

TEST_F(RunInput, EmptyInputIsNoIntentAndNoError) {
  EXPECT_EQ(take("\n \n").code, 0);
}

TEST_F(RunInput, AMalformedLineIsRejectedWithItsOffsetAndTheOthersGoOn) {
  const Ended ended = take(kIngest + "\n{\"intent_type\": oops}\n" + kIngest + "\n");
  EXPECT_EQ(ended.code, 1);
  ASSERT_EQ(sorted_lines(ended), (std::vector<std::uint64_t>{1, 2, 3}));
  for (const Json& result : ended.json_lines()) {
    const bool second = result.find("line")->as_uint64() == 2U;
    EXPECT_EQ(text(result, "status"), second ? "rejected" : "completed");
    if (!second) continue;
    const Json* error = result.find("error");
    ASSERT_NE(error, nullptr);
    EXPECT_FALSE(text(*error, "message").empty());
    EXPECT_EQ(error->find("details")->find("offset")->as_uint64(), 16U);
  }
}

TEST_F(RunInput, AFirstLineThatIsMalformedDoesNotTakeTheRestWithIt) {
  const Ended ended = take("{\"intent_type\": oops}\n" + kIngest + "\n");
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(sorted_lines(ended), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(RunInput, AFirstLineThatEndsEarlyDoesNotTakeTheRestWithIt) {
  const Ended ended = take("{\"intent_type\":\n" + kIngest + "\n");
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(sorted_lines(ended), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(RunInput, AValueThatIsNoObjectIsRejected) {
  const Ended ended = take("17\n\"text\"\n" + kIngest + "\n");
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(sorted_lines(ended), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(RunInput, AnObjectThatIsNoValidIntentIsRejectedWithEveryViolationAndRecorded) {
  const Ended ended = take(R"({"intent_type":"ingest_file","parameters":7,"surprise":true})");
  EXPECT_EQ(ended.code, 1);
  const Json result = ended.json();
  EXPECT_EQ(text(result, "status"), "rejected");
  const Json* violations = result.find("error")->find("details")->find("violations");
  ASSERT_NE(violations, nullptr) << result.dump();
  EXPECT_EQ(violations->size(), 2U) << result.dump();
  const Ended listed =
      run({"execution", "list", "--data", "data", "--tenant", "acme", "--status", "rejected", "-o", "json"});
  EXPECT_EQ(listed.json().find("executions")->size(), 1U) << listed.out << listed.err;
}

TEST_F(RunInput, AnUnknownIntentTypeIsAResultWithItsReason) {
  const Ended ended = take(R"({"intent_type":"no_such_intent"})");
  EXPECT_EQ(ended.code, 1);
  EXPECT_NE(ended.json().find("error"), nullptr);
}

TEST_F(RunInput, ALineBeyondEveryLimitIsRejectedAndTheNextOneRuns) {
  const Ended ended = take(kIngest + "\n{\"intent_type\":\"" + std::string(8'000'000, 'x') + "\"}\n" + kIngest + "\n");
  EXPECT_EQ(ended.code, 1);
  ASSERT_EQ(sorted_lines(ended), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_NE(ended.out.find("line_too_long"), std::string::npos);
}

TEST_F(RunInput, ALineMayBeAsLongAsAnIntentWithinTheLimitsNeedsAndNotLonger) {
  // A byte of parameters or metadata takes up to six; 64 KiB are for everything else.
  constexpr std::size_t kLongest = 6 * (300 + 200) + 64 * 1024;
  write_file("symphainy.toml", "[limits]\nparameters_bytes = 300\nmetadata_bytes = 200\n");
  const std::string fits = kIngest + std::string(kLongest - kIngest.size(), ' ');
  const Ended ended = take(fits + "\n" + fits + " \n" + kIngest + "\n" + fits);
  EXPECT_EQ(ended.code, 1) << ended.err;
  ASSERT_EQ(sorted_lines(ended), (std::vector<std::uint64_t>{1, 2, 3, 4})) << "the line behind a long one went with it";
  for (const Json& result : ended.json_lines()) {
    const bool second = result.find("line")->as_uint64() == 2U;
    EXPECT_EQ(text(result, "status"), second ? "rejected" : "completed") << result.dump();
    if (!second) continue;
    EXPECT_EQ(text(*result.find("error"), "code"), "line_too_long") << result.dump();
    EXPECT_EQ(result.find("error")->find("details")->find("offset")->as_uint64(), kLongest);
  }
}

TEST_F(RunInput, ALineIsParsedNoDeeperThanTheConfiguredLimitNeeds) {
  write_file("symphainy.toml", "[limits]\ndepth = 4\n");
  auto nested = [](std::size_t depth) {
    return R"({"intent_type":"ingest_file","parameters":{"path":"rows.csv","more":)" + std::string(depth, '[') +
           std::string(depth, ']') + "}}";
  };
  const Ended named = take(nested(4));
  EXPECT_NE(named.out.find("is nested 5 deep; the limit is 4"), std::string::npos) << named.out;
  const Ended refused = take(nested(40) + "\n" + kIngest);
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.out.find("nesting beyond the depth limit"), std::string::npos) << refused.out;
  EXPECT_EQ(sorted_lines(refused), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(RunInput, AnArrayBelow64MiBIsTakenAndALargerOneIsUnreadableInput) {
  constexpr std::size_t kWhole = 64 * 1024 * 1024;
  const std::string largest = "[" + kIngest + std::string(kWhole - kIngest.size() - 3, ' ') + "]";
  write_file("largest.json", largest);
  const Ended taken = take("", {"largest.json"});
  EXPECT_EQ(taken.code, 0) << taken.err;
  EXPECT_EQ(sorted_lines(taken), (std::vector<std::uint64_t>{1}));

  write_file("larger.json", largest + " ");
  for (const Ended& refused : {take("", {"larger.json"}), take(largest + " ")}) {
    EXPECT_EQ(refused.code, 2);
    EXPECT_EQ(refused.out, "");
    EXPECT_EQ(std::ranges::count(refused.err, '\n'), 1) << refused.err;
    EXPECT_NE(refused.err.find("64 MiB"), std::string::npos) << refused.err;
    EXPECT_NE(refused.err.find("NDJSON"), std::string::npos) << refused.err;
  }
}

TEST_F(RunInput, ABrokenArrayIsUnreadableInput) {
  const Ended ended = take("[" + kIngest + ",");
  EXPECT_EQ(ended.code, 2);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err.rfind("symphainy: ", 0), 0U);
}

TEST_F(RunInput, AFileThatIsNotThereIsUnreadableInput) {
  const Ended ended = run({"run", "--data", "data", "--tenant", "acme", "absent.ndjson"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1);
  EXPECT_NE(ended.err.find("absent.ndjson"), std::string::npos);
}

TEST_F(RunInput, ADirectoryIsUnreadableInput) {
  EXPECT_EQ(run({"run", "--data", "data", "--tenant", "acme", "."}).code, 2);
}

TEST_F(RunInput, WhatTheIntentSaysIsNotOverwritten) {
  environment_["SYMPHAINY_TENANT"] = "acme";
  const Ended ended = run({"run", "--data", "data"},
                          R"({"intent_type":"ingest_file","tenant_id":"other","session_id":"s9","solution_id":"sol",)"
                          R"("actor":{"type":"service","id":"loader"},"parameters":{"path":"rows.csv"}})");
  EXPECT_EQ(ended.code, 0) << ended.out;
  EXPECT_EQ(text(ended.json(), "tenant_id"), "other");
  const Json list = run({"execution", "list", "--data", "data", "--tenant", "other", "-o", "json"}).json();
  const Json& row = list.find("executions")->at(0);
  EXPECT_EQ(text(row, "session_id"), "s9");
  EXPECT_EQ(text(row, "solution_id"), "sol");
  EXPECT_EQ(text(row, "actor"), "service:loader");
}

TEST_F(RunInput, AnIntentOfAnotherTenantThanAskedForIsRefusedAndRunsForNobody) {
  const auto of = [](const std::string& tenant) {
    return R"({"intent_type":"ingest_file","tenant_id":")" + tenant + R"(","parameters":{"path":"rows.csv"}})" + "\n";
  };
  const Ended ended = take(of("other") + of("acme"));
  EXPECT_EQ(ended.code, 1);
  for (const Json& result : ended.json_lines()) {
    const bool first = result.find("line")->as_uint64() == 1U;
    EXPECT_EQ(text(result, "status"), first ? "rejected" : "completed") << result.dump();
    if (first) EXPECT_EQ(text(*result.find("error"), "code"), "tenant_mismatch") << result.dump();
  }
  const Json list = run({"execution", "list", "--data", "data", "--tenant", "*", "-o", "json"}).json();
  ASSERT_EQ(list.find("executions")->size(), 1U);
  EXPECT_EQ(text(list.find("executions")->at(0), "tenant_id"), "acme");
}

TEST_F(RunInput, TheHelpSaysWhatIsFilledIn) {
  const std::string help = run({"run", "--help"}).out;
  for (const char* part : {"session_id cli", "solution_id", "default", "--tenant", "--actor"})
    EXPECT_NE(help.find(part), std::string::npos) << help;
}

TEST_F(RunInput, TheActorMayBeGivenForAll) {
  EXPECT_EQ(take(kIngest, {"--actor", "agent:night"}).code, 0);
  const Json list = run({"execution", "list", "--data", "data", "--tenant", "acme", "-o", "json"}).json();
  EXPECT_EQ(text(list.find("executions")->at(0), "actor"), "agent:night");
  EXPECT_EQ(text(list.find("executions")->at(0), "session_id"), "cli");
  EXPECT_EQ(text(list.find("executions")->at(0), "solution_id"), "default");
}

TEST_F(RunInput, AnActorWithoutATypeIsAUsageError) {
  EXPECT_EQ(take(kIngest, {"--actor", "night"}).code, 2);
}

TEST_F(RunInput, ADirectoryThatCannotBeMadeIsAUsageErrorWithAdvice) {
  write_file("file", "");
  for (const char* directory : {"/proc/symphainy", "file", "file/data"}) {
    const Ended ended = run({"run", "--data", directory, "--tenant", "acme"}, kIngest);
    EXPECT_EQ(ended.code, 2) << directory << "\n" << ended.err;
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    EXPECT_NE(ended.err.find("--data"), std::string::npos) << ended.err;
  }
}

TEST_F(RunInput, AnIntentBelongsToOneTenant) {
  EXPECT_EQ(run({"run", "--data", "data", "--tenant", "*"}, kIngest).code, 2);
}

TEST_F(RunInput, AFileOutsideTheRootsIsRefusedUntilARootIsGiven) {
  const TemporaryDirectory elsewhere;
  const std::string path = elsewhere / "far.csv";
  {
    FILE* file = fopen(path.c_str(), "w");
    ASSERT_NE(file, nullptr);
    fputs("a\n1\n", file);
    fclose(file);
  }
  const std::string intent = R"({"intent_type":"ingest_file","parameters":{"path":")" + path + R"("}})";
  EXPECT_EQ(take(intent).code, 1);
  const Ended allowed = take(intent, {"--root", elsewhere.path()});
  EXPECT_EQ(allowed.code, 0) << allowed.out << allowed.err;
}

TEST_F(RunInput, TheSameKeyAnswersWithTheFirstExecution) {
  const std::string intent = R"({"intent_type":"ingest_file","idempotency_key":"k","parameters":{"path":"rows.csv"}})";
  const Json first = take(intent).json();
  const Json second = take(intent).json();
  EXPECT_EQ(text(first, "execution_id"), text(second, "execution_id"));
  const Ended other = take(R"({"intent_type":"ingest_file","idempotency_key":"k","parameters":{"path":"other.csv"}})");
  EXPECT_EQ(other.code, 1);
}

}  // namespace
}  // namespace symphainy::tests
