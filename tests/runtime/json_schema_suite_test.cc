// SPDX-License-Identifier: Apache-2.0
// The official JSON Schema test suite, every case of both drafts. Documents that it refers to come from its own folder
// and from the published metaschemas, never from the network.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "runtime/json_schema.h"

namespace symphainy::runtime {
namespace {

namespace fs = std::filesystem;

const fs::path kSuite = SYMPHAINY_SOURCE_DIR "/../shared/corpora/json_schema_test_suite";
const fs::path kMetaschemas = SYMPHAINY_SOURCE_DIR "/../shared/schemas/json-schema";

Json read_json(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto json = Json::parse(text);
  EXPECT_TRUE(json.has_value()) << path;
  return json ? *std::move(json) : Json();
}

// Where the documents with that prefix lie; empty when none do.
fs::path file_of(std::string_view uri) {
  const auto below = [&](std::string_view prefix, const fs::path& folder) {
    return uri.starts_with(prefix) ? folder / uri.substr(prefix.size()) : fs::path();
  };
  if (uri == "https://json-schema.org/draft/2020-12/schema") return kMetaschemas / "2020-12/schema.json";
  if (uri == "http://json-schema.org/draft-07/schema") return kMetaschemas / "draft-07/schema.json";
  fs::path file = below("http://localhost:1234/", kSuite / "remotes");
  if (file.empty()) file = below("https://json-schema.org/draft/2020-12/", kMetaschemas / "2020-12");
  if (!file.empty() && !file.has_extension()) file += ".json";
  // Our copy of the suite lacks the remotes that both drafts share; those of 2020-12 say the same, and name their
  // dialect.
  if (const fs::path shared = below("http://localhost:1234/", kSuite / "remotes/draft2020-12");
      !fs::exists(file) && !shared.empty())
    return shared;
  return file;
}

class Library {
 public:
  const Json* find(std::string_view uri) {
    const auto known = documents_.find(std::string(uri));
    if (known != documents_.end()) return known->second.get();
    const fs::path file = file_of(uri);
    if (!fs::is_regular_file(file)) return nullptr;
    return documents_.emplace(uri, std::make_unique<Json>(read_json(file))).first->second.get();
  }

 private:
  std::map<std::string, std::unique_ptr<Json>> documents_;
};

struct SuiteCounts {
  int cases = 0;
  int passed = 0;
};

void run_group(const Json& group, const SchemaOptions& options, const std::string& file, SuiteCounts& counts) {
  const Json& tests = *group.find("tests");
  counts.cases += static_cast<int>(tests.size());
  const std::string name = file + ": " + std::string(*group.find("description")->as_string());
  const auto schema = JsonSchema::compile(*group.find("schema"), options);
  if (!schema) {
    ADD_FAILURE() << name << ": " << schema.error().message;
    return;
  }
  for (std::size_t i = 0; i < tests.size(); ++i) {
    const Json& test = tests.at(i);
    const Json& data = *test.find("data");
    const bool is_expected_valid = *test.find("valid")->as_bool();
    const auto all = schema->validate(data);
    // Stopping at the first violation takes other paths than collecting them all.
    const auto first = schema->validate(data, 1);
    const bool agrees = all.empty() == is_expected_valid && first.empty() == is_expected_valid;
    EXPECT_TRUE(agrees) << name << ": " << *test.find("description")->as_string() << ": "
                        << (all.empty() ? "no violation" : all.front().message);
    counts.passed += agrees ? 1 : 0;
  }
}

SuiteCounts run_suite(const char* folder, SchemaOptions::Draft draft) {
  Library library;
  SchemaOptions options;
  options.default_draft = draft;
  options.find_document = [&](std::string_view uri) { return library.find(uri); };
  SuiteCounts counts;
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kSuite / "tests" / folder)) files.insert(entry.path());
  for (const fs::path& file : files) {
    const Json groups = read_json(file);
    for (std::size_t i = 0; i < groups.size(); ++i) run_group(groups.at(i), options, file.filename().string(), counts);
  }
  return counts;
}

TEST(JsonSchemaSuite, PassesEveryCaseOfDraft202012) {
  if (!fs::is_directory(kSuite)) GTEST_SKIP() << "no JSON Schema test suite at " << kSuite;
  if (!fs::is_directory(kMetaschemas)) GTEST_SKIP() << "no metaschemas at " << kMetaschemas;
  const SuiteCounts counts = run_suite("draft2020-12", SchemaOptions::Draft::draft_2020_12);
  EXPECT_EQ(counts.cases, 1299);
  EXPECT_EQ(counts.passed, 1299);
}

TEST(JsonSchemaSuite, PassesEveryCaseOfDraft7) {
  if (!fs::is_directory(kSuite)) GTEST_SKIP() << "no JSON Schema test suite at " << kSuite;
  if (!fs::is_directory(kMetaschemas)) GTEST_SKIP() << "no metaschemas at " << kMetaschemas;
  const SuiteCounts counts = run_suite("draft7", SchemaOptions::Draft::draft_7);
  EXPECT_EQ(counts.cases, 927);
  EXPECT_EQ(counts.passed, 927);
}

}  // namespace
}  // namespace symphainy::runtime
