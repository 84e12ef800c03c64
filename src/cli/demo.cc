// SPDX-License-Identifier: Apache-2.0
// `symphainy demo`: takes real files through the whole lifecycle in a data directory of its own, and shows what is
// there afterwards. Everything it prints is read back from that directory.
#include <array>
#include <filesystem>
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/demo_report.h"
#include "cli/invocation.h"
#include "cli/temporary_store.h"

namespace symphainy::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPolicies = "examples/policies.csv";
constexpr std::array<std::string_view, 4> kDocuments{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"};
constexpr std::string_view kDemoTenant = "demo";

struct DemoArguments {
  std::optional<std::string> file;
};

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

std::string analysis_for(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".csv" || extension == ".tsv" || extension == ".CSV" || extension == ".TSV" ? "profile" : "text";
}

/// The user's own file, or the project's.
Result<std::vector<std::string>> choose_files(const DemoArguments& arguments) {
  if (!base::is_utf8(fs::absolute(arguments.file.value_or(".")).string()))
    return fail(ErrorCode::invalid_argument,
                "the file's path is not UTF-8, and an intent is JSON, which cannot name it; rename it, or link to it");
  if (arguments.file) {
    if (is_file(*arguments.file)) return std::vector{*arguments.file};
    return fail(ErrorCode::invalid_argument,
                fmt::format("{} is no file that can be read; name one with --file PATH", *arguments.file));
  }
  if (!is_file(kPolicies))
    return fail(
        ErrorCode::invalid_argument,
        fmt::format(
            "there is no {} here; run this in the project's folder, or name a file of your own with --file PATH",
            kPolicies));
  std::vector<std::string> files{std::string(kPolicies)};
  for (const std::string_view document : kDocuments)
    if (is_file(document)) files.emplace_back(document);
  return files;
}

Result<ExecutionResult> execute(Runtime& runtime, Intent intent) {
  TRY(ExecutionResult result, runtime.execute(std::move(intent)));
  if (result.status == ExecutionStatus::completed) return result;
  return fail(ErrorCode::failed, result.error ? result.error->message : "an execution of the demo did not complete");
}

Result<DemoFile> take_file(Runtime& runtime, const std::string& tenant, const std::string& path) {
  const Actor actor{"user", "demo"};
  DemoFile file{path, analysis_for(path), {}, {}};
  const std::string absolute = fs::absolute(path).lexically_normal().string();
  TRY(file.ingested, execute(runtime, Intent::ingest_file(tenant, "demo", "demo", actor, absolute)));
  if (file.ingested.references.empty())
    return fail(ErrorCode::internal, "ingesting " + path + " registered no reference");
  const std::string& reference = file.ingested.references.front().reference_id;
  TRY(file.analyzed,
      execute(runtime, Intent::analyze_content(tenant, "demo", "demo", actor, reference, file.analysis)));
  return file;
}

Result<std::vector<DemoFile>> take_files(const Invocation& invocation, const std::string& data_directory,
                                         const std::string& tenant, const std::vector<std::string>& paths) {
  RuntimeOptions options;
  options.data_directory = data_directory;
  std::vector<std::string> roots;
  for (const std::string& path : paths) roots.push_back(fs::absolute(path).lexically_normal().parent_path().string());
  TRY(const auto runtime, invocation.open_runtime(options, roots));
  std::vector<DemoFile> files;
  for (const std::string& path : paths) {
    TRY(DemoFile file, take_file(*runtime, tenant, path));
    files.push_back(std::move(file));
  }
  TRY(runtime->close());
  return files;
}

Result<int> demo(Invocation& invocation, const DemoArguments& arguments) {
  TRY(const app::Configuration configuration, invocation.configuration());
  TRY(const auto paths, choose_files(arguments));
  std::string data_directory = invocation.data_flag().value_or("");
  if (data_directory.empty()) {
    TRY(const auto store, TemporaryStore::create("symphainy-demo", TemporaryStore::After::keep));
    data_directory = store.path();
  }
  const std::string tenant =
      configuration.tenant && *configuration.tenant != kEveryTenant ? *configuration.tenant : std::string(kDemoTenant);
  const Output& out = invocation.out();
  if (!out.json_asked()) {
    out.line(fmt::format("Symphainy Runtime takes {} file{} through its lifecycle, for tenant {}, in {}.", paths.size(),
                         paths.size() == 1 ? "" : "s", tenant, data_directory));
    out.line(
        "An intent says what is wanted; the runtime records it, lets a domain service do it, and commits what comes");
    out.line(
        "back as one fact: artifacts, references with their lineage, events. If it is not in the log, it did not "
        "happen.");
  }
  TRY(auto files, take_files(invocation, data_directory, tenant, paths));
  TRY(DemoReport report, read_report(data_directory, tenant, std::move(files)));
  report.program = invocation.program();
  if (out.json_asked())
    out.json_line(report_json(report));
  else
    print_report(out, report);
  const Json* intact = report.verified.find("intact");
  return intact != nullptr && intact->as_bool().value_or(false) ? kOk : kDamaged;
}

}  // namespace

void add_demo(Command root) {
  auto arguments = std::make_shared<DemoArguments>();
  root.add("demo",
           "take real files through the whole lifecycle and show what happened; the data goes to --data, else into a "
           "new "
           "directory under TMPDIR (else /tmp), and is kept")
      .takes_data()
      .takes_tenant()
      .option("--file", arguments->file, "a file of your own instead of the project's", "PATH")
      .examples({"symphainy demo", "symphainy demo --file policies.csv --data ./data"})
      .runs([arguments](Invocation& invocation) { return demo(invocation, *arguments); });
}

}  // namespace symphainy::cli
