// SPDX-License-Identifier: Apache-2.0
// The content domain through a whole runtime on real files: what is stored, announced and derived, and every way in
// which a submitter's path or reference can be wrong. A file system that misbehaves on demand stands between the two.
#include "domains/content/content_service.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "symphainy/runtime.h"

#include "app/content.h"
#include "app/store_reader.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "domains/chunks.h"
#include "domains/content/analyze_content.h"
#include "domains/content/ingest_file.h"
#include "public_works/abstractions/posix_error.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "sanitized.h"
#include "temporary_directory.h"

namespace symphainy::domains::content {
namespace {

using public_works::File;
using public_works::FileLock;
using public_works::FileStat;
using public_works::OpenMode;
using tests::TemporaryDirectory;

constexpr std::size_t kMebibyte = 1024UL * 1024;
constexpr const char* kUnknownId = "01890a5d-ac96-774b-bcce-b302099a8057";

// What a test does between the steps of reading a file.
struct Interference {
  std::function<void(const std::string& path)> before_open;
  std::function<void(std::uint64_t offset)> after_read;
  std::function<void(FileStat&)> alter_opened_stat;
  std::optional<Error> open_error;
  std::optional<Error> read_error;
  std::size_t largest_read = 0;
};

class InterferingFile final : public File {
 public:
  InterferingFile(std::unique_ptr<File> file, Interference& interference)
      : file_(std::move(file)), interference_(interference) {}

  Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
    interference_.largest_read = std::max(interference_.largest_read, length);
    if (interference_.read_error) return std::unexpected(*interference_.read_error);
    auto read = file_->read_at(offset, length, out);
    if (interference_.after_read) interference_.after_read(offset);
    return read;
  }
  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    return file_->write_at(offset, bytes);
  }
  Result<void> sync_data() override { return file_->sync_data(); }
  Result<void> truncate(std::uint64_t size) override { return file_->truncate(size); }
  Result<void> allocate(std::uint64_t size) override { return file_->allocate(size); }
  Result<FileStat> stat() const override {
    auto found = file_->stat();
    if (found && interference_.alter_opened_stat) interference_.alter_opened_stat(*found);
    return found;
  }

 private:
  std::unique_ptr<File> file_;
  Interference& interference_;
};

class InterferingFileSystem final : public public_works::FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    if (interference.before_open) interference.before_open(path);
    if (interference.open_error) return std::unexpected(*interference.open_error);
    auto file = files_.open(path, mode);
    if (!file) return file;
    return std::make_unique<InterferingFile>(*std::move(file), interference);
  }
  Result<std::optional<FileStat>> stat(const std::string& path) override { return files_.stat(path); }
  Result<std::string> canonical(const std::string& path) override { return files_.canonical(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override { return files_.list(directory); }
  Result<void> create_directories(const std::string& path) override { return files_.create_directories(path); }
  Result<void> rename(const std::string& from, const std::string& to) override { return files_.rename(from, to); }
  Result<void> remove(const std::string& path) override { return files_.remove(path); }
  Result<void> sync_directory(const std::string& path) override { return files_.sync_directory(path); }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return files_.lock(path); }

  Interference interference;

 private:
  public_works::PosixFileSystem files_;
};

void write_file(const std::string& path, std::string_view content, std::ios::openmode mode = std::ios::trunc) {
  std::ofstream file(path, std::ios::binary | std::ios::out | mode);
  file << content;
  ASSERT_TRUE(file.good()) << path;
}

std::string text(const Json& object, std::string_view key) {
  const Json* found = object.find(key);
  return found == nullptr ? "(absent)" : std::string(found->as_string().value_or("(no string)"));
}

// From the working directory of the process to another one and back.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(const std::string& path) : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(path);
  }
  WorkingDirectory(const WorkingDirectory&) = delete;
  WorkingDirectory& operator=(const WorkingDirectory&) = delete;
  ~WorkingDirectory() { std::filesystem::current_path(before_); }

 private:
  std::filesystem::path before_;
};

Result<std::unique_ptr<Runtime>> open_runtime(const std::string& data_directory) {
  RuntimeOptions options;
  options.data_directory = data_directory;
  return Runtime::open(std::move(options));
}

// The content behind a reference, as any other domain gets it.
Task<Result<HandlerResult>> read_content(const Intent& intent, ExecutionContext& context) {
  const auto content = context.open_reference(text(intent.parameters, "reference_id"));
  if (!content) co_return std::unexpected(content.error());
  std::string bytes;
  if (auto read = (*content)->read_at(0, (*content)->size(), bytes); !read) co_return std::unexpected(read.error());
  co_return HandlerResult{bytes};
}

class ContentServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(root_);
    auto opened = open_runtime(data_);
    ASSERT_TRUE(opened) << opened.error().message;
    runtime_ = *std::move(opened);
    const auto registered = register_content(*runtime_, files_, {root_}, {data_});
    ASSERT_TRUE(registered) << registered.error().message;
    ASSERT_TRUE(runtime_->register_intent({.intent_type = "read_content"}, "tests", "read_content", read_content));
  }

  ExecutionResult execute(const std::string& type, Json parameters, const std::string& tenant = "acme") {
    auto result = runtime_->execute(
        Intent::create(type, tenant, "session", "solution", {"user", "tester"}, std::move(parameters)));
    if (result) return *std::move(result);
    ADD_FAILURE() << result.error().message;
    return {};
  }
  ExecutionResult ingest(const std::string& path, const std::string& tenant = "acme") {
    return execute("ingest_file", Json::object({{"path", path}}), tenant);
  }
  ExecutionResult analyze(const std::string& reference_id, const std::string& analysis,
                          const std::string& tenant = "acme") {
    return execute("analyze_content", Json::object({{"analysis", analysis}, {"reference_id", reference_id}}), tenant);
  }
  std::string ingested(const std::string& path) {
    const ExecutionResult result = ingest(path);
    EXPECT_EQ(result.status, ExecutionStatus::completed) << path << ": " << result.to_json().dump();
    return text(result.value, "reference_id");
  }

  std::unique_ptr<app::StoreReader> read_store() {
    EXPECT_TRUE(runtime_->drain());
    auto reader = app::StoreReader::open(data_);
    if (!reader) ADD_FAILURE() << reader.error().message;
    return reader ? *std::move(reader) : nullptr;
  }
  std::string content_of(const std::string& reference_id) {
    const ExecutionResult read = execute("read_content", Json::object({{"reference_id", reference_id}}));
    return read.error ? read.error->message : std::string(read.value.as_string().value_or("(no text)"));
  }
  Json profile_of(const ExecutionResult& analyzed) {
    auto parsed = Json::parse(content_of(text(analyzed.value, "reference_id")));
    EXPECT_TRUE(parsed);
    return parsed ? *std::move(parsed) : Json();
  }
  std::vector<std::string> stored_files() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data_ + "/artifacts")) {
      if (entry.is_regular_file()) found.push_back(entry.path().string());
    }
    return found;
  }
  std::vector<Json> published(const std::string& type) {
    EXPECT_TRUE(runtime_->drain());
    std::ifstream lines(data_ + "/events/acme/content.ndjson");
    std::vector<Json> events;
    for (std::string line; std::getline(lines, line);) {
      auto event = Json::parse(line);
      EXPECT_TRUE(event) << line;
      if (event && text(*event, "type") == type) events.push_back(*std::move(event));
    }
    return events;
  }

  // Each case: parameters, and the name of the error that they must end with.
  struct BadInput {
    std::string what;
    std::string type;
    Json parameters;
    ExecutionStatus status;
    std::string error;
  };
  void expect_refused(const BadInput& bad) {
    const ExecutionResult result = execute(bad.type, bad.parameters);
    EXPECT_EQ(to_string(result.status), to_string(bad.status)) << bad.what;
    ASSERT_TRUE(result.error) << bad.what;
    EXPECT_EQ(result.error->name(), bad.error) << bad.what << ": " << result.error->message;
    EXPECT_TRUE(result.artifacts.empty() && result.events.empty() && result.references.empty()) << bad.what;
    const std::string path = text(bad.parameters, "path");
    if (bad.status == ExecutionStatus::failed && bad.parameters.find("path") != nullptr && !path.contains('\0')) {
      EXPECT_NE(result.error->message.find(path), std::string::npos) << bad.what << ": " << result.error->message;
    }
  }

  TemporaryDirectory directory_;
  std::string root_ = directory_ / "files";
  std::string data_ = root_ + "/.symphainy";
  InterferingFileSystem files_;  // outlives the runtime
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(ContentServiceTest, AnIngestedFileIsStoredReferencedAndAnnounced) {
  const std::string content = "name,amount\nAda,1.10\nBob,2.20\n";
  const std::string digest = base::sha256(content).hex();
  write_file(root_ + "/sales.csv", content);
  const ExecutionResult result = ingest(root_ + "/sales.csv");
  ASSERT_EQ(result.status, ExecutionStatus::completed) << result.to_json().dump();

  const std::string reference_id = text(result.value, "reference_id");
  const Json expected = Json::object({{"digest", digest},
                                      {"media_type", "text/csv"},
                                      {"name", "sales.csv"},
                                      {"reference_id", reference_id},
                                      {"size", content.size()}});
  EXPECT_EQ(result.value.dump(), expected.dump());
  ASSERT_EQ(result.artifacts.size(), 1U);
  EXPECT_EQ(result.artifacts[0].name, "sales.csv");
  EXPECT_EQ(result.artifacts[0].digest, digest);
  ASSERT_EQ(result.references.size(), 1U);
  const Reference& reference = result.references[0];
  EXPECT_EQ(reference.reference_id, reference_id);
  EXPECT_EQ(reference.type, "file");
  EXPECT_EQ(reference.location, "artifact:" + digest);
  EXPECT_EQ(text(reference.metadata, "source"), root_ + "/sales.csv");
  EXPECT_EQ(content_of(reference_id), content);

  const std::vector<Json> events = published("content.file.ingested");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(text(events[0], "subject"), reference_id);
  EXPECT_EQ(member(events[0], "data"), expected.dump());
}

