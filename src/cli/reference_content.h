// SPDX-License-Identifier: Apache-2.0
// The bytes behind a reference, wherever this runtime keeps them: in the artifact store, or in the log.
#pragma once

#include <functional>
#include <string_view>

#include "cli/invocation.h"

namespace symphainy::cli {

/// Hands the content over in pieces, in order, until `take` returns false. `corrupt` (reason content_damaged) when it
/// is missing or is not what the reference names; for the digest, that shows behind the last piece only. `reference` is
/// one that the reader's scope has.
[[nodiscard]] Result<void> read_content(const ScopedReader& reader, const Reference& reference,
                                        const std::function<bool(std::string_view)>& take);

}  // namespace symphainy::cli
