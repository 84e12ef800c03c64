// SPDX-License-Identifier: Apache-2.0
// Real data with known figures (computed with Python's decimal): the profile must match to the
// cent.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "domains/chunks.h"

namespace symphainy::domains::content {
namespace {

const std::filesystem::path kSource = SYMPHAINY_SOURCE_DIR;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(PublicSample, MatchesItsKnownFigures) {
  const std::filesystem::path path = kSource / "../shared/data/FL_insurance_sample.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the public sample is not at " << path;
  const std::string bytes = read_file(path);
  const Result<Json> profile = profile_csv(bytes, 65'536);
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "rows"), "36634");
  EXPECT_EQ(member(*profile, "header"), "true");
  EXPECT_EQ(member(*profile, "delimiter"), "\",\"");
  EXPECT_EQ(member(*profile, "encoding"), "\"ascii\"");
  EXPECT_EQ(member(*profile, "line_endings"), R"({"cr":36635,"crlf":0,"lf":0})");
  EXPECT_EQ(member(*profile, "bytes"), std::to_string(bytes.size()));
  EXPECT_EQ(member(column(*profile, "policyID"), "distinct"), "36634");
  EXPECT_EQ(member(column(*profile, "county"), "distinct"), "67");
  EXPECT_EQ(member(column(*profile, "tiv_2012"), "sum"), "\"94186164102.03\"");
  EXPECT_EQ(member(column(*profile, "tiv_2011"), "sum"), "\"79601102761.83\"");
  const std::vector<std::pair<std::string, std::uint64_t>> constructions = {{"Wood", 21581},
                                                                            {"Masonry", 9257},
                                                                            {"Reinforced Masonry", 4225},
                                                                            {"Reinforced Concrete", 1299},
                                                                            {"Steel Frame", 272}};
  for (const auto& [name, count] : constructions) {
    EXPECT_EQ(count_of(column(*profile, "construction"), name), count) << name;
  }
  EXPECT_EQ(count_of(column(*profile, "line"), "Residential"), 30838U);
  EXPECT_EQ(count_of(column(*profile, "line"), "Commercial"), 5796U);
  EXPECT_EQ(dump(profile_csv(bytes, 7)), dump(profile));
}

TEST(ExamplePolicies, MatchTheFiguresInTheirReadme) {
  const Result<Json> profile = profile_csv(read_file(kSource / "examples/policies.csv"));
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "rows"), "300");
  EXPECT_EQ(member(*profile, "line_endings"), R"({"cr":0,"crlf":0,"lf":301})");
  EXPECT_EQ(member(column(*profile, "policyID"), "distinct"), "300");
  EXPECT_EQ(member(column(*profile, "county"), "distinct"), "51");
  EXPECT_EQ(member(column(*profile, "construction"), "distinct"), "5");
  EXPECT_EQ(member(column(*profile, "tiv_2011"), "sum"), "\"494381871.83\"");
  EXPECT_EQ(member(column(*profile, "tiv_2012"), "sum"), "\"622749009.69\"");
  const std::string readme = read_file(kSource / "examples/README.md");
  EXPECT_NE(readme.find("494381871.83"), std::string::npos);
  EXPECT_NE(readme.find("622749009.69"), std::string::npos);
}

}  // namespace
}  // namespace symphainy::domains::content