TEST_F(ContentServiceTest, BytesComeWithTheIntentItself) {
  const std::string content("caf\xC3\xA9\nline two\n");
  const ExecutionResult plain = execute("ingest_file", Json::object({{"bytes", base::to_base64(content)}}));
  ASSERT_EQ(plain.status, ExecutionStatus::completed) << plain.to_json().dump();
  EXPECT_EQ(text(plain.value, "name"), "bytes");
  EXPECT_EQ(text(plain.value, "media_type"), "text/plain");
  EXPECT_EQ(text(plain.references.at(0).metadata, "source"), "bytes");
  EXPECT_EQ(content_of(text(plain.value, "reference_id")), content);

  const ExecutionResult named = execute("ingest_file", Json::object({{"bytes", base::to_base64(content)},
                                                                     {"media_type", "text/markdown; charset=utf-8"},
                                                                     {"name", "Menü — Tag 1"}}));
  ASSERT_EQ(named.status, ExecutionStatus::completed) << named.to_json().dump();
  EXPECT_EQ(text(named.value, "name"), "Menü — Tag 1");
  EXPECT_EQ(text(named.value, "media_type"), "text/markdown; charset=utf-8");
  EXPECT_EQ(named.artifacts.at(0).name, "content") << "a name outside the grammar cannot be an artifact's";

  const ExecutionResult empty = execute("ingest_file", Json::object({{"bytes", ""}}));
  ASSERT_EQ(empty.status, ExecutionStatus::completed) << empty.to_json().dump();
  EXPECT_EQ(member(empty.value, "size"), "0");
}

TEST_F(ContentServiceTest, EqualContentIsTwoReferencesAndStoredOnce) {
  write_file(root_ + "/a.txt", "the same\n");
  write_file(root_ + "/b.txt", "the same\n");
  EXPECT_NE(ingested(root_ + "/a.txt"), ingested(root_ + "/b.txt"));
  EXPECT_EQ(stored_files().size(), 1U);
}

TEST_F(ContentServiceTest, FilesOfEverySizeAroundAPieceArriveWhole) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, kMebibyte - 1, kMebibyte, kMebibyte + 1, 2 * kMebibyte}) {
    const std::string content(size, 'x');
    write_file(root_ + "/file", content);
    const ExecutionResult result = ingest(root_ + "/file");
    ASSERT_EQ(result.status, ExecutionStatus::completed) << size << ": " << result.to_json().dump();
    EXPECT_EQ(text(result.value, "digest"), base::sha256(content).hex()) << size;
    EXPECT_EQ(member(result.value, "size"), std::to_string(size));
  }
}

