// SPDX-License-Identifier: Apache-2.0
// A case is a directory that a run leaves: data/ (the store), ledger.ndjson (the handlers'), history/*.ndjson (the
// clients'), and ends.ndjson (where the log was seen to end at earlier checks). Reads it as evidence, changes nothing.
#pragma once

#include <memory>
#include <string>

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

 protected:
  CaseFiles() = default;
};

/// The end of the log is seen from now on.
[[nodiscard]] Result<void> note_log_end(const std::string& directory, const LogEnd& end);

}  // namespace symphainy::tests
