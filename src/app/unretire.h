// SPDX-License-Identifier: Apache-2.0
// Bringing back from the archive what was retired of a log: it begins at position 1 again.
#pragma once

#include <string>

#include "symphainy/error.h"
#include "symphainy/json.h"

namespace symphainy::app {

/// {"first_position", "last_position", "segments": [name...]}, under the data directory's lock; no segments when
/// nothing is retired. The log is verified first, together with the archive when it needs it. The segments are written
/// beside the others, where they are no part of the log until its base is removed: that is the last step, after all
/// that lies there has been verified again, so whatever interrupts it, the log is as it was or whole. not_found when
/// there is no store; invalid_argument when there is no such archive, or it does not have all of what was retired
/// ("no_archive", "archive_incomplete"); unavailable when somebody works in the directory; corrupt when the log or the
/// archive is damaged; conflict ("not_as_verified") when the segments written do not lead to what was verified.
[[nodiscard]] Result<Json> unretire(const std::string& data_directory, const std::string& archive);

}  // namespace symphainy::app