TEST_F(ContentServiceTest, BadInputsAreRefusedWithTheirReason) {
  write_file(root_ + "/a.csv", "a\n1\n");
  std::filesystem::create_directory(root_ + "/folder");
  std::filesystem::create_directory(directory_ / "files-private");
  write_file(directory_ / "files-private/secret.csv", "secret\n");
  std::filesystem::create_symlink(directory_ / "files-private/secret.csv", root_ + "/link.csv");
  std::filesystem::create_directory_symlink(directory_ / "files-private", root_ + "/link");
  std::filesystem::create_symlink(root_ + "/gone", root_ + "/dangling");
  std::filesystem::create_symlink(root_ + "/loop", root_ + "/loop");
  ASSERT_EQ(::mkfifo((root_ + "/pipe").c_str(), 0600), 0);

  const auto path = [](const std::string& value) { return Json::object({{"path", value}}); };
  const auto of = [](const char* reference_id, const char* analysis) {
    return Json::object({{"analysis", analysis}, {"reference_id", reference_id}});
  };
  using enum ExecutionStatus;
  const std::vector<BadInput> inputs = {
      {"missing", "ingest_file", path(root_ + "/none.csv"), failed, "file_not_found"},
      {"missing directory", "ingest_file", path(root_ + "/no/none.csv"), failed, "file_not_found"},
      {"below a file", "ingest_file", path(root_ + "/a.csv/b"), failed, "file_not_found"},
      {"dangling link", "ingest_file", path(root_ + "/dangling"), failed, "file_not_found"},
      {"link to itself", "ingest_file", path(root_ + "/loop"), failed, "file_unreadable"},
      {"name too long", "ingest_file", path(root_ + "/" + std::string(300, 'n')), failed, "file_unreadable"},
      {"directory", "ingest_file", path(root_ + "/folder"), failed, "not_a_file"},
      {"the root itself", "ingest_file", path(root_), failed, "not_a_file"},
      {"pipe", "ingest_file", path(root_ + "/pipe"), failed, "not_a_file"},
      {"NUL in the path", "ingest_file", path(root_ + "/a.csv" + std::string(1, '\0') + ".txt"), failed,
       "invalid_path"},
      {"outside", "ingest_file", path("/etc/passwd"), failed, "path_outside_roots"},
      {"relative and outside", "ingest_file", path("/work/../etc/hostname"), failed, "path_outside_roots"},
      {"above by dots", "ingest_file", path(root_ + "/../files-private/secret.csv"), failed, "path_outside_roots"},
      {"the root's name is a prefix", "ingest_file", path(directory_ / "files-private/secret.csv"), failed,
       "path_outside_roots"},
      {"link to a file outside", "ingest_file", path(root_ + "/link.csv"), failed, "path_outside_roots"},
      {"link to a directory outside", "ingest_file", path(root_ + "/link/secret.csv"), failed, "path_outside_roots"},
      {"missing outside", "ingest_file", path(root_ + "/../none"), failed, "path_outside_roots"},
      {"missing behind a link", "ingest_file", path(root_ + "/link/none"), failed, "path_outside_roots"},
      {"the runtime's own data", "ingest_file", path(data_ + "/state.db"), failed, "path_outside_roots"},
      {"bad base64", "ingest_file", Json::object({{"bytes", "a*=="}}), failed, "invalid_base64"},
      {"base64 without padding", "ingest_file", Json::object({{"bytes", "YQ"}}), failed, "invalid_base64"},
      {"neither", "ingest_file", Json::object(), rejected, "invalid_intent"},
      {"both", "ingest_file", Json::object({{"bytes", "YQ=="}, {"path", root_ + "/a.csv"}}), rejected,
       "invalid_intent"},
      {"empty path", "ingest_file", path(""), rejected, "invalid_intent"},
      {"path too long", "ingest_file", path(std::string(4097, 'p')), rejected, "invalid_intent"},
      {"path is a number", "ingest_file", Json::object({{"path", 7}}), rejected, "invalid_intent"},
      {"unknown member", "ingest_file", Json::object({{"path", root_ + "/a.csv"}, {"mode", "fast"}}), rejected,
       "invalid_intent"},
      {"no media type", "ingest_file", Json::object({{"media_type", "csv"}, {"path", root_ + "/a.csv"}}), rejected,
       "invalid_intent"},
      {"unknown reference", "analyze_content", of(kUnknownId, "profile"), failed, "unknown_reference"},
      {"not a reference id", "analyze_content", of("../a.csv", "profile"), rejected, "invalid_intent"},
      {"unknown analysis", "analyze_content", of(kUnknownId, "sentiment"), rejected, "invalid_intent"},
      {"no analysis", "analyze_content", Json::object({{"reference_id", kUnknownId}}), rejected, "invalid_intent"},
      {"unknown member of an analysis", "analyze_content",
       Json::object({{"analysis", "text"}, {"depth", 1}, {"reference_id", kUnknownId}}), rejected, "invalid_intent"},
  };
  for (const BadInput& bad : inputs) expect_refused(bad);
  EXPECT_TRUE(stored_files().empty());
}

TEST_F(ContentServiceTest, AFileThatThisUserMayNotReadIsRefused) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read any file";
  write_file(root_ + "/closed.csv", "a\n1\n");
  ASSERT_EQ(::chmod((root_ + "/closed.csv").c_str(), 0), 0);
  expect_refused({"no permission", "ingest_file", Json::object({{"path", root_ + "/closed.csv"}}),
                  ExecutionStatus::failed, "file_unreadable"});
}

TEST_F(ContentServiceTest, ARefusalOfTheOperatingSystemIsTheSubmittersErrorUnlessItPasses) {
  write_file(root_ + "/a.csv", "a\n1\n");
  const Json parameters = Json::object({{"path", root_ + "/a.csv"}});
  files_.interference.open_error = public_works::posix_error(EACCES, "open", root_ + "/a.csv");
  expect_refused({"open: EACCES", "ingest_file", parameters, ExecutionStatus::failed, "file_unreadable"});
  files_.interference.open_error = public_works::posix_error(ENOENT, "open", root_ + "/a.csv");
  expect_refused({"open: ENOENT", "ingest_file", parameters, ExecutionStatus::failed, "file_not_found"});
  files_.interference.open_error = public_works::posix_error(EMFILE, "open", root_ + "/a.csv");
  expect_refused({"open: EMFILE", "ingest_file", parameters, ExecutionStatus::failed, "too_many_open_files"});
  files_.interference.open_error.reset();
  files_.interference.read_error = public_works::posix_error(EIO, "read", root_ + "/a.csv");
  expect_refused({"read: EIO", "ingest_file", parameters, ExecutionStatus::failed, "file_unreadable"});
}

