// SPDX-License-Identifier: Apache-2.0
// A store with content, events and lineage to be backed up, damaged and copied, and what two copies are compared by.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "base/bytes.h"
#include "program.h"

namespace symphainy::tests {

class CopiedStore : public ProgramTest {
 protected:
  /// The smallest segments, so that there are several, and verifying them takes no time.
  CopiedStore() { environment_["SYMPHAINY_SEGMENT_BYTES"] = "1048576"; }

  std::string path(const std::string& name) { return directory_ / name; }
  std::string read_whole_file(const std::string& name) {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void flip(const std::string& name, std::size_t offset) {
    std::fstream file(path(name), std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(offset));
    const char flipped = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(flipped);
  }
  /// Every file below, by its name there.
  std::map<std::string, std::string> files_of(const std::string& name) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path(name))) {
      if (!entry.is_regular_file()) continue;
      const std::string file = std::filesystem::relative(entry.path(), path(name));
      files[file] = read_whole_file(name + "/" + file);
    }
    return files;
  }
  std::string segment_of(const std::string& data) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path(data + "/wal"))) {
      if (entry.path().extension() == ".seg") names.push_back(entry.path().filename());
    }
    std::ranges::sort(names);
    return data + "/wal/" + names.front();
  }

  /// Intents with keys, small and large content in turn.
  static std::string intents(int first, int last) {
    std::string lines;
    for (int i = first; i <= last; ++i) {
      const std::string content = "content " + std::to_string(i) + std::string(i % 2 == 0 ? 20'000 : 10, 'x');
      lines += R"({"intent_type":"ingest_file","idempotency_key":"key-)" + std::to_string(i) +
               R"(","parameters":{"name":"file-)" + std::to_string(i) + R"(","bytes":")" + base::to_base64(content) +
               "\"}}\n";
    }
    return lines;
  }
  void execute_all(const std::string& data, int first, int last) {
    const Ended ended = run({"run", "--data", data, "--tenant", "acme"}, intents(first, last));
    ASSERT_EQ(ended.code, 0) << ended.err;
    for (const Json& line : ended.json_lines()) ASSERT_EQ(text(line, "status"), "completed") << line.dump();
  }
  std::uint64_t number(const Json& json, std::string_view key) {
    const Json* member = json.find(key);
    EXPECT_NE(member, nullptr) << key << " in " << json.dump();
    return member == nullptr ? 0 : member->as_uint64().value_or(0);
  }
  std::uint64_t last_position(const std::string& data) {
    return number(run({"wal", "verify", "--data", data}).json(), "last");
  }
  /// By both verifiers.
  void expect_intact(const std::string& data) {
    const Ended ended = run({"wal", "verify", "--data", data});
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_EQ(verify_py(data), 0) << data;
  }
  int verify_py(const std::string& arguments) {
    const std::string command = "cd " + directory_.path() + " && python3 -B " SYMPHAINY_SOURCE_DIR "/tools/verify.py " +
                                arguments + " > verified 2>&1";
    const int status = std::system(command.c_str());
    return WEXITSTATUS(status);
  }
  /// The ids of the stream's events, having checked that their sequences run from 1 without a gap.
  std::vector<std::string> stream_of(const std::string& data) {
    std::vector<std::string> ids;
    std::ifstream file(path(data + "/events/acme/content.ndjson"));
    for (std::string line; std::getline(file, line);) {
      const Json event = Json::parse(line).value();
      ids.push_back(text(event, "id"));
      EXPECT_EQ(text(event, "sequence"), std::to_string(ids.size())) << data;
    }
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size()) << data << " holds an event twice";
    return ids;
  }
  /// What the tenant can ask for, as text.
  std::string answers(const std::string& data) {
    std::string all;
    for (const Arguments& question : {Arguments{"execution", "list", "--limit", "1000"},
                                      {"reference", "list", "--limit", "1000"},
                                      {"outbox", "list", "--limit", "1000"}}) {
      Arguments arguments = question;
      arguments.insert(arguments.end(), {"--data", data, "--tenant", "acme", "-o", "json"});
      const Ended ended = run(arguments);
      EXPECT_EQ(ended.code, 0) << ended.err;
      all += ended.out;
    }
    return all;
  }
  /// Every reference's content can be had, and is what its digest says.
  void expect_content(const std::string& data, std::size_t references) {
    const Json list =
        run({"reference", "list", "--data", data, "--tenant", "acme", "--limit", "1000", "-o", "json"}).json();
    const Json* rows = list.find("references");
    ASSERT_NE(rows, nullptr);
    EXPECT_EQ(rows->size(), references);
    for (std::size_t i = 0; i < rows->size(); ++i) {
      const Ended shown = run(
          {"reference", "show", text(rows->at(i), "reference_id"), "--data", data, "--tenant", "acme", "--content"});
      EXPECT_EQ(shown.code, 0) << shown.err;
      EXPECT_TRUE(shown.out.starts_with("content ")) << shown.out.substr(0, 40);
    }
  }
  void expect_refused(const Arguments& arguments, int code, const std::vector<std::string>& said) {
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, code) << ended.out << ended.err;
    EXPECT_EQ(ended.out, "");
    EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
    for (const std::string& part : said)
      EXPECT_NE(ended.err.find(part), std::string::npos) << part << "\n" << ended.err;
  }
};

}  // namespace symphainy::tests
