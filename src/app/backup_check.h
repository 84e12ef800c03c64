// SPDX-License-Identifier: Apache-2.0
// Whether a backup is whole: everything that restoring reads, before it writes anything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "app/backup_manifest.h"
#include "app/retired_beginning.h"
#include "app/store_copy.h"

namespace symphainy::app {

/// Used by one thread, once.
class BackupCheck {
 public:
  BackupCheck(public_works::FileSystem& files, const std::string& root, const BackupManifest& manifest)
      : files_(files), directory_{root}, manifest_(manifest) {}

  /// corrupt, naming the file, when something is missing or not what was written.
  [[nodiscard]] Result<void> run();
  /// Of all of the backup, once it was checked.
  [[nodiscard]] const std::vector<runtime::EarlierTimeline>& earlier() const noexcept { return named_.earlier(); }
  /// The same.
  [[nodiscard]] const std::optional<RetiredBeginning>& beginning() const noexcept { return beginning_; }

 private:
  [[nodiscard]] Result<void> check_log();
  [[nodiscard]] Result<void> check_file(const BackedUpFile& file);
  [[nodiscard]] Result<void> check_stored_artifacts();
  [[nodiscard]] Result<void> check_named_artifacts();

  public_works::FileSystem& files_;
  const DataDirectory directory_;
  const BackupManifest& manifest_;
  NamedByLog named_;
  std::optional<RetiredBeginning> beginning_;
};

}  // namespace symphainy::app