TEST_F(ContentServiceTest, AFileThatChangesWhileItIsReadLeavesNothingBehind) {
  const std::string path = root_ + "/busy.csv";
  const Json parameters = Json::object({{"path", path}});
  const auto appended = [&](std::uint64_t) { write_file(path, "2\n", std::ios::app); };
  const auto cut = [&](std::uint64_t) { std::filesystem::resize_file(path, 1); };
  int stats = 0;
  struct Change {
    const char* what;
    std::function<void(const std::string&)> before_open;
    std::function<void(std::uint64_t)> after_read;
    std::function<void(FileStat&)> alter_opened_stat;
  };
  const std::vector<Change> changes = {
      {"appended while read", nullptr, appended, nullptr},
      {"cut while read", nullptr, cut, nullptr},
      {"appended before it is opened", [&](const std::string&) { appended(0); }, nullptr, nullptr},
      {"rewritten with the same length", nullptr, nullptr,
       [&](FileStat& stat) { stat.modified_ns += ++stats > 1 ? 1 : 0; }},
      {"size unlike its bytes", nullptr, nullptr, [&](FileStat& stat) { stat.size += 1; }},
      {"another file on opening", nullptr, nullptr, [](FileStat& stat) { stat.inode += 1; }},
      {"another device on opening", nullptr, nullptr, [](FileStat& stat) { stat.device += 1; }},
      {"a link out of the roots in its place on opening",
       [&](const std::string&) {
         std::filesystem::remove(path);
         std::filesystem::create_symlink("/etc/passwd", path);
       },
       nullptr, nullptr},
  };
  for (const Change& change : changes) {
    std::filesystem::remove(path);
    write_file(path, std::string(2 * kMebibyte, '1') + "\n");
    files_.interference.before_open = change.before_open;
    files_.interference.after_read = change.after_read;
    files_.interference.alter_opened_stat = change.alter_opened_stat;
    expect_refused({change.what, "ingest_file", parameters, ExecutionStatus::failed, "file_changed"});
  }
  EXPECT_TRUE(stored_files().empty());
}

TEST_F(ContentServiceTest, ALinkInsideTheRootsIsFollowedAndKeepsItsName) {
  write_file(root_ + "/2026.csv", "a\n1\n");
  std::filesystem::create_symlink(root_ + "/2026.csv", root_ + "/latest.csv");
  const ExecutionResult result = ingest(root_ + "/latest.csv");
  ASSERT_EQ(result.status, ExecutionStatus::completed) << result.to_json().dump();
  EXPECT_EQ(text(result.value, "name"), "latest.csv");
}

TEST_F(ContentServiceTest, AnAnalysisIsDerivedFromItsFile) {
  write_file(root_ + "/sales.csv", "name,amount\nAda,1.10\nBob,2.20\n");
  const std::string file = ingested(root_ + "/sales.csv");
  const ExecutionResult profile = analyze(file, "profile");
  ASSERT_EQ(profile.status, ExecutionStatus::completed) << profile.to_json().dump();
  const std::string analysis = text(profile.value, "reference_id");
  EXPECT_EQ(profile.value.dump(),
            Json::object({{"analysis", "profile"}, {"columns", 2}, {"reference_id", analysis}, {"rows", 2}}).dump());
  EXPECT_EQ(profile.artifacts.at(0).name, "profile.json");
  const Reference& reference = profile.references.at(0);
  EXPECT_EQ(reference.type, "analysis");
  EXPECT_EQ(reference.name, "sales.csv profile");
  EXPECT_EQ(reference.media_type, "application/json");
  EXPECT_EQ(reference.digest, profile.artifacts.at(0).digest);
  EXPECT_EQ(member(column(profile_of(profile), "amount"), "sum"), "\"3.30\"");

  const auto store = read_store();
  const auto sources = store->lineage().sources_of(public_works::TenantScope::only("acme"), analysis);
  ASSERT_TRUE(sources);
  ASSERT_EQ(sources->size(), 1U);
  EXPECT_EQ(sources->front().source, file);
  EXPECT_EQ(sources->front().relation, "wasDerivedFrom");

  const std::vector<Json> events = published("content.analyzed");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(text(events[0], "subject"), analysis);
  const Json data =
      Json::object({{"analysis", "profile"}, {"reference_id", analysis}, {"rows", 2}, {"source_reference_id", file}});
  EXPECT_EQ(member(events[0], "data"), data.dump());
}

TEST_F(ContentServiceTest, ATextAnalysisCountsLinesAndWords) {
  write_file(root_ + "/note.txt", "storm damage\nstorm surge report\n");
  const std::string file = ingested(root_ + "/note.txt");
  const ExecutionResult result = analyze(file, "text");
  ASSERT_EQ(result.status, ExecutionStatus::completed) << result.to_json().dump();
  EXPECT_EQ(member(result.value, "lines"), "2");
  EXPECT_EQ(member(result.value, "words"), "5");
  EXPECT_EQ(result.artifacts.at(0).name, "text.json");
  EXPECT_EQ(member(profile_of(result), "encoding"), "\"ascii\"");
}

TEST_F(ContentServiceTest, AnAnalysisCanBeAnalyzedAndAnEmptyFileToo) {
  write_file(root_ + "/sales.csv", "name,amount\nAda,1.10\n");
  const ExecutionResult profile = analyze(ingested(root_ + "/sales.csv"), "profile");
  const ExecutionResult of_profile = analyze(text(profile.value, "reference_id"), "text");
  EXPECT_EQ(of_profile.status, ExecutionStatus::completed) << of_profile.to_json().dump();
  EXPECT_EQ(of_profile.references.at(0).name, "sales.csv profile text");

  write_file(root_ + "/empty.csv", "");
  const ExecutionResult empty = analyze(ingested(root_ + "/empty.csv"), "profile");
  EXPECT_EQ(empty.status, ExecutionStatus::completed) << empty.to_json().dump();
  EXPECT_EQ(member(empty.value, "rows"), "0");
}

