// SPDX-License-Identifier: Apache-2.0
// A case is a directory that a run leaves: data/ (the store), ledger.ndjson (the handlers'), history/*.ndjson (the
// clients'), and ends.ndjson (where the log was seen to end at earlier checks); archive/ (what was retired of the log),
// restored/ and repaired/ (copies of the store, torture_keeping.h) when there are any. Reads it as evidence, changes
// nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "crash/history_checker.h"

namespace symphainy::tests {

class CaseFiles {
 public:
  /// What cannot be opened of the store is told as a violation (I10 the log, I11 the projections), not as an error.
  [[nodiscard]] static std::unique_ptr<CaseFiles> open(const std::string& directory);
  virtual ~CaseFiles() = default;

  /// Refers to this object; without a log when that did not open.
  [[nodiscard]] virtual const Evidence& evidence() const = 0;
  [[nodiscard]] virtual const std::vector<Violation>& not_opened() const = 0;
  /// How many lines of history and ledger a kill cut short.
  [[nodiscard]] virtual std::size_t cut_lines() const = 0;
  /// Of the store's log, all read from the archive.
  [[nodiscard]] virtual std::size_t retired_segments() const = 0;
  /// Position; 0: none.
  [[nodiscard]] virtual std::uint64_t newest_snapshot() const = 0;

  struct Copy {
    std::string name;
    Evidence evidence;  ///< refers to the CaseFiles
    std::vector<Violation> not_opened;
  };
  [[nodiscard]] virtual const std::vector<Copy>& copies() const = 0;

 protected:
  CaseFiles() = default;
};

/// The end of the log is seen from now on.
[[nodiscard]] Result<void> note_log_end(const std::string& directory, const LogEnd& end);

}  // namespace symphainy::tests
