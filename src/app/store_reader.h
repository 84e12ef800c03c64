// SPDX-License-Identifier: Apache-2.0
// A data directory opened for questions: without the lock when the projections are up to date or their owner is alive,
// with it for the moment it takes to bring them up to date after a crash.
#pragma once

#include <memory>
#include <string>

#include "symphainy/error.h"

#include "public_works/abstractions/artifact_store.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/abstractions/lineage_store.h"
#include "public_works/abstractions/state_store.h"

namespace symphainy::app {

struct SqlAnswer {
  std::vector<std::string> columns;
  std::vector<std::vector<Json>> rows;
};

class StoreReader {
 public:
  /// not_found when there is no store; corrupt when its log is damaged.
  [[nodiscard]] static Result<std::unique_ptr<StoreReader>> open(const std::string& data_directory);
  virtual ~StoreReader() = default;

  [[nodiscard]] virtual public_works::StateStore& state() = 0;
  [[nodiscard]] virtual public_works::LineageStore& lineage() = 0;
  [[nodiscard]] virtual const public_works::EventLog& log() const = 0;
  [[nodiscard]] virtual public_works::ArtifactStore& artifacts() = 0;
  /// One SELECT over the projections, seeing only the scope's rows.
  [[nodiscard]] virtual Result<SqlAnswer> sql(const public_works::TenantScope& scope, const std::string& statement) = 0;

 protected:
  StoreReader() = default;
};

/// Where things are in a data directory.
struct DataDirectory {
  std::string root;
  [[nodiscard]] std::string wal() const { return root + "/wal"; }
  [[nodiscard]] std::string state() const { return root + "/state.db"; }
  [[nodiscard]] std::string artifacts() const { return root + "/artifacts"; }
  [[nodiscard]] std::string events() const { return root + "/events"; }
  [[nodiscard]] std::string snapshots() const { return root + "/snapshots"; }
  [[nodiscard]] std::string lock() const { return root + "/lock"; }
  /// Of a backup; a data directory has none.
  [[nodiscard]] std::string backup_manifest() const { return root + "/backup.json"; }
};

/// invalid_argument when the directory is a backup: opened as a store it would be none any more.
[[nodiscard]] Result<void> refuse_backup(public_works::FileSystem& files, const DataDirectory& directory);

/// The name of the publisher that writes DATA/events.
inline constexpr const char* kNdjsonPublisher = "ndjson";

}  // namespace symphainy::app