TEST_F(ContentServiceTest, AReferencesIdMayBeWrittenInCapitals) {
  write_file(root_ + "/a.csv", "a\n1\n");
  std::string id = ingested(root_ + "/a.csv");
  for (char& c : id) c = static_cast<char>(c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c);
  EXPECT_EQ(analyze(id, "profile").status, ExecutionStatus::completed);
}

TEST_F(ContentServiceTest, AnotherTenantsReferenceAnswersLikeAnUnknownOne) {
  write_file(root_ + "/a.csv", "a\n1\n");
  const std::string id = ingested(root_ + "/a.csv");
  const ExecutionResult foreign = analyze(id, "profile", "globex");
  const ExecutionResult unknown = analyze(kUnknownId, "profile", "globex");
  ASSERT_TRUE(foreign.error && unknown.error);
  std::string answer = foreign.error->to_json().dump();
  ASSERT_NE(answer.find(id), std::string::npos);
  answer.replace(answer.find(id), id.size(), kUnknownId);
  EXPECT_EQ(answer, unknown.error->to_json().dump());
  EXPECT_EQ(foreign.error->reason, "unknown_reference");
  EXPECT_EQ(analyze(id, "profile").status, ExecutionStatus::completed);
}

TEST_F(ContentServiceTest, DamagedContentIsNeverProfiled) {
  std::string content = "name,amount\n";
  for (int i = 0; i < 200'000; ++i) content += "Ada,1.10\n";
  write_file(root_ + "/sales.csv", content);
  const std::string id = ingested(root_ + "/sales.csv");
  ASSERT_EQ(stored_files().size(), 1U);
  const std::string stored = stored_files().front();

  // A quote near the start swallows the file and would break the reader's limits: the damage must be told, not that.
  std::string flipped = content;
  flipped[12] = '"';
  for (const std::string& damage : {flipped, content.substr(0, content.size() - 1), content + "x", std::string()}) {
    write_file(stored, damage);
    for (const char* analysis : {"profile", "text"}) {
      const ExecutionResult result = analyze(id, analysis);
      ASSERT_TRUE(result.error) << damage.size();
      EXPECT_EQ(result.error->reason, "content_damaged") << result.error->message;
      EXPECT_EQ(result.error->code, ErrorCode::corrupt);
      EXPECT_TRUE(result.references.empty());
    }
  }
  std::filesystem::remove(stored);
  EXPECT_EQ(analyze(id, "profile").error->reason, "content_damaged");

  EXPECT_NE(ingested(root_ + "/sales.csv"), id);
  EXPECT_EQ(analyze(id, "profile").status, ExecutionStatus::completed) << "ingesting again restores the content";
}

TEST_F(ContentServiceTest, AFileBeyondTheReadersLimitsSaysWhere) {
  write_file(root_ + "/wide.csv", "a,b\n\"" + std::string(2 * kMebibyte, 'x') + "\",1\n");
  const ExecutionResult result = analyze(ingested(root_ + "/wide.csv"), "profile");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::invalid_argument);
  EXPECT_NE(result.error->message.find("row 2"), std::string::npos) << result.error->message;
}

TEST_F(ContentServiceTest, ATsvFileIsReadWithTabsWhateverElseIsInIt) {
  // Commas in every row, as often: detection alone would choose them.
  write_file(root_ + "/places.tsv", "place\tpeople\nRome, Italy, EU\t5\nOslo, Norway, no\t7\nLima, Peru, no\t6\n");
  const Json by_name = profile_of(analyze(ingested(root_ + "/places.tsv"), "profile"));
  EXPECT_EQ(text(by_name, "delimiter"), "\t") << by_name.dump();
  EXPECT_EQ(text(column(by_name, "people"), "sum"), "18");

  std::filesystem::copy_file(root_ + "/places.tsv", root_ + "/places.data");
  const ExecutionResult named = execute(
      "ingest_file", Json::object({{"path", root_ + "/places.data"}, {"media_type", "text/tab-separated-values"}}));
  EXPECT_EQ(text(profile_of(analyze(text(named.value, "reference_id"), "profile")), "delimiter"), "\t");
}

