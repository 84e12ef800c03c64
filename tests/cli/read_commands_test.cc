// SPDX-License-Identifier: Apache-2.0
// The commands that read: what they answer, for whom, and how they end when there is nothing to answer.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/invocation.h"
#include "program.h"

namespace symphainy::tests {
namespace {

class ReadCommands : public ProgramTest {
 protected:
  void SetUp() override { fill_store(); }

  Ended ask(std::vector<std::string> arguments, const std::string& tenant = "acme") {
    arguments.insert(arguments.end(), {"--data", "data"});
    if (!tenant.empty()) arguments.insert(arguments.end(), {"--tenant", tenant});
    return run(arguments);
  }
  Json executions() { return *ask({"execution", "list", "-o", "json"}).json().find("executions"); }
  std::string newest() { return text(executions().at(0), "execution_id"); }
  std::string newest_reference() {
    return text(ask({"reference", "list", "-o", "json"}).json().find("references")->at(0), "reference_id");
  }
};

TEST_F(ReadCommands, ExecutionListShowsTenantSequencesAndNoPositions) {
  const Json list = executions();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(text(list.at(0), "intent_type"), "analyze_content");
  EXPECT_NE(list.at(0).find("tenant_seq"), nullptr);
  EXPECT_EQ(list.at(0).find("position"), nullptr);
  const Json all = ask({"execution", "list", "-o", "json"}, "*").json();
  EXPECT_NE(all.find("executions")->at(0).find("position"), nullptr);
}

TEST_F(ReadCommands, ExecutionListGoesOnFromItsCursorAndNarrows) {
  const Json first = ask({"execution", "list", "--limit", "1", "-o", "json"}).json();
  ASSERT_EQ(first.find("executions")->size(), 1U);
  const std::string cursor = text(first, "next_cursor");
  const Json second = ask({"execution", "list", "--limit", "1", "--cursor", cursor, "-o", "json"}).json();
  EXPECT_EQ(text(second.find("executions")->at(0), "intent_type"), "ingest_file");
  EXPECT_TRUE(second.find("next_cursor")->is_null());
  EXPECT_EQ(ask({"execution", "list", "--type", "ingest_file", "-o", "json"}).json().find("executions")->size(), 1U);
  EXPECT_EQ(ask({"execution", "list", "--status", "failed", "-o", "json"}).json().find("executions")->size(), 0U);
  EXPECT_EQ(ask({"execution", "list", "--since", "1h", "-o", "json"}).json().find("executions")->size(), 2U);
  EXPECT_EQ(
      ask({"execution", "list", "--until", "1971-01-01T00:00:00Z", "-o", "json"}).json().find("executions")->size(),
      0U);
  EXPECT_EQ(ask({"execution", "list", "--since", "yesterday"}).code, 2);
  EXPECT_EQ(ask({"execution", "list", "--status", "odd"}).code, 2);
  EXPECT_EQ(ask({"execution", "list", "--limit", "0"}).code, 2);
}

TEST_F(ReadCommands, ExecutionShowNamesTheSixStages) {
  const Json shown = ask({"execution", "show", newest(), "--timeline", "-o", "json"}).json();
  EXPECT_EQ(text(shown, "status"), "completed");
  EXPECT_EQ(shown.find("references")->size(), 1U);
  std::string stages;
  const Json& timeline = *shown.find("timeline");
  std::int64_t offset = -1;
  for (std::size_t i = 0; i < timeline.size(); ++i) {
    stages += text(timeline.at(i), "stage") + " ";
    EXPECT_GT(timeline.at(i).find("offset_us")->as_int64().value(), offset);
    offset = timeline.at(i).find("offset_us")->as_int64().value();
  }
  for (const char* stage : {"accept_intent", "create_execution", "execute_intent", "handle_artifacts", "publish_events",
                            "complete_execution"})
    EXPECT_NE(stages.find(stage), std::string::npos) << stage;
  const Ended table = ask({"execution", "show", newest(), "--timeline", "-o", "table"});
  EXPECT_NE(table.out.find("complete_execution"), std::string::npos);
  EXPECT_EQ(table.out.find('\033'), std::string::npos) << "colours belong on a terminal only";
}

TEST_F(ReadCommands, WhyTellsWhereAnExecutionCameFrom) {
  const Ended told = ask({"execution", "why", text(executions().at(1), "execution_id"), "-o", "table"});
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_NE(told.out.find("k1"), std::string::npos) << told.out;
  EXPECT_NE(told.out.find("version 1"), std::string::npos) << told.out;
  const Json json = ask({"why", newest(), "-o", "json"}).json();
  EXPECT_EQ(text(*json.find("handler"), "domain_service"), "content") << json.dump();
  EXPECT_EQ(json.find("handler")->find("version")->as_uint64(), 2U) << json.dump();
  EXPECT_EQ(json.find("attempts")->size(), 1U);
  EXPECT_EQ(json.find("lineage")->at(0).find("nodes")->size(), 2U);
}

TEST_F(ReadCommands, WhyTellsTheReasonOfARefusal) {
  const Json refused = execute(R"({"intent_type":"ingest_file","parameters":{"path":17}})");
  ASSERT_EQ(text(refused, "status"), "rejected");
  const Ended told = ask({"why", text(refused, "execution_id"), "-o", "table"});
  EXPECT_EQ(told.code, 0) << told.err;
  EXPECT_NE(told.out.find("/path"), std::string::npos) << told.out;
}

TEST_F(ReadCommands, LineageIsATreeForPeopleAndAGraphForPrograms) {
  const Json graph = ask({"lineage", newest_reference(), "-o", "json"}).json();
  EXPECT_EQ(graph.find("nodes")->size(), 2U);
  EXPECT_EQ(graph.find("edges")->size(), 1U);
  EXPECT_EQ(graph.find("truncated")->as_bool(), false);
  const std::string file = text(graph.find("edges")->at(0), "source");
  const Ended tree = ask({"lineage", file, "--down", "-o", "table"});
  EXPECT_NE(tree.out.find("└── "), std::string::npos) << tree.out;
  EXPECT_EQ(ask({"lineage", file, "--down", "--up"}).code, 2);
  EXPECT_EQ(ask({"lineage", file, "--depth", "0"}).code, 2);
}

TEST_F(ReadCommands, ReferencesAreListedAndShown) {
  EXPECT_EQ(ask({"reference", "list", "--type", "file", "-o", "json"}).json().find("references")->size(), 1U);
  const Json shown = ask({"reference", "show", newest_reference(), "-o", "json"}).json();
  EXPECT_EQ(shown.find("provenance")->size(), 1U);
  EXPECT_EQ(ask({"reference", "show", newest_reference(), "-o", "table"}).code, 0);
}

TEST_F(ReadCommands, AReferencesContentIsPrintedByteForByteToItsTenantOnly) {
  std::string bytes;
  for (int i = 0; i < 600'000; ++i) bytes.push_back(static_cast<char>(i * 31 % 256));  // NULs and line ends among them
  write_file("picture.bin", bytes);
  const Json ingested = execute(R"({"intent_type":"ingest_file","parameters":{"path":"picture.bin"}})");
  const std::string reference = text(ingested.find("references")->at(0), "reference_id");
  const Ended shown = ask({"reference", "show", reference, "--content"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_TRUE(shown.out == bytes) << shown.out.size() << " bytes";
  const Ended foreign = ask({"reference", "show", reference, "--content"}, "other");
  EXPECT_EQ(foreign.code, 1);
  EXPECT_EQ(foreign.out, "");
  EXPECT_EQ(ask({"reference", "show", reference, "--content", "-o", "json"}).code, 2);

  const std::string digest = text(ingested.find("references")->at(0), "digest");
  const std::string stored = directory_ / ("data/artifacts/sha256/" + digest.substr(0, 2) + "/" + digest);
  bytes.back() ^= 1;
  std::filesystem::permissions(stored, std::filesystem::perms::owner_write, std::filesystem::perm_options::add);
  std::ofstream(stored, std::ios::binary) << bytes;
  const Ended damaged = ask({"reference", "show", reference, "--content"});
  EXPECT_EQ(damaged.code, 3);
  EXPECT_NE(damaged.err.find("SHA-256 differs"), std::string::npos) << damaged.err;
  std::filesystem::remove(stored);
  EXPECT_EQ(ask({"reference", "show", reference, "--content"}).code, 3);
}

TEST_F(ReadCommands, AnAnalysisThatIsInTheLogIsPrintedToo) {
  const Json analysis = ask({"reference", "show", newest_reference(), "--content"}).json();
  EXPECT_EQ(text(analysis, "kind"), "csv");
  EXPECT_EQ(analysis.find("rows")->as_uint64(), 2U);
}

TEST_F(ReadCommands, OutboxEventsArePublishedOnce) {
  const Json list = ask({"outbox", "list", "-o", "json"}).json();
  ASSERT_EQ(list.find("events")->size(), 2U);
  EXPECT_EQ(list.find("events")->at(0).find("published")->as_bool(), true);
  EXPECT_EQ(ask({"outbox", "list", "--pending", "-o", "json"}).json().find("events")->size(), 0U);
  const Ended published = ask({"outbox", "publish", "-o", "json"}, "");
  EXPECT_EQ(published.code, 0) << published.err;
  EXPECT_EQ(published.json().find("pending")->as_bool(), false);
}

TEST_F(ReadCommands, WalCatPrintsTheTenantsRecordsInOrder) {
  const auto records = ask({"wal", "cat"}).json_lines();
  ASSERT_GT(records.size(), 8U);
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(text(records[i], "tenant_id"), "acme");
    EXPECT_EQ(records[i].find("tenant_seq")->as_uint64(), i + 1);
    EXPECT_EQ(records[i].find("position"), nullptr);
  }
  EXPECT_EQ(text(records.front(), "type"), "IntentAccepted");
  EXPECT_EQ(ask({"wal", "cat", "--from", "3", "--limit", "2"}).json_lines().size(), 2U);
  const auto all = ask({"wal", "cat", "--limit", "1"}, "*").json_lines();
  EXPECT_EQ(text(all.front(), "type"), "StoreCreated");
  EXPECT_EQ(all.front().find("position")->as_uint64(), 1U);
}

TEST_F(ReadCommands, WalVerifyAnswersIntact) {
  const Ended verified = ask({"wal", "verify"}, "");
  EXPECT_EQ(verified.code, 0);
  EXPECT_EQ(verified.json().find("intact")->as_bool(), true);
}

TEST_F(ReadCommands, ADamagedLogEndsWithThree) {
  std::string segment;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "data/wal"))
    if (segment.empty() || entry.file_size() > std::filesystem::file_size(segment)) segment = entry.path().string();
  {
    std::fstream file(segment, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(600);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(600);
    file.put(byte);
  }
  const Ended verified = ask({"wal", "verify"}, "");
  EXPECT_EQ(verified.code, 3) << verified.out << verified.err;
  EXPECT_EQ(verified.json().find("intact")->as_bool(), false);
  EXPECT_EQ(verified.err.rfind("symphainy: ", 0), 0U);
  EXPECT_EQ(run({"run", "--data", "data", "--tenant", "acme"}, "").code, 3);
}

TEST_F(ReadCommands, IntentTypesAndSchemasAreKnownFromTheStore) {
  EXPECT_EQ(ask({"intent", "types", "-o", "json"}, "").json().find("intent_types")->size(), 2U);
  EXPECT_TRUE(ask({"intent", "schema", "ingest_file"}, "").json().is_object());
  EXPECT_EQ(ask({"intent", "schema", "nothing"}, "").code, 1);
}

TEST_F(ReadCommands, SqlSeesTheTenantsRowsOnly) {
  const Json counted = ask({"sql", "SELECT count(*) AS n FROM executions", "-o", "json"}).json();
  EXPECT_EQ(text(*counted.find("columns"), "").size(), 0U);
  EXPECT_EQ(counted.find("columns")->at(0).as_string(), "n");
  EXPECT_EQ(counted.find("rows")->at(0).at(0).as_int64(), 2);
  EXPECT_EQ(ask({"sql", "SELECT count(*) FROM executions", "-o", "json"}, "nobody")
                .json()
                .find("rows")
                ->at(0)
                .at(0)
                .as_int64(),
            0);
  EXPECT_EQ(ask({"sql", "DELETE FROM executions"}).code, 2);
}

TEST_F(ReadCommands, StateIsListedAndAMissingKeyIsNotFound) {
  EXPECT_TRUE(ask({"state", "list", "-o", "json"}).json().find("state")->is_array());
  EXPECT_EQ(ask({"state", "get", "nothing"}).code, 1);
  EXPECT_EQ(ask({"state", "get", "nothing"}, "*").code, 2);
}

TEST_F(ReadCommands, AnotherTenantsIdsAreUnknown) {
  const std::string execution = newest();
  const std::string reference = newest_reference();
  EXPECT_EQ(ask({"execution", "show", execution}, "other").code, 1);
  EXPECT_EQ(ask({"why", execution}, "other").code, 1);
  EXPECT_EQ(ask({"reference", "show", reference}, "other").code, 1);
  EXPECT_EQ(ask({"lineage", reference}, "other").code, 1);
  EXPECT_EQ(ask({"execution", "list", "-o", "json"}, "other").json().find("executions")->size(), 0U);
  const Ended unknown = ask({"execution", "show", "00000000-0000-7000-8000-000000000000"}, "other");
  EXPECT_EQ(unknown.code, 1);
  EXPECT_EQ(std::ranges::count(unknown.err, '\n'), 1);
}

TEST_F(ReadCommands, AReadWithoutATenantIsAUsageError) {
  const std::vector<std::vector<std::string>> reads{{"execution", "list"},
                                                    {"execution", "show", "x"},
                                                    {"execution", "why", "x"},
                                                    {"why", "x"},
                                                    {"reference", "list"},
                                                    {"reference", "show", "x"},
                                                    {"lineage", "x"},
                                                    {"state", "list"},
                                                    {"state", "get", "x"},
                                                    {"outbox", "list"},
                                                    {"wal", "cat"},
                                                    {"sql", "SELECT 1"}};
  for (const auto& read : reads) {
    const Ended ended = ask(read, "");
    EXPECT_EQ(ended.code, 2) << read.front();
    EXPECT_NE(ended.err.find("--tenant"), std::string::npos) << ended.err;
  }
  environment_["SYMPHAINY_TENANT"] = "acme";
  EXPECT_EQ(ask({"execution", "list"}, "").code, 0);
}

TEST_F(ReadCommands, ADirectoryWithoutAStoreSaysSo) {
  const Ended ended = run({"execution", "list", "--data", "empty", "--tenant", "acme"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_NE(ended.err.find("empty"), std::string::npos);
  EXPECT_EQ(run({"wal", "verify", "--data", "empty"}).code, 2);
}

TEST_F(ReadCommands, IntentsAreDescribedBeforeTheFirstRun) {
  const Ended types = run({"intent", "types", "--data", "empty", "-o", "json"});
  EXPECT_EQ(types.code, 0) << types.err;
  EXPECT_EQ(types.json(), ask({"intent", "types", "-o", "json"}, "").json()) << "what a store says that was run in";
  const Ended schema = run({"intent", "schema", "analyze_content", "--data", "empty"});
  EXPECT_EQ(schema.out, ask({"intent", "schema", "analyze_content"}, "").out);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "empty"));
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    EXPECT_EQ(entry.path().filename().string().find("symphainy-intent"), std::string::npos) << entry.path();
  EXPECT_EQ(run({"intent", "schema", "no_such_intent", "--data", "empty"}).code, 1);
}

TEST_F(ReadCommands, AQuestionThatTakesTooLongIsNoWrongUsage) {
  EXPECT_EQ(cli::exit_code_of({ErrorCode::invalid_argument, "", "time_limit", {}}), cli::kSomeFailed);
  EXPECT_EQ(cli::exit_code_of({ErrorCode::invalid_argument, "", "", {}}), cli::kUsage);
}

TEST_F(ReadCommands, DroppingTheProjectionsChangesNoAnswer) {
  const std::string before = ask({"execution", "list", "-o", "json"}).out;
  for (const char* suffix : {"", "-wal", "-shm"})
    std::filesystem::remove(directory_ / (std::string("data/state.db") + suffix));
  EXPECT_EQ(ask({"execution", "list", "-o", "json"}).out, before);
}

}  // namespace
}  // namespace symphainy::tests
