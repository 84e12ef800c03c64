// SPDX-License-Identifier: Apache-2.0
// What an earlier release wrote is read by this one: every record byte for byte, the proofs, and the rows it folds to.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "symphainy/json.h"

#include "app/log_proof.h"
#include "app/store_reader.h"
#include "base/bytes.h"
#include "base/log_record.h"
#include "temporary_directory.h"

namespace symphainy::app {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class Golden : public ::testing::Test {
 protected:
  Golden() { std::filesystem::copy(kSource, data_, std::filesystem::copy_options::recursive); }
  std::string source(const std::string& name) const { return kSource + "/" + name; }

  const std::string kSource = SYMPHAINY_SOURCE_DIR "/tests/golden/0.1.0";
  tests::TemporaryDirectory directory_;
  const std::string data_ = directory_ / "data";
};

TEST_F(Golden, TheLogIsIntactAndAgreesWithItsCheckpoint) {
  VerifyOptions options;
  options.checkpoint = read_text_file(source("checkpoint")).value();
  options.signer = read_public_key(source("audit.key.pub")).value();
  const Json answer = verify_log(data_, options).value();
  EXPECT_EQ(answer.find("intact")->as_bool(), true) << answer.dump();
  EXPECT_EQ(answer.find("checkpoint")->find("agrees")->as_bool(), true) << answer.dump();
  EXPECT_EQ(answer.find("records")->as_uint64(), 35U);
  EXPECT_EQ(answer.find("head")->find("store_hash")->as_string(),
            "3a128ef58e13eae155365f40609756e6e4f434731d2c7454a16be599dba94e06");
  const Json bundle = verify_bundle(source("acme.bundle"), options).value();
  EXPECT_EQ(bundle.find("intact")->as_bool(), true) << bundle.dump();
  EXPECT_EQ(bundle.find("records")->as_uint64(), 21U);
}

TEST_F(Golden, EveryRecordIsReadAndWouldBeWrittenAgainByteForByte) {
  std::vector<std::string> expected;
  std::ifstream bundle(source("acme.bundle"));
  std::string line;
  std::getline(bundle, line);
  while (std::getline(bundle, line)) expected.emplace_back(*Json::parse(line)->find("record")->as_string());
  std::vector<std::string> found;
  std::size_t records = 0;
  const auto reader = StoreReader::open(data_).value();
  ASSERT_TRUE(reader->log().read_batches(1, [&](const base::LogBatch& batch) {
    for (const base::LogRecord& record : batch.records) {
      ++records;
      const auto payload = Json::parse(record.payload);
      EXPECT_TRUE(payload && payload->dump() == record.payload) << "position " << record.position;
      if (record.tenant != "acme") continue;
      std::string bytes;
      base::append_record(bytes, record);
      found.push_back(base::to_base64(bytes));
    }
    return true;
  }));
  EXPECT_EQ(records, 35U);
  EXPECT_EQ(found, expected);
}

TEST_F(Golden, ItFoldsToTheSameRows) {
  const auto reader = StoreReader::open(data_).value();
  std::map<std::string, std::vector<std::string>> executions;
  for (const auto& row : reader->state().list_executions({}).value()) {
    executions[row.tenant].push_back(row.intent_type + " " + row.status);
  }
  EXPECT_THAT(executions, ElementsAre(Pair("acme", ElementsAre("analyze_content completed", "nobody_knows rejected",
                                                               "ingest_file failed", "ingest_file completed")),
                                      Pair("beta", ElementsAre("ingest_file completed"))));
  std::vector<std::string> references;
  for (const auto& row : reader->lineage().list_references({}).value())
    references.push_back(row.tenant + " " + row.name);
  EXPECT_THAT(references, ElementsAre("acme rows.csv profile", "beta hello.txt", "acme rows.csv"));
  const auto first = reader->state().execution_by_key("acme", "first").value();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->status, "completed");
}

}  // namespace
}  // namespace symphainy::app
