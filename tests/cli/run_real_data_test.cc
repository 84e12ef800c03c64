// SPDX-License-Identifier: Apache-2.0
// Real data with known figures (computed with Python's decimal) through the program itself: ingested, analyzed, and the
// profile read back.
#include <filesystem>
#include <string>

#include "program.h"

namespace symphainy::tests {
namespace {

class RunRealData : public ProgramTest {
 protected:
  std::string reference_of(const Json& result) {
    const Json* references = result.find("references");
    return references == nullptr || references->empty() ? "" : text(references->at(0), "reference_id");
  }
  Json result_of(const Arguments& more, const std::string& intent) {
    Arguments arguments{"run", "--data", "data", "--tenant", "acme"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = run(arguments, intent);
    EXPECT_EQ(ended.code, 0) << ended.out << ended.err;
    return ended.json();
  }
};

Json column_of(const Json& profile, std::string_view name) {
  const Json* columns = profile.find("columns");
  for (std::size_t i = 0; columns != nullptr && i < columns->size(); ++i)
    if (text(columns->at(i), "name") == name) return columns->at(i);
  return {};
}

TEST_F(RunRealData, GivesThePublicSamplesSums) {
  const std::filesystem::path sample =
      std::filesystem::path(SYMPHAINY_SOURCE_DIR) / "../shared/data/FL_insurance_sample.csv";
  if (!std::filesystem::exists(sample)) GTEST_SKIP() << "the public sample is not at " << sample;
  const std::string path = std::filesystem::canonical(sample).string();
  const Json ingested = result_of({"--root", std::filesystem::path(path).parent_path().string()},
                                  R"({"intent_type":"ingest_file","parameters":{"path":")" + path + R"("}})");
  const Json analyzed =
      result_of({}, R"({"intent_type":"analyze_content","parameters":{"analysis":"profile","reference_id":")" +
                        reference_of(ingested) + R"("}})");
  const Json profile =
      run({"reference", "show", reference_of(analyzed), "--content", "--data", "data", "--tenant", "acme"}).json();
  EXPECT_EQ(profile.find("rows")->as_uint64(), 36'634U);
  EXPECT_EQ(text(column_of(profile, "tiv_2012"), "sum"), "94186164102.03");
  EXPECT_EQ(text(column_of(profile, "tiv_2011"), "sum"), "79601102761.83");
  EXPECT_EQ(column_of(profile, "county").find("distinct")->as_uint64(), 67U);
}

}  // namespace
}  // namespace symphainy::tests
