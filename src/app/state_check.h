// SPDX-License-Identifier: Apache-2.0
// The proof that the projections are the fold of the log (I11): they are folded anew beside the live ones, and both are
// compared row by row. Reads beside a running owner, without the lock, and changes nothing in the data directory.
#pragma once

#include <functional>
#include <string>

#include "symphainy/error.h"
#include "symphainy/json.h"

namespace symphainy::app {

struct StateCheckOptions {
  std::string data_directory;
  /// Exists, and is empty: what is folded anew stands there, in as many bytes as the live projections. The caller
  /// removes it.
  std::string scratch_directory;
  std::function<bool()> stopped;  ///< asked now and then; may be empty
};

/// {"equal", "from" (the position of the snapshot that folding began at because the log does not reach back further; 0:
/// the whole log was folded), "position" (of the live projections), "tables": {NAME: {"equal", "live", "rebuilt" (row
/// counts)}}, "differences": [{"table", "key", "column" (null: the whole row), "live", "rebuilt"}], at most 20}. The
/// schema is compared like a table, `sqlite_schema`.
///
/// not_found when there is no log (no reason) or there are no projections (reason "no_projections"); corrupt when
/// either is damaged; cancelled when it was stopped.
[[nodiscard]] Result<Json> check_state(const StateCheckOptions& options);

}  // namespace symphainy::app
