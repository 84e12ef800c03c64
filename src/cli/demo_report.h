// SPDX-License-Identifier: Apache-2.0
// What `symphainy demo` found out, read back from the data directory like any other reader would, and how it is told.
#pragma once

#include <string>
#include <vector>

#include "cli/invocation.h"
#include "cli/timeline.h"
#include "runtime/data_brain.h"

namespace symphainy::cli {

/// One file that went through the runtime.
struct DemoFile {
  std::string path;
  std::string analysis;  ///< "profile" or "text"
  ExecutionResult ingested;
  ExecutionResult analyzed;
};

struct DemoReport {
  std::string program;  ///< as it was called
  std::string data_directory;
  std::string tenant;
  std::vector<DemoFile> files;
  std::vector<Json> analyses;  ///< one per file
  ExecutionStory story;        ///< of the first analysis
  std::vector<Json> events;    ///< as published, from DATA/events
  runtime::Lineage lineage;    ///< what was made from the first file
  Json verified;               ///< the answer of `wal verify`
};

[[nodiscard]] Result<DemoReport> read_report(const std::string& data_directory, const std::string& tenant,
                                             std::vector<DemoFile> files);
void print_report(const Output& out, const DemoReport& report);
[[nodiscard]] Json report_json(const DemoReport& report);

}  // namespace symphainy::cli