TEST_F(ContentServiceTest, DelimiterAndHeaderMayBeGivenForAProfile) {
  write_file(root_ + "/rows.csv", "a;b,c\n1;2,3\n4;5,6\n");
  const std::string file = ingested(root_ + "/rows.csv");
  const auto given = [&](Json more) {
    more["reference_id"] = file;
    if (more.find("analysis") == nullptr) more["analysis"] = "profile";
    return execute("analyze_content", more);
  };
  const Json profile = profile_of(given(Json::object({{"delimiter", ";"}, {"header", false}})));
  EXPECT_EQ(text(profile, "delimiter"), ";");
  EXPECT_EQ(member(profile, "header"), "false");
  EXPECT_EQ(member(profile, "rows"), "3");
  EXPECT_EQ(text(profile_of(given(Json::object({{"delimiter", ","}}))), "delimiter"), ",");
  for (const Json& refused : {Json::object({{"delimiter", ":"}}), Json::object({{"header", "yes"}}),
                              Json::object({{"analysis", "text"}, {"delimiter", ","}}),
                              Json::object({{"analysis", "text"}, {"header", true}})})
    EXPECT_EQ(to_string(given(refused).status), "rejected") << refused.dump();
}

TEST_F(ContentServiceTest, WhatIsNoTextHasNoProfile) {
  write_file(root_ + "/picture.csv", std::string_view("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16));
  const ExecutionResult result = analyze(ingested(root_ + "/picture.csv"), "profile");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->name(), "not_tabular");
  EXPECT_NE(result.error->message.find("image/png"), std::string::npos) << result.error->message;
}

// A sanitizer keeps freed memory.

std::size_t peak_memory_bytes() {
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

TEST_F(ContentServiceTest, ALargeFileGoesThroughInConstantMemory) {
  constexpr std::size_t kSize = 64 * kMebibyte;
  const std::string path = root_ + "/large.bin";
  write_file(path, "start");
  std::filesystem::resize_file(path, kSize - 3);
  write_file(path, "end", std::ios::app);
  const std::size_t before = peak_memory_bytes();
  const ExecutionResult result = ingest(path);
  ASSERT_EQ(result.status, ExecutionStatus::completed) << result.to_json().dump();
  EXPECT_EQ(member(result.value, "size"), std::to_string(kSize));
  EXPECT_EQ(text(result.value, "media_type"), "application/octet-stream");
  EXPECT_EQ(files_.interference.largest_read, kMebibyte);
  const ExecutionResult analyzed = analyze(text(result.value, "reference_id"), "text");
  EXPECT_EQ(analyzed.status, ExecutionStatus::completed) << analyzed.to_json().dump();
  if (!tests::kSanitized) EXPECT_LT(peak_memory_bytes() - before, kSize / 2);
}

TEST_F(ContentServiceTest, ThePublicSampleGivesItsKnownFiguresThroughTheWholeRuntime) {
  const std::string path = std::string(SYMPHAINY_SOURCE_DIR) + "/../shared/data/FL_insurance_sample.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "the public sample is not at " << path;
  std::filesystem::copy_file(path, root_ + "/policies.csv");
  const ExecutionResult result = analyze(ingested(root_ + "/policies.csv"), "profile");
  ASSERT_EQ(result.status, ExecutionStatus::completed) << result.to_json().dump();
  EXPECT_EQ(member(result.value, "rows"), "36634");
  EXPECT_EQ(member(result.value, "columns"), "18");
  const Json profile = profile_of(result);
  EXPECT_EQ(member(column(profile, "policyID"), "distinct"), "36634");
  EXPECT_EQ(member(column(profile, "county"), "distinct"), "67");
  EXPECT_EQ(member(column(profile, "tiv_2012"), "sum"), "\"94186164102.03\"");
  EXPECT_EQ(member(column(profile, "tiv_2011"), "sum"), "\"79601102761.83\"");
  EXPECT_EQ(count_of(column(profile, "construction"), "Wood"), 21581U);
  EXPECT_EQ(count_of(column(profile, "construction"), "Steel Frame"), 272U);
  EXPECT_EQ(count_of(column(profile, "line"), "Residential"), 30838U);
  EXPECT_EQ(count_of(column(profile, "line"), "Commercial"), 5796U);
}

TEST(ContentRegistration, TheProgramsOwnReadsTheExamplesFromTheWorkingDirectory) {
  const TemporaryDirectory directory;
  const WorkingDirectory here(std::string(SYMPHAINY_SOURCE_DIR) + "/examples");
  auto runtime = open_runtime(directory / "data");
  ASSERT_TRUE(runtime) << runtime.error().message;
  ASSERT_TRUE(app::register_content(**runtime, {}, (directory / "data")));
  const Actor actor{"user", "tester"};
  const auto file = (*runtime)->execute(Intent::ingest_file("acme", "session", "solution", actor, "policies.csv"));
  ASSERT_TRUE(file);
  ASSERT_EQ(file->status, ExecutionStatus::completed) << file->to_json().dump();
  EXPECT_EQ(text(file->value, "name"), "policies.csv");
  const auto profile = (*runtime)->execute(
      Intent::analyze_content("acme", "session", "solution", actor, text(file->value, "reference_id"), "profile"));
  ASSERT_TRUE(profile);
  ASSERT_EQ(profile->status, ExecutionStatus::completed) << profile->to_json().dump();
  EXPECT_EQ(member(profile->value, "rows"), "300");

  const auto above = (*runtime)->execute(Intent::ingest_file("acme", "session", "solution", actor, "../README.md"));
  ASSERT_TRUE(above);
  ASSERT_TRUE(above->error);
  EXPECT_EQ(above->error->reason, "path_outside_roots");
  EXPECT_NE(above->error->message.find("--root DIR"), std::string::npos);
}

TEST(ContentRegistration, RefusesARootThatIsNoDirectory) {
  const TemporaryDirectory directory;
  write_file(directory / "file", "x");
  auto runtime = open_runtime(directory / "data");
  ASSERT_TRUE(runtime) << runtime.error().message;
  public_works::PosixFileSystem files;
  for (const std::string& root : {directory / "none", directory / "file"}) {
    const auto registered = register_content(**runtime, files, {root});
    ASSERT_FALSE(registered) << root;
    EXPECT_EQ(registered.error().reason, "invalid_root");
    EXPECT_NE(registered.error().message.find(root), std::string::npos);
  }
}

// An execution that its runtime gives up on after so many questions.
class AbandonedContext final : public ExecutionContext {
 public:
  explicit AbandonedContext(int answers) : answers_(answers) {}

  const Intent& intent() const override { return intent_; }
  const std::string& execution_id() const override { return intent_.intent_id; }
  std::uint32_t attempt() const override { return 1; }
  std::optional<std::int64_t> deadline_us() const override { return std::nullopt; }
  bool still_owner() const override { return answers_-- > 0; }
  bool is_cancelled() const override { return false; }
  std::int64_t now_us() override { return 0; }
  std::uint64_t random() override { return 0; }
  std::string new_id() override { return {}; }
  Result<std::optional<StateValue>> get_state(const std::string&) override { return std::nullopt; }
  Result<void> put_state(const std::string&, Json, std::optional<std::uint64_t>) override { return {}; }
  Result<void> delete_state(const std::string&, std::optional<std::uint64_t>) override { return {}; }
  Result<Artifact> add_artifact(ArtifactDraft) override { return unexpected_call(); }
  Result<std::unique_ptr<ArtifactSink>> open_artifact(std::string, std::string) override {
    return std::make_unique<Sink>();
  }
  Result<std::string> add_event(EventDraft) override { return unexpected_call(); }
  Result<std::string> register_reference(ReferenceDraft) override { return unexpected_call(); }
  Result<void> track_provenance(const std::string&, const std::string&, Relation) override { return unexpected_call(); }
  Result<std::optional<Reference>> get_reference(const std::string& reference_id) override {
    Reference reference;
    reference.reference_id = reference_id;
    reference.size = 8 * kMebibyte;
    return reference;
  }
  Result<std::unique_ptr<ContentSource>> open_reference(const std::string&) override {
    return std::make_unique<Source>(pieces_read);
  }
  void log(LogLevel, std::string_view) override {}
  Json to_json() const override { return {}; }

  int pieces_read = 0;

 private:
  struct Sink final : ArtifactSink {
    Result<void> write(std::string_view) override { return {}; }
    Result<Artifact> finish() override { return unexpected_call(); }
  };
  struct Source final : ContentSource {
    explicit Source(int& pieces) : pieces_read(pieces) {}
    std::uint64_t size() const override { return 8 * kMebibyte; }
    Result<void> read_at(std::uint64_t, std::size_t length, std::string& out) const override {
      ++pieces_read;
      out.assign(length, 'x');
      return {};
    }
    int& pieces_read;
  };
  Task<Result<Json>> run_step(std::string, Json, StepFunction, StepOptions) override { co_return unexpected_call(); }
  Task<Result<Json>> run_spawn(std::string, ChildIntent) override { co_return unexpected_call(); }
  Task<Result<Json>> run_wait(WaitRequest) override { co_return unexpected_call(); }
  static std::unexpected<Error> unexpected_call() {
    ADD_FAILURE() << "added something to an execution that was given up";
    return fail(ErrorCode::internal, "not expected");
  }

  Intent intent_;
  mutable int answers_;
};

TEST(GivenUpExecutions, StopReadingBetweenPieces) {
  const TemporaryDirectory directory;
  write_file(directory / "large.txt", std::string(8 * kMebibyte, 'x'));
  InterferingFileSystem files;
  int reads = 0;
  files.interference.after_read = [&](std::uint64_t) { ++reads; };
  AbandonedContext ingesting(2);
  const auto ingested =
      ingest_file(files, {{directory.path()}, {}}, Json::object({{"path", directory / "large.txt"}}), ingesting);
  ASSERT_FALSE(ingested);
  EXPECT_EQ(ingested.error().code, ErrorCode::cancelled);
  EXPECT_EQ(reads, 2);

  AbandonedContext analyzing(2);
  const auto analyzed = analyze_content(Json::object({{"analysis", "text"}, {"reference_id", kUnknownId}}), analyzing);
  ASSERT_FALSE(analyzed);
  EXPECT_EQ(analyzed.error().code, ErrorCode::cancelled);
  EXPECT_EQ(analyzing.pieces_read, 2);
}

}  // namespace
}  // namespace symphainy::domains::content
